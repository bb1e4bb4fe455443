"""What the tests of `nbpipe.pipe` share: readers, and frames that tell themselves apart."""

from __future__ import annotations

import os
import subprocess
import threading

import imageio_ffmpeg
import numpy as np

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
WIDTH, HEIGHT = 1280, 720
FRAME = WIDTH * HEIGHT * 3  # 2.6 pipefuls: long enough for most of it to be lent


class Pair(list):
    """The numbers of a pipe's two ends: to read, and to write; -1 when it is closed."""

    def __init__(self):
        super().__init__(os.pipe())

    def hang_up(self):
        """Close the end to write, so that the reader comes to the end."""
        self._close(1)

    def stop_reading(self):
        """Close the end to read."""
        self._close(0)

    def close(self):
        self.stop_reading()
        self.hang_up()

    def _close(self, end):
        if self[end] >= 0:
            os.close(self[end])
            self[end] = -1


class Reader(threading.Thread):
    """Reads a pipe to its end."""

    def __init__(self, fd, step=65536):
        super().__init__()
        self.fd, self.step, self.data = fd, step, bytearray()
        self.start()

    def run(self):
        while part := os.read(self.fd, self.step):
            self.data += part

    def result(self):
        self.join()
        return bytes(self.data)


def frame(number):
    """Bytes that tell frames, and every place in a frame, apart."""
    return np.random.default_rng(number).integers(0, 256, FRAME, np.uint8)


def ffmpeg(path):
    """A reader that writes down what it takes for RGB frames."""
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", "60"]
    command = [FFMPEG, "-loglevel", "error", *raw, "-i", "-", "-f", "rawvideo", "-y", str(path)]
    return subprocess.Popen(command, stdin=subprocess.PIPE)


def cat(path):
    with open(path, "wb") as file:
        return subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file)


READERS = [ffmpeg, cat]
