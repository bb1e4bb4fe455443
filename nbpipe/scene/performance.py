"""A performance: a take in the making, with what is done to a live scene and how its time runs meanwhile.

Owns where a take's clock has to be set. The scene's clock says only where it stands, and when it was told so; an entry
is made only where that does not follow from the entry before, so that a replay runs evenly however unevenly pictures
came. Never looks at a clock of the room itself. Render thread only.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nbpipe.scene.take import Take, TakeRecorder

if TYPE_CHECKING:
    from nbpipe.scene.clock import PlayClock
    from nbpipe.scene.events import Event

_DRIFT = 1e-3  # seconds by which a clock may miss what a take says of it


class Performance:
    """What is done to a scene from `begun` on; every moment is told by the clock that tells `begun`.

    Parameters
    ----------
    scene : object
    clock : PlayClock
        The scene's.
    size : tuple of int
        Of the picture, as for `TakeRecorder`.
    begun : float
        Seconds.
    """

    def __init__(self, scene: object, clock: PlayClock, size: tuple[int, int], begun: float) -> None:
        self._loop = clock.duration if clock.loop else None
        self._recorder = TakeRecorder(scene, size=size, loop=self._loop)
        self._clock, self._begun = clock, begun
        self._noted: tuple[float, float]  # moment and time of the last note,
        self._seen: tuple[float, float]  # and of the last look, when the clock was as the take has it
        self._rate: float  # of the last note
        self._note(0.0)

    @property
    def full(self) -> bool:
        """Whether there is no room for more."""
        return self._recorder.ended is not None

    def param(self, now: float, name: str, value: object) -> None:
        """Note that parameter `name` has now the checked `value`."""
        self._recorder.param(now - self._begun, name, value)

    def event(self, now: float, event: Event) -> None:
        """Note what `read_event` has returned."""
        self._recorder.event(now - self._begun, event)

    def resized(self, size: tuple[int, int]) -> None:
        """Note in the pixels of which picture events come from now on."""
        self._recorder.resized(size)

    def ran(self, now: float) -> None:
        """Note how the clock, which nobody has set, has come to where it stands at `now`, unless that follows."""
        at = now - self._begun
        if self._clock.rate != self._rate:  # it has come to the end, and stood there since
            at = min(at, self._seen[0] + (self._clock.time - self._seen[1]) / self._rate)
            self._note(at)
        elif self._jumped(at):  # it stood still, because nobody looked or the kernel was busy
            self._recorder.clock(*self._seen, 0.0)
            self._note(at)
        self._seen = at, self._clock.time

    def was_set(self, now: float) -> None:
        """Note that somebody has set the clock, unless it runs on as before."""
        at = now - self._begun
        if self._clock.rate != self._rate or self._jumped(at):
            self._note(at)

    def finish(self, now: float) -> Take:
        """Return the take, which lasts until now, or until it was full."""
        return self._recorder.finish(now - self._begun)

    def _jumped(self, at: float) -> bool:
        """Whether the clock stands elsewhere than the last note says of the moment `at`."""
        then, time = self._noted
        drift = self._clock.time - (time + self._rate * (at - then))
        return abs(drift if self._loop is None else math.remainder(drift, self._loop)) >= _DRIFT

    def _note(self, at: float) -> None:
        self._noted = self._seen = at, self._clock.time
        self._rate = self._clock.rate
        self._recorder.clock(at, self._clock.time, self._rate)
