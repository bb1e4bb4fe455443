"""What one parameter of a scene is: its kind, its range, which values it takes, and how they travel.

Values come from Python, where a wrong one is an error that names it, and from a browser or a file, where it is
mended or refused. Pure; any thread. Knows no scene.
"""

from __future__ import annotations

import math
import numbers
import re
import sys
from collections.abc import Iterable, Sized
from dataclasses import dataclass, replace
from typing import Any, Literal

Kind = Literal["float", "int", "bool", "color", "vector", "choice"]

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_STEPS = 100  # in the decade of the range: a slider from 0 to 2 goes by 0.01


@dataclass(frozen=True, slots=True)
class Range:
    """The least and the greatest value of a number: ``speed: Annotated[float, Range(0, 2)] = 1``.

    Parameters
    ----------
    minimum, maximum : float
        Both belong to the range.
    step : float, optional
        What a slider goes by; Python may set what lies between.

    Raises
    ------
    TypeError, ValueError
        No finite numbers, or in the wrong order.
    """

    minimum: float
    maximum: float
    step: float | None = None

    def __post_init__(self) -> None:
        for name in ("minimum", "maximum", "step"):
            value = getattr(self, name)
            if value is None and name == "step":
                continue
            if isinstance(value, bool) or not isinstance(value, numbers.Real):
                msg = f"{name} must be a number, not {value!r}"
                raise TypeError(msg)
            if not _finite(value):
                msg = f"{name} must be finite, not {value!r}"
                raise ValueError(msg)
        if not self.minimum < self.maximum:
            msg = f"minimum must be less than maximum, not {self.minimum!r} and {self.maximum!r}"
            raise ValueError(msg)
        if self.step is not None and self.step <= 0:
            msg = f"step must be greater than 0, not {self.step!r}"
            raise ValueError(msg)


class Color:
    """Marks three or four floats from 0 to 1 as a colour: ``Annotated[tuple[float, float, float], Color]``."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value of a scene that a person may change.

    Attributes
    ----------
    name : str
    kind : "float", "int", "bool", "color", "vector" or "choice"
    label : str
        The name for people.
    value : object
        What it starts with, of the kind's Python type: a number, a bool, a tuple of 2 to 4 floats (3 or 4 for a
        colour), or one of the values in `options`.
    minimum, maximum, step : float, int or None
        For numbers, and for each number of a vector or colour.
    options : tuple of (str, object)
        Labels and values of a choice.
    """

    name: str
    kind: Kind
    label: str
    value: Any
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    options: tuple[tuple[str, Any], ...] = ()

    def checked(self, value: object) -> Any:
        """Return `value`, which Python gave, in the parameter's own type.

        Raises
        ------
        TypeError, ValueError
            It is none of the parameter's values; the text names the parameter, and what is allowed.
        """
        found = self.typed(value)
        if self.minimum is not None and self.maximum is not None:
            each = found if isinstance(found, tuple) else (found,)
            if not all(self.minimum <= number <= self.maximum for number in each):
                msg = f"{self.name} must lie between {self.minimum!r} and {self.maximum!r}, not {value!r}"
                raise ValueError(msg)
        return found

    def typed(self, value: object) -> Any:
        """Do as `checked`, wherever the value lies: a range is for sliders, and may have been another."""
        match self.kind:
            case "bool":
                return self._bool(value)
            case "float":
                return self._float(value)
            case "int":
                return self._int(value)
            case "choice":
                return self._choice(value)
        return self._vector(value)

    def starting(self, value: object) -> Parameter:
        """Return this with another start value; one beyond the range was meant, and widens it. Raises as `typed`."""
        found = self.typed(value)
        if self.minimum is None or self.maximum is None:
            return replace(self, value=found)
        each = found if isinstance(found, tuple) else (found,)
        return replace(self, value=found, minimum=min(self.minimum, *each), maximum=max(self.maximum, *each))

    def clamped(self, value: Any) -> Any | None:
        """Return the nearest allowed value for what a browser sent, or ``None`` where there is none.

        A choice is sent as the index of its option, a colour or vector as a list. Never raises.
        """
        if self.kind == "bool":
            return value if isinstance(value, bool) else None
        if self.kind == "choice":
            whole = isinstance(value, int) and not isinstance(value, bool)
            return self.options[value][1] if whole and 0 <= value < len(self.options) else None
        if self.kind in {"int", "float"}:
            number = self._clamp(value)
            return number if number is None else (float if self.kind == "float" else round)(number)
        if not isinstance(value, (list, tuple)) or len(value) != len(self.value):
            return None
        clamped = [float(number) for each in value if (number := self._clamp(each)) is not None]
        return tuple(clamped) if len(clamped) == len(value) else None

    def spec(self, value: object) -> dict[str, Any]:
        """Return what a browser needs to show the parameter with `value`: numbers, strings and lists only."""
        shown = list(value) if isinstance(value, tuple) and self.kind != "choice" else value
        return {
            "name": self.name,
            "kind": self.kind,
            "label": self.label,
            "value": self._index(value) if self.kind == "choice" else shown,
            "min": self.minimum,
            "max": self.maximum,
            "step": self.step,
            "options": [label for label, _ in self.options],
        }

    def encoded(self, value: object) -> Any:
        """Return `value` for a file: as JSON has it, and a choice by its label, which outlives an inserted option."""
        if self.kind == "choice":
            return self.options[self._index(value)][0]
        return list(value) if isinstance(value, tuple) else value

    def decoded(self, value: object) -> Any:
        """Return the value that `encoded` made this of; ``TypeError`` or ``ValueError`` if that is none."""
        if self.kind != "choice":
            return self.typed(value)
        for label, option in self.options:
            if label == value:
                return option
        raise self._unknown(value)

    def _bool(self, value: object) -> bool:
        # numpy's is no bool, and is what comes out of an array
        if isinstance(value, bool) or type(value).__name__ in {"bool", "bool_"}:
            return bool(value)
        msg = f"{self.name} must be True or False, not {value!r}"
        raise TypeError(msg)

    def _float(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            msg = f"{self.name} must be a number, not {value!r}"
            raise TypeError(msg)
        if not _finite(value):
            msg = f"{self.name} must be a finite number, not {value!r}"
            raise ValueError(msg)
        return float(value)

    def _int(self, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, numbers.Integral):
            msg = f"{self.name} must be a whole number, not {value!r}"
            raise TypeError(msg)
        if not _finite(value):
            msg = f"{self.name} must be a whole number that a float can hold, not one of {int(value).bit_length()} bits"
            raise ValueError(msg)
        return int(value)

    def _vector(self, value: object) -> tuple[float, ...]:
        wanted = len(self.value)
        if isinstance(value, (str, bytes)) or not isinstance(value, Sized) or not isinstance(value, Iterable):
            msg = f"{self.name} must be {wanted} numbers, not {value!r}"
            raise TypeError(msg)
        if len(value) != wanted:
            msg = f"{self.name} must be {wanted} numbers, not {len(value)}"
            raise ValueError(msg)
        return tuple(map(self._float, value))

    def _choice(self, value: object) -> Any:
        return self.options[self._index(value)][1]

    def _index(self, value: object) -> int:
        for index, (_, option) in enumerate(self.options):
            # True is no 1; but 4.0 is a 4
            if isinstance(option, bool) == isinstance(value, bool) and _same(option, value):
                return index
        raise self._unknown(value)

    def _unknown(self, value: object) -> ValueError:
        allowed = ", ".join(f"{option!r}" for _, option in self.options)
        return ValueError(f"{self.name} must be one of {allowed}, not {value!r}")

    def _clamp(self, value: object) -> float | None:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or _is_nan(value):
            return None
        assert self.minimum is not None
        assert self.maximum is not None
        # Before it is made a float: JSON's whole numbers know no end, and float(10**400) raises.
        return min(max(value, self.minimum), self.maximum)


def number(name: str, kind: Kind, value: Any, limits: Range | None = None) -> Parameter:
    """Return a parameter of numbers that starts with `value`; without `limits`, with the range people expect of it.

    That is ipywidgets' convention: from -v to 3v for the number v, and for 0 from 0 to 1, or to 10 for whole numbers;
    a vector's range holds those of its numbers. A value beyond `limits` was meant, and widens them.

    Raises
    ------
    ValueError
        No whole number lies within `limits`, and `kind` is "int".
    """
    each = value if isinstance(value, tuple) else (value,)
    if kind == "color":
        limits = limits or Range(0.0, 1.0)
    if limits is None:
        ranges = [_around(one) for one in each]
        limits = Range(min(low for low, _ in ranges), max(high for _, high in ranges))
    low, high, step = limits.minimum, limits.maximum, limits.step
    if kind == "int":
        low, high = math.ceil(low), math.floor(high)
        step = 1 if step is None else max(1, round(step))
        if low > high:
            msg = f"{name} is a whole number, and there is none from {limits.minimum!r} to {limits.maximum!r}"
            raise ValueError(msg)
    else:
        low, high = float(low), float(high)
        span = min(high - low, sys.float_info.max)
        step = float(step) if step is not None else 10.0 ** math.floor(math.log10(span)) / _STEPS
    return Parameter(name, kind, label(name), value, low, high, step).starting(value)


def label(name: str) -> str:
    """Return a name of a program in the words of a person: ``u_waveSpeed`` is "Wave speed"."""
    words = _HUMP.sub(" ", name.removeprefix("u_")).replace("_", " ").split()
    text = " ".join(word if word.isupper() else word.lower() for word in words)
    return text[:1].upper() + text[1:]


def _around(value: float) -> tuple[float, float]:
    if value == 0:
        return (0, 10) if isinstance(value, int) else (0.0, 1.0)
    far = 3 * value if _finite(3 * value) else value
    return (-value, far) if value > 0 else (far, -value)


def _finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the floats
        return False


def _is_nan(value: float) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _same(option: object, value: object) -> bool:
    try:
        return bool(option == value)
    except ValueError:  # an array compares number by number
        return False
