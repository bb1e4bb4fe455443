"""What is known of a recording, and what a person has asked of it.

`Progress` is an immutable snapshot that the render thread makes and hands out. `Steering` goes the other
way: any thread may set its flags (a browser's message can arrive on a subshell's thread while the cell runs
on the main one), and only the render thread acts on them. Neither knows GL, FFmpeg or Jupyter.
"""

from __future__ import annotations

import enum
import threading
import time
from collections import deque
from dataclasses import dataclass


class State(enum.StrEnum):
    """Where a recording is in its life; the last three are for ever."""

    PENDING = "pending"
    RECORDING = "recording"
    PAUSED = "paused"
    FINISHING = "finishing"  # nothing more is drawn; while `synced` is False frames are still being written
    DONE = "done"
    STOPPED = "stopped"  # ended early by request; the file holds what was recorded
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """Whether nothing can follow."""
        return self in (State.DONE, State.STOPPED, State.FAILED)


@dataclass(frozen=True, slots=True)
class Progress:
    """A snapshot of a recording.

    Attributes
    ----------
    state : State
    frame : int
        Frames rendered so far.
    frames : int or None
        Frames in all; ``None`` for a scene of open length.
    frames_written : int
        Frames whose every byte is in FFmpeg's pipe or beyond, and whose memory is free again.
    queued : int
        Frames rendered and not yet written.
    encoded : int
        Frames FFmpeg says it has put into the file; encoders look ahead, so this trails `frames_written`.
    fps : float
        Frames rendered per second, over about the last second; when it has ended, over all the time it worked.
    eta : float or None
        Seconds left, ``None`` while unknown.
    elapsed : float
        Seconds since the recording was made, the start of FFmpeg and pauses included.
    bytes : int
        Size of the file so far.
    bottleneck : str
        ``"rendering"``, ``"converting"`` or ``"encoding"``, whichever the others wait for; empty until one is clear.
        Converting is what nbpipe's own loop does; the GPU's conversion is part of rendering, FFmpeg's of encoding.
    error : str
        Why it failed.
    """

    state: State = State.PENDING
    frame: int = 0
    frames: int | None = None
    frames_written: int = 0
    queued: int = 0
    encoded: int = 0
    fps: float = 0.0
    eta: float | None = None
    elapsed: float = 0.0
    bytes: int = 0
    bottleneck: str = ""
    error: str = ""

    @property
    def synced(self) -> bool:
        """Whether every frame that was submitted has been written."""
        return self.queued == 0

    @property
    def fraction(self) -> float:
        """Progress from 0 to 1: rendering is nine tenths of the way, the encoder's tail the rest; 1 only when done."""
        if self.state is State.DONE:
            return 1.0
        if not self.frames:
            return 0.0
        return min(0.99, (0.9 * self.frame + 0.1 * self.encoded) / self.frames)


class _Rate:
    """How fast a count grows, over about the last `window` seconds."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._marks: deque[tuple[float, int]] = deque()

    def at(self, count: int) -> float:
        """Return how much the count grows in a second, `count` being where it is now."""
        now = time.monotonic()
        self._marks.append((now, count))
        while len(self._marks) > 2 and self._marks[1][0] < now - self._window:  # noqa: PLR2004  keep one outside
            self._marks.popleft()
        then, first = self._marks[0]
        return (count - first) / (now - then) if now > then else 0.0

    def forget(self) -> None:
        """Begin anew."""
        self._marks.clear()


class Meter:
    """Measures how fast frames come and what they wait for. Render thread only; all times are monotonic.

    Attributes
    ----------
    drawing, waiting : float
        Seconds spent on drawing and reading back, and on waiting until a frame is written.
    converting : float
        Seconds of `drawing` that were spent on converting colours; set by `converted`.
    """

    _WINDOW = 1.0  # seconds; shorter makes the figure jump, longer makes it lag behind a change of scene
    _ENCODED_WINDOW = 2.0  # the same of encoded frames, of which FFmpeg tells five times a second, many at once
    _CLEAR = 0.5  # seconds of work before a bottleneck is named

    def __init__(self) -> None:
        self.drawing = 0.0
        self.waiting = 0.0
        self.converting = 0.0
        self._until = 0.0  # when the last frame was made, in seconds of work
        self._start = time.monotonic()
        self._rested = 0.0
        self._drawn, self._encoded = _Rate(self._WINDOW), _Rate(self._ENCODED_WINDOW)
        self._fps = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the meter was made."""
        return time.monotonic() - self._start

    def rate(self, frame: int) -> float:
        """Return frames per second over the last second, `frame` being the count now."""
        self._fps = self._drawn.at(frame)
        return self._fps

    def eta(self, frame: int, encoded: int, frames: int | None) -> float | None:
        """Return in how many seconds all `frames` will be in the file, of which `frame` are drawn; ``None`` if unclear.

        Encoders take many frames before they give the first: as long as they have given none, the rate of drawing is
        that at which they are swallowed, and tells nothing.
        """
        encoding, left = self._encoded.at(encoded), 0 if frames is None else frames - frame
        if frames is None or encoding <= 0 or (left and self._fps <= 0):
            return None
        return max(left / self._fps if left else 0.0, (frames - encoded) / encoding)

    def converted(self, seconds: float) -> None:
        """Note that a frame has been made, and `seconds` were spent on converting since the start."""
        self.converting, self._until = seconds, self.elapsed - self._rested

    def rest(self, seconds: float) -> None:
        """Note a pause: its `seconds` are no work, and what was measured before it no longer counts."""
        self._rested += seconds
        self._drawn.forget()
        self._encoded.forget()

    def average(self, frame: int) -> float:
        """Return frames per second over all the time since the start, without the pauses."""
        worked = self.elapsed - self._rested
        return frame / worked if worked > 0 else 0.0

    @property
    def bottleneck(self) -> str:
        """Which part is waited for: in a steady state the render thread waits only if the encoder is busy all the time.

        Else the render thread is the limit, which draws and converts; whichever takes longer. What a program does
        between the pictures that it pushes is drawing.
        """
        worked = self.drawing + self.waiting
        if worked < self._CLEAR:
            return ""
        if self.waiting > 0.1 * self.drawing:
            return "encoding"
        return "converting" if self.converting > (self._until - self.waiting) / 2 else "rendering"


class Steering:
    """Requests from a person: stop, pause, resume. Every method may be called on any thread."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._go = threading.Event()
        self._go.set()

    def stop(self) -> None:
        """Ask the recording to end with what it has; a pause ends too."""
        self._stop.set()
        self._go.set()

    def pause(self) -> None:
        """Ask the recording to draw nothing until `resume`; has no effect after `stop`."""
        if not self._stop.is_set():
            self._go.clear()

    def resume(self) -> None:
        """End a pause."""
        self._go.set()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    @property
    def paused(self) -> bool:
        """Whether a pause is asked for."""
        return not self._go.is_set()

    def wait(self, timeout: float) -> None:
        """Wait until the pause is over, at most `timeout` seconds; the GIL is released."""
        self._go.wait(timeout)


def in_words(frames: int) -> str:
    """Return a number of frames as a person says it."""
    return "1 frame" if frames == 1 else f"{frames} frames"
