"""The widget of a recording: its state as traits, Stop and Pause, and the finished video.

`Recording` is the kernel's half of `js/src/model.ts`; the two name the same traits, and `js/src/wire.ts` the messages.
All trait writes happen on the render thread. Messages from a browser may arrive on any thread, also while a cell blocks
the main one, so `_on_message` checks them against a list and then sets a flag of `Steering`, notes an
acknowledgement, or answers: that it hears, or with a chunk of the finished file.
No path and no option ever comes from a message, and no trait is writable from outside the kernel.

Knows no GL, FFmpeg or pipeline: it is given a `Steering`, and a driver that makes the recording go on.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Protocol

import traitlets as t

from nbpipe.errors import fold, folded
from nbpipe.notebook import cell
from nbpipe.notebook.film import Answer, Film
from nbpipe.notebook.kernel_widget import STATIC, KernelWidget
from nbpipe.notebook.stream import ThumbnailStream
from nbpipe.progress import Progress, State, Steering, in_words

_log = logging.getLogger("nbpipe")


class Driver(Protocol):
    """Makes a recording go on that was started with ``wait=False``."""

    def wait(self, timeout: float | None) -> bool:
        """Work until it has ended, or for `timeout` seconds; whether it has ended."""

    async def finish(self) -> None:
        """The same for a coroutine."""


class Recording(KernelWidget):
    """A recording under way or finished; what `nbpipe.record` returns.

    Every trait can be watched (`observe`) and linked. All are written by nbpipe alone.

    Attributes
    ----------
    state : str
        ``pending recording paused finishing``, and at last ``done stopped`` or ``failed``.
    frame, frames : int
        Frames rendered so far, and in all (``None`` when open).
    frames_written, queued : int
        Frames whose every byte is in FFmpeg's pipe or beyond, and frames rendered and not yet there.
    synced : bool
        Nothing queued: every submitted buffer has been written.
    progress : float
        0 to 1.
    fps : float
        Frames rendered per second.
    eta : float or None
        Seconds left.
    elapsed : float
        Seconds since the start.
    bytes : int
        Size of the file so far.
    renderer, encoder : str
        What draws and what encodes.
    bottleneck : str
        ``"rendering"``, ``"converting"`` or ``"encoding"``: the one that the others wait for; empty while unknown.
        Colours that the GPU converts are part of rendering, and those that FFmpeg converts are part of encoding.
    error : str
        Why it failed.
    path : pathlib.Path
        Where the video is, or will be. Not sent to the browser.
    """

    # Texts, not paths: for a path anywidget 0.11 keeps every widget alive, to tell it when the file changes.
    _esm = (STATIC / "widget.js").read_text(encoding="utf-8")
    _css = (STATIC / "widget.css").read_text(encoding="utf-8")

    state = t.Unicode(State.PENDING.value).tag(sync=True)
    frame = t.Int(0).tag(sync=True)
    frames = t.Int(None, allow_none=True).tag(sync=True)
    frames_written = t.Int(0).tag(sync=True)
    queued = t.Int(0).tag(sync=True)
    synced = t.Bool(default_value=True).tag(sync=True)
    progress = t.Float(0.0).tag(sync=True)
    fps = t.Float(0.0).tag(sync=True)
    eta = t.Float(None, allow_none=True).tag(sync=True)
    elapsed = t.Float(0.0).tag(sync=True)
    bytes = t.Int(0).tag(sync=True)
    renderer = t.Unicode("").tag(sync=True)
    encoder = t.Unicode("").tag(sync=True)
    bottleneck = t.Unicode("").tag(sync=True)
    error = t.Unicode("").tag(sync=True)
    path = t.Instance(Path)

    _name = t.Unicode("").tag(sync=True)
    _size = t.List(t.Int()).tag(sync=True)
    _rate = t.Unicode("").tag(sync=True)
    _software = t.Bool(default_value=False).tag(sync=True)
    _note = t.Unicode("").tag(sync=True)
    _video = t.Dict(default_value=None, allow_none=True).tag(sync=True)
    _poster_mark = t.Unicode("").tag(sync=True)

    def __init__(self, steering: Steering, *, alone: bool = False, of_preview: bool = False, **state: object) -> None:
        self._steering, self._of_preview = steering, of_preview
        self._driver: Driver | None = None
        self._stream: ThumbnailStream | None = None
        self._film: Film | None = None
        self._place = cell.Place()
        super().__init__(alone=alone, **state)
        self.on_msg(self._on_message)

    def stop(self) -> None:
        """End the recording and keep a playable file of what was recorded. Any thread."""
        self._steering.stop()

    def pause(self) -> None:
        """Draw nothing more until `resume`. Any thread."""
        self._steering.pause()

    def resume(self) -> None:
        """Go on after `pause`. Any thread."""
        self._steering.resume()

    @folded
    def wait(self, timeout: float | None = None) -> bool:
        """Record to the end, or for at most `timeout` seconds.

        Returns
        -------
        bool
            Whether the recording has ended.

        Raises
        ------
        NbpipeError, BaseException
            What ended the recording, if it was neither its last frame nor Stop.
        WrongThread
            Called on another thread than `nbpipe.record` was.
        """
        return self._driver is None or self._driver.wait(timeout)

    def __await__(self) -> Generator[Any, None, Recording]:
        """Record to the end while the event loop serves others; the result is the recording itself."""
        __tracebackhide__ = True
        try:
            if self._driver is not None:
                yield from self._driver.finish().__await__()
        except BaseException as error:
            fold(error)
            raise
        return self

    def drive_with(self, driver: Driver) -> None:
        """Let `driver` make the recording go on; called once, by whoever made both."""
        self._driver = driver

    def show(self, stream: ThumbnailStream, *, blocking: bool) -> None:
        """Display the widget in the running cell; `blocking` if the recording will also end in that cell."""
        self._stream = stream
        self.display_here()
        if not blocking:
            self._place.reserve()

    def update(self, progress: Progress) -> None:
        """Take over a snapshot; one message to the browser."""
        if progress.state in (State.DONE, State.STOPPED) and progress.frames_written:  # else what is there is older
            self._offer_film()
        with self.hold_sync():
            self._take("frame", progress.frame)
            self._take("frames", progress.frames)
            self._take("frames_written", progress.frames_written)
            self._take("queued", progress.queued)
            self._take("synced", progress.synced)
            self._take("progress", progress.fraction)
            self._take("fps", round(progress.fps, 2))
            self._take("eta", None if progress.eta is None else round(progress.eta, 2))
            self._take("elapsed", round(progress.elapsed, 2))
            self._take("bytes", self._film.size if self._film else progress.bytes)
            self._take("bottleneck", progress.bottleneck)
            self._take("error", progress.error)
            self._take("state", progress.state.value)  # last: whoever watches it finds the rest in place
        if progress.state.ended and self._stream is not None and self._stream.middle.jpeg and not self._poster_mark:
            self._poster_mark = self._place.leave(self._stream.middle.jpeg, str(self), self._film)

    def _take(self, trait: str, value: object) -> None:
        """Set a trait; what an observer of it raises is logged, and stops neither the others nor the recording."""
        try:
            setattr(self, trait, value)
        except Exception:  # noqa: BLE001  it is the observer's own
            _log.exception("nbpipe: an error in an observer of %r was ignored", trait)

    def _offer_film(self) -> None:
        """Let the browser ask for the file, if there is one."""
        with contextlib.suppress(OSError):
            self._film = Film(self.path)
            self._take("_video", self._film.offer())

    def __str__(self) -> str:
        note = f" ({self._note})" if self._note else ""
        picture = f"{self._name}: {'×'.join(map(str, self._size))}{note}, {self._rate} fps"
        if not State(self.state).ended:
            return f"{picture}; its preview shows how it goes" if self._of_preview else picture
        size = f"{self.bytes / 1e6:.1f} MB" if self.bytes >= 1e6 else f"{self.bytes / 1e3:.0f} kB"  # noqa: PLR2004
        return f"{picture}, {in_words(self.frames_written)}, {size}, {self.state}"

    def __repr__(self) -> str:
        return f"<Recording {self}>"

    @property
    def film(self) -> Film | None:
        """The finished file, as it was when it was finished; ``None`` before that, and if there is none."""
        return self._film

    def snapshot(self) -> dict[str, object]:
        """Return what a browser is told of the recording, for a widget that shows it in itself."""
        return {name: getattr(self, name) for name in SHARED}

    def hear(self, content: dict[str, object], send: Callable[..., None]) -> bool:
        """Do what a browser has asked for, and answer with ``send(content, buffers)``. Any thread.

        Returns whether it made sense.
        """
        kind = content.get("type")
        answer: Answer | None = None
        if kind == "stop":
            self.stop()
        elif kind == "pause":
            self.pause()
        elif kind == "resume":
            self.resume()
        elif kind == "video" and self._film is not None and (answer := self._film.chunk(content.get("offset"))):
            send(*answer)
        else:
            return False
        return True

    def _on_message(self, _: object, content: object, __: object) -> None:
        if not isinstance(content, dict):
            return
        if self._stream is not None:
            self._stream.heard()
        kind = content.get("type")
        if kind == "hello":
            self.send({"type": "heard"})  # now the browser knows that its buttons work
        elif kind == "ack" and self._stream is not None:
            self._stream.ack(content.get("index"))
        else:
            self.hear(content, self.send)


REQUESTS = ("stop", "pause", "resume", "video")  # what `Recording.hear` knows; what a browser sends may not be hashable

# What a browser needs to show a recording.
SHARED = tuple(name for name, trait in Recording.class_traits(sync=True).items() if name in vars(Recording))
