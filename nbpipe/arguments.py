"""What a person gives to several of the public calls, checked the same way by each. Imports nothing of nbpipe."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import SupportsIndex

import numpy as np

DEFAULT_SIZE = (1280, 720)  # of `record` and `frames`; a preview, whose pictures hurry, has its own


def whole_number(value: object, rule: str) -> int:
    """Return `value` as an integer; raise `TypeError`, which begins with the `rule`, if it is none."""
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        msg = f"{rule}, not {value!r}"
        raise TypeError(msg)
    return operator.index(value)


def checked_size(size: object) -> tuple[int, int] | None:
    """Return `size` as two positive integers; raise `TypeError` or `ValueError` if it is none."""
    if size is None:
        return None
    if not isinstance(size, (Sequence, np.ndarray)) or len(size) != 2 or isinstance(size, str):  # noqa: PLR2004
        msg = f"size must be (width, height) in pixels, not {size!r}"
        raise TypeError(msg)
    width, height = (whole_number(number, "size must be two whole numbers (width, height)") for number in size)
    if width < 1 or height < 1:
        msg = f"size must be at least 1x1 pixel, not {width}x{height}"
        raise ValueError(msg)
    return width, height


def checked_samples(samples: object) -> int:
    """Return `samples` as an integer that is not negative; raise `TypeError` or `ValueError` if it is none."""
    number = whole_number(samples, "samples must be a whole number")
    if number < 0:
        msg = f"samples must not be negative, not {number}"
        raise ValueError(msg)
    return number
