"""What this machine can do, part by part: `measure`, which ``python -m nbpipe bench`` prints.

Draws, reads back, converts and encodes the same short loop of frames, each part by itself, and then records it with
all parts at work; so the report can say what limits a recording here, and how much of that it reaches. Render thread
only, because of the GL. Leaves no file and no process behind.
"""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from nbpipe.doctor import usable_cores
from nbpipe.gl.context import context
from nbpipe.gl.ring import SLOTS
from nbpipe.gl.source import SceneSource
from nbpipe.job import reading
from nbpipe.pipeline import SLICE
from nbpipe.record import record
from nbpipe.scene.shader import Shader
from nbpipe.video.encoding import encoding
from nbpipe.video.export import Export
from nbpipe.video.ffmpeg import find_ffmpeg
from nbpipe.video.pixels import Layout
from nbpipe.video.target import Target

_RUNS = 3
_FPS = Fraction(60)

# The pictures repeat themselves after so many frames: those few, kept in memory, are then all that a recording of
# any length gives to FFmpeg.
_LOOP = 24
_SCENE = f"""
void mainImage(out vec4 colour, in vec2 point) {{
    vec2 p = (2.0 * point - iResolution.xy) / iResolution.y;
    float turn = 6.2831853 * float(iFrame % {_LOOP}) / {_LOOP}.0;
    float rings = sin(30.0 * length(p - vec2(0.9, 0.3)) - turn) + sin(23.0 * length(p + vec2(0.6, 0.4)) + turn);
    colour = vec4(0.5 + 0.5 * cos(rings + p.xyx + vec3(0, 2, 4)), 1.0);
}}
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a recording, measured by itself: medians.

    Attributes
    ----------
    name : str
    fps : float
        Frames per second.
    milliseconds : float
        Of processor time a frame, FFmpeg's included.
    """

    name: str
    fps: float
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Bench:
    """What `measure` has found; ``str(bench)`` is a table.

    Attributes
    ----------
    size : tuple of int
    frames : int
    renderer, encoder : str
    cores : int
    parts : tuple of Part
    whole : Part
        `nbpipe.record`, which does all of them at once.
    """

    size: tuple[int, int]
    frames: int
    renderer: str
    encoder: str
    cores: int
    parts: tuple[Part, ...]
    whole: Part

    @property
    def limit(self) -> str:
        """What limits a recording, and how much of that it reaches."""
        slowest = min(self.parts, key=lambda part: part.fps)
        together = sum(part.milliseconds for part in self.parts)
        shared = 1e3 * self.cores / together
        if shared < slowest.fps:
            limit = shared
            words = (
                f"The processor is the limit: all parts together need {together:.1f} ms of it for a frame,\n"
                f"and its {self.cores} cores can give that {shared:.1f} times a second."
            )
        else:
            limit = slowest.fps
            words = f"The limit is {slowest.name}: {slowest.fps:.1f} frames a second by itself."
        return f"{words} nbpipe.record reaches {self.whole.fps / limit:.0%} of that."

    def __str__(self) -> str:
        rows = [f"  {part.name:32}{part.fps:10.1f}{part.milliseconds:18.1f}" for part in (*self.parts, self.whole)]
        size = "×".join(map(str, self.size))
        return "\n".join(
            (
                f"{size}, {self.frames} frames, medians of {_RUNS}; {self.cores} processor cores",
                f"{self.renderer}; {self.encoder}",
                "",
                f"  {'':32}{'frames/s':>10}{'processor ms each':>18}",
                *rows,
                "",
                self.limit,
            )
        )


def measure(size: tuple[int, int], frames: int) -> Bench:
    """Measure each part, and `nbpipe.record`, with `frames` frames of `size`, three times in turn.

    Raises
    ------
    NbpipeError, ValueError
        As from `nbpipe.record`.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory(prefix="nbpipe-bench-") as folder, closing(_Rig(size, frames, folder)) as rig:
        for _ in range(_RUNS):
            for name, way in rig.ways.items():
                found.setdefault(name, []).append(_timed(way, frames))
    *parts, whole = (
        Part(name, statistics.median(fps for fps, _ in runs), statistics.median(busy for _, busy in runs))
        for name, runs in found.items()
    )
    return Bench(size, frames, rig.renderer, rig.encoder, usable_cores(), tuple(parts), whole)


def _timed(way: Callable[[], object], frames: int) -> tuple[float, float]:
    """Return frames per second, and milliseconds of processor time a frame."""
    before, begun = _processor_seconds(), time.perf_counter()
    way()
    took, after = time.perf_counter() - begun, _processor_seconds()
    return frames / took, (after - before) / frames * 1e3


def _processor_seconds() -> float:
    """Return what this process and its children that have ended have used; os.times counts in hundredths."""
    ours, theirs = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return ours.ru_utime + ours.ru_stime + theirs.ru_utime + theirs.ru_stime


class _Rig:
    """Scene, memory and encoder, as a recording would have them; `ways` are the parts, by name, and the whole last."""

    def __init__(self, size: tuple[int, int], frames: int, folder: str) -> None:
        self._size, self._frames, self._folder = size, frames, Path(folder)
        self._ffmpeg = find_ffmpeg()
        self._wanted = encoding(self._ffmpeg, self._folder / "whole.mp4")
        where = context()
        self._finish = where.ctx.finish
        self._source = SceneSource(Shader(_SCENE), where, size, _FPS, None, 0, reading(self._wanted))
        with self._source.current():
            self._memory = self._source.memory()
        self._layout = Layout(size, self._source.pixel_format, self._source.bottom_up)
        self._frames_ready = [self._prepared(index) for index in range(_LOOP)]
        self.renderer, self.encoder = where.renderer, f"FFmpeg {self._ffmpeg.version}, {self._wanted}"
        self.ways = {
            "drawing": self._draw,
            "reading back, converted" if self._source.converted_by else "reading back": self._read,
            "encoding": self._encode,
            "nbpipe.record": self._record,
        }

    def close(self) -> None:
        with self._source.current():
            self._memory.release()
            self._source.release()

    def _prepared(self, index: int) -> bytearray:
        """Return frame `index` as FFmpeg gets it."""
        with self._source.current():
            self._source.draw(index)
            self._source.read(self._memory)
            while not self._memory.arrived(1.0):
                pass
        return bytearray(self._memory.view)

    def _draw(self) -> None:
        with self._source.current():
            for index in range(self._frames):
                self._source.draw(index)
            self._finish()

    def _read(self) -> None:
        with self._source.current():
            for _ in range(self._frames):
                self._source.read(self._memory)
                while not self._memory.arrived(1.0):
                    pass

    def _encode(self) -> None:
        export = Export(self._ffmpeg, self._wanted, self._layout, _FPS, Target(self._folder / "alone.mp4"))
        try:
            for index in range(self._frames):
                ticket = export.submit(memoryview(self._frames_ready[index % _LOOP]))
                while not export.wait(max(1, ticket - SLOTS), SLICE):
                    pass
            while not export.finish(SLICE):
                pass
        finally:
            export.abandon()

    def _record(self) -> None:
        path = self._folder / "whole.mp4"
        record(_SCENE, path, size=self._size, fps=_FPS, frames=self._frames, show=False).detach()
