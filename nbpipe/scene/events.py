"""Events of the renderview specification: made safe, kept in order, and given to those who asked for them.

`read_event` and `EventQueue` may be called on whichever thread a message comes; `Handlers` belongs to the render
thread. Events are plain dicts with the fields of https://pygfx.org/renderview/, positions in pixels of the picture
from its top left corner. Knows no scene and no browser.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload

_POINTER = ("x", "y", "button", "buttons", "modifiers")
_TOUCHES = ("ntouches", "touches")
_WHEEL = ("dx", "dy", "x", "y", "buttons", "modifiers")
_SIZE = ("width", "height", "pwidth", "pheight", "ratio")

# type → the fields it has beside type and timestamp
FIELDS: dict[str, tuple[str, ...]] = {
    "resize": _SIZE,
    "close": (),
    "show": (),
    "hide": (),
    "focus_in": (),
    "focus_out": (),
    "pointer_down": _POINTER + _TOUCHES,
    "pointer_up": _POINTER + _TOUCHES,
    "pointer_move": _POINTER + _TOUCHES,
    "pointer_enter": _POINTER + _TOUCHES,
    "pointer_leave": _POINTER + _TOUCHES,
    "double_click": _POINTER,
    "wheel": _WHEEL,
    "key_down": ("key", "modifiers"),
    "key_up": ("key", "modifiers"),
    "char": ("data", "input_type", "is_composing", "repeat"),
}
# What the specification calls experimental, or a browser has not always.
_DEFAULTS: dict[str, Any] = {"ntouches": 0, "touches": {}, "repeat": False, "is_composing": False}
_BARE = ("pointer_enter", "pointer_leave")  # the specification gives them no fields, its own browser half all
_MODIFIERS = ("Shift", "Control", "Alt", "Meta")

_REACH = 16384  # pixels that a drag may go beyond the picture: more than any screen
_LARGEST = 65536  # pixels of a picture's side
_FARTHEST = 1e5  # of a wheel at once; a notch is about 100
_LATEST = 1e12  # seconds
_BUTTONS = 9
_TOUCHES_MOST = 16
_LONGEST_NAME, _LONGEST_TEXT = 64, 1024

Event = dict[str, Any]
Handler = Callable[[Event], object]
_H = TypeVar("_H", bound=Handler)


class _Malformed(ValueError):
    """A field is not what the specification says."""


def read_event(raw: object, size: tuple[int, int]) -> Event | None:
    """Return one event that a browser sent, checked field by field; ``None`` where it is none. Never raises.

    Parameters
    ----------
    raw : object
        What came, of any type.
    size : tuple of int
        Of the picture. A position may lie outside, as in a drag that leaves it, and is brought within 16384 pixels.

    Returns
    -------
    dict or None
        A new dict of the fields that the specification gives this type: finite floats, bounded strings, `buttons`
        and `modifiers` as tuples.
    """
    if not isinstance(raw, dict) or not isinstance(raw.get("type"), str) or raw["type"] not in FIELDS:
        return None
    kind = raw["type"]
    try:
        event: Event = {"type": kind, "timestamp": _number(raw.get("timestamp"), -_LATEST, _LATEST)}
        for field in FIELDS[kind]:
            if field in raw or kind not in _BARE:
                event[field] = _READERS[field](raw.get(field, _DEFAULTS.get(field)), size)
    except _Malformed:
        return None
    return event


class EventQueue:
    """Events between the thread they come on and the frame that is to show them. Any thread.

    A move or a wheel that follows one with the same buttons and modifiers is merged with it, as the specification
    allows, and so is a resize that follows a resize.

    Parameters
    ----------
    limit : int
        How many may wait. Beyond it the oldest move goes, else the oldest wheel, else the oldest.

    Attributes
    ----------
    dropped : int
        How many went.
    """

    def __init__(self, limit: int = 256) -> None:
        self.dropped = 0
        self._limit = limit
        self._lock = threading.Lock()
        self._events: list[Event] = []

    def put(self, event: Event) -> None:
        """Add an event."""
        with self._lock:
            merged = _merged(self._events[-1], event) if self._events else None
            if merged is not None:
                self._events[-1] = merged
                return
            if len(self._events) >= self._limit:
                del self._events[self._least_missed()]
                self.dropped += 1
            self._events.append(event)

    def take(self) -> list[Event]:
        """Return what waits, the oldest first, and leave nothing."""
        with self._lock:
            taken, self._events = self._events, []
        return taken

    def _least_missed(self) -> int:
        for kind in ("pointer_move", "wheel"):
            for index, event in enumerate(self._events):
                if event["type"] == kind:
                    return index
        return 0


class Handlers:
    """Functions to be called with events of certain types, as rendercanvas registers them. Render thread only."""

    def __init__(self) -> None:
        self._handlers: dict[tuple[Handler, str], float] = {}  # and the order of each; a dict keeps who came first

    @overload
    def add(self, handler: str, /, *types: str, order: float = 0) -> Callable[[_H], _H]: ...
    @overload
    def add(self, handler: _H, /, *types: str, order: float = 0) -> _H: ...
    def add(self, handler: Handler | str, /, *types: str, order: float = 0) -> Any:
        """Call ``handler(event)`` for events of `types`, or of all for ``"*"``; again only changes the order.

        Without a function this is a decorator: ``@handlers.add("pointer_down", "wheel")``.

        Parameters
        ----------
        handler : callable
        *types : str
            Types of the renderview specification.
        order : float
            Lower ones are called first, and those of the same order as they were added.

        Raises
        ------
        TypeError, ValueError
            No function, no type, or one that the specification has not.
        """
        if isinstance(handler, str):
            names = (handler, *types)
            return lambda function: self.add(function, *names, order=order)
        if not callable(handler):
            msg = f"a handler is called with an event: give a function, not {handler!r}"
            raise TypeError(msg)
        if not types:
            msg = "which events? Give types such as 'pointer_down', or '*' for all"
            raise TypeError(msg)
        for name in types:
            if name != "*" and name not in FIELDS:
                msg = f"there is no event {name!r}; there are {', '.join(FIELDS)} and '*'"
                raise ValueError(msg)
        self._handlers.update(dict.fromkeys([(handler, name) for name in types], order))
        return handler

    def __bool__(self) -> bool:
        return bool(self._handlers)

    def remove(self, handler: Handler, *types: str) -> None:
        """Call `handler` no more for `types`, or for none at all when there are none given."""
        for found, name in list(self._handlers):
            if found == handler and (not types or name in types):
                del self._handlers[found, name]

    def emit(self, event: Event) -> None:
        """Call the handlers for `event` in their order, until one sets ``event["stop_propagation"] = True``.

        Raises
        ------
        Exception
            What a handler raised, after the others were called; an `ExceptionGroup` if several did.
        """
        wanted = {handler: order for (handler, name), order in self._handlers.items() if name in (event["type"], "*")}
        errors = []
        for handler in sorted(wanted, key=wanted.__getitem__):
            try:
                handler(event)
            except Exception as error:  # noqa: BLE001  the caller gets it, the other handlers their event
                errors.append(error)
            if event.get("stop_propagation"):
                break
        if len(errors) == 1:
            raise errors[0]
        if errors:
            msg = f"{len(errors)} handlers of {event['type']} failed"
            raise ExceptionGroup(msg, errors)


def _merged(last: Event, event: Event) -> Event | None:
    """Return one event for two, or ``None`` where both count."""
    kind = event["type"]
    if last["type"] != kind or kind not in {"pointer_move", "wheel", "resize"}:
        return None
    if last.get("buttons") != event.get("buttons") or last.get("modifiers") != event.get("modifiers"):
        return None
    if kind == "wheel":
        return {**event, "dx": last["dx"] + event["dx"], "dy": last["dy"] + event["dy"]}
    return event


def _number(value: object, low: float, high: float) -> float:
    # Compared before it is made a float: JSON's whole numbers know no end, and float(10**400) raises.
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _Malformed
    if isinstance(value, float) and not math.isfinite(value):
        raise _Malformed
    return float(min(max(value, low), high))


def _whole(value: object, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise _Malformed
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Malformed
    return value


def _text(value: object, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise _Malformed
    try:
        value.encode()  # half of a surrogate pair is no text, and could not be written to a file
    except UnicodeEncodeError:
        raise _Malformed from None
    return value


def _buttons(value: object) -> tuple[int, ...]:
    if not isinstance(value, (list, tuple)) or len(value) > _BUTTONS:
        raise _Malformed
    return tuple(_whole(button, _BUTTONS) for button in value)


def _modifiers(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or len(value) > len(_MODIFIERS):
        raise _Malformed
    if not all(isinstance(modifier, str) and modifier in _MODIFIERS for modifier in value):
        raise _Malformed
    return tuple(value)


def _touches(value: object, size: tuple[int, int]) -> dict[str, dict[str, float]]:
    if not isinstance(value, Mapping) or len(value) > _TOUCHES_MOST:
        raise _Malformed
    touches = {}
    for name, touch in value.items():
        if not isinstance(touch, Mapping):
            raise _Malformed
        touches[_text(name, _LONGEST_NAME)] = {
            "x": _number(touch.get("x"), -_REACH, size[0] + _REACH),
            "y": _number(touch.get("y"), -_REACH, size[1] + _REACH),
            "pressure": _number(touch.get("pressure"), 0, 1),
        }
    return touches


_READERS: dict[str, Callable[[Any, tuple[int, int]], Any]] = {
    **dict.fromkeys(("width", "height", "pwidth", "pheight"), lambda value, _: _number(value, 1, _LARGEST)),
    "ratio": lambda value, _: _number(value, 1 / 16, 16),
    "x": lambda value, size: _number(value, -_REACH, size[0] + _REACH),
    "y": lambda value, size: _number(value, -_REACH, size[1] + _REACH),
    **dict.fromkeys(("dx", "dy"), lambda value, _: _number(value, -_FARTHEST, _FARTHEST)),
    "button": lambda value, _: _whole(value, _BUTTONS),
    "buttons": lambda value, _: _buttons(value),
    "modifiers": lambda value, _: _modifiers(value),
    "ntouches": lambda value, _: _whole(value, _TOUCHES_MOST),
    "touches": _touches,
    "key": lambda value, _: _text(value, _LONGEST_NAME),
    "data": lambda value, _: "" if value is None else _text(value, _LONGEST_TEXT),
    "input_type": lambda value, _: _text(value, _LONGEST_NAME),
    **dict.fromkeys(("is_composing", "repeat"), lambda value, _: _flag(value)),
}
