"""The player: draws a scene for a person's eyes, between the kernel's other work.

Owns the scene's life in a live widget: its stage, its clock, its events, and the decision when to draw. That is a tick
on the kernel's event loop, which does one thing and sets the time of the next:

    attend to what browsers have asked for
    ─► a picture is wanted (time runs, or something was touched) and somebody can see it and has room for it
         ─► draw, read back, offer it to the stream
    ─► nothing has moved for 0.3 s: send the last picture exactly

While nobody looks, nothing is drawn, no timer runs and time stands still: the next message wakes it. While a cell
blocks the thread, pictures wait for its end. Everything here is for the render thread but `wake`, which any may call.

Knows GL through a source, browsers through a stream, and the widget through two calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from contextlib import AbstractContextManager
from fractions import Fraction

import numpy as np

from nbpipe.errors import told
from nbpipe.gl.context import Context
from nbpipe.gl.memory import Memory
from nbpipe.gl.readback import Reading
from nbpipe.gl.source import SceneSource, check_size
from nbpipe.gl.stage import CHANNELS
from nbpipe.notebook.live import LiveStream
from nbpipe.notebook.live_session import PlayerListener
from nbpipe.scene.clock import PlayClock
from nbpipe.scene.events import Event
from nbpipe.scene.mail import Mail
from nbpipe.scene.scene import Scene

_LARGEST = 8192  # pixels to a side: what the page believes of a picture (js/src/guards.ts)
_REST = 0.3  # seconds without motion after which the picture is sent exactly
_POLL = 0.002  # seconds between two looks for a picture that the GPU draws or the encoder has
_WAIT = 0.05  # seconds that the GL is waited for between two looks for an interrupt
_LOOK_AGAIN = 0.25  # seconds after which browsers that gave no room are looked at again: one may have gone
_SPACED = 0.75  # of the time of a picture that lies between two, also when late: of two at once one is never seen
_CLEAR = 0.08  # seconds after a picture that answers a person, in which none is drawn for time alone: it has the line
_SHARE = 0.1  # of the time of a picture that the kernel's other work is given after it, at least


class Player:
    """Plays one scene.

    Parameters
    ----------
    scene : Scene
    where : Context
    size : tuple of int
        Width and height in pixels.
    fps : Fraction
        Pictures per second that are wanted.
    duration : float
        Seconds of the time line.
    samples : int
        Samples per pixel.

    Attributes
    ----------
    size : tuple of int
    clock : PlayClock
    handlers : Handlers
        Whoever wants the events beside the scene.
    """

    def __init__(
        self, scene: Scene, where: Context, size: tuple[int, int], fps: Fraction, duration: float, samples: int
    ) -> None:
        self.clock = PlayClock(duration)
        self.fps = fps
        self.scene = scene
        self._where, self._samples, self.size = where, samples, size
        self._source = self._built(scene, size)
        self._memory = self._slot(self._source)
        self._drawn_size = size
        self._listener: PlayerListener | None = None
        self._stream: LiveStream | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._woken = threading.Event()
        self._mail = Mail()
        self._mail.tell_size(size)
        self.handlers = self._mail.handlers
        self._failed = self._closed = False
        now = time.monotonic()
        self._dirty: float | None = now  # since when something has changed that no picture shows
        self._next = self._free_until = now  # when time wants a picture; until when other work goes first
        self._ran_at: float | None = None  # until when the clock has been told that time ran; None: it stands still
        self._under_way: tuple[float, int, float | None] | None = None  # on its way from the GL: time, frame, awaited
        self._inexact: tuple[float, int, float] | None = None  # the same of a picture sent coarsely, and when

    def start(self, listener: PlayerListener, stream: LiveStream, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to tick on `loop`."""
        self._listener, self._stream, self._loop = listener, stream, loop
        self.wake()

    def current(self) -> AbstractContextManager[None]:
        """Make the context current for something that the scene does; on another thread than its own, none is."""
        return self._source.current() if self._where.here else contextlib.nullcontext()

    @property
    def busy(self) -> bool:
        """Whether the scene is being recorded, and so nothing is drawn."""
        return self._source.taken

    @property
    def frame(self) -> int:
        """Number of the frame at the clock's time."""
        return round(self.clock.time * self.fps)

    @property
    def told_at(self) -> float:
        """When the clock was told last that time ran; now, if it stands still."""
        return self._ran_at or time.monotonic()

    def catch_up(self) -> None:
        """Let the clock, if it runs, stand where it is now, and not at the last tick."""
        if self._ran_at is not None:
            self._run(time.monotonic())

    @property
    def renderer(self) -> tuple[str, bool]:
        """What draws, and whether it is the processor."""
        return self._source.renderer, self._source.software

    def wake(self) -> None:
        """Tick soon. Any thread."""
        if self._loop is None or self._woken.is_set():
            return
        self._woken.set()
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it the kernel
            self._loop.call_soon_threadsafe(self._tick)

    def touch(self) -> None:
        """Draw again, because something has changed."""
        self._dirty, self._failed = self._dirty or time.monotonic(), False
        self.wake()

    def post(self, event: Event) -> None:
        """Give an event to the scene and the handlers before the next picture."""
        self._mail.put(event)
        if self._mail.concerns(self.scene):
            self.touch()

    def resize(self, size: tuple[int, int]) -> None:
        """Draw at another size from the next picture on. Raises `ValueError` for one that is too large."""
        if size != self.size:
            check_size(size, self._where, _LARGEST)
            self.size = size
            self._mail.tell_size(size)
            self.touch()

    def replace(self, scene: Scene) -> None:
        """Play another scene in this one's place.

        Raises what its ``setup`` or its first picture raises, and then the old one stays. What the old one's
        ``release`` raises rises when the new one plays.
        """
        if scene is self.scene:
            self.touch()
            return
        source = self._built(scene, self.size)
        try:
            with source.current():
                source.draw(self.frame, self.clock.time, self.fps)
            memory = self._slot(source)
        except BaseException:
            with source.current():
                source.release()
            raise
        old, old_memory = self._source, self._memory
        self.scene, self._source, self._memory, self._drawn_size = scene, source, memory, self.size
        self._under_way = self._inexact = None
        self._mail.tell_size(self.size)
        self.touch()
        with old.current():
            old_memory.release()
            old.release()

    def picture(self) -> np.ndarray:
        """Draw at the clock's time and return the picture (height, width, 4), valid until the next is drawn.

        Raises whatever the scene raises.
        """
        with self._source.current():
            self._draw()
            while not self._memory.arrived(_WAIT):
                pass
        return self._view()

    def close(self) -> None:
        """Stop, tell the scene and the handlers, and release the scene; then raise what any of them has raised."""
        if self._closed:
            return
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._stream is not None:
            self._stream.close()
        try:
            if self._listener is not None:  # else nobody has been shown anything
                self._tell_end(self._listener)
        finally:
            with self._source.current():
                self._memory.release()
                self._source.release()

    def _built(self, scene: Scene, size: tuple[int, int]) -> SceneSource:
        check_size(size, self._where, _LARGEST)
        reading = Reading(upright=True)
        return SceneSource(scene, self._where, size, self.fps, None, self._samples, reading, freed=self._freed)

    def _freed(self) -> None:
        if self._listener is not None:
            self._listener.freed()
        self.touch()

    def _slot(self, source: SceneSource) -> Memory:
        with source.current():
            return source.memory()

    def _tick(self) -> None:
        self._woken.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closed:
            return
        assert self._listener is not None
        assert self._stream is not None
        try:
            self._listener.attend()
            pause = None if self._closed else self._work(time.monotonic())
        except Exception as error:  # noqa: BLE001  the scene's own, or an event handler's: shown, and waited for a change
            self._failed, self._under_way = True, None
            self._listener.failed(told(error))
            pause = None
        if pause is not None and self._loop is not None:
            self._timer = self._loop.call_later(max(pause, 0.0), self._tick)

    def _work(self, now: float) -> float | None:
        """Do what is due; return after how many seconds to look again, or ``None``: when woken."""
        assert self._stream is not None
        if self.busy or not self._seen():
            self._ran_at = None
            return None if self.busy else self._stream.rest()
        if self._under_way is not None:
            return self._deliver(now)
        running = self._run(now)
        due = self._due(now, running=running)
        if due is None:
            return self._stream.rest()
        if now < due:
            return due - now
        if not self._stream.ready(urgent=self._dirty is not None):
            return _LOOK_AGAIN  # an answer wakes us sooner
        return self._begin(now) if running or self._dirty is not None else self._settle()

    def _run(self, now: float) -> bool:
        """Tell the clock that time has run until `now`; return whether it does."""
        running = self.clock.playing and not self._failed
        if running and self._ran_at is not None:
            self.clock.advance(now - self._ran_at)
            if not self.clock.playing:  # it has come to the end, which nobody has seen yet
                self._dirty = self._dirty or now
        self._ran_at = now if running else None
        return running

    def _seen(self) -> bool:
        """Whether somebody can see it. When that changes, those who want events are told."""
        assert self._stream is not None
        seen = self._stream.audience.watching
        if self._mail.tell_seen(seen=seen):
            if seen:
                self.touch()
            else:
                with self._source.current():
                    self._mail.hand_out(self.scene)  # now, because no picture follows
        return seen

    def _tell_end(self, listener: PlayerListener) -> None:
        self._mail.tell("close")
        try:
            with self._source.current():
                self._mail.hand_out(self.scene)
        except Exception as error:
            listener.failed(told(error))
            raise

    def _due(self, now: float, *, running: bool) -> float | None:
        assert self._stream is not None
        # While one is in the encoder that somebody waits for, to draw another would hold the loop that sends it.
        first = max(self._free_until, now + _POLL if self._stream.answering else now)
        if self._dirty is not None:
            return first
        if running:
            return max(self._next, first)
        return None if self._inexact is None else self._inexact[2] + _REST

    def _settle(self) -> float | None:
        assert self._stream is not None
        assert self._inexact is not None
        (drawn_at, frame, _), self._inexact = self._inexact, None
        self._stream.settle(self._view(), drawn_at, frame)
        return self._stream.rest()

    def _begin(self, now: float) -> float:
        assert self._listener is not None
        self._next = max(self._next + float(1 / self.fps), now + float(_SPACED / self.fps))
        awaited, self._dirty = self._dirty, None
        if awaited is not None:
            self._next = max(self._next, now + _CLEAR)
        with self._source.current():
            self._draw()
        self._listener.failed("")
        self._under_way = self.clock.time, self.frame, awaited
        return self._deliver(now)

    def _deliver(self, begun: float) -> float:
        """Send the picture that is under way, if it has come; return after how many seconds to look again."""
        assert self._listener is not None
        assert self._stream is not None
        assert self._under_way is not None
        with self._where.current():
            if not self._memory.arrived(0):
                return _POLL
        (at, frame, awaited), self._under_way = self._under_way, None
        now = time.monotonic()
        moving = self.clock.playing or (self._inexact is not None and now - self._inexact[2] < _REST)
        self._stream.offer(self._view(), at, frame, moving=moving, awaited=awaited, fps=float(self.fps))
        self._inexact = at, frame, now
        if at == self.clock.time:  # else somebody has gone elsewhere since it was drawn
            self._listener.moved(at, frame)
        self._free_until = now + _SHARE * (now - begun)
        return max(self._next, self._free_until) - now

    def _draw(self) -> None:
        """Hand out the events and draw; with the context current."""
        if self.size != self._drawn_size:  # only now: a drag at a corner asks for many sizes that nobody will see
            self._source.resize(self.size)
            self._memory.release()
            self._memory = self._source.memory()
            self._drawn_size = self.size  # when all of it is there, so that what fails is tried again
            self._under_way = self._inexact = None
        self._mail.hand_out(self.scene)
        self._source.draw(self.frame, self.clock.time, self.fps)
        self._source.read(self._memory)

    def _view(self) -> np.ndarray:
        width, height = self._source.size
        return np.frombuffer(self._memory.view, np.uint8).reshape(height, width, CHANNELS)
