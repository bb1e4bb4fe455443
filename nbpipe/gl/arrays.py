"""Sources of pictures that need not be read from a framebuffer: arrays, and buffers of the GL.

Their bytes are copied once, into a slot, because the program that made them may well go on to change them. Render
thread only. Knows nothing of FFmpeg or notebooks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np

from nbpipe.gl.buffer import copy_out, inner_buffer
from nbpipe.gl.context import context
from nbpipe.gl.memory import HostMemory, Memory
from nbpipe.gl.stage import PIXEL_FORMATS, preview_size
from nbpipe.gl.tally import Tally
from nbpipe.scene.adapters import BufferPicture, Pictures, check_like, kind, picture_size, unlike


class _Copied:
    """What both have: slots of plain memory, and the preview, which is taken from the slot filled last."""

    bottom_up = False
    converts = False

    def __init__(self, pictures: Pictures, size: tuple[int, int], channels: int, dtype: np.dtype) -> None:
        self.size, self.channels = size, channels
        self.pixel_format = PIXEL_FORMATS[dtype.name, channels]
        self.tally = Tally()
        self._pictures, self._dtype = pictures, dtype
        self._step = max(1, round(size[0] / preview_size(size)[0]))
        self._filled: np.ndarray | None = None
        self._small: np.ndarray | None = None

    def memory(self, *, lasting: bool = False) -> Memory:  # noqa: ARG002  plain memory is
        """Make plain memory."""
        return HostMemory(self.size[0] * self.size[1] * self.channels * self._dtype.itemsize)

    def shrink(self) -> None:
        """Take every n-th pixel; a preview of arrays need not be smooth."""
        if self._filled is not None:
            upright = self._filled[::-1] if self.bottom_up else self._filled
            small = upright[:: self._step, :: self._step]
            # Always a copy: the slot is the writer's next.
            self._small = small.copy() if small.dtype == np.uint8 else (small >> 8).astype(np.uint8)

    def preview(self) -> np.ndarray | None:
        """Return the preview once."""
        small, self._small = self._small, None
        return small

    def release(self) -> None:
        """Forget the slot."""
        self._filled = None

    def _slot(self, memory: Memory) -> np.ndarray:
        return np.frombuffer(memory.view, self._dtype).reshape(self.size[1], self.size[0], self.channels)


class ArraySource(_Copied):
    """Takes arrays."""

    renderer = "arrays"
    software = bound = False

    def __init__(self, pictures: Pictures, first: np.ndarray, size: tuple[int, int] | None) -> None:
        super().__init__(pictures, size or picture_size(first), first.shape[2], first.dtype)

    def current(self) -> AbstractContextManager[None]:
        """Arrays need no context."""
        return contextlib.nullcontext()

    def later(self, job: Callable[[], object]) -> None:
        """Run `job`; no GL is in use here."""
        job()

    def draw(self, index: int) -> bool:
        """Take the next array. Raises `SceneError` when it is unlike the first."""
        picture = self._pictures.next()
        if picture is None:
            return False
        if not isinstance(picture, np.ndarray):
            raise unlike(index, kind(picture), "an array like the first")
        check_like(index, picture_size(picture), self.size)
        if picture.shape[2] != self.channels:
            raise unlike(index, f"an array of {picture.shape[2]} channels", str(self.channels))
        if picture.dtype != self._dtype:
            raise unlike(index, f"an array of {picture.dtype}", f"{self._dtype} like the first")
        self._array = picture
        return True

    def read(self, memory: Memory) -> None:
        """Copy the array."""
        self._filled = self._slot(memory)
        np.copyto(self._filled, self._array)
        self.tally.count(not_contiguous=not self._array.flags.c_contiguous)


class BufferSource(_Copied):
    """Takes buffers of the GL that hold tightly packed pixels of 8 bits, bottom row first, in their own context."""

    bottom_up = bound = True

    def __init__(self, pictures: Pictures, first: BufferPicture) -> None:
        super().__init__(pictures, first.size, first.channels, np.dtype(np.uint8))
        self._where = context(first.buffer.ctx)
        self.renderer, self.software = self._where.renderer, self._where.software

    def current(self) -> AbstractContextManager[None]:
        """Make the buffers' context current."""
        return self._where.current()

    def later(self, job: Callable[[], object]) -> None:
        """Run `job` in the buffers' context."""
        self._where.later(job)

    def draw(self, index: int) -> bool:
        """Take the next buffer. Raises `SceneError` when it is unlike the first."""
        picture = self._pictures.next()
        if picture is None:
            return False
        if not isinstance(picture, BufferPicture):
            raise unlike(index, kind(picture), "a buffer like the first")
        if picture.channels != self.channels:
            raise unlike(index, f"a buffer of {picture.channels} channels", str(self.channels))
        self._buffer = picture.buffer
        return True

    def read(self, memory: Memory) -> None:
        """Copy the buffer out, when what is drawn into it is there."""
        copy_out(inner_buffer(self._buffer), memory.view)
        self._filled = self._slot(memory)
        self.tally.count()
