"""What a take may hold, checked entry by entry: a file may come from anywhere, and be edited by hand.

Pure; any thread. Every function returns its value in the form in which a `Take` keeps it, which nobody can change, or
raises a ``ValueError`` that says what is wrong where.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from nbpipe.scene.camera import checked_state
from nbpipe.scene.events import read_event
from nbpipe.scene.mouse import Mouse

MOST_ENTRIES = 100_000  # half an hour of moves at 60 a second

# What happens to the view and not to the scene; a replay has a size of its own.
NOT_PERFORMED = ("resize", "close", "show", "hide")

_LARGEST = 65536  # pixels of a side
_GREATEST = 1e15  # of any number: beyond, seconds have no thousandths
_LONGEST = 1024  # characters of the label of an option
_WIDEST = 4  # numbers of a colour


class Entry(NamedTuple):
    """One thing that was done.

    Attributes
    ----------
    kind : "clock", "param" or "event"
    at : float
        Seconds since the beginning of the performance.
    data : Mapping
        Of a clock, the scene's ``time`` and the ``rate`` at which it goes on, 0 for a pause. Of a parameter, its
        ``name`` and encoded ``value``. Of an event, its fields, with x and y as parts of the picture's sides.
    """

    kind: str
    at: float
    data: Mapping[str, Any]


def wrong(what: str) -> ValueError:
    """Return the error that says what is wrong."""
    return ValueError(f"this is no take of nbpipe: {what}")


def number(value: Any, name: str, *, low: float = -math.inf) -> float:
    """Return a finite number."""
    known = isinstance(value, (int, float)) and not isinstance(value, bool)
    # A whole number of JSON may be one that no float can hold.
    if not known or not max(low, -_GREATEST) <= value <= _GREATEST:
        at_least = "" if low == -math.inf else f" of at least {low:g}"
        raise wrong(f"{name} must be a finite number{at_least}, not {reprlib.repr(value)}")
    return float(value)


def size(value: object) -> tuple[int, int]:
    """Return a width and a height in pixels."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:  # noqa: PLR2004
        raise wrong(f"size must be width and height, not {reprlib.repr(value)}")
    width, height = (number(side, "a side of size", low=1) for side in value)
    if not max(width, height) <= _LARGEST or (width, height) != (int(width), int(height)):
        raise wrong(f"size must be whole numbers of at most {_LARGEST}, not {reprlib.repr(value)}")
    return int(width), int(height)


def _mapping(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise wrong(f"{name} must be an object, not {reprlib.repr(value)}")
    return value


def start(value: object) -> Mapping[str, Any]:
    """Return a state of a scene."""
    given = _mapping(value, "start")
    cameras = _mapping(given.get("cameras"), "start.cameras")
    mouse = Mouse()
    try:
        moved = {name: _frozen_mapping(checked_state(state)) for name, state in cameras.items()}
        mouse.state = given.get("mouse")
    except (TypeError, ValueError) as error:
        raise wrong(f"start: {error}") from None
    values = _mapping(given.get("parameters"), "start.parameters")
    return MappingProxyType(
        {
            "parameters": MappingProxyType({name: _value(each, f"start.{name}") for name, each in values.items()}),
            "cameras": MappingProxyType(moved),
            "mouse": tuple(mouse.state),
        }
    )


def entries(value: object) -> tuple[Entry, ...]:
    """Return what was done, in its order."""
    if not isinstance(value, (list, tuple)):
        raise wrong(f"entries must be a list, not {reprlib.repr(value)}")
    if len(value) > MOST_ENTRIES:
        raise wrong(f"entries must be {MOST_ENTRIES} at most, not {len(value)}")
    checked: list[Entry] = []
    for index, entry in enumerate(value):
        name = f"entry {index}"
        if not isinstance(entry, (list, tuple)) or len(entry) != len(Entry._fields):
            raise wrong(f"{name} must be a kind, a moment and an object, not {reprlib.repr(entry)}")
        kind, at, data = entry
        moment = number(at, f"the moment of {name}", low=0)
        if checked and moment < checked[-1].at:
            raise wrong(f"{name} is at {moment:g} s, before the one before it")
        checked.append(Entry(kind, moment, _data(kind, _mapping(data, name), name)))
    return tuple(checked)


def thawed(value: Any) -> Any:
    """Return `value` as dicts and lists, to be changed or written."""
    if isinstance(value, Mapping):
        return {key: thawed(each) for key, each in value.items()}
    return [thawed(each) for each in value] if isinstance(value, tuple) else value


def _data(kind: object, data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if kind == "clock":
        return MappingProxyType({key: number(data.get(key), f"{key} of {name}") for key in ("time", "rate")})
    if kind == "param":
        if not isinstance(data.get("name"), str):
            raise wrong(f"the name of {name} must be a string, not {reprlib.repr(data.get('name'))}")
        return MappingProxyType({"name": data["name"], "value": _value(data.get("value"), f"the value of {name}")})
    if kind == "event":
        event = read_event(dict(data), (1, 1))
        if event is None or event["type"] in NOT_PERFORMED:
            raise wrong(f"{name} must be a pointer, wheel, key or focus event, not {reprlib.repr(dict(data))}")
        return _frozen_mapping(event)
    raise wrong(f"the kind of {name} must be clock, param or event, not {reprlib.repr(kind)}")


def _value(value: object, name: str) -> Any:
    """Return the encoded value of a parameter."""
    if isinstance(value, bool) or (isinstance(value, str) and len(value) <= _LONGEST):
        return value
    if isinstance(value, int) and abs(value) <= _GREATEST:
        return value
    if isinstance(value, (list, tuple)) and len(value) <= _WIDEST:
        return tuple(number(each, name) for each in value)
    return number(value, name)


def _frozen_mapping(value: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType({key: _frozen(each) for key, each in value.items()})


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _frozen_mapping(value)
    return tuple(map(_frozen, value)) if isinstance(value, (list, tuple)) else value
