"""What is so on this machine, found out by trying it: `examine`, which ``python -m nbpipe doctor`` prints.

It draws, reads back, encodes and records through the very code of `nbpipe.record` and `nbpipe.preview`, so the report
says what those would do. A part that is missing stands in the report as its own error, whose text says how to get it;
no error rises. Render thread only, because of the GL. Leaves no file and no process behind.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import platform
import select
import statistics
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from nbpipe.errors import FFmpegNotFound, NbpipeError
from nbpipe.gl.context import context
from nbpipe.gl.memory import pixel_memory
from nbpipe.notebook.cell import in_marimo, in_notebook
from nbpipe.record import record
from nbpipe.report import DEFAULT, Machine, Notebook, OpenGL, Pipe, Report
from nbpipe.scene.frame import Frame
from nbpipe.video.ffmpeg import VARIABLES, FFmpeg, find_ffmpeg
from nbpipe.video.live import ENCODER
from nbpipe.video.trial import HARDWARE, SOFTWARE, Trial, attempt, attempt_live
from nbpipe.video.writer import Conversion, PipeWriter

_PACKAGES = ("moderngl", "anywidget", "ipykernel", "jupyterlab")


def examine() -> Report:
    """Try out all that recordings and previews need. It takes some seconds, of which each encoder gets at most ten."""
    opengl = _opengl()
    ffmpeg = _ffmpeg()
    trials: dict[str, Trial | None] = {}
    with tempfile.TemporaryDirectory(prefix="nbpipe-doctor-") as folder:
        if isinstance(ffmpeg, FFmpeg):
            trials = {name: attempt(ffmpeg, name, Path(folder)) for name in (*SOFTWARE, *HARDWARE)}
        missing = next((part for part in (ffmpeg, opengl) if isinstance(part, Exception)), None)
        recorded = missing or _default_fails(trials[DEFAULT]) or _recorded(Path(folder))
    return Report(
        machine=_machine(),
        opengl=opengl,
        ffmpeg=ffmpeg,
        named_by=next((name for name in VARIABLES if os.environ.get(name)), "imageio-ffmpeg"),
        trials=tuple(trial for trial in trials.values() if trial),
        unlisted=tuple(name for name, trial in trials.items() if not trial),
        live=attempt_live(ffmpeg) if isinstance(ffmpeg, FFmpeg) else Trial(ENCODER, None, "there is no FFmpeg"),
        recorded=recorded,
        conversion=_conversion(),
        pipe=_pipe(),
        notebook=Notebook(in_notebook(), _version("ipykernel"), marimo=in_marimo()),
    )


def usable_cores() -> int:
    """Return how many processor cores this process may use: those it may run on, or less if a container allows less."""
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):  # there is no such file, or the quota is "max"
        return cores


def _machine() -> Machine:
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    packages = {name: found for name in _PACKAGES if (found := _version(name)) is not None}
    return Machine(version("nbpipe-gl"), platform.python_version(), system, usable_cores(), packages)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _opengl() -> OpenGL | Exception:
    try:
        where = context()
        with where.current():
            memory = pixel_memory(where.ctx, 1 << 16)
            mapped = memory.pack_buffer != 0
            memory.release()
        major, minor = divmod(where.ctx.version_code // 10, 10)
        return OpenGL(
            where.renderer, f"{major}.{minor}", where.software, where.largest, where.ctx.max_samples, mapped=mapped
        )
    except Exception as error:  # noqa: BLE001  whatever it is, the report is the place for it
        return error


def _ffmpeg() -> FFmpeg | FFmpegNotFound:
    try:
        return find_ffmpeg()
    except FFmpegNotFound as error:
        return error


def _default_fails(trial: Trial | None) -> NbpipeError | None:
    if trial and trial.milliseconds is not None:
        return None
    problem = trial.problem if trial else "it is not in this FFmpeg"
    return NbpipeError(f"{DEFAULT} does not work here ({problem}): set NBPIPE_FFMPEG to another FFmpeg, or give codec=")


def _recorded(folder: Path) -> str | Exception:
    try:
        recording = record(_glow, folder / "trial.mp4", size=(320, 180), frames=10, show=False)
    except Exception as error:  # noqa: BLE001  whatever it is, the report is the place for it
        return error
    recording.detach()
    return recording.encoder.rpartition(", ")[2]


def _glow(frame: Frame) -> None:
    frame.fbo.clear(0.1, frame.time, 0.3)


def _conversion() -> float:
    loop = Conversion((1920, 1080), 4, 8, bottom_up=True, target="yuv420p")
    source, target = bytes(loop.source_bytes), bytearray(loop.target_bytes)
    took = []
    for _ in range(5):
        begun = time.perf_counter()
        loop.convert(source, target)
        took.append(time.perf_counter() - begun)
    return statistics.median(took) * 1e3


def _pipe() -> Pipe:
    """Look whether what is changed after it has gone into the pipe comes out changed: then it was lent."""
    read, write = os.pipe()
    try:
        with PipeWriter(write, lend=True) as writer:
            size = fcntl.fcntl(read, fcntl.F_GETPIPE_SZ)
            memory = mmap.mmap(-1, 2 * size)  # the last pipeful of what is written is never lent
            writer.submit(memory)
            select.select([read], [], [], 5.0)
            memory[0] = 1
            return Pipe(size, lends=os.read(read, 1) == b"\1")
    finally:
        os.close(read)
        os.close(write)
