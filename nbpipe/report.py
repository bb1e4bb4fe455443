"""What a look at this machine has found, and how it reads: `Report`, which `doctor` fills in.

Facts in, a page of text and one sentence of advice out. Pure; any thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nbpipe.errors import EncoderError, FFmpegNotFound
from nbpipe.video.encoding import CONTAINERS
from nbpipe.video.ffmpeg import FFmpeg
from nbpipe.video.trial import HARDWARE, LIVE_SIZE, SIZE, Trial

DEFAULT = CONTAINERS[".mp4"][1]  # the encoder that most recordings use

_REAL_TIME = 1e3 / 60  # milliseconds
_COLUMN = 18  # characters
_HAS_SUBSHELLS = 7  # ipykernel's version


@dataclass(frozen=True, slots=True)
class Machine:
    """What Python runs on.

    Attributes
    ----------
    nbpipe, python, system : str
        Versions.
    cores : int
        Processor cores that this process may use.
    packages : dict of str to str
        Versions of what nbpipe works with, where it is installed.
    """

    nbpipe: str
    python: str
    system: str
    cores: int
    packages: dict[str, str]


@dataclass(frozen=True, slots=True)
class OpenGL:
    """What draws.

    Attributes
    ----------
    renderer, version : str
    software : bool
        Whether it is the processor.
    largest : int
        Width or height of the largest picture, in pixels.
    samples : int
        The most samples per pixel.
    mapped : bool
        Whether pictures are read into buffers that stay mapped, while the next one is drawn; else each read is waited
        for.
    """

    renderer: str
    version: str
    software: bool
    largest: int
    samples: int
    mapped: bool


@dataclass(frozen=True, slots=True)
class Pipe:
    """The way to FFmpeg.

    Attributes
    ----------
    size : int
        Bytes that it holds.
    lends : bool
        Whether memory is lent to it, or copied into it.
    """

    size: int
    lends: bool


@dataclass(frozen=True, slots=True)
class Notebook:
    """Where the widget would be.

    Attributes
    ----------
    kernel : bool
        Whether this is a Jupyter kernel.
    ipykernel : str or None
        Its version, where it is installed.
    marimo : bool
        Whether this is marimo.
    """

    kernel: bool
    ipykernel: str | None
    marimo: bool = False

    @property
    def subshells(self) -> bool:
        """Whether that ipykernel hears a browser while a cell runs."""
        return self.ipykernel is not None and int(self.ipykernel.partition(".")[0]) >= _HAS_SUBSHELLS


@dataclass(frozen=True, slots=True)
class Report:
    """What `examine` found; ``str(report)`` is a page of text. Where a part is missing, its error is in its place.

    Attributes
    ----------
    machine : Machine
    opengl : OpenGL or Exception
    ffmpeg : FFmpeg or FFmpegNotFound
    named_by : str
        What led to that FFmpeg: a variable of the environment, or imageio-ffmpeg.
    trials : tuple of Trial
        Of the encoders that this FFmpeg has.
    unlisted : tuple of str
        The encoders that it has not.
    live : Trial
        Of the encoder of previews.
    recorded : str or Exception
        Who converted the colours of a short recording, in the recording's own words; or why there is none.
    conversion : float
        Milliseconds in which one core converts a 1080p frame by nbpipe's own loop.
    pipe : Pipe
    notebook : Notebook
    """

    machine: Machine
    opengl: OpenGL | Exception
    ffmpeg: FFmpeg | FFmpegNotFound
    named_by: str
    trials: tuple[Trial, ...]
    unlisted: tuple[str, ...]
    live: Trial
    recorded: str | Exception
    conversion: float
    pipe: Pipe
    notebook: Notebook

    @property
    def fit(self) -> bool:
        """Whether `nbpipe.record` works here."""
        return isinstance(self.recorded, str)

    @property
    def advice(self) -> str:
        """The most useful next step, in one sentence."""
        if isinstance(self.recorded, Exception):
            return self.recorded.summary if isinstance(self.recorded, EncoderError) else str(self.recorded)
        times = {trial.encoder: trial.milliseconds for trial in self.trials if trial.milliseconds is not None}
        default = times[DEFAULT]
        fastest = min(times.keys() & HARDWARE, key=times.__getitem__, default=DEFAULT)
        if times[fastest] < default / 2:
            return f"All works; codec={fastest!r} is {default / times[fastest]:.1f} times as fast as {DEFAULT} here."
        if isinstance(self.opengl, OpenGL) and self.opengl.software:
            return "All works, but Mesa draws on the processor: try a heavy scene at a small size first."
        if default > _REAL_TIME:
            return f"All works; preset='veryfast' takes {DEFAULT} less time than its {default:.0f} ms a frame."
        if self.notebook.kernel and not self.notebook.subshells:
            return "All works; with ipykernel 7 or later, Stop and Pause would work while a cell runs."
        return "All works: nbpipe.record(scene, 'video.mp4')."

    def __str__(self) -> str:
        lines: list[str] = []
        for title, rows in self._sections():
            lines += [title, *(f"  {label:{_COLUMN}}{text}" for label, text in rows), ""]
        return "\n".join([*lines, self.advice])

    def _sections(self) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        machine, opengl, ffmpeg = self.machine, self.opengl, self.ffmpeg
        yield (
            f"nbpipe {machine.nbpipe}",
            [
                ("Python", f"{machine.python}, {machine.system}"),
                ("processor", _count(machine.cores, "core") + " for this process"),
                ("packages", ", ".join(map(" ".join, machine.packages.items()))),
            ],
        )
        if isinstance(opengl, OpenGL):
            drawn = [
                ("renderer", opengl.renderer),
                ("drawn by", "the processor" if opengl.software else "a GPU"),
                ("largest picture", f"{opengl.largest} × {opengl.largest}, {opengl.samples} samples a pixel at most"),
                ("read back", "into mapped buffers" if opengl.mapped else "into plain memory, waited for each time"),
            ]
            yield f"OpenGL {opengl.version}", drawn
        else:
            yield "OpenGL", [("missing", str(opengl))]
        if isinstance(ffmpeg, FFmpeg):
            yield f"FFmpeg {ffmpeg.version}", [("program", ffmpeg.path), ("named by", self.named_by), *self._ways()]
            yield f"Encoders, a {SIZE[0]} × {SIZE[1]} frame with nbpipe's defaults", list(map(_row, self.trials))
        else:
            yield "FFmpeg", [("missing", str(ffmpeg)), *self._ways()]
        yield (
            "Notebook",
            [
                ("here", self._here()),
                ("live picture", self._live()),
                ("Stop and Pause", self._steering()),
            ],
        )

    def _ways(self) -> Iterator[tuple[str, str]]:
        made = f"{self.recorded}; " if isinstance(self.recorded, str) else ""
        yield "colours", f"{made}nbpipe's own loop takes one core {self.conversion:.1f} ms for a 1080p frame"
        how = "memory is lent to it" if self.pipe.lends else "memory is copied into it"
        yield "pipe", f"{self.pipe.size >> 10} KiB; {how}"
        if self.unlisted:
            yield "without", ", ".join(self.unlisted)

    def _live(self) -> str:
        if self.live.milliseconds is None:
            return f"JPEG alone: {self.live.problem}"
        took = f"{self.live.milliseconds:.1f} ms from a {LIVE_SIZE[0]} × {LIVE_SIZE[1]} picture to its packet"
        return f"H.264, {took}; JPEG where a browser has no WebCodecs"

    def _here(self) -> str:
        if self.notebook.marimo:
            return "marimo"
        return f"a Jupyter kernel, ipykernel {self.notebook.ipykernel}" if self.notebook.kernel else "no Jupyter kernel"

    def _steering(self) -> str:
        notebook = self.notebook
        if notebook.marimo:
            return "do not reach a busy cell; marimo's own ■ interrupts and keeps the file"
        if notebook.ipykernel is None:
            return "without ipykernel there are no buttons; Ctrl-C stops a recording and keeps what it has"
        kernel = "" if notebook.kernel else f"with ipykernel {notebook.ipykernel} "
        if notebook.subshells:
            return f"{kernel}reach a busy cell from JupyterLab 4.4 or later; elsewhere ■ interrupts and keeps the file"
        return f"{kernel}do not reach a busy cell; ■ interrupts and keeps the file"


def _row(trial: Trial) -> tuple[str, str]:
    if trial.milliseconds is None:
        return trial.encoder, f"    –     {trial.problem}"
    return trial.encoder, f"{trial.milliseconds:5.1f} ms"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
