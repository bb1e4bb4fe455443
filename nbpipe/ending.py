"""The end of a program: what would be lost with it is brought to its own end first, and what is lost is told.

Children of multiprocessing pass atexit by, and have a list of their own. Any thread; imports nothing of nbpipe.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable

_calls: list[Callable[[], None]] = []
_minded = 0  # the process whose end is minded already


def at_the_end(call: Callable[[], None]) -> Callable[[], None]:
    """Decorate what is to be called when the interpreter ends; the last one first."""
    _calls.append(call)
    return atexit.register(call)


def mind_the_end() -> None:
    """Have them called if this process is a child of multiprocessing, too; for when there is something to lose."""
    global _minded  # noqa: PLW0603  a process is asked once
    if _minded != os.getpid() and "multiprocessing.process" in sys.modules:
        from multiprocessing import parent_process
        from multiprocessing.util import Finalize

        _minded = os.getpid()
        if parent_process() is not None:
            for call in _calls:
                Finalize(None, call, exitpriority=0)


def tell(words: str) -> None:
    """Say something to whoever has started the program, if there is still a way to."""
    where = sys.stderr or sys.__stderr__
    if where is not None:
        print(f"nbpipe: {words}", file=where)
