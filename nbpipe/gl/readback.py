"""Readback: in what form a stage's pictures leave the GL, and into which memory.

Either the numbers of the picture as they are, or the bytes of a video frame. A GPU makes those itself (`packer`). On
software GL that pass would take longer than the drawing (77 ms a 1080p frame on two cores with llvmpipe); there the
picture is read in bands that stay in the processor's cache, and each is converted from there (`converter`).

Render thread only, with the context current. Knows nothing of scenes or FFmpeg.
"""

from __future__ import annotations

from dataclasses import dataclass

import moderngl
import numpy as np

from nbpipe.gl.context import Context
from nbpipe.gl.converter import ConvertedMemory, CpuConverter, MakeConverter, band_rows
from nbpipe.gl.memory import HostMemory, Memory, pixel_memory
from nbpipe.gl.packer import Packer
from nbpipe.gl.stage import CHANNELS, DTYPES, PIXEL_FORMATS, Stage

_SAME = {"nu1": "f1"}  # moderngl's two names of 8 bits


@dataclass(frozen=True, slots=True)
class Reading:
    """What is wanted of pictures.

    Attributes
    ----------
    dtype : str
        The type of the canvas's channels, and of what is read: one of `stage.DTYPES`.
    upright : bool
        Whether the top row comes first.
    shader : str or None
        FFmpeg's pixel format that a shader makes of each on the GPU; one of `packer.PLANES`.
    on_software : bool
        Whether it does so even where the processor draws.
    dither : bool
        Whether it dithers.
    make_converter : callable or None
        Makes what converts each on the processor where no shader does.
    """

    dtype: str = "uint8"
    upright: bool = False
    shader: str | None = None
    on_software: bool = False
    dither: bool = False
    make_converter: MakeConverter | None = None


class Readback:
    """Reads the pictures of one stage.

    Parameters
    ----------
    where : Context
    stage : Stage
    reading : Reading
    own : bool
        Whether the pictures are the stage's own, which can be sampled as they lie.

    Attributes
    ----------
    pixel_format : str
        What comes, by FFmpeg's name.
    bottom_up : bool
    converted_by : str
        Who makes the format that was asked for: ``"gpu"`` (the GL), ``"cpu"`` (the converter), or ``""``: nobody here.
    extra_copies : int
        How often the GL copies each picture before that which is read.
    """

    def __init__(self, where: Context, stage: Stage, reading: Reading, *, own: bool) -> None:
        self._where, self._stage, self._reading = where, stage, reading
        self._packer: Packer | None = None
        self._band: HostMemory | None = None
        self._converter: CpuConverter | None = None
        self.pixel_format, self.bottom_up = PIXEL_FORMATS[reading.dtype, CHANNELS], not reading.upright
        self.converted_by, self.extra_copies = "", 0
        if reading.shader is not None and (reading.on_software or not where.software):
            self._packer = Packer(where.ctx, stage.size, reading.shader, direct=own, dither=reading.dither)
            self.pixel_format, self.bottom_up, self.converted_by = reading.shader, False, "gpu"
            self.extra_copies = 0 if own else 1
        elif reading.make_converter is not None:
            self._use(reading.make_converter)

    def _use(self, make: MakeConverter) -> None:
        assert self.bottom_up, "bands are read so"
        converter = make(self._stage.size, self.pixel_format, self.bottom_up)
        if converter is None:
            return
        self._converter = converter
        self.pixel_format, self.bottom_up, self.converted_by = converter.pixel_format, False, "cpu"
        # A GPU reads a picture in its own time, which nobody should wait for; software has read when it returns.
        if self._where.software:
            self._band = HostMemory(band_rows(self._row_bytes, self._stage.size[1]) * self._row_bytes)

    @property
    def _row_bytes(self) -> int:
        return self._stage.size[0] * CHANNELS * np.dtype(self._reading.dtype).itemsize

    def memory(self, *, lasting: bool) -> Memory:
        """Make the memory of one slot: a mapped pixel buffer, or plain memory where this GL has none or needs none."""
        if self._packer is not None:
            memory = pixel_memory(self._where.ctx, self._packer.packed_bytes)
            memory.view = memory.view[: self._packer.frame_bytes]
            return memory
        if self._converter is not None and self._band is not None:
            return HostMemory(self._converter.frame_bytes)
        size = self._row_bytes * self._stage.size[1]
        if self._converter is not None:
            return ConvertedMemory(pixel_memory(self._where.ctx, size), self._converter)
        # Mapped memory ends with its context: a user's when he likes, a thread's own with the thread, arrays or not.
        return HostMemory(size) if lasting and not self._where.lasting else pixel_memory(self._where.ctx, size)

    def read(self, picture: moderngl.Framebuffer, memory: Memory) -> None:
        """Issue the read of `picture`."""
        dtype = self._reading.dtype
        if self._packer is not None:
            self._stage.read(self._packer.pack(picture), memory)
        elif self._converter is not None and self._band is not None:
            with self._stage.read_pixels(picture, dtype) as how:
                self._converter.read(how, self._band.view, memory.view)
        else:
            self._stage.read(picture, memory, dtype, upright=self._reading.upright)

    @property
    def converting(self) -> float:
        """Seconds that the processor has spent on converting."""
        return 0.0 if self._converter is None else self._converter.seconds

    def changes(self, picture: moderngl.Framebuffer) -> bool:
        """Whether glReadPixels changes the type of this picture's channels."""
        if self._packer is not None or not picture.color_attachments:  # None: one that moderngl has not made
            return False
        kind = picture.color_attachments[0].dtype
        return _SAME.get(kind, kind) != DTYPES[self._reading.dtype][0]

    def release(self) -> None:
        """Free what it made."""
        if self._packer is not None:
            self._packer.release()
        if self._band is not None:
            self._band.release()
