"""A take: what a person did to a scene, and when, so that it can be done again at any size and rate.

Its axis is the time of the performance, in seconds since it began; the scene's own time is one of the things that
were performed, because people pause, scrub and change the speed. `TakeRecorder` makes a take on the render thread;
`Take` is immutable data, for any thread and for files; `Replay` plays it. What a take may hold is in `take_form`.
"""

from __future__ import annotations

import json
import os
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any, Self

from nbpipe.scene import take_form
from nbpipe.scene.events import Event
from nbpipe.scene.parameters import parameters
from nbpipe.scene.state import scene_state
from nbpipe.scene.take_form import MOST_ENTRIES, NOT_PERFORMED, Entry, wrong

__all__ = ["Entry", "Take", "TakeRecorder"]

_FORMAT = 1


@dataclass(frozen=True, repr=False)
class Take:
    """A recorded performance, for ``nbpipe.record(scene, "take.mp4", take=view.take)``.

    Parameters
    ----------
    duration : float
        Seconds of the performance.
    size : tuple of int
        Width and height of the picture in which it was performed.
    start : Mapping
        Where the scene was: ``parameters``, ``cameras`` and ``mouse``.
    entries : iterable of Entry
        What was done, in order; at most 100 000.
    loop : float, optional
        The scene's time begins again after this many seconds.

    Raises
    ------
    ValueError
        Something in it is not what it has to be; the text says which.

    Notes
    -----
    In a picture of another shape, positions keep their distance from the middle in parts of the height, as what a
    camera shows does.
    """

    duration: float
    size: tuple[int, int]
    start: Mapping[str, Any]
    entries: tuple[Entry, ...] = ()
    loop: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        fields = {
            "duration": take_form.number(self.duration, "duration", low=0),
            "size": take_form.size(self.size),
            "start": take_form.start(self.start),
            "entries": take_form.entries(self.entries),
            "loop": None if self.loop is None else take_form.number(self.loop, "loop", low=1e-6),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def time_at(self, seconds: float) -> float:
        """Return the scene's time at a moment of the performance."""
        moments, clocks = self._clocks
        index = max(bisect_right(moments, seconds) - 1, 0)
        time = seconds if not clocks else clocks[index]["time"] + clocks[index]["rate"] * (seconds - moments[index])
        # a hair below 0 is the whole loop by the first %, which is its beginning
        return time if self.loop is None else time % self.loop % self.loop

    def video_seconds(self, rate: Fraction) -> Fraction:
        """Return the length of its video at `rate` frames per second: one frame is the shortest there is."""
        return max(Fraction(self.duration), 1 / rate)

    def to_json(self) -> str:
        """Return all of it as JSON, from which `from_json` makes an equal one."""
        return json.dumps(
            {
                "nbpipe_take": _FORMAT,
                "duration": self.duration,
                "size": self.size,
                "loop": self.loop,
                "start": take_form.thawed(self.start),
                "entries": [(kind, at, take_form.thawed(data)) for kind, at, data in self.entries],
            },
            allow_nan=False,
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Make one of what `to_json` returned; `ValueError` says what is wrong with anything else."""
        try:
            raw = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise wrong(f"no JSON ({error})") from None
        if not isinstance(raw, dict) or raw.get("nbpipe_take") != _FORMAT:
            raise wrong(f'no "nbpipe_take": {_FORMAT} in it')
        fields: dict[str, Any] = {name: raw.get(name) for name in ("duration", "size", "start", "entries", "loop")}
        return cls(**fields)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file as JSON."""
        Path(path).write_text(self.to_json(), encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` has written; `ValueError` says what is wrong with anything else."""
        try:
            return cls.from_json(Path(path).read_text(encoding="utf-8"))
        except ValueError as error:
            msg = f"{os.fspath(path)!r}: {error}"
            raise ValueError(msg) from None

    def __repr__(self) -> str:
        return f"<Take of {self.duration:.3g} s, {len(self.entries)} entries>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Take.from_json, (self.to_json(),)

    @cached_property
    def _clocks(self) -> tuple[list[float], list[Mapping[str, Any]]]:
        clocks = [entry for entry in self.entries if entry.kind == "clock"]
        return [entry.at for entry in clocks], [entry.data for entry in clocks]


class TakeRecorder:
    """Notes what is done to a scene, from now on. Render thread only.

    Parameters
    ----------
    scene : object
    size : tuple of int
        Of the picture, in whose pixels events come.
    loop : float, optional
        As for `Take`.

    Attributes
    ----------
    ended : float or None
        The moment of the last entry there was room for; what comes later is passed over.
    """

    def __init__(self, scene: object, *, size: tuple[int, int], loop: float | None = None) -> None:
        self.ended: float | None = None
        self._parameters = parameters(scene)
        self._start = scene_state(scene)
        self._first_size, self._size, self._loop = size, size, loop
        self._entries: list[Entry] = []

    def clock(self, at: float, time: float, rate: float) -> None:
        """Note that the scene is at `time`, and goes on `rate` times as fast as the performance."""
        self._add("clock", at, {"time": time, "rate": rate})

    def param(self, at: float, name: str, value: object) -> None:
        """Note that parameter `name` has now the checked `value`."""
        self._add("param", at, {"name": name, "value": self._parameters[name].encoded(value)})

    def event(self, at: float, event: Event) -> None:
        """Note what `read_event` has returned, but for what concerns the view alone."""
        if event["type"] in NOT_PERFORMED:
            return
        noted = self._in_shares(event) | {"timestamp": at}
        if "touches" in event:
            noted["touches"] = {name: self._in_shares(touch) for name, touch in event["touches"].items()}
        self._add("event", at, noted)

    def resized(self, size: tuple[int, int]) -> None:
        """Take events in the pixels of a picture of this size from now on."""
        self._size = size

    def finish(self, at: float) -> Take:
        """Return the take, which lasts until now, or until it was full."""
        duration = at if self.ended is None else self.ended
        return Take(duration, self._first_size, self._start, tuple(self._entries), loop=self._loop)

    def _in_shares(self, placed: Mapping[str, Any]) -> dict[str, Any]:
        """Return an event or a touch with its place, if it has one, in sides of the first picture."""
        shares = dict(placed)
        if "x" in placed:
            (width, height), aspect = self._size, self._first_size[0] / self._first_size[1]
            shares["x"] = 0.5 + (placed["x"] - width / 2) / height / aspect
        if "y" in placed:
            shares["y"] = placed["y"] / self._size[1]
        return shares

    def _add(self, kind: str, at: float, data: dict[str, Any]) -> None:
        if self.ended is None and len(self._entries) == MOST_ENTRIES:
            self.ended = self._entries[-1].at
        if self.ended is None:  # that a clock stood still is known only afterwards
            self._entries.insert(bisect_right(self._entries, at, key=attrgetter("at")), Entry(kind, at, data))
