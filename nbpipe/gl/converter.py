"""The converter: a picture becomes the bytes of a video frame on the processor, on its one way into a slot.

The counterpart of `packer`, for software GL, arrays and buffers. Whatever leaves them is copied once, because it will
soon be drawn over or changed; converting costs little more than that copy, takes its place, and makes of the 4 bytes of
a pixel 1.5, which is all that a slot then has to hold and the pipe to take. In turns with a loop on the writer's
thread, out of slots of RGBA, on two cores of a Zen 1 EPYC: moderngl buffers arrive in BT.709 at 398 frames of 1080p a
second and not 316, recordings of arrays are 5 % faster, those of 4K scenes 4 %, and a 4K recording takes 90 MiB less.

    llvmpipe's canvas ──glReadPixels──► band, in the cache ──┐
    an array, a mapped buffer ───────────────────────────────┴─convert─► slot
    a GPU's canvas, if it is not to convert ─► pixel buffer, when its fence has passed ─convert─► slot

Any thread, but for what reads from the GL; without the GIL. What converts is given by whoever wants the video
(`Reading.make_converter`), so nothing here knows FFmpeg, and nothing how it is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from nbpipe.gl.memory import HostMemory, Memory

# Bytes of a band. Half as many and twice as many take as long; four times as many do not stay in an 8 MiB cache.
BAND = 1 << 20

ReadPixels = tuple[int, int, int]  # the address of glReadPixels, and what it is to be told of format and type


class Conversion(Protocol):
    """What `nbpipe._native.Conversion` does: from rows without gaps to all the planes of a frame."""

    @property
    def source_bytes(self) -> int:
        """Bytes of a picture."""

    @property
    def target_bytes(self) -> int:
        """Bytes of a frame."""

    def convert(self, source: memoryview, target: memoryview, first: int = 0, /) -> None:
        """Convert the rows that `source` has, of which the top one is row `first`, into the frame `target`."""

    def read(self, read_pixels: int, format: int, type: int, band: memoryview, target: memoryview, /) -> float:  # noqa: A002
        """Convert what glReadPixels brings, band after band; return how many seconds of it converting took."""


class CpuConverter:
    """Converts, and measures how long that takes.

    Attributes
    ----------
    pixel_format : str
        What it makes, by FFmpeg's name, top row first.
    frame_bytes : int
    seconds : float
        Spent on it so far.
    """

    def __init__(self, conversion: Conversion, pixel_format: str) -> None:
        self._conversion = conversion
        self.pixel_format, self.frame_bytes = pixel_format, conversion.target_bytes
        self.seconds = 0.0

    def convert(self, picture: memoryview, frame: memoryview) -> None:
        """Convert a whole picture."""
        if picture.nbytes != self._conversion.source_bytes:
            msg = f"a picture has {picture.nbytes} bytes, expected {self._conversion.source_bytes}"
            raise ValueError(msg)
        self.convert_rows(picture, frame, 0)

    def convert_rows(self, rows: memoryview, frame: memoryview, first: int) -> None:
        """Convert `rows`, an even number of them or those up to the last, of which the top one is row `first`."""
        begun = time.monotonic()
        self._conversion.convert(rows, frame, first)
        self.seconds += time.monotonic() - begun

    def read(self, how: ReadPixels, band: memoryview, frame: memoryview) -> None:
        """Convert a whole picture that is read as `how` says, in bands of as many rows as `band` holds."""
        self.seconds += self._conversion.read(*how, band, frame)


def band_rows(row_bytes: int, height: int) -> int:
    """Return how many rows make a band of a picture."""
    return min(max(BAND // row_bytes // 2 * 2, 2), height)


# Given size, RGB format by FFmpeg's name, and whether the bottom row comes first; None if nothing is to be converted.
MakeConverter = Callable[[tuple[int, int], str, bool], CpuConverter | None]


class ConvertedMemory:
    """The memory of a slot whose picture comes in the GL's own time, and is converted when it is there."""

    def __init__(self, picture: Memory, converter: CpuConverter) -> None:
        self._picture, self._converter = picture, converter
        self._due = False
        try:
            self._frame = HostMemory(converter.frame_bytes)
        except BaseException:
            picture.release()
            raise
        self.view = self._frame.view
        self.pack_buffer, self.offset = picture.pack_buffer, picture.offset

    def issued(self) -> None:
        """Note that a read of the picture has just been issued."""
        self._picture.issued()
        self._due = True

    def arrived(self, timeout: float) -> bool:
        """Whether the frame is there, waiting at most `timeout` seconds for its picture."""
        if not self._picture.arrived(timeout):
            return False
        if self._due:
            self._converter.convert(self._picture.view, self.view)
            self._due = False
        return True

    def release(self) -> None:
        """Give both memories back."""
        self.view = memoryview(b"")
        self._frame.release()
        self._picture.release()
