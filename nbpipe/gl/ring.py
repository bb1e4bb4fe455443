"""The ring of slots: the only memory that the frames of a recording ever lie in.

A frame's bytes are written once, by the GL (or by a copy from a user's array), and read once, by the writer
thread's system call. In between nobody copies them; what changes is who owns them:

    FREE ──acquire──► FILLING ──ready──► READY ──lent──► WRITING ──reclaim──► FREE
     ring              the GL             pipeline        writer thread        ring

* FILLING: glReadPixels has been issued, and the fence behind it has not been seen to pass. The memory is the
  GL's; reading it would give half a frame.
* READY: the fence has passed. Frames become READY strictly in the order in which they were acquired.
* WRITING: the native writer holds a buffer view of the memory until every byte is in the pipe. Only its
  ticket count says when that is over; nothing else may make the slot FREE.

Back-pressure is one thing: there is no FREE slot. The memory of a recording is therefore bounded by
slots × frame size, however long the video is. All of this happens on the render thread; the writer thread
sees addresses only, so the states need no lock.

Two kinds of memory fill a slot. `PixelBuffer` is a GL buffer, mapped once and persistently (OpenGL 4.4 or
ARB_buffer_storage): the GL copies into it in its own time, and its address never changes. `HostMemory` is
plain memory, for GL below 4.4, arrays and buffers: reading into it waits for the GL.

moderngl's own buffer views must never be used here: releasing one unmaps whichever buffer is bound.
"""

from __future__ import annotations

import ctypes
import enum
from collections import deque
from collections.abc import Callable
from typing import Protocol

import moderngl

from nbpipe.errors import NbpipeError
from nbpipe.gl._calls import (
    MAP_COHERENT,
    MAP_PERSISTENT,
    MAP_READ,
    PIXEL_PACK_BUFFER,
    PIXEL_PACK_BUFFER_BINDING,
    SYNC_FLUSH_COMMANDS,
    SYNC_GPU_COMMANDS_COMPLETE,
    TIMEOUT_EXPIRED,
    WAIT_FAILED,
    calls,
)

SLOTS = 4  # one FILLING while the next is drawn, one WRITING, and one to even out a slow moment of either


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
        memory = (ctypes.c_ubyte * size)()
        self._bytes: ctypes.Array[ctypes.c_ubyte] | None = memory
        self.view = memoryview(memory).cast("B")
        self.pack_buffer = 0
        self.offset = ctypes.addressof(memory)

    def issued(self) -> None:
        """Nothing to note."""

    def arrived(self, timeout: float) -> bool:  # noqa: ARG002
        """Return True."""
        return True

    def release(self) -> None:
        """Forget the memory, however long this object is still known to somebody."""
        self.view = memoryview(b"")
        self._bytes = None


class PixelBuffer:
    """A pixel-pack buffer, mapped for its whole life, with a fence after each read into it."""

    def __init__(self, ctx: moderngl.Context, size: int) -> None:
        gl = calls()
        self._gl = gl
        self._fence: int | None = None
        self._buffer = ctx.buffer(reserve=1)  # its storage comes below; to make it twice takes llvmpipe 6 ms
        self.pack_buffer = self._buffer.glo
        self.offset = 0
        flags = MAP_READ | MAP_PERSISTENT | MAP_COHERENT
        bound = gl.integer(PIXEL_PACK_BUFFER_BINDING)
        gl.BindBuffer(PIXEL_PACK_BUFFER, self.pack_buffer)
        gl.BufferStorage(PIXEL_PACK_BUFFER, size, None, flags)
        address = gl.MapBufferRange(PIXEL_PACK_BUFFER, 0, size, flags)
        gl.BindBuffer(PIXEL_PACK_BUFFER, bound)
        if not address:
            self._buffer.release()
            msg = f"the GL could not map {size} bytes for reading back (glMapBufferRange, error {gl.GetError():#x})"
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
        self._fence = self._gl.FenceSync(SYNC_GPU_COMMANDS_COMPLETE, 0)

    def arrived(self, timeout: float) -> bool:
        """Whether the fence has passed; waits without the GIL, at most `timeout` seconds."""
        if self._fence is None:
            return True
        result = self._gl.ClientWaitSync(self._fence, SYNC_FLUSH_COMMANDS, int(timeout * 1e9))
        if result == WAIT_FAILED:
            msg = "the GL lost track of a frame (glClientWaitSync failed); was the context released?"
            raise NbpipeError(msg)
        if result == TIMEOUT_EXPIRED:
            return False
        self._forget()
        return True

    def release(self) -> None:
        """Unmap and delete; the writer must have let go of `view`. Again does nothing."""
        if not self.view:
            return
        self._forget()
        bound = self._gl.integer(PIXEL_PACK_BUFFER_BINDING)
        self._gl.BindBuffer(PIXEL_PACK_BUFFER, self.pack_buffer)
        self._gl.UnmapBuffer(PIXEL_PACK_BUFFER)
        self._gl.BindBuffer(PIXEL_PACK_BUFFER, bound if bound != self.pack_buffer else 0)
        self.view = memoryview(b"")
        self._buffer.release()

    def _forget(self) -> None:
        fence, self._fence = self._fence, None
        if fence is not None:
            self._gl.DeleteSync(fence)


class SlotState(enum.Enum):
    """Who owns a slot's memory; see the module's text."""

    FREE = enum.auto()
    FILLING = enum.auto()
    READY = enum.auto()
    WRITING = enum.auto()


class Slot:
    """One frame's memory and its state, which only `Ring` changes.

    The writer numbers what it is given 1, 2, 3 …, and so does the ring what it issues: `ticket` is both. That is
    how a frame whose submission an interrupt has cut in two is neither lost nor written twice.
    """

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.state = SlotState.FREE
        self.ticket = 0


class Ring:
    """Slots in rotation. Render thread only.

    Parameters
    ----------
    make : callable
        Makes the memory of one slot.
    count : int
        How many slots.
    """

    def __init__(self, make: Callable[[], Memory], count: int = SLOTS) -> None:
        self.slots: list[Slot] = []
        try:
            for _ in range(count):
                self.slots.append(Slot(make()))
        except BaseException:
            self.release()
            raise
        self._free: deque[Slot] = deque(self.slots)
        self._filling: deque[Slot] = deque()
        self._writing: deque[Slot] = deque()
        self._tickets = 0

    def acquire(self) -> Slot:
        """Take a FREE slot for the next frame; `free` says whether there is one."""
        slot = self._free.popleft()
        self._move(slot, SlotState.FREE, SlotState.FILLING)
        return slot

    def issued(self, slot: Slot) -> None:
        """Note that the read into an acquired slot has been issued, in the order of the frames."""
        self._tickets += 1
        slot.ticket = self._tickets
        self._filling.append(slot)

    def ready(self, timeout: float) -> Slot | None:
        """Return the oldest frame not yet lent once its read is complete, waiting at most `timeout` seconds.

        It stays the oldest until `lent` is called, however often this is.
        """
        if not self._filling:
            return None
        slot = self._filling[0]
        if slot.state is SlotState.FILLING:
            if not slot.memory.arrived(timeout):
                return None
            self._move(slot, SlotState.FILLING, SlotState.READY)
        return slot

    def lent(self, slot: Slot) -> None:
        """Note that the writer holds `slot` until it has written its ticket."""
        self._filling.popleft()
        self._move(slot, SlotState.READY, SlotState.WRITING)
        self._writing.append(slot)

    def reclaim(self, written: int) -> None:
        """Make every slot FREE whose ticket is at most `written`."""
        while self._writing and self._writing[0].ticket <= written:
            slot = self._writing.popleft()
            self._move(slot, SlotState.WRITING, SlotState.FREE)
            self._free.append(slot)

    @property
    def free(self) -> bool:
        """Whether a slot is FREE."""
        return bool(self._free)

    @property
    def filling(self) -> int:
        """How many frames are on their way back from the GL."""
        return len(self._filling)

    @property
    def oldest_ticket(self) -> int | None:
        """The ticket whose writing frees the next slot."""
        return self._writing[0].ticket if self._writing else None

    def release(self) -> None:
        """Give all memory back; the writer must be closed."""
        for slot in self.slots:
            slot.memory.release()
        self.slots.clear()

    @staticmethod
    def _move(slot: Slot, expected: SlotState, new: SlotState) -> None:
        if slot.state is not expected:
            msg = f"a slot is {slot.state.name}, not {expected.name}: two owners for one frame"
            raise AssertionError(msg)
        slot.state = new


def pixel_memory(ctx: moderngl.Context, size: int) -> Memory:
    """Return the best memory this context offers for reading `size` bytes back."""
    return PixelBuffer(ctx, size) if PixelBuffer.available(ctx) else HostMemory(size)
