"""Memory that frames are read back into, of two kinds.

`PixelBuffer` is a GL buffer, mapped once and persistently (OpenGL 4.4 or ARB_buffer_storage): the GL copies into it in
its own time, and its address never changes. `HostMemory` is plain memory, for GL below 4.4, arrays, buffers, and
whatever the processor converts: reading into it waits for the GL.

moderngl's own buffer views must never be used here: releasing one unmaps whichever buffer is bound. Render thread, but
for plain memory, which any thread may make and drop. Knows neither slots nor who reads the bytes.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import sys
from typing import Protocol

import moderngl
import numpy as np

from nbpipe.errors import NbpipeError
from nbpipe.gl import enums
from nbpipe.gl._calls import calls

_HUGE = 2 << 20  # bytes of a huge page on x86-64, and on ARM with pages of 4 KiB


class Memory(Protocol):
    """Where a slot's bytes lie. `pack_buffer` is 0 for client memory, `offset` what glReadPixels takes."""

    view: memoryview
    pack_buffer: int
    offset: int

    def issued(self) -> None:
        """Note that a read into this memory has just been issued."""

    def arrived(self, timeout: float) -> bool:
        """Whether that read is complete, waiting at most `timeout` seconds."""

    def release(self) -> None:
        """Give the memory back; `view` must not be used any more."""


class HostMemory:
    """Plain memory; a read into it is complete when the call returns."""

    def __init__(self, size: int) -> None:
        self.view = _pages(size)
        self.pack_buffer = 0
        self.offset = np.frombuffer(self.view, np.uint8).ctypes.data

    def issued(self) -> None:
        """Nothing to note."""

    def arrived(self, timeout: float) -> bool:  # noqa: ARG002
        """Return True."""
        return True

    def release(self) -> None:
        """Forget the memory, however long this object is still known to somebody."""
        self.view = memoryview(b"")


class PixelBuffer:
    """A pixel-pack buffer, mapped for its whole life, with a fence after each read into it."""

    def __init__(self, ctx: moderngl.Context, size: int) -> None:
        gl = calls()
        self._gl = gl
        self._fence: int | None = None
        self._buffer = ctx.buffer(reserve=1)  # its storage comes below; to make it twice takes llvmpipe 6 ms
        self.pack_buffer = self._buffer.glo
        self.offset = 0
        flags = enums.MAP_READ_BIT | enums.MAP_PERSISTENT_BIT | enums.MAP_COHERENT_BIT
        gl.GetError()  # what the scene left there is not ours to report
        with gl.packing(self.pack_buffer):
            gl.BufferStorage(enums.PIXEL_PACK_BUFFER, size, None, flags)
            address = gl.MapBufferRange(enums.PIXEL_PACK_BUFFER, 0, size, flags)
        if not address:
            self._buffer.release()
            msg = (
                f"the GL has no {size} bytes for reading a frame back (glMapBufferRange, error {gl.GetError():#x}): "
                "take a smaller size=, or release what the scene no longer needs"
            )
            raise NbpipeError(msg)
        self.view = memoryview((ctypes.c_ubyte * size).from_address(address)).cast("B")

    @staticmethod
    def available(ctx: moderngl.Context) -> bool:
        """Whether this context can map persistently."""
        can: bool = ctx.version_code >= 440 or "GL_ARB_buffer_storage" in ctx.extensions  # noqa: PLR2004
        return can and calls().BufferStorage is not None

    def issued(self) -> None:
        """Put a fence behind the read."""
        self._forget()
        self._fence = self._gl.FenceSync(enums.SYNC_GPU_COMMANDS_COMPLETE, 0)

    def arrived(self, timeout: float) -> bool:
        """Whether the fence has passed; waits without the GIL, at most `timeout` seconds."""
        if self._fence is None:
            return True
        if self._gl.signaled(self._fence):
            self._forget()
            return True
        result = self._gl.ClientWaitSync(self._fence, enums.SYNC_FLUSH_COMMANDS_BIT, int(timeout * 1e9))
        if result == enums.WAIT_FAILED:
            msg = "the GL lost track of a frame (glClientWaitSync failed); was the context released?"
            raise NbpipeError(msg)
        if result == enums.TIMEOUT_EXPIRED:
            return False
        self._forget()
        return True

    def release(self) -> None:
        """Unmap and delete; the writer must have let go of `view`. Again does nothing."""
        if not self.view:
            return
        self._forget()
        with self._gl.packing(self.pack_buffer):
            self._gl.UnmapBuffer(enums.PIXEL_PACK_BUFFER)
        self.view = memoryview(b"")
        self._buffer.release()

    def _forget(self) -> None:
        fence, self._fence = self._fence, None
        if fence is not None:
            self._gl.DeleteSync(fence)


def pixel_memory(ctx: moderngl.Context, size: int) -> Memory:
    """Return the best memory this context offers for reading `size` bytes back."""
    return PixelBuffer(ctx, size) if PixelBuffer.available(ctx) else HostMemory(size)


def _pages(size: int) -> memoryview:
    """Return memory that begins with a page, in huge pages where the system has some, and goes with its last view.

    To lend pages to a pipe the kernel looks up each, while the reader waits: 256 in a MiB, or one. FFmpeg reads 1390
    lent 1080p RGB frames a second from small pages, such as those of a user's arrays, and 1880 from huge ones.
    """
    if sys.platform != "linux" or size < _HUGE:
        return memoryview(_mapped(max(size, 1)))[:size]
    pages = _mapped(size + _HUGE)  # so that it can begin where a huge page does
    skip = -np.frombuffer(pages, np.uint8).ctypes.data % _HUGE
    with contextlib.suppress(OSError):  # of a kernel without huge pages
        # The last one too if at least half of it will be used: what is touched of it is there as a whole.
        pages.madvise(mmap.MADV_HUGEPAGE, skip, min((size + _HUGE // 2) // _HUGE * _HUGE, len(pages) - skip))
    return memoryview(pages)[skip : skip + size]


def _mapped(size: int) -> mmap.mmap:
    try:
        if sys.platform == "win32":
            return mmap.mmap(-1, size)
        return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as error:
        msg = f"there is no memory for {size} more bytes; record smaller frames, or keep fewer of them"
        raise MemoryError(msg) from error
