"""Sources of pictures that need not be read from a framebuffer: arrays, and buffers of the GL.

Their bytes are copied, or converted, into a slot at once, because the program that made them may well go on to change
them. Render thread only. Knows nothing of FFmpeg or notebooks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager

import moderngl
import numpy as np

from nbpipe.gl.buffer import copy_out, inner_buffer, mapped
from nbpipe.gl.context import context
from nbpipe.gl.converter import CpuConverter, MakeConverter, band_rows
from nbpipe.gl.memory import HostMemory, Memory
from nbpipe.gl.stage import PIXEL_FORMATS, thumbnail_size
from nbpipe.gl.tally import Tally
from nbpipe.scene.adapters import BufferPicture, Pictures, check_like, kind, picture_size, unlike


class _CopiedSource:
    """Common to `ArraySource` and `BufferSource`: slots of plain memory, and a thumbnail of every n-th pixel."""

    upside_down = False  # the pictures as they are given; `bottom_up` is of the slot

    def __init__(
        self,
        pictures: Pictures,
        size: tuple[int, int],
        channels: int,
        dtype: np.dtype,
        make_converter: MakeConverter | None,
    ) -> None:
        self.size, self.channels = size, channels
        self.pixel_format, self.bottom_up = PIXEL_FORMATS[dtype.name, channels], self.upside_down
        self._converter = (
            make_converter(size, self.pixel_format, self.bottom_up) if make_converter is not None else None
        )
        self.converted_by = "" if self._converter is None else "cpu"
        if self._converter is not None:
            self.pixel_format, self.bottom_up = self._converter.pixel_format, False
        self.tally = Tally()
        self._pictures, self._dtype = pictures, dtype
        self._step = max(1, round(size[0] / thumbnail_size(size)[0]))
        self._small: np.ndarray | None = None

    def memory(self, *, lasting: bool = False) -> Memory:  # noqa: ARG002  plain memory is
        """Make plain memory."""
        whole = self.size[0] * self.size[1] * self.channels * self._dtype.itemsize
        return HostMemory(whole if self._converter is None else self._converter.frame_bytes)

    @property
    def converting(self) -> float:
        """Seconds of the converter."""
        return 0.0 if self._converter is None else self._converter.seconds

    def thumbnail(self) -> np.ndarray | None:
        """Return the thumbnail once."""
        small, self._small = self._small, None
        return small

    def _as_picture(self, data: memoryview) -> np.ndarray:
        return np.frombuffer(data, self._dtype).reshape(self.size[1], self.size[0], self.channels)


class ArraySource(_CopiedSource):
    """Takes arrays."""

    renderer = "arrays"
    software = bound = False

    def __init__(
        self,
        pictures: Pictures,
        first: np.ndarray,
        size: tuple[int, int] | None,
        make_converter: MakeConverter | None = None,
    ) -> None:
        super().__init__(pictures, size or picture_size(first), first.shape[2], first.dtype, make_converter)
        self._array: np.ndarray | None = None
        self._band: np.ndarray | None = None  # where rows are put that do not lie one after the other

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
        """Copy or convert the array."""
        array = self._array
        assert array is not None
        if self._converter is None:
            np.copyto(self._as_picture(memory.view), array)
        elif array.flags.c_contiguous:
            self._converter.convert(np.asarray(array).data, memory.view)
        else:
            self._gather(array, self._converter, memory.view)
        self.tally.count(not_contiguous=not array.flags.c_contiguous)

    def _gather(self, array: np.ndarray, converter: CpuConverter, frame: memoryview) -> None:
        width, height = self.size
        rows = band_rows(width * self.channels * self._dtype.itemsize, height)
        if self._band is None:
            self._band = np.empty((rows, width, self.channels), self._dtype)
        for first in range(0, height, rows):
            band = self._band[: height - first]
            np.copyto(band, array[first : first + rows])
            converter.convert_rows(band.data, frame, first)

    def shrink(self) -> None:
        """Take every n-th pixel of the array; a thumbnail of arrays need not be smooth."""
        if self._array is not None:
            small = np.asarray(self._array)[:: self._step, :: self._step]
            self._small = small.copy() if small.dtype == np.uint8 else (small >> 8).astype(np.uint8)

    def release(self) -> None:
        """Forget the array."""
        self._array = self._band = None


class BufferSource(_CopiedSource):
    """Takes buffers of the GL that hold tightly packed pixels of 8 bits, bottom row first, in their own context."""

    upside_down = bound = True

    def __init__(self, pictures: Pictures, first: BufferPicture, make_converter: MakeConverter | None = None) -> None:
        super().__init__(pictures, first.size, first.channels, np.dtype(np.uint8), make_converter)
        self._buffer: moderngl.Buffer | None = None
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
        """Copy or convert the buffer, when what is drawn into it is there."""
        inner, converter = inner_buffer(self._buffer), self._converter
        if converter is None:
            copy_out(inner, memory.view)
        else:
            mapped(inner, lambda view: converter.convert(view, memory.view))
        self.tally.count()

    def shrink(self) -> None:
        """Take every n-th pixel of the buffer."""

        def shrink(view: memoryview) -> None:
            upright = self._as_picture(view)[:: -self._step, :: self._step]
            try:
                self._small = upright.copy()
            finally:
                del upright  # an interrupt's traceback would keep it, and with it the mapping

        mapped(inner_buffer(self._buffer), shrink)

    def release(self) -> None:
        """Forget the buffer."""
        self._buffer = None
