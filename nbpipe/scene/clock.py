"""The clock of a live scene: how its time follows the time of the room.

Owns the position on the time line, and how play, speed and loop move it. Never looks at a clock itself: it is told
how many seconds have gone by, so that time stands still while nobody looks, and does not jump over what a busy kernel
missed. Pure; one thread at a time.
"""

from __future__ import annotations

import math
import numbers

_LEAP = 0.25  # seconds that one step may take at most: after a longer gap the person should not have missed anything


class PlayClock:
    """A time line of `duration` seconds and a position on it.

    Attributes
    ----------
    time : float
        Seconds, from 0 to `duration`.
    duration : float
    playing : bool
    speed : float
        Seconds of the scene per second of real time; negative runs backwards.
    loop : bool
        Whether the end is followed by the beginning; else it plays to the end and stops there.
    """

    def __init__(self, duration: float) -> None:
        self.duration = duration
        self.time = 0.0
        self.playing = True
        self.speed = 1.0
        self.loop = True

    @property
    def rate(self) -> float:
        """How fast time runs now: 0 when paused."""
        return self.speed if self.playing else 0.0

    @property
    def _over(self) -> bool:
        """Whether it stands at the end that it would run into; without a speed it runs into none."""
        ahead = self.duration if self.speed > 0 else 0.0
        return not self.loop and self.speed != 0 and self.time == ahead

    def advance(self, seconds: float) -> None:
        """Let `seconds` of the room go by."""
        self.move(min(seconds, _LEAP) * self.rate)
        if self._over:
            self.playing = False

    def move(self, seconds: float) -> None:
        """Move along the time line, round its ends if it loops."""
        time = self.time + seconds
        if self.loop:
            self.time = time % self.duration % self.duration  # a hair below 0 is the whole duration, which is 0
        else:
            self.time = min(max(time, 0.0), self.duration)

    def seek(self, time: float) -> None:
        """Go to `time`, or to the end that is nearer."""
        self.time = min(max(time, 0.0), self.duration)

    def play(self) -> None:
        """Run; from the beginning if it stands at the end that it would run into."""
        if self._over:
            self.time = 0.0 if self.speed > 0 else self.duration
        self.playing = True


def checked_seconds(name: str, value: object) -> float:
    """Return a duration in seconds; raise `TypeError` or `ValueError` naming the argument if it is none."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        msg = f"{name} must be a number of seconds, not {value!r}"
        raise TypeError(msg)
    try:
        seconds = float(value)
    except OverflowError:  # Python's whole numbers know no end
        seconds = math.inf
    if not 0 < seconds < math.inf:  # NaN is neither
        msg = f"{name} must be more than 0 seconds, and finite, not {value!r}"
        raise ValueError(msg)
    return seconds
