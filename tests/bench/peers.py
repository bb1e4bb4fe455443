"""The ways to feed the same frames to FFmpeg, ours beside those of the field.

Each takes moderngl buffers of RGB frames, sends `count` frames cycled over them and returns when FFmpeg has
ended. FFmpeg counts what arrives, and a way that loses a frame is no way. What is not installed is left out.
"""

from __future__ import annotations

import importlib.util
import queue
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass

import imageio_ffmpeg
import moderngl

import nbpipe

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
BT709 = "scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd+full_chroma_int,format=yuv420p"


@dataclass(frozen=True)
class Task:
    """What is fed, and what becomes of it.

    `output`: FFmpeg's options for the output; `environment`: what FFmpeg is started with, or ours.
    """

    buffers: list[moderngl.Buffer]
    count: int
    size: tuple[int, int]
    output: tuple[str, ...] = ("-c:v", "rawvideo")
    environment: dict[str, str] | None = None
    pixel_format: str = "rgb24"

    def start(self) -> subprocess.Popen[bytes]:
        width, height = self.size
        return subprocess.Popen(
            [
                *(FFMPEG, "-loglevel", "error", "-nostats", "-progress", "pipe:1"),
                *("-f", "rawvideo", "-pix_fmt", self.pixel_format, "-s", f"{width}x{height}", "-r", "60", "-i", "-"),
                *(*self.output, "-f", "null", "-"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=self.environment,
        )

    def finish(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        process.stdin.close()
        assert process.stdout is not None
        with process.stdout:
            report = process.stdout.read().decode().splitlines()
        assert process.wait() == 0
        arrived = max(int(line.partition("=")[2]) for line in report if line.startswith("frame="))
        assert arrived == self.count, f"{arrived} frames of {self.count} arrived"


def plain(task: Task) -> None:
    """Read the buffer into bytes and write those, one frame after the other."""
    process = task.start()
    for number in range(task.count):
        process.stdin.write(task.buffers[number % len(task.buffers)].read())
    task.finish(process)


def threaded(task: Task) -> None:
    """The same with a thread that writes."""
    process = task.start()
    waiting: queue.Queue[bytes | None] = queue.Queue(4)

    def write() -> None:
        while (frame := waiting.get()) is not None:
            process.stdin.write(frame)

    thread = threading.Thread(target=write)
    thread.start()
    for number in range(task.count):
        waiting.put(task.buffers[number % len(task.buffers)].read())
    waiting.put(None)
    thread.join()
    task.finish(process)


def imageio(task: Task) -> None:
    """imageio-ffmpeg's generator."""
    width, height = task.size
    options = dict(zip(task.output[::2], task.output[1::2], strict=True))
    writer = imageio_ffmpeg.write_frames(
        "-",
        (width, height),
        pix_fmt_in=task.pixel_format,
        pix_fmt_out=options.get("-pix_fmt", task.pixel_format),
        fps=60,
        codec=options["-c:v"],
        quality=None,
        macro_block_size=1,
        ffmpeg_log_level="error",
        output_params=[*(("-preset", options["-preset"]) if "-preset" in options else ()), "-f", "null"],
    )
    writer.send(None)
    for number in range(task.count):
        writer.send(task.buffers[number % len(task.buffers)].read())
    writer.close()


def turbopipe(task: Task) -> None:
    """TurboPipe 2, as its readme shows it."""
    import turbopipe as peer

    process = task.start()
    for number in range(task.count):
        buffer = task.buffers[number % len(task.buffers)].mglo
        peer.sync(buffer)
        peer.pipe(buffer, process.stdin.fileno())
    for buffer in task.buffers:
        peer.sync(buffer.mglo)
        peer.done(buffer.mglo)
    task.finish(process)


def pipe(task: Task) -> None:
    """`nbpipe.pipe`."""
    process = task.start()
    for number in range(task.count):
        nbpipe.pipe(task.buffers[number % len(task.buffers)], process.stdin.fileno())
    nbpipe.close(process.stdin.fileno())
    task.finish(process)


WAYS: dict[str, Callable[[Task], None]] = {
    "plain": plain,
    "threaded": threaded,
    "imageio-ffmpeg": imageio,
    "turbopipe": turbopipe,
    "nbpipe": pipe,
}
MISSING = [name for name in ("turbopipe",) if importlib.util.find_spec(name) is None]
