"""Slots on loan: memory that frames lie in while the user's own code reads them, for as long as it likes.

A `Ring` lends to one borrower that says when it is done. Here the borrower is Python: arrays, slices of them,
memoryviews of those, on any thread, kept in any list. Nobody says when he is done; the interpreter knows.

    spare ──issued──► filling ──lend──► on loan ──last view gone──► returned ──spare──► spare
    pool              the GL            the borrower                any thread          pool

**Who may write.** Reads go into spare slots only, and a slot on loan is in no list of the pool: the pool could not
write to it if it tried. What alone still knows it is the finalizer of its *anchor*.

**The anchor** is a plain array over the slot's memory that nobody is given. The borrower gets a memoryview of it,
and every view of a view, whether numpy's or Python's, holds on to that one or to a view of it, because each of
them refers to the object whose buffer it exports. So the anchor dies with the last of them, by reference count,
in whatever order they go. (The array of the loan could not be the anchor itself: numpy gives a slice the *base*
of the array it was cut from, not that array.) The anchor is read-only and so is all that is derived from it:
numpy lets nobody set `writeable` again on memory that it got as read-only. What does not hold it is a bare
address, such as ``array.ctypes.data`` or ``array.__array_interface__``, and whoever calls ``array.base.release()``
lets go of it by hand.

**Coming back.** The finalizer runs wherever the last view went, in the midst of anything. It takes no lock and
makes no GL call: it puts the slot into a deque, which is atomic, and the render thread takes it from there when it
next needs one.

**After the pool.** The finalizer knows the deque weakly, and `release` lets go of it. Slots that come back later
find no deque and are simply dropped. Plain memory is freed by that. A mapped pixel buffer may be unmapped on the
render thread only; moderngl notes the buffer when Python drops it, and `Context.collect` deletes it there, which
unmaps it. This is so for the main thread's own context, which nobody releases; frames of any other lie in plain memory
(`Source.memory`): a thread's own ends with it, and a user may release their own context before the frames.

Everything but the coming back happens on the render thread.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable

import numpy as np

from nbpipe.gl.memory import Memory

_SLICE = 0.05  # seconds: how long an interrupt may have to wait for the GL


class Pool:
    """Slots that are made as they are needed, and lent.

    Parameters
    ----------
    make : callable
        Makes the memory of one slot.
    most : int
        How many slots there may be.
    """

    def __init__(self, make: Callable[[], Memory], most: int) -> None:
        self._make, self._most = make, most
        self._made = 0
        self._spare: list[Memory] = []
        self._filling: deque[Memory] = deque()
        self._returned: deque[Memory] = deque()

    @property
    def filling(self) -> int:
        """How many frames are on their way back from the GL."""
        return len(self._filling)

    @property
    def on_loan(self) -> int:
        """How many frames the borrower still holds."""
        self._take_back()
        return self._made - len(self._spare) - len(self._filling)

    def spare(self) -> Memory | None:
        """Return memory for the next frame, or ``None`` when there may be no more of it.

        It stays spare until it is `issued`, so an interrupt in between loses nothing.
        """
        self._take_back()
        if not self._spare and self._made < self._most:
            self._spare.append(self._make())
            self._made += 1
        # The one that came back last is the one most likely to be in a cache still.
        return self._spare[-1] if self._spare else None

    def issued(self, memory: Memory) -> None:
        """Note that a read into spare memory has been issued, in the order of the frames."""
        self._filling.append(memory)
        self._spare.remove(memory)

    def lend(self) -> memoryview:
        """Wait for the oldest frame, and lend its bytes until the last view of this view is gone."""
        while not self._filling[0].arrived(_SLICE):
            pass
        memory = self._filling.popleft()
        anchor = np.frombuffer(memory.view.toreadonly(), np.uint8)
        weakref.finalize(anchor, _give_back, weakref.ref(self._returned), memory).atexit = False
        return anchor.data

    def release(self) -> None:
        """Give back all memory but what is on loan, which goes when the borrower lets it go. Again does nothing."""
        self._take_back()
        self._returned = deque()
        while self._filling:
            self._filling.popleft().release()
        while self._spare:
            self._spare.pop().release()
        self._most = 0

    def _take_back(self) -> None:
        while self._returned:
            self._spare.append(self._returned.popleft())


def _give_back(home: weakref.ref[deque[Memory]], memory: Memory) -> None:
    """Put a slot where the pool will find it, if the pool is still there."""
    returned = home()
    if returned is not None:
        returned.append(memory)
