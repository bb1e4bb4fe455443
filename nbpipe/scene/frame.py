"""The exact clock, and the `Frame` that a scene is asked to draw.

Owns the arithmetic of time: frame n of a recording is at n / fps seconds, a rational number rounded once to
the nearest float, so that no error adds up however long the video is. Pure; any thread.
"""

from __future__ import annotations

import math
import numbers
import operator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, SupportsIndex

from nbpipe.arguments import whole_number

if TYPE_CHECKING:
    import moderngl

Rate = int | float | str | Fraction

# Television's rates are n * 1000/1001, and people type them with two or three decimals (29.97, 23.976).
_NTSC_BASES = (24, 30, 48, 60, 120, 240)
_NTSC_TOLERANCE = Fraction(1, 150)
_SLOWEST, _FASTEST = Fraction(1, 3600), Fraction(1000)
_MOST_FRAMES = 2**53  # what a float counts one by one, and with it a browser


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame to draw, given to ``scene.render``.

    Attributes
    ----------
    ctx : moderngl.Context
    fbo : moderngl.Framebuffer
        Bound when ``render`` is called; what is in it when ``render`` returns is the picture. RGBA of 8 bits a
        channel (of 16 for a video of more than 8 or with ``dither=True``; of the ``dtype`` that `nbpipe.frames` was
        asked for) with a 24-bit depth buffer. Its contents at the start are those of the frame before.
    time : float
        Seconds. In a recording ``index / fps``, exact to the last bit; in a preview, and where a take is replayed,
        wherever its clock stands.
    index : int
        0 for the first frame. In a preview, and where a take is replayed, that of the frame nearest to `time`.
    frames : int or None
        How many there will be; ``None`` when open.
    fps : fractions.Fraction
    size : tuple of int
        Width and height in pixels.
    """

    ctx: moderngl.Context
    fbo: moderngl.Framebuffer
    time: float
    index: int
    frames: int | None
    fps: Fraction
    size: tuple[int, int]

    @property
    def dt(self) -> float:
        """Seconds from one frame to the next."""
        return float(1 / self.fps)

    @property
    def aspect(self) -> float:
        """Width divided by height."""
        return self.size[0] / self.size[1]


def frame_rate(fps: Rate) -> Fraction:
    """Turn what people write for a frame rate into the exact number they mean.

    Parameters
    ----------
    fps : int, float, str or Fraction
        ``60``, ``"24000/1001"``, ``Fraction(25, 2)``, or ``29.97`` and its relatives, which stand for
        30000/1001 and its relatives (SMPTE ST 170).

    Returns
    -------
    fractions.Fraction

    Raises
    ------
    TypeError, ValueError
        Not a number, or outside 1/3600 to 1000 frames per second.
    """
    if isinstance(fps, bool) or not isinstance(fps, (numbers.Real, str)):
        msg = f"fps must be a number, a Fraction or a string such as '24000/1001', not {fps!r}"
        raise TypeError(msg)
    try:
        rate = _exact(fps)
    except (ValueError, ZeroDivisionError):  # "nan" and "inf" are no fractions either
        msg = f"fps must be a number of frames per second such as 60, 29.97 or '24000/1001', not {fps!r}"
        raise ValueError(msg) from None
    if not _SLOWEST <= rate <= _FASTEST:
        msg = f"fps must lie between 1/3600 and 1000, not {fps!r}"
        raise ValueError(msg)
    if not isinstance(fps, numbers.Rational) and rate.denominator not in (1, 1001):
        ntsc = Fraction(math.ceil(rate) * 1000, 1001)
        if math.ceil(rate) in _NTSC_BASES and abs(rate - ntsc) < _NTSC_TOLERANCE:
            return ntsc
    return rate


def frame_count(fps: Fraction, duration: float | Fraction | None, frames: SupportsIndex | None) -> int | None:
    """Return how many frames are wanted, from one of `duration` (seconds) and `frames`; ``None`` from neither.

    A duration that is not a whole number of frames is rounded to the nearest, halves up.

    Raises
    ------
    TypeError, ValueError
        Both given, not a number, less than one frame, or more than a browser can count.
    """
    if frames is not None and duration is not None:
        msg = f"give duration or frames, not both (got duration={duration!r}, frames={frames!r})"
        raise TypeError(msg)
    if frames is not None:
        count = whole_number(frames, "frames must be a whole number")
        if not 1 <= count <= _MOST_FRAMES:
            msg = f"frames must be at least 1 and at most {_MOST_FRAMES}, not {count}"
            raise ValueError(msg)
        return count
    if duration is None:
        return None
    if isinstance(duration, bool) or not isinstance(duration, numbers.Real):
        msg = f"duration must be a number of seconds, not {duration!r}"
        raise TypeError(msg)
    if not math.isfinite(duration):
        msg = f"duration must be a finite number of seconds, not {duration!r}"
        raise ValueError(msg)
    count = math.floor(_exact(duration) * fps + Fraction(1, 2))
    if count < 1:
        msg = f"duration must last at least one frame ({float(1 / fps):.4g} s at {fps} fps), not {duration!r}"
        raise ValueError(msg)
    if count > _MOST_FRAMES:
        msg = f"duration must last at most {_MOST_FRAMES} frames, not {duration!r} seconds"
        raise ValueError(msg)
    return count


def _exact(value: Rate) -> Fraction:
    """Return the number that was written: 0.1 is a tenth, and numpy's integers do not overflow."""
    if isinstance(value, Fraction):
        return value
    return Fraction(operator.index(value) if isinstance(value, numbers.Integral) else str(value).strip())
