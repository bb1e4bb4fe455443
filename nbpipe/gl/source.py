"""Sources: where the frames of a recording come from, behind one small interface.

`SceneSource` draws a scene; `TextureSource` takes finished pictures from an iterator, and so do those of `arrays`.
Each fills the memory of a slot and makes thumbnails. Render thread only. Knows scenes and the
stage; knows nothing of FFmpeg or notebooks.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from fractions import Fraction
from typing import Protocol

import moderngl
import numpy as np

from nbpipe.gl.arrays import ArraySource, BufferSource
from nbpipe.gl.context import Context, context
from nbpipe.gl.memory import Memory
from nbpipe.gl.readback import Readback, Reading
from nbpipe.gl.setups import setup_of
from nbpipe.gl.stage import CHANNELS, Stage, thumbnail_size
from nbpipe.gl.tally import Tally
from nbpipe.scene.adapters import BufferPicture, GLPicture, Pictures, check_like, kind, picture_size, unlike
from nbpipe.scene.frame import Frame
from nbpipe.scene.replay import Replay
from nbpipe.scene.scene import Scene
from nbpipe.scene.shader import Shader
from nbpipe.scene.state import restorer

_PLAIN = Reading()


def _nothing() -> None:
    pass


class Source(Protocol):
    """What the pipeline asks of whatever makes the frames.

    Attributes
    ----------
    size : tuple of int
        Width and height in pixels.
    channels : int
        Numbers per pixel: 3 or 4.
    pixel_format : str
        What a slot holds, by FFmpeg's name: the video's own format, or RGB where FFmpeg is to convert.
    bottom_up : bool
        Whether the first row in a slot is the bottom one.
    converted_by : str
        Who makes the video's own format: ``"gpu"``, ``"cpu"``, or ``""`` for nobody here.
    converting : float
        Seconds that the processor has spent on that.
    renderer : str
    software : bool
    bound : bool
        Whether it belongs to the thread that made it, as a GL context does.
    """

    size: tuple[int, int]
    channels: int
    pixel_format: str
    bottom_up: bool
    converted_by: str
    renderer: str
    software: bool
    bound: bool

    @property
    def converting(self) -> float:
        """See above."""

    def current(self) -> AbstractContextManager[None]:
        """Enter before any other call: makes the GL context current where there is one."""

    def later(self, job: Callable[[], object]) -> None:
        """Run `job` where the GL is not in use: now or later. The one method for any thread."""

    def memory(self, *, lasting: bool = False) -> Memory:
        """Make the memory of one slot; `lasting`: that may be read when the user has released the context."""

    def draw(self, index: int) -> bool:
        """Make frame `index`; False when there is none."""

    def read(self, memory: Memory) -> None:
        """Issue the read of the frame just made."""

    def shrink(self) -> None:
        """Begin a thumbnail of the frame just made."""

    def thumbnail(self) -> np.ndarray | None:
        """Return the thumbnail once when it has come: (height, width, 3 or 4), top row first."""

    def release(self) -> None:
        """Free everything; the ring's memory is gone already."""


class _GLSource:
    """Common to `SceneSource` and `TextureSource`: pictures of the GL, read back from a stage of one size."""

    channels = CHANNELS
    bound = True

    _drawn: moderngl.Framebuffer

    def __init__(self, where: Context) -> None:
        self.renderer, self.software = where.renderer, where.software
        self._where = where

    def _read_from(self, stage: Stage, reading: Reading, *, own: bool) -> None:
        """Read the pictures of this stage from now on; it is released when that fails."""
        try:
            readback = Readback(self._where, stage, reading, own=own)
        except BaseException:
            stage.release()
            raise
        self.size, self._stage, self._readback = stage.size, stage, readback
        self.pixel_format, self.bottom_up = readback.pixel_format, readback.bottom_up
        self.converted_by = readback.converted_by

    def _dismantle(self) -> None:
        self._readback.release()
        self._stage.release()

    def later(self, job: Callable[[], object]) -> None:
        """Run `job` in the context."""
        self._where.later(job)

    def memory(self, *, lasting: bool = False) -> Memory:
        """Make what the picture is read into, or converted into."""
        return self._readback.memory(lasting=lasting)

    @property
    def converting(self) -> float:
        """Seconds of the converter."""
        return self._readback.converting

    def shrink(self) -> None:
        """Begin a thumbnail on the GPU."""
        self._stage.shrink(self._drawn)

    def thumbnail(self) -> np.ndarray | None:
        """Return the thumbnail when it is there."""
        return self._stage.thumbnail()


class SceneSource(_GLSource):
    """Draws a scene on a stage, and reads it as `reading` says.

    Attributes
    ----------
    alone : bool
        Whether no other source should draw the scene meanwhile; it is given back as it was.
    freed : callable
        Called when the scene can be drawn again that another source had alone.
    """

    def __init__(
        self,
        scene: Scene,
        where: Context,
        size: tuple[int, int],
        fps: Fraction,
        frames: int | None,
        samples: int,
        reading: Reading = _PLAIN,
        *,
        alone: bool = False,
        freed: Callable[[], None] = _nothing,
    ) -> None:
        super().__init__(where)
        self._scene, self._fps, self._frames = scene, fps, frames
        self._samples, self._reading = samples, reading
        self.alone, self.freed = alone, freed
        self._restore: Callable[[], object] = _nothing
        subject = scene.scene if isinstance(scene, Replay) else scene
        self._setup = setup_of(subject, where)
        with self.current():
            check_size(size, where)
            where.collect()
            self._build(size)
            if isinstance(scene, Replay) or (alone and self._setup.in_use):
                self._restore = restorer(subject)
            try:
                if isinstance(scene, Replay):
                    scene.prepare()
                self._setup.join(self)
            except BaseException:
                self.release()
                raise

    def _build(self, size: tuple[int, int]) -> None:
        stage = Stage(self._where.ctx, size, thumbnail_size(size))
        try:
            canvas = stage.canvas(self._samples, self._reading.dtype, depth=_needs_depth(self._scene))
        except BaseException:
            stage.release()
            raise
        self._read_from(stage, self._reading, own=True)
        self._canvas = self._drawn = canvas

    def resize(self, size: tuple[int, int]) -> None:
        """Go on with pictures of another size, black at first; the scene's own objects stay.

        Raises
        ------
        ValueError
            This GL has none so large.
        """
        check_size(size, self._where)
        old = self._readback, self._stage
        self._build(size)
        for part in old:
            part.release()

    def current(self) -> AbstractContextManager[None]:
        """Make the context current; it is this scene's turn."""
        return self._where.current(self._setup.state)

    def draw(self, index: int, time: float | None = None, fps: Fraction | None = None) -> bool:
        """Let the scene draw frame `index`, which is at ``index / fps`` unless `time` (seconds) says otherwise."""
        self._canvas.use()
        rate = self._fps if fps is None else fps
        if time is None:
            time = float(index / rate)
        self._scene.render(Frame(self._where.ctx, self._canvas, time, index, self._frames, rate, self.size))
        self._where.ensure()
        self._where.collect()
        self._drawn = self._stage.resolve(self._canvas)
        return True

    def read(self, memory: Memory) -> None:
        """Issue the read of the canvas."""
        self._readback.read(self._drawn, memory)

    def release(self) -> None:
        """Give the scene back, which releases its own objects unless others draw it, and free the stage."""
        try:
            self._restore()
        finally:
            try:
                self._setup.leave(self)
            finally:
                self._dismantle()

    @property
    def taken(self) -> bool:
        """Whether a source has the scene alone."""
        return self._setup.taken


class TextureSource(_GLSource):
    """Takes textures and framebuffers that the user made, and reads them like a canvas, in their own context."""

    def __init__(
        self,
        pictures: Pictures,
        first: GLPicture,
        size: tuple[int, int] | None,
        reading: Reading = _PLAIN,
    ) -> None:
        super().__init__(context(first.ctx))
        self.tally = Tally()
        self._pictures = pictures
        size = size or picture_size(first)
        with self.current():
            check_size(size, self._where)
            self._read_from(Stage(first.ctx, size, thumbnail_size(size)), reading, own=False)

    def current(self) -> AbstractContextManager[None]:
        """Make the pictures' context current."""
        return self._where.current()

    def draw(self, index: int) -> bool:
        """Take the next picture. Raises `SceneError` when it is unlike the first."""
        picture = self._pictures.next()
        self._where.ensure()
        if picture is None:
            return False
        if not isinstance(picture, GLPicture):
            raise unlike(index, kind(picture), "a texture or framebuffer like the first")
        if picture.ctx is not self._where.ctx:
            raise unlike(index, f"{kind(picture)} of another OpenGL context", "one of the same context as the first")
        check_like(index, picture_size(picture), self.size)
        self._drawn = self._stage.wrap(picture)
        return True

    def read(self, memory: Memory) -> None:
        """Issue the read of the picture."""
        self._readback.read(self._drawn, memory)
        self.tally.count(converted=self._readback.changes(self._drawn), extra_copies=self._readback.extra_copies)

    def release(self) -> None:
        """Free the stage; the pictures are the user's."""
        self._dismantle()


PictureSource = ArraySource | BufferSource | TextureSource


def picture_source(pictures: Pictures, size: tuple[int, int] | None, reading: Reading = _PLAIN) -> PictureSource:
    """Return the source that fits the first picture; `size` is what is expected, if anything is.

    `reading` is for textures and framebuffers; of arrays and buffers, which come as they are, the converter counts.

    Raises
    ------
    SceneError
        There is no picture.
    ValueError
        This GL has none so large.
    """
    first = pictures.first()
    if isinstance(first, np.ndarray):
        return ArraySource(pictures, first, size, reading.make_converter)
    if isinstance(first, BufferPicture):
        return BufferSource(pictures, first, reading.make_converter)
    return TextureSource(pictures, first, size, reading)


def _needs_depth(scene: Scene) -> bool:
    """Whether a scene may need a depth buffer, which is 31.6 MiB of our memory at 4K where there is no GPU.

    A shader fills the picture; and a depth test that the user has on in his context would keep its first one.
    """
    return type(scene.scene if isinstance(scene, Replay) else scene) is not Shader


def check_size(size: tuple[int, int], where: Context, live: int | None = None) -> None:
    """Raise `ValueError` when this GL has no pictures that large, or a preview none of more than `live` to a side."""
    if max(size) > where.largest:
        msg = f"size must be at most {where.largest} pixels on {where.renderer}, not {size[0]}x{size[1]}"
        raise ValueError(msg)
    if live is not None and max(size) > live:
        msg = (
            f"size must be at most {live} pixels in a preview, not {size[0]}x{size[1]}; its record() takes a larger one"
        )
        raise ValueError(msg)
