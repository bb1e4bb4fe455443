"""Those who look on while a recording is made: a person's thumbnails and progress, and what they may cost.

Owns the rule that looking on never harms the recording. Thumbnails take at most a twentieth of the time, but for one
every two seconds and one that is kept, and an error in a callback is logged and otherwise ignored. Render thread only.
Knows no notebook: it is given callables.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from nbpipe.gl.source import Source
from nbpipe.progress import Progress

_log = logging.getLogger("nbpipe")

_SHARE = 0.05  # of the time so far that looking on may take
# Seconds after which one more picture is made in any case. The first takes what is done only once (drawing on llvmpipe
# begins with a compiler), on a busy machine long enough for half a minute without another.
_LONGEST = 2.0


class ThumbnailSink(Protocol):
    """Who wants to see pictures while they are made."""

    def due(self, index: int) -> bool:
        """Whether a picture of frame `index` is wanted, if there is time for it."""

    def keeps(self, index: int) -> bool:
        """Whether it will be kept, and is wanted in any case."""

    def offer(self, picture: np.ndarray, index: int) -> None:
        """Take a picture (height, width, 3 or 4), top row first; valid during the call only."""


class Onlookers:
    """Hands out progress and thumbnails.

    Parameters
    ----------
    followers : list of callable
        Each takes a `Progress`. More may be added to the list.
    sink : ThumbnailSink, optional

    Attributes
    ----------
    cost : float
        Seconds that all of it has taken.
    """

    def __init__(self, followers: list[Callable[[Progress], None]], sink: ThumbnailSink | None) -> None:
        self._followers, self._sink = followers, sink
        self.cost = 0.0
        self._begun = self._latest = time.monotonic()
        self._under_way: int | None = None  # the frame whose thumbnail has been begun and has not come,
        self._kept = False  # and whether it is to be kept

    def begin(self, source: Source, index: int) -> None:
        """Begin a thumbnail of frame `index`, which `source` has just made, if it is due and affordable, or kept."""
        if self._sink is None:
            return
        now = time.monotonic()
        paid = self.cost <= _SHARE * (now - self._begun) or now - self._latest >= _LONGEST
        affordable = self._under_way is None and paid
        with self._counted("thumbnail"):
            # One that is under way would have to begin anew; only for a picture that is kept another is given up.
            keeps = self._sink.keeps(index) and not (self._under_way is not None and self._kept)
            if keeps or (affordable and self._sink.due(index)):
                source.shrink()
                self._under_way, self._kept, self._latest = index, keeps, now

    def show(self, source: Source) -> None:
        """Hand on the thumbnail that was begun, if it has come."""
        if self._sink is None or self._under_way is None:
            return
        with self._counted("thumbnail"):
            picture = source.thumbnail()
            if picture is not None:
                index, self._under_way = self._under_way, None
                self._sink.offer(picture, index)

    def tell(self, progress: Progress) -> None:
        """Hand on a snapshot."""
        for follower in self._followers:
            with self._counted("progress"):
                follower(progress)

    @contextlib.contextmanager
    def _counted(self, what: str) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        except Exception:  # noqa: BLE001  whatever it is, it is not the recording's
            _log.exception("nbpipe: an error in the %s callback was ignored", what)
        self.cost += time.monotonic() - begun
