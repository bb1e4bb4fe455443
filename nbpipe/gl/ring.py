"""The ring of slots: the only memory that the frames of a recording ever lie in.

A frame's bytes are written once, by the GL or by what converts them, and read once, by the writer
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
sees addresses only, so the states need no lock. What kinds of memory there are is `memory`'s to know.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable

from nbpipe.gl.memory import Memory

SLOTS = 4  # one FILLING while the next is drawn, one WRITING, and one to even out a slow moment of either
# Without a GPU nothing is FILLING: llvmpipe has read when it returns. A fourth, 11.9 MiB of 4K (31.6 where FFmpeg
# converts), makes it no faster (94.6 frames a second of 1080p, and 94.0 with three); with two it is 5 % slower.
SLOTS_ON_SOFTWARE = 3


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

    def __init__(self, make: Callable[[], Memory], count: int) -> None:
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
