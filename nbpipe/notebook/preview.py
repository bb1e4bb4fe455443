"""The live widget: a scene that plays in a cell, its controls as traits, and its recording.

`Preview` is the kernel's half of `js/src/preview-model.ts`; the two name the same traits, and `js/src/wire.ts` the
messages. These may arrive on any thread: they go into the `Inbox`, which the session lets the widget empty on the
render thread, where all trait writes happen.

Knows no GL and no FFmpeg: it is given something that plays.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import traitlets as t

from nbpipe.errors import folded
from nbpipe.notebook import cell
from nbpipe.notebook.audience import Audience
from nbpipe.notebook.inbox import Inbox
from nbpipe.notebook.kernel_widget import STATIC, KernelWidget
from nbpipe.notebook.live_session import LiveSession
from nbpipe.notebook.params import Parameter, Params
from nbpipe.notebook.widget import REQUESTS, Recording

Handler = Callable[[dict[str, Any]], object]

_TELL = 0.1  # seconds between two messages about what changes all the time …
_COUNT = 0.5  # … and about a figure that is to be read


class Preview(KernelWidget):
    """A scene that plays live in a cell; what `nbpipe.preview` returns.

    Every trait can be observed and linked. Those marked with * can be set.

    Attributes
    ----------
    playing* : bool
    time* : float
        Seconds on the time line.
    speed* : float
        Seconds of the scene per second of real time; negative runs backwards.
    loop* : bool
        Whether the end is followed by the beginning.
    duration* : float
        Length of the time line in seconds.
    size* : (int, int)
        Width and height of the picture in pixels.
    fps* : float
        Pictures per second that are wanted.
    frame : int
        Number of the frame at `time`.
    shown_fps : float
        Pictures per second that a person sees.
    taking* : bool
        Whether what a person does is being recorded as a take.
    renderer : str
        What draws.
    error : str
        What went wrong in the scene; the last good picture stays.
    params : traitlets.HasTraits
        The parameters of the scene: ``view.params.speed = 2``.
    take* : Take or None
        What was recorded last while `taking`. Recordings made from here replay it; ``None`` lets go of it.
    recording : Recording or None
        The recording made last with the Record button or `record`.
    """

    _esm = (STATIC / "preview.js").read_text(encoding="utf-8")
    _css = (STATIC / "preview.css").read_text(encoding="utf-8")

    playing = t.Bool(default_value=True).tag(sync=True)
    time = t.Float(0.0).tag(sync=True)
    speed = t.Float(1.0).tag(sync=True)
    loop = t.Bool(default_value=True).tag(sync=True)
    duration = t.Float(10.0).tag(sync=True)
    size = t.Tuple(t.Int(), t.Int(), default_value=(640, 360)).tag(sync=True)
    fps = t.Float(60.0).tag(sync=True)
    frame = t.Int(0).tag(sync=True)
    shown_fps = t.Float(0.0).tag(sync=True)
    renderer = t.Unicode("").tag(sync=True)
    error = t.Unicode("").tag(sync=True)
    taking = t.Bool(default_value=False).tag(sync=True)
    take = t.Any(default_value=None)

    _name = t.Unicode("").tag(sync=True)
    _software = t.Bool(default_value=False).tag(sync=True)
    _parameters = t.List(t.Dict()).tag(sync=True)
    _recording = t.Dict(default_value=None, allow_none=True).tag(sync=True)
    _take = t.Dict(default_value=None, allow_none=True).tag(sync=True)
    _stream = t.Unicode("").tag(sync=True)
    _poster_mark = t.Unicode("").tag(sync=True)

    def __init__(self, audience: Audience, **state: Any) -> None:
        self.recording: Recording | None = None
        self.params = Params(self._changed)
        self._audience = audience
        self._session: LiveSession | None = None
        self._place: cell.Place | None = None
        self._poster = b""
        self._inbox = Inbox(audience)
        self._in_cell = cell.running()
        self._told = self._counted = 0.0
        super().__init__(**state)
        self.on_msg(self._on_message)
        self.observe(self._set, ["playing", "time", "speed", "loop", "duration", "size", "fps", "taking"])

    def connect(self, session: LiveSession, parameters: Mapping[str, Parameter], name: str) -> None:
        """Show what `session` plays, with controls for these parameters."""
        self._name = name
        self._session = session
        self.params.define(parameters)
        self._parameters = self.params.specs()

    def attend(self) -> None:
        """Do what browsers have asked for since the last call, and bring them up to date. Render thread."""
        with self._in_cell():
            self._inbox.empty(self)
        now = _now()
        if now - self._told >= _TELL:
            self._told = now
            with self.hold_sync():
                self._parameters = self.params.specs()
                if now - self._counted >= _COUNT:
                    self._counted = now
                    self.shown_fps = self._audience.shown_fps

    def moved(self, time: float, frame: int, stream: str) -> None:
        """Take note of the picture that was drawn, and in what form it went out."""
        self.time, self.frame, self._stream = time, frame, stream

    def follow(self, recording: Recording) -> None:
        """Show a recording in the widget."""
        self.recording = recording

        def copy(_: object = None) -> None:
            if self.recording is recording:
                self._recording = recording.snapshot()

        recording.observe(copy, ["state", "elapsed"])
        copy()

    def leave_poster(self, jpeg: bytes) -> None:
        """Leave a picture in the saved notebook, in the running cell, for readers without a kernel."""
        self._place, self._poster = cell.Place(), jpeg
        self._poster_mark = self._place.leave(jpeg, str(self))

    def leave_film(self, jpeg: bytes) -> None:
        """Leave there instead what was recorded, now that it has ended; `jpeg` stands for it, if there is one."""
        recording = self.recording
        if self._place is not None and recording is not None and recording.film is not None:
            self._poster_mark = self._place.leave(jpeg or self._poster, str(recording), recording.film)

    @property
    def ignored(self) -> int:
        """Messages from browsers that made no sense."""
        return self._inbox.ignored

    @property
    def session(self) -> LiveSession:
        """What plays the scene. Raises `ValueError` when the widget is closed."""
        if self._session is None:
            msg = "this preview is closed; run its cell again"
            raise ValueError(msg)
        return self._session

    def play(self) -> None:
        """Let time run."""
        self.playing = True

    def pause(self) -> None:
        """Let time stand still."""
        self.playing = False

    def step(self, n: int = 1) -> None:
        """Go on by `n` frames, or back, and stand still."""
        self.session.step(n)

    @folded
    def replace(self, scene: object) -> None:
        """Play another scene instead, at the same time; parameters that were changed keep their values, if it has them.

        Raises whatever the scene raises for its first picture, and then the present one goes on.
        """
        self.session.replace(scene)

    def add_event_handler(
        self, handler: Callable[[dict[str, Any]], object] | str, *types: str, order: float = 0
    ) -> Any:
        """Call ``handler(event)`` for the events of the renderview specification of `types`, or of all for ``"*"``.

        Without a function it is a decorator: ``@view.add_event_handler("pointer_down")``. Handlers run on the render
        thread, before the picture that shows what they have done; lower `order` first. What one raises is shown in the
        widget. An event with ``event["stop_propagation"] = True`` goes no further.

        ``hide`` comes at once when nobody sees the picture any more, ``show`` when somebody does again, and ``close``
        before the scene is released.
        """
        return self.session.handlers.add(handler, *types, order=order)

    def remove_event_handler(self, handler: Handler, *types: str) -> None:
        """Call `handler` no more for `types`, or for none at all when there are none given."""
        self.session.handlers.remove(handler, *types)

    @folded
    def record(self, path: str | os.PathLike[str] | None = None, **options: Any) -> Recording:
        """Record the scene as it is now, or its take if it has one, while the kernel goes on.

        Parameters
        ----------
        path : path-like, optional
            As for `nbpipe.record`; ``preview.mp4`` in the current folder, or the first free one of ``preview-2.mp4`` …
        **options
            As for `nbpipe.record`. The size, the rate and the length are the widget's own, or the take's, unless given;
            ``take=None`` records the scene as it is now though there is a take.

        Returns
        -------
        Recording
            ``await`` it for the end, while the widget shows it. Its ``wait()`` does so too, but blocks the kernel: the
            widget is told how far it is as ever, and Pause, Stop and pictures work where messages reach a busy kernel;
            what else it is asked for waits for the end of the cell.

        Raises
        ------
        NbpipeError, TypeError, ValueError, OSError
            As `nbpipe.record`; or the widget is closed, or is recording already.
        """
        return self.session.record(path, options)

    @folded
    def close(self) -> None:
        """End the scene and remove the widget; then raise what the scene or a handler of ``close`` has raised."""
        session, self._session = self._session, None
        try:
            if session is not None:
                session.close()
        finally:
            self.layout.close()
            super().close()

    @t.validate("duration", "fps", "speed", "time")
    def _check_number(self, proposal: Any) -> float:
        value, name = float(proposal.value), proposal.trait.name
        if not math.isfinite(value) or (name in {"duration", "fps"} and value <= 0):
            msg = f"{name} must be a finite number{'' if name in {'speed', 'time'} else ' above 0'}, not {value!r}"
            raise t.TraitError(msg)
        if name == "fps" and self._session is not None:
            self._session.check_rate(value)
        return value

    @t.validate("size")
    def _check_size(self, proposal: Any) -> tuple[int, int]:
        width, height = proposal.value
        if width < 1 or height < 1:
            msg = f"size must be at least 1x1 pixel, not {width}x{height}"
            raise t.TraitError(msg)
        return width, height

    @t.validate("take")
    def _check_take(self, proposal: Any) -> object:
        return self.session.checked_take(proposal.value)

    @t.observe("take")
    def _tell_take(self, change: Any) -> None:
        take: Any = change.new
        self._take = take and {"duration": take.duration, "entries": len(take.entries)}

    def _set(self, change: Any) -> None:
        """Do what somebody has set, in Python or through the inbox; what the session set itself is so already."""
        session = self._session
        if session is None:
            return
        if change.name == "playing":
            session.play(change.new)
        elif change.name == "time":
            session.seek(change.new)
        elif change.name == "size":
            session.resize(change.new)
        elif change.name == "taking":
            session.take(change.new)
        else:
            session.pace(self.speed, self.fps, self.duration, loop=self.loop)

    def _changed(self, name: str, value: object) -> None:
        if self._session is not None:
            self._session.apply(name, value)

    def _should_send_property(self, key: str, value: object) -> bool:
        # Each picture carries its own time; a message about it would double the traffic.
        return key not in {"time", "frame"} and bool(super()._should_send_property(key, value))

    def _on_message(self, _: object, content: object, __: object) -> None:
        session, recording = self._session, self.recording
        if session is None:
            return
        if isinstance(content, dict) and content.get("type") in REQUESTS:
            if recording is None or not recording.hear(content, self.send):
                self._inbox.ignore()
            return
        if (client := self._inbox.put(content)) is not None:
            self.send({"type": "heard", "client": client})  # now its buttons work
        session.wake()

    def __str__(self) -> str:
        return f"{self._name}, live: {self.size[0]}×{self.size[1]}"

    def __repr__(self) -> str:
        return f"<Preview {self}>"


_now: Callable[[], float] = time.monotonic  # the class has a `time` of its own
