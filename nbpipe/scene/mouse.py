"""``iMouse``: what Shadertoy tells a shader of the pointer.

The pointer is kept as a part of the picture, so that a recording of another size shows the same. Render thread only;
knows events as dicts, and nothing of GL.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from typing import Any

_LEFT = 1
_STATE = 5
_FARTHEST = 1e6  # pictures from the picture; JSON's whole numbers know no end
# A pixel of a 16K picture is 6e-5 of it; x / width * width may fall short of x by 1e-16, and be the pixel before.
_ROUNDING = 1e-9
# Pressed in the first column or row, z or w would be 0, which has no sign.
_LEAST = 1e-3

Place = tuple[float, float]


class Mouse:
    """The left button and where the pointer was while it was down.

    Attributes
    ----------
    down : bool
    """

    def __init__(self) -> None:
        self.down = False
        self._place: Place | None = None  # from the left and from the top, 0 to 1; None before the first press
        self._pressed: Place = (0.0, 0.0)
        self._clicked = False  # since the last frame
        self._size: tuple[float, float] | None = None  # of the picture in which events count
        self._early: list[Mapping[str, Any]] = []  # events that came before the first size

    def forget_size(self) -> None:
        """Take the size of the next frame for that of the events."""
        self._size = None

    def on_event(self, event: Mapping[str, Any]) -> None:
        """Follow ``pointer_down``, ``pointer_move``, ``pointer_up`` and ``resize``; pass over the others."""
        if event["type"] == "resize":
            self._size = (event["width"], event["height"])
        elif event["type"] in {"pointer_down", "pointer_move", "pointer_up"}:
            if self._size is None:
                self._early.append(event)
            else:
                self._follow(event, self._size)

    def uniform(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        """Return ``iMouse`` for a frame of `size` pixels; the frame of a click is the first after it.

        ``xy`` is the pixel under the pointer when the button was last down, counted from the lower left from 0, as
        whole numbers (a ``fragCoord`` lies half a pixel further). ``abs(zw)`` is where it was pressed; z is positive
        while it is down, and w in the one frame of the click.
        """
        for event in self._early:
            self._follow(event, size)
        self._early.clear()
        self._size = size
        if self._place is None:
            return (0.0, 0.0, 0.0, 0.0)
        x, y = _pixel(self._place, size)
        z, w = (max(number, _LEAST) for number in _pixel(self._pressed, size))
        clicked, self._clicked = self._clicked, False
        return (x, y, z if self.down else -z, w if clicked else -w)

    @property
    def state(self) -> list[float]:
        """Where the pointer was and where it was pressed, as four parts of the picture, and 1 while it is down.

        Empty before the first press. As JSON has it; to be set again, which ends any click. ``ValueError`` from setting
        anything else.
        """
        return [] if self._place is None else [*self._place, *self._pressed, float(self.down)]

    @state.setter
    def state(self, state: object) -> None:
        if not isinstance(state, (list, tuple)) or len(state) not in {0, _STATE} or not all(map(_is_finite, state)):
            msg = f"the state of a mouse is five finite numbers or none, not {reprlib.repr(state)}"
            raise ValueError(msg)
        self._early.clear()
        self._clicked = False
        self._place = (state[0], state[1]) if state else None
        self._pressed = (state[2], state[3]) if state else (0.0, 0.0)
        self.down = bool(state and state[4])

    def _follow(self, event: Mapping[str, Any], size: tuple[float, float]) -> None:
        place = (event["x"] / size[0], event["y"] / size[1])
        if event["type"] == "pointer_down" and event["button"] == _LEFT:
            self._place = self._pressed = place
            self.down = self._clicked = True
        elif event["type"] == "pointer_move" and self.down:
            self._place = place
        elif event["type"] == "pointer_up" and event["button"] == _LEFT:
            self.down = False


def _pixel(place: Place, size: tuple[int, int]) -> tuple[float, float]:
    """Return the pixel of a picture that holds `place`, or the nearest, counted from the lower left."""
    column = math.floor((place[0] + _ROUNDING) * size[0])
    row = math.floor((place[1] + _ROUNDING) * size[1])
    return float(min(max(column, 0), size[0] - 1)), float(size[1] - 1 - min(max(row, 0), size[1] - 1))


def _is_finite(value: object) -> bool:
    return isinstance(value, (int, float)) and abs(value) <= _FARTHEST
