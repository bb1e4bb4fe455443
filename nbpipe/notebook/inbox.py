"""What browsers ask of a live widget, from the moment it comes until it is done.

A browser can play, seek, resize, turn the controls it was given, send events, and ask for a take or a recording. No
path, no option and no code ever comes from it. What makes no sense is counted in `ignored` and otherwise dropped, and
numbers are brought into their range.

`put` may be called on any thread, with anything. What the stream needs at once goes to the audience, which guards
itself; the rest waits in a queue of bounded length, of which the newest count, until `empty` on the render thread.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, TypeGuard

from nbpipe.notebook.audience import Audience
from nbpipe.notebook.params import Params
from nbpipe.notebook.plays import Plays

_LIMIT = 1024  # messages: a quarter of a minute under a moving slider, while a cell blocks
_EVENTS = 64  # in one message
_SIDES = 16, 4096  # pixels that a browser may ask for
_SPEEDS = 0.01, 16.0
_STEPS = 1000  # frames at once
_LARGEST = 1e9
_GREETINGS = 0.02  # seconds between two answers to a hello

Content = dict[str, Any]


class View(Protocol):
    """The widget, as its inbox sees it."""

    playing: Any
    time: Any
    speed: Any
    loop: Any
    size: Any
    taking: Any
    duration: Any
    params: Params

    @property
    def player(self) -> Plays:
        """What plays the scene."""


class Inbox:
    """Messages of browsers to one widget.

    Attributes
    ----------
    ignored : int
        Those that made no sense.
    """

    def __init__(self, audience: Audience) -> None:
        self.ignored = 0
        self._audience = audience
        self._waiting: deque[Content] = deque(maxlen=_LIMIT)
        self._greeted = 0.0
        self._doers: dict[object, Callable[[View, Content], bool]] = {
            "joined": _joined,
            "lost": self._lost,
            "set": _set,
            "param": _param,
            "events": _events,
            "step": _step,
            "take": _take,
            "record": _record,
        }

    def put(self, content: Content) -> bool:
        """Take a message; whether it is to be answered that it was heard. Any thread."""
        kind, client = content.get("type"), content.get("client")
        if kind == "ack":
            self._audience.ack(client, content.get("index"))
        elif kind == "look":
            if self._audience.look(client, content.get("visible")):
                self._waiting.append({"type": "joined"})
        elif kind == "hello":
            if self._audience.hello(client, content.get("codecs")):
                self._waiting.append({"type": "joined"})
            now = time.monotonic()
            due = now - self._greeted > _GREETINGS
            self._greeted = now if due else self._greeted
            return due
        else:
            self._waiting.append(content)
        return False

    def empty(self, view: View) -> None:
        """Do what the messages ask for. Render thread."""
        while self._waiting:
            content = self._waiting.popleft()
            kind = content.get("type")
            do = self._doers.get(kind) if isinstance(kind, str) else None
            if do is None or not do(view, content):
                self.ignored += 1

    def _lost(self, view: View, content: Content) -> bool:
        known = self._audience.lost(content.get("client"))
        if known:
            view.player.rejoin(key=True)
        return known


def _joined(view: View, _: Content) -> bool:
    view.player.rejoin(key=False)
    return True


def _set(view: View, content: Content) -> bool:
    name, value = content.get("name"), content.get("value")
    if name == "playing" and isinstance(value, bool):
        view.playing = value
    elif name == "loop" and isinstance(value, bool):
        view.loop = value
    elif name == "time" and _is_number(value):
        view.time = float(min(max(value, 0.0), view.duration))
    elif name == "speed" and _is_number(value):
        view.speed = float(min(max(value, _SPEEDS[0]), _SPEEDS[1]))
    elif name == "size" and isinstance(value, list) and [type(side) for side in value] == [int, int]:
        view.size = tuple(min(max(side, _SIDES[0]), _SIDES[1]) for side in value)
    else:
        return False
    return True


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _LARGEST  # NaN never is


def _param(view: View, content: Content) -> bool:
    return view.params.hear(content.get("name"), content.get("value"))


def _events(view: View, content: Content) -> bool:
    events = content.get("events")
    if not isinstance(events, list):
        return False
    known = [view.player.event(event) for event in events[:_EVENTS]]
    return all(known)


def _step(view: View, content: Content) -> bool:
    by = content.get("by")
    if type(by) is not int or not -_STEPS <= by <= _STEPS:
        return False
    view.player.step(by)
    return True


def _take(view: View, content: Content) -> bool:
    if not isinstance(content.get("on"), bool):
        return False
    view.taking = content["on"]
    return True


def _record(view: View, _: Content) -> bool:
    view.player.ask_record()
    return True
