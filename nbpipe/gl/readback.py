"""Readback: in what form a stage's pictures leave the GL, and into which memory.

Either the numbers of the picture as they are, or, where the GPU converts, the bytes of a video frame (`packer`). On
software GL that pass would take longer than the drawing (77 ms a 1080p frame on two cores with llvmpipe), so there
the numbers go out and are converted on their way to the pipe.

Render thread only, with the context current. Knows nothing of scenes or FFmpeg.
"""

from __future__ import annotations

from dataclasses import dataclass

import moderngl
import numpy as np

from nbpipe.gl.context import Context
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
        The numbers that the picture keeps, and that come: one of `stage.DTYPES`.
    upright : bool
        Whether the top row comes first.
    convert_to : str or None
        FFmpeg's pixel format that the GPU makes of each; one of `packer.PLANES`.
    on_software : bool
        Whether it does so even if it is the processor.
    """

    dtype: str = "uint8"
    upright: bool = False
    convert_to: str | None = None
    on_software: bool = False


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
    converts : bool
        Whether the GL makes the format that was asked for.
    extra_copies : int
        How often the GL copies each picture before that which is read.
    """

    def __init__(self, where: Context, stage: Stage, reading: Reading, *, own: bool) -> None:
        self._where, self._stage, self._reading = where, stage, reading
        self._packer: Packer | None = None
        self.pixel_format, self.bottom_up = PIXEL_FORMATS[reading.dtype, CHANNELS], not reading.upright
        self.extra_copies = 0
        if reading.convert_to is not None and (reading.on_software or not where.software):
            self._packer = Packer(where.ctx, stage.size, reading.convert_to, direct=own)
            self.pixel_format, self.bottom_up = reading.convert_to, False
            self.extra_copies = 0 if own else 1
        self.converts = self._packer is not None

    def memory(self, *, lasting: bool) -> Memory:
        """Make the memory of one slot: a mapped pixel buffer, or what this GL has instead."""
        if self._packer is not None:
            memory = pixel_memory(self._where.ctx, self._packer.packed_bytes)
            memory.view = memory.view[: self._packer.frame_bytes]
            return memory
        width, height = self._stage.size
        size = width * height * CHANNELS * np.dtype(self._reading.dtype).itemsize
        # Mapped memory ends with its context: a user's when he likes, a thread's own with the thread, arrays or not.
        return HostMemory(size) if lasting and not self._where.lasting else pixel_memory(self._where.ctx, size)

    def read(self, picture: moderngl.Framebuffer, memory: Memory) -> None:
        """Issue the read of `picture`."""
        if self._packer is not None:
            self._stage.read(self._packer.pack(picture), memory)
        else:
            self._stage.read(picture, memory, self._reading.dtype, upright=self._reading.upright)

    def changes(self, picture: moderngl.Framebuffer) -> bool:
        """Whether the GL makes other numbers of those that `picture` has, as it reads them."""
        if self._packer is not None or not picture.color_attachments:  # None: one that moderngl has not made
            return False
        kind = picture.color_attachments[0].dtype
        return _SAME.get(kind, kind) != DTYPES[self._reading.dtype][0]

    def release(self) -> None:
        """Free what it made."""
        if self._packer is not None:
            self._packer.release()
