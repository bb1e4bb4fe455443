"""A job: frames that are yet to come, a file that they are to become, and who is to see it.

Joins a source, an export and a display (the widget in a notebook, a bar in a terminal) into a pipeline. Render thread.
Knows nothing of scenes. Of a person's arguments it checks those about the file.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Self, Unpack

from nbpipe.drive import Drive
from nbpipe.gl.converter import CpuConverter
from nbpipe.gl.readback import Reading
from nbpipe.gl.source import Source
from nbpipe.notebook.cell import can_show
from nbpipe.notebook.stream import ThumbnailStream
from nbpipe.notebook.widget import Recording
from nbpipe.onlookers import Onlookers, ThumbnailSink
from nbpipe.pipeline import Pipeline
from nbpipe.progress import Progress, Steering
from nbpipe.terminal import TerminalBar
from nbpipe.video.encoding import Encoding, Wishes, encoding
from nbpipe.video.export import Export, conversion
from nbpipe.video.ffmpeg import FFmpeg, find_ffmpeg
from nbpipe.video.pixels import Layout, is_deep, padded
from nbpipe.video.target import Target


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be made of frames that are yet to come; shared by `nbpipe.record` and `nbpipe.open`."""

    target: Target
    ffmpeg: FFmpeg
    wanted: Encoding
    fps: Fraction

    @classmethod
    def for_file(cls, path: str | os.PathLike[str], fps: Fraction, **wishes: Unpack[Wishes]) -> Self:
        """Check the path, then FFmpeg, then what is wanted of it."""
        target = Target(path)
        ffmpeg = find_ffmpeg()
        return cls(target, ffmpeg, encoding(ffmpeg, target.path, **wishes), fps)

    def begin(
        self, source: Source, frames: int | None, *, show: bool, blocking: bool, sink: ThumbnailSink | None = None
    ) -> tuple[Recording, Drive]:
        """Start FFmpeg and the display, and return a recording with what makes it go on.

        `blocking`: whether it will end in the running cell. `sink`: what shows it, instead of a display of its own.
        """
        steering = Steering()
        layout = Layout(source.size, source.pixel_format, source.bottom_up)
        if self.wanted.conversion == "gpu" and source.converted_by != "gpu":
            msg = "conversion='gpu' is for scenes, textures and framebuffers; for arrays and buffers leave it to 'auto'"
            raise ValueError(msg)
        notebook = can_show() and sink is None
        recording = Recording(
            steering,
            alone=not notebook,
            of_preview=sink is not None,
            frames=frames,
            renderer=source.renderer,
            encoder=f"{self.wanted}, {_converter(source, self.wanted)}",
            path=self.target.path,
            _name=self.target.path.name,
            _size=list(source.size),
            _rate=str(self.fps),
            _software=source.software,
            _note=_note(source.size, self.wanted.pixel_format),
        )
        stream = ThumbnailStream(recording.send, frames) if show and notebook else None
        followers: list[Callable[[Progress], None]] = [recording.update]

        try:
            pipeline = Pipeline(
                source,
                lambda: Export(self.ffmpeg, self.wanted, layout, self.fps, self.target, gives_way=source.software),
                frames,
                steering=steering,
                onlookers=Onlookers(followers, sink or stream),
            )
        except BaseException:
            recording.detach()
            raise
        drive = Drive(pipeline)
        try:
            recording.drive_with(drive)
            if stream is not None:
                recording.show(stream, blocking=blocking)
            elif show:
                followers.append(TerminalBar(self.target.path.name, frames).update)
        except BaseException:
            drive.leave()
            raise
        return recording, drive


def reading(wanted: Encoding) -> Reading:
    """Return how pictures are to leave the GL for this encoding."""
    return Reading(
        dtype="uint16" if is_deep(wanted.pixel_format) or wanted.dither else "uint8",
        shader=wanted.pixel_format if wanted.converts("gpu") else None,
        on_software=wanted.conversion == "gpu",
        dither=wanted.dither,
        make_converter=functools.partial(_cpu_converter, wanted) if wanted.converts("cpu") else None,
    )


def _cpu_converter(wanted: Encoding, size: tuple[int, int], pixel_format: str, bottom_up: bool) -> CpuConverter | None:  # noqa: FBT001
    made = conversion(Layout(size, pixel_format, bottom_up), wanted)
    return CpuConverter(made, wanted.pixel_format) if made is not None else None


def _converter(source: Source, wanted: Encoding) -> str:
    if source.converted_by == "":
        return "not converted" if source.pixel_format == wanted.pixel_format else "converted by FFmpeg"
    how = "converted and dithered" if wanted.dither else "converted"
    if source.converted_by == "gpu":
        return f"{how} by a shader" if source.software else f"{how} by the GPU"
    return f"{how} by nbpipe"


def _note(size: tuple[int, int], pixel_format: str) -> str:
    new = padded(size, pixel_format)
    if new == size:
        return ""
    return f"padded to {new[0]}×{new[1]}: {pixel_format} needs even sizes"
