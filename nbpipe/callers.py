"""Who may call: the thread that began a recording, and nobody from within a call that is under way.

A recording belongs to one thread, because its OpenGL context does; one of arrays, which has none, to one at a time.
And a scene, an observer or a signal handler may call back into the recording that has called it; what is half done
there can be neither done again nor ended. A flag would not do to know of that: an interrupt between setting it and the
`try` that takes it back would leave it set for good. So the stack is looked at, which takes some microseconds. Any
thread.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from types import FrameType

from nbpipe.errors import NbpipeError, WrongThread


class Owner:
    """The thread that made this, in its process. Unless it is `bound` to that, another may follow when it has ended."""

    def __init__(self, *, bound: bool) -> None:
        self._thread = threading.current_thread()
        self._pid = os.getpid()
        self._bound = bound
        self._following = threading.RLock()

    @property
    def here(self) -> bool:
        """Whether the calling thread is it; the first that asks when that may be followed is."""
        if os.getpid() != self._pid:
            return False
        current = threading.current_thread()
        if current is not self._thread and not self._bound:
            with self._following:
                if not self._thread.is_alive():
                    self._thread = current
        return current is self._thread

    @property
    def elsewhere(self) -> bool:
        """Whether it is another thread of this process, which has not ended."""
        return not self.here and os.getpid() == self._pid and self._thread.is_alive()

    def check(self, partial: Path) -> None:
        """Raise `WrongThread` on another thread; `partial` is what there is of the file."""
        if os.getpid() != self._pid:
            msg = "this process was forked from one that is recording; go on there, or start it with 'spawn' instead"
            raise WrongThread(msg)
        if self.here:
            return
        if self._thread.is_alive():
            msg = f"this recording belongs to thread {self._thread.name!r}, not {threading.current_thread().name!r}"
        else:
            msg = (
                f"this recording was begun on thread {self._thread.name!r}, which has ended, so nothing can go on with "
                f"it: let that thread wait for the end. The partial video is {partial}"
            )
        raise WrongThread(msg)


def amid(subject: object, *methods: str) -> bool:
    """Whether the calling method was called from within one of these `methods` of `subject`, on this thread."""
    return _within(subject, methods, sys._getframe(1).f_back)  # noqa: SLF001  there is no other way to one's callers


def check_not_amid(subject: object, *methods: str) -> None:
    """Raise `NbpipeError` if the calling method was."""
    if _within(subject, methods, sys._getframe(1).f_back):  # noqa: SLF001  as above
        msg = (
            "a frame of this is being worked on: its scene, an observer or a signal handler cannot wait for it, add to "
            "it or take from it; let them note what is wanted, and do it afterwards"
        )
        raise NbpipeError(msg)


def _within(subject: object, methods: tuple[str, ...], frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name in methods and frame.f_locals.get("self") is subject:
            return True
        frame = frame.f_back
    return False
