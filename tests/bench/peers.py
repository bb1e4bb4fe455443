"""The ways to feed the same frames to FFmpeg, ours beside those of the field.

Each takes moderngl buffers of RGB frames, sends `count` of them in turn and returns when FFmpeg has ended. FFmpeg
counts what arrives: a way that loses a frame is no way. What is not installed is named and left out.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import queue
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import moderngl
import numpy as np

import nbpipe
from nbpipe.gl.buffer import copy_out, inner_buffer, mapped
from nbpipe.gl.context import context
from nbpipe.gl.memory import HostMemory
from nbpipe.gl.readback import Reading
from nbpipe.gl.ring import SLOTS
from nbpipe.gl.source import picture_source
from nbpipe.scene.adapters import Pictures
from nbpipe.video.writer import Conversion, PipeWriter

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
NULL: tuple[str, ...] = ()  # what FFmpeg does by default: nothing, with the frames as they are
# FFmpeg's own way to BT.709 with its default scaler, its fastest: that of `record`, which keeps within one step of the
# standard, takes it a third longer.
BT709 = ("-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p")


@dataclass(frozen=True)
class Task:
    """What is fed, and what becomes of it."""

    buffers: list[moderngl.Buffer] | list[np.ndarray]  # arrays for nbpipe.pipe alone, which lends their memory
    count: int
    size: tuple[int, int]
    output: tuple[str, ...] = NULL
    pixel_format: str = "rgb24"
    keep_memory: bool = False  # whether FFmpeg gets `nbpipe.ffmpeg_environment`

    def start(self, source: Path | None = None) -> subprocess.Popen[bytes]:
        """Start FFmpeg to read from its standard input, or `count` frames of a file, as often as it takes."""
        size = "x".join(map(str, self.size))
        raw = ("-f", "rawvideo", "-pix_fmt", self.pixel_format, "-s", size, "-r", "60")
        taken = (*raw, "-i", "-") if source is None else ("-stream_loop", "-1", *raw, "-i", f"file:{source}")
        count = () if source is None else ("-frames:v", str(self.count))
        command = [FFMPEG, "-loglevel", "error", "-nostats", "-progress", "pipe:1"]
        environment = nbpipe.ffmpeg_environment() if self.keep_memory else None
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [*command, *taken, *self.output, *count, "-f", "null", "-"],
            stdin=pipe,
            stdout=pipe,
            bufsize=0,
            env=environment,
        )

    @property
    def preset(self) -> str | None:
        """x264's, if it is to encode."""
        return self.output[self.output.index("-preset") + 1] if "-preset" in self.output else None

    def __iter__(self) -> Iterator[moderngl.Buffer]:
        return (self.buffers[number % len(self.buffers)] for number in range(self.count))


def finish(process: subprocess.Popen[bytes], count: int) -> None:
    """Wait for an FFmpeg that was started with ``-progress pipe:1``, and check that so many frames have arrived."""
    process.stdin.close()
    with process.stdout:
        report = process.stdout.read().decode()
    assert process.wait() == 0
    check_arrived(report, count)


def check_arrived(report: str, count: int) -> None:
    """Check that FFmpeg has counted so many frames, by what it reports with ``-progress``."""
    arrived = max(int(line.partition("=")[2]) for line in report.splitlines() if line.startswith("frame="))
    assert arrived == count, f"{arrived} frames of {count} arrived"


def plain(task: Task) -> None:
    """Read the buffer into bytes and write those, one frame after the other."""
    process = task.start()
    for buffer in task:
        process.stdin.write(buffer.read())
    finish(process, task.count)


def threaded(task: Task) -> None:
    """The same with a thread that writes."""
    process = task.start()
    waiting: queue.Queue[bytes | None] = queue.Queue(4)

    def write() -> None:
        while (frame := waiting.get()) is not None:
            process.stdin.write(frame)

    thread = threading.Thread(target=write)
    thread.start()
    for buffer in task:
        waiting.put(buffer.read())
    waiting.put(None)
    thread.join()
    finish(process, task.count)


def imageio(task: Task) -> None:
    """imageio-ffmpeg's generator."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report")
        preset = ("-preset", task.preset) if task.preset else ()
        writer = imageio_ffmpeg.write_frames(
            "-",
            task.size,
            pix_fmt_out="yuv420p" if task.preset else "rgb24",
            fps=60,
            codec="libx264" if task.preset else "wrapped_avframe",
            quality=None,
            macro_block_size=1,
            ffmpeg_log_level="error",
            output_params=[*preset, "-progress", f"file:{report}", "-f", "null"],
        )
        writer.send(None)
        for buffer in task:
            writer.send(buffer.read())
        writer.close()
        check_arrived(report.read_text(), task.count)


def pyav(task: Task) -> None:
    """PyAV, which encodes in this process."""
    import av

    width, height = task.size
    with av.open("/dev/null", "w", format="null") as container:
        stream = container.add_stream("libx264", rate=60, options={"preset": task.preset or "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        packets = 0
        for number, buffer in enumerate(task):
            picture = np.frombuffer(buffer.read(), np.uint8).reshape(height, width, 3)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 60)
            packets += len(stream.encode(frame))
        packets += len(stream.encode(None))
    assert packets == task.count


def turbopipe(task: Task) -> None:
    """TurboPipe 2, as its readme shows it."""
    import turbopipe as peer

    process = task.start()
    for buffer in task:
        peer.sync(buffer.mglo)
        peer.pipe(buffer.mglo, process.stdin.fileno())
    for buffer in task.buffers:
        peer.sync(buffer.mglo)
        peer.done(buffer.mglo)
    finish(process, task.count)


def pipe(task: Task) -> None:
    """`nbpipe.pipe` into the FFmpeg that the others have."""
    process = task.start()
    for buffer in task:
        nbpipe.pipe(buffer, process.stdin.fileno())
    nbpipe.close(process.stdin.fileno())
    finish(process, task.count)


def pipe_keeping(task: Task) -> None:
    """The same into an FFmpeg that was started with `nbpipe.ffmpeg_environment`."""
    pipe(replace(task, keep_memory=True))


def converted(task: Task) -> None:
    """What `nbpipe.open` does with them: converted natively on the way into a slot."""
    convert = _loop(task)
    task = replace(task, keep_memory=True, pixel_format="yuv420p")
    process = task.start()
    with PipeWriter(process.stdin.fileno(), lend=True) as writer:
        for number, buffer in enumerate(task):
            if number >= SLOTS:
                writer.wait(number - SLOTS + 1)
            writer.submit(convert(number, buffer))
        writer.wait(writer.submitted)
    finish(process, task.count)


def opened(task: Task) -> None:
    """`nbpipe.open`, whose file is complete and checked at the end."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        with nbpipe.open(f"{folder}/out.mp4", size=task.size, fps=60, preset=task.preset, show=False) as video:
            for buffer in task:
                video.write(buffer)
        assert video.stats.frames == task.count  # which closing it has compared with what FFmpeg has counted


@contextlib.contextmanager
def packing(task: Task) -> Iterator[Callable[[], None]]:
    """Make the way of textures that a shader converts before they are read back, as `nbpipe.open` does on a GPU."""
    textures = [context().ctx.texture(task.size, 3, buffer.read(), alignment=1) for buffer in task.buffers]
    reading = Reading(shader="yuv420p", on_software=True)
    source = picture_source(Pictures(itertools.cycle(textures)), task.size, reading)
    slots = [source.memory() for _ in range(SLOTS)]

    def way() -> None:
        sent = replace(task, keep_memory=True, pixel_format="yuv420p")
        process = sent.start()
        with PipeWriter(process.stdin.fileno(), lend=True) as writer:
            for number in range(task.count + 1):
                if number < task.count:  # the one before arrives meanwhile
                    if number >= SLOTS:
                        writer.wait(number - SLOTS + 1)
                    source.draw(number)
                    source.read(slots[number % SLOTS])
                if number:
                    while not slots[(number - 1) % SLOTS].arrived(1.0):
                        pass
                    writer.submit(slots[(number - 1) % SLOTS].view)
            writer.wait(writer.submitted)
        finish(process, sent.count)

    yield way
    for thing in (*slots, source, *textures):
        thing.release()


def converted_only(task: Task) -> None:
    """The same work without anybody to take it: what the loop can do on one core."""
    convert = _loop(task)
    for number, buffer in enumerate(task):
        convert(number, buffer)


def converted_beside(task: Task, planes: Path) -> None:
    """The same, while FFmpeg reads as many from a file that are converted already: both at once, nothing between them."""
    process = task.start(planes)
    converted_only(task)
    finish(process, task.count)


def _loop(task: Task) -> Callable[[int, moderngl.Buffer], memoryview]:
    """Return what converts a buffer into the slot of a number, and gives that."""
    conversion = Conversion(task.size, 3, 8, False, "yuv420p")  # noqa: FBT003  a native signature
    slots = [HostMemory(conversion.target_bytes).view for _ in range(SLOTS)]

    def convert(number: int, buffer: moderngl.Buffer) -> memoryview:
        slot = slots[number % SLOTS]
        mapped(inner_buffer(buffer), lambda picture: conversion.convert(picture, slot))
        return slot

    return convert


def alone(task: Task, raw: Path) -> None:
    """FFmpeg reading the same frames from a file in memory."""
    finish(task.start(raw), task.count)


def copied_beside(task: Task, raw: Path) -> None:
    """The same, while this process copies each buffer: both halves of `pipe` at once, and nothing between them."""
    process = task.start(raw)
    blocks = [HostMemory(buffer.size).view for buffer in task.buffers[:2]]
    for number, buffer in enumerate(task):
        copy_out(inner_buffer(buffer), blocks[number % len(blocks)])
    finish(process, task.count)


WAYS: dict[str, Callable[[Task], None]] = {
    "plain": plain,
    "threaded": threaded,
    "imageio-ffmpeg": imageio,
    "PyAV": pyav,
    "TurboPipe": turbopipe,
    "nbpipe": pipe,
    "nbpipe, memory kept": pipe_keeping,
    "nbpipe, converted": converted,
    "nbpipe.open": opened,
}
_PACKAGES = {"TurboPipe": "turbopipe", "PyAV": "av"}  # which are named like what one imports
MISSING = {name for name, package in _PACKAGES.items() if importlib.util.find_spec(package) is None}


def name_missing() -> None:
    """Print what is left out."""
    for name in sorted(MISSING):
        print(f"{name} is not installed and left out: pip install {_PACKAGES[name]}")
