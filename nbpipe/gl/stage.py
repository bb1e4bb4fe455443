"""The stage: what a scene draws into, and how its picture leaves the GL.

Owns the framebuffers of one recording: the one the scene gets (multisampled if wished), the plain one that it
is resolved into, and a small one for the thumbnail. Reading is asynchronous: it is issued here, and the slot
says when it is complete. Pictures come as the numbers that numpy calls by the same name (`DTYPES`), converted
by nobody but the GL. Render thread only, with the context current. Knows slots by their memory alone; knows
nothing of video or notebooks.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import moderngl
import numpy as np

from nbpipe.errors import SceneError
from nbpipe.gl import enums
from nbpipe.gl._calls import calls
from nbpipe.gl.memory import pixel_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbpipe.gl.memory import Memory

_THUMBNAIL_BOX = (640, 480)  # a notebook's column is 600 to 900 pixels wide
CHANNELS = 4  # llvmpipe reads 1080p RGBA back in 0.9 ms and RGB in 2.3 ms; GPUs store four channels as well

# numpy's name of a channel's number → moderngl's name of the texture that holds it, and the GL's of reading it
DTYPES = {
    "uint8": ("f1", enums.UNSIGNED_BYTE),
    "uint16": ("nu2", enums.UNSIGNED_SHORT),
    "float16": ("f2", enums.HALF_FLOAT),
    "float32": ("f4", enums.FLOAT),
}
# numpy's name of a channel's number, and how many a pixel has → FFmpeg's name of the pixel
PIXEL_FORMATS = {
    ("uint8", 3): "rgb24",
    ("uint8", 4): "rgba",
    ("uint16", 3): "rgb48le",
    ("uint16", 4): "rgba64le",
    ("float16", 4): "rgbaf16le",
    ("float32", 4): "rgbaf32le",
}


class Stage:
    """Framebuffers of one size.

    Parameters
    ----------
    ctx : moderngl.Context
    size : tuple of int
        Width and height in pixels.
    small : tuple of int
        Width and height of the thumbnail.
    """

    def __init__(self, ctx: moderngl.Context, size: tuple[int, int], small: tuple[int, int]) -> None:
        self.ctx = ctx
        self.size = size
        self._gl = calls()
        self._made: list[moderngl.Framebuffer | moderngl.Texture | moderngl.Renderbuffer] = []
        self._wrapped: tuple[moderngl.Texture, moderngl.Framebuffer] | None = None
        self._resolved: moderngl.Framebuffer | None = None
        self._turned: dict[str, moderngl.Framebuffer] = {}
        self._inverts = "GL_MESA_pack_invert" in ctx.extensions
        try:
            self._small = Shrunk(ctx, self._framebuffer(small, 0))
        except BaseException:
            self._release_made()
            raise

    def canvas(self, samples: int, dtype: str = "uint8", *, depth: bool = True) -> moderngl.Framebuffer:
        """Make what a scene draws into, black at first; it is resolved before reading if it has samples.

        Parameters
        ----------
        samples : int
            Samples per pixel.
        dtype : str
            What the canvas keeps of each channel: one of `DTYPES`. Read it as the same.
        depth : bool
            Whether it has a depth buffer.

        Raises
        ------
        ValueError
            The GL has not that many samples per pixel.
        """
        if samples > self.ctx.max_samples or samples & (samples - 1):
            msg = f"samples must be a power of two, at most {self.ctx.max_samples} on this renderer, not {samples}"
            raise ValueError(msg)
        samples = 0 if samples == 1 else samples
        fbo = self._framebuffer(self.size, samples, dtype, depth=depth)
        fbo.clear()
        if samples:
            self._resolved = self._framebuffer(self.size, 0, dtype)
        return fbo

    def _framebuffer(
        self, size: tuple[int, int], samples: int, dtype: str = "uint8", *, depth: bool = False
    ) -> moderngl.Framebuffer:
        # A texture where possible, so that a scene may look at the frame before; renderbuffers for samples.
        kind, _ = DTYPES[dtype]
        colour: moderngl.Renderbuffer | moderngl.Texture
        if samples:
            colour = self.ctx.renderbuffer(size, CHANNELS, samples=samples, dtype=kind)
        else:
            colour = self.ctx.texture(size, CHANNELS, dtype=kind)
        self._made.append(colour)
        deep = self.ctx.depth_renderbuffer(size, samples=samples) if depth else None
        if deep is not None:
            self._made.append(deep)
        fbo = self.ctx.framebuffer([colour], deep)
        self._made.append(fbo)
        return fbo

    def resolve(self, canvas: moderngl.Framebuffer) -> moderngl.Framebuffer:
        """Return what to read for a `canvas` that has just been drawn."""
        if self._resolved is None:
            return canvas
        with self._gl.preserved():
            self._blit(canvas, self._resolved, self.size, enums.NEAREST)
        return self._resolved

    def wrap(self, picture: moderngl.Texture | moderngl.Framebuffer) -> moderngl.Framebuffer:
        """Return what to read for a picture that the user made.

        Raises
        ------
        SceneError
            `picture` has several samples per pixel.
        """
        if picture.samples:
            msg = "a picture has several samples per pixel; resolve it first (ctx.copy_framebuffer)"
            raise SceneError(msg)
        if isinstance(picture, moderngl.Framebuffer):
            return picture
        if self._wrapped is None or self._wrapped[0] is not picture:
            if self._wrapped is not None:
                self._wrapped[1].release()
                self._wrapped = None
            try:
                self._wrapped = picture, self.ctx.framebuffer([picture])
            except moderngl.Error as error:
                msg = f"a picture is a texture without colours ({error}); use an 8-bit or floating-point colour format"
                raise SceneError(msg) from None
        return self._wrapped[1]

    def read(
        self, source: moderngl.Framebuffer, memory: Memory, dtype: str = "uint8", *, upright: bool = False
    ) -> None:
        """Issue the read of `source` into `memory`: RGBA in numbers of `dtype`, bottom row first unless `upright`."""
        with self._gl.preserved():
            if upright and not self._inverts:
                source = self._turn(source, dtype)
            _read(source, memory, dtype, invert=upright and self._inverts)

    @contextlib.contextmanager
    def read_pixels(self, source: moderngl.Framebuffer, dtype: str) -> Iterator[tuple[int, int, int]]:
        """Give the block glReadPixels, which reads `source` there, bottom row first: its address, format and type."""
        with self._gl.preserved(), _read_from(source):
            yield self._gl.read_pixels, enums.RGBA, DTYPES[dtype][1]

    def _turn(self, source: moderngl.Framebuffer, dtype: str) -> moderngl.Framebuffer:
        # Mesa turns the rows while it packs them, for nothing; a blit takes llvmpipe 10 ms a 1080p frame. GLs
        # without that extension are those of graphics cards, for which it is one more pass over the picture.
        if dtype not in self._turned:
            self._turned[dtype] = self._framebuffer(self.size, 0, dtype)
        turned = self._turned[dtype]
        self._blit(source, turned, self.size, enums.NEAREST, flip=True)
        return turned

    def shrink(self, source: moderngl.Framebuffer) -> None:
        """Begin a thumbnail of `source`; `thumbnail` brings it when it is there."""
        with self._gl.preserved():
            self._blit(source, self._small.fbo, self._small.size, enums.LINEAR, flip=True)
            self._small.begin()

    def thumbnail(self, timeout: float = 0.0) -> np.ndarray | None:
        """Return the thumbnail begun last as an array (height, width, 4), top row first, once it is complete.

        The array is a view that the next `shrink` overwrites.
        """
        return self._small.take(timeout)

    def release(self) -> None:
        """Free everything."""
        if self._wrapped is not None:
            self._wrapped[1].release()
        self._small.release()
        self._release_made()

    def _release_made(self) -> None:
        while self._made:
            self._made.pop().release()

    def _blit(
        self,
        source: moderngl.Framebuffer,
        target: moderngl.Framebuffer,
        size: tuple[int, int],
        how: int,
        *,
        flip: bool = False,
    ) -> None:
        width, height = size
        bottom, top = (height, 0) if flip else (0, height)
        self._gl.blit(source.glo, self.size, target.glo, (0, bottom, width, top), how)


class Shrunk:
    """The small framebuffer of the thumbnail, and the one read that may be under way from it."""

    def __init__(self, ctx: moderngl.Context, fbo: moderngl.Framebuffer) -> None:
        self.fbo = fbo
        self.size: tuple[int, int] = fbo.size
        self._memory = pixel_memory(ctx, self.size[0] * self.size[1] * CHANNELS)
        self._begun = False

    def begin(self) -> None:
        """Issue the read."""
        _read(self.fbo, self._memory)
        self._begun = True

    def take(self, timeout: float) -> np.ndarray | None:
        """Return the picture once, when it is complete."""
        if not self._begun or not self._memory.arrived(timeout):
            return None
        self._begun = False
        return np.frombuffer(self._memory.view, np.uint8).reshape(self.size[1], self.size[0], CHANNELS)

    def release(self) -> None:
        """Free the memory; the framebuffer is the stage's."""
        self._memory.release()


def thumbnail_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the size of the thumbnail of a picture: never larger than itself, nor than the notebook's column."""
    scale = min(1.0, _THUMBNAIL_BOX[0] / size[0], _THUMBNAIL_BOX[1] / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


@contextlib.contextmanager
def _read_from(source: moderngl.Framebuffer) -> Iterator[None]:
    """Let the block read from `source`, with the state of `Calls.preserved`, and check that the GL took it."""
    gl = calls()
    with gl.reading(source.glo), gl.taking_pictures("OpenGL could not read this framebuffer"):
        yield


def _read(source: moderngl.Framebuffer, memory: Memory, dtype: str = "uint8", *, invert: bool = False) -> None:
    """Issue the read of `source`, as `_read_from` says."""
    gl = calls()
    with _read_from(source):
        gl.BindBuffer(enums.PIXEL_PACK_BUFFER, memory.pack_buffer)
        try:
            if invert:
                gl.PixelStorei(enums.PACK_INVERT, 1)
            gl.ReadPixels(0, 0, *source.size, enums.RGBA, DTYPES[dtype][1], memory.offset)
        finally:
            if invert:
                gl.PixelStorei(enums.PACK_INVERT, 0)
    memory.issued()
