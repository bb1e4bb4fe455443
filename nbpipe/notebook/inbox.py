"""What browsers ask of a live widget, from the moment it comes until it is done.

A browser can play, seek, resize, turn the controls it was given, send events, ask for a take or a recording, and drop
the take. No path, no option and no code ever comes from it. What makes no sense is counted in `ignored` and otherwise
dropped, and numbers are brought into their range.

`put` may be called on any thread, with anything. What the stream needs at once goes to the audience, which guards
itself; the rest waits in a queue of bounded size, of which the newest count, until `empty` on the render thread.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, TypeGuard

from nbpipe.notebook.audience import Audience, Heard
from nbpipe.notebook.live_session import LiveSession
from nbpipe.notebook.params import Params
from nbpipe.notebook.widget import Recording
from nbpipe.progress import State

_log = logging.getLogger("nbpipe")

_LIMIT = 1024  # messages: a quarter of a minute under a moving slider, while a cell blocks
_MEMORY = 4 << 20  # bytes of them all together: four times what a moving pointer leaves in that time
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
    take: Any
    duration: Any
    params: Params
    recording: Recording | None

    @property
    def session(self) -> LiveSession:
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
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Content, int]] = deque()  # messages, and the bytes that each takes
        self._held = 0
        self._joined = False
        self._greeted = 0.0
        self._doers: dict[object, Callable[[View, Content], bool]] = {
            "lost": self._lost,
            "set": _set,
            "param": _param,
            "events": _events,
            "step": _step,
            "take": _take,
            "drop": _drop,
            "record": _record,
        }

    def put(self, content: object) -> str | None:
        """Take a message; return which browser is to be answered that it was heard, if any. Any thread."""
        kind = content.get("type") if isinstance(content, dict) else None
        if not isinstance(content, dict) or not isinstance(kind, str):
            self.ignore()
            return None
        client = content.get("client")
        if kind == "ack":
            heard = self._audience.ack(client, content.get("index"), content.get("age", 0), content.get("shown", 1))
        elif kind == "look":
            heard = self._audience.look(client, content.get("visible"))
        elif kind == "hello":
            heard = self._audience.hello(client, content.get("codecs"))
        else:
            known = kind in self._doers and self._keep(content)
            heard = self._audience.stir() if known else Heard.NONSENSE
        if heard is Heard.NONSENSE:
            self.ignore()
        elif heard is Heard.JOINED:
            with self._lock:
                self._joined = True
        greeted = kind == "hello" and heard is not Heard.NONSENSE and self._may_greet()
        return str(client) if greeted else None

    def empty(self, view: View) -> None:
        """Do what the messages ask for. Render thread."""
        with self._lock:
            waiting = [content for content, _ in self._waiting]
            self._waiting.clear()
            self._held = 0
            joined, self._joined = self._joined, False
        if joined:
            view.session.rejoin()
        for content in waiting:
            try:
                known = self._doers[content["type"]](view, content)
            except Exception:  # noqa: BLE001  an observer's own: the other messages are not to suffer
                _log.exception("nbpipe: an error in an observer of a preview was ignored")
            else:
                if not known:
                    self.ignore()

    def ignore(self) -> None:
        """Count a message that makes no sense. Any thread."""
        with self._lock:
            self.ignored += 1

    def _keep(self, content: Content) -> bool:
        """Put a message into the queue; whether it is not too large for it. The oldest make room."""
        size = _size(content)
        if size > _MEMORY:
            return False
        with self._lock:
            self._waiting.append((content, size))
            self._held += size
            while len(self._waiting) > _LIMIT or self._held > _MEMORY:
                self._held -= self._waiting.popleft()[1]
        return True

    def _may_greet(self) -> bool:
        with self._lock:
            now = time.monotonic()
            due = now - self._greeted > _GREETINGS
            self._greeted = now if due else self._greeted
            return due

    def _lost(self, view: View, content: Content) -> bool:
        index = content.get("index")
        known = self._audience.lost(content.get("client"), index) is not Heard.NONSENSE
        if known:
            view.session.rejoin(lost=index)
        return known


def _size(content: object) -> int:
    """Return how many bytes a message holds; of one beyond the limit, how many were counted until then."""
    found, rest = 0, [content]
    while rest and found <= _MEMORY:
        value = rest.pop()
        found += sys.getsizeof(value)
        if isinstance(value, dict):
            rest += [*value, *value.values()]
        elif isinstance(value, (list, tuple)):
            rest += value
    return found


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
    known = [view.session.event(event) for event in events[:_EVENTS]]
    return all(known)


def _step(view: View, content: Content) -> bool:
    by = content.get("by")
    if type(by) is not int or not -_STEPS <= by <= _STEPS:
        return False
    view.session.step(by)
    return True


def _take(view: View, content: Content) -> bool:
    if not isinstance(content.get("on"), bool):
        return False
    view.taking = content["on"]
    return True


def _drop(view: View, _: Content) -> bool:
    view.take = None
    return True


def _record(view: View, _: Content) -> bool:
    if view.recording is not None and not State(view.recording.state).ended:
        return False
    view.session.ask_record()
    return True
