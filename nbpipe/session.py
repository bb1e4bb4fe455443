"""What lies between the live widget and the player of its scene.

Takes the widget's word for what a person wants, tells it what the player has done, notes both in a take, and lends the
scene to a recording and takes it back. Render thread, but for `wake`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbpipe.errors import FFmpegNotFound, NbpipeError, told
from nbpipe.notebook.coder import Coder
from nbpipe.notebook.live import LiveStream
from nbpipe.notebook.pictures import jpeg
from nbpipe.notebook.preview import Preview
from nbpipe.notebook.sink import RecordingSink
from nbpipe.notebook.stream import QUALITY, Middle
from nbpipe.notebook.widget import Recording
from nbpipe.player import Player
from nbpipe.progress import State
from nbpipe.record import Options, begin, conclude
from nbpipe.scene.adapters import playable
from nbpipe.scene.events import Handlers, read_event
from nbpipe.scene.frame import frame_rate
from nbpipe.scene.parameters import apply, parameters
from nbpipe.scene.performance import Performance
from nbpipe.scene.take import Take
from nbpipe.scene.take_form import NOT_PERFORMED
from nbpipe.video.ffmpeg import find_ffmpeg
from nbpipe.video.live import LiveEncoder
from nbpipe.video.target import is_free


class Session:
    """One widget and the player of its scene.

    Attributes
    ----------
    view : Preview
    """

    def __init__(self, player: Player, samples: int, loop: asyncio.AbstractEventLoop) -> None:
        self._player, self._samples = player, samples
        self._stream = LiveStream(self._send, _coder, loop)
        self._performance: Performance | None = None
        self._refused: dict[str, str] = {}  # why another scene, size or recording could not be had, until one can
        self._later: dict[str, object] = {}  # parameters that were set while the scene was recorded
        self._declared = parameters(player.scene)  # what its own code starts them with
        self.view = Preview(
            self._stream.audience,
            size=player.size,
            fps=float(player.fps),
            duration=player.clock.duration,
            renderer=player.renderer[0],
            _software=player.renderer[1],
        )
        self.view.connect(self, self._declared, _name(player.scene))
        player.start(self, self._stream, loop)

    def _send(self, content: dict[str, object], buffers: list[bytes]) -> None:
        self.view.send(content, buffers)

    # What the player tells.

    def attend(self) -> None:
        """Let the widget attend to its browsers."""
        self.view.attend()

    def moved(self, time: float, frame: int) -> None:
        """Tell the widget of a picture."""
        self._note_run()
        self.view.moved(time, frame, self._stream.kind)
        self.view.playing = self._player.clock.playing  # it stands still at the end
        if self._performance is not None and self._performance.full:
            self.view.taking = False

    def failed(self, words: str) -> None:
        """Tell the widget what went wrong, or that nothing does."""
        self.view.error = words or "\n".join(self._refused.values())

    def freed(self) -> None:
        """Play the scene again that was recorded, with what has been set of it meanwhile."""
        later, self._later = self._later, {}
        self._refuse("take", "")
        with contextlib.ExitStack() as rest:  # a setter of the scene's own may raise
            for name, value in reversed(later.items()):
                rest.callback(self.apply, name, value)

    # What the widget asks for.

    def wake(self) -> None:
        """Attend soon. Any thread."""
        self._player.wake()

    def play(self, playing: bool) -> None:  # noqa: FBT001  it is a trait's value
        """Run or stand still."""
        clock = self._player.clock
        if playing == clock.playing:
            return
        self._note_run()
        if playing:
            clock.play()
        clock.playing = playing
        self._note_set()
        self._player.touch()

    def pace(self, speed: float, fps: float, duration: float, *, loop: bool) -> None:
        """Run like this from now on."""
        clock = self._player.clock
        self._catch_up()
        clock.speed, clock.loop, clock.duration = speed, loop, duration
        if fps != float(self._player.fps):  # a float is less than 25/3
            self._player.fps = frame_rate(fps)
        self._go(min(clock.time, duration))
        self._note_set()
        self._player.wake()

    def seek(self, time: float) -> None:
        """Go to `time`, or to the end of the time line that is nearer."""
        if time != self._player.clock.time:
            self._catch_up()
        self._go(time)

    def step(self, by: int) -> None:
        """Go on by frames, and stand still."""
        player = self._player
        self.view.playing = False  # as of the last tick, whose frame is the one that was seen
        self._catch_up()
        player.clock.time = float((player.frame + by) / player.fps)
        player.clock.move(0.0)  # round the ends of the time line
        self.view.time, self.view.frame = player.clock.time, player.frame
        self._note_set()
        player.touch()

    def resize(self, size: tuple[int, int]) -> None:
        """Draw at another size."""
        if size == self._player.size:
            return
        try:
            self._player.resize(size)
        except ValueError as error:
            self.view.size = self._player.size
            self._refuse("size", str(error))
        else:
            self._refuse("size", "")
            if self._performance is not None:
                self._performance.resized(size)

    def apply(self, name: str, value: object) -> None:
        """Give the scene a parameter; while it is being recorded, only afterwards."""
        if self._player.busy:
            self._later[name] = value
            return
        with self._player.current():  # what it sets may be a uniform
            apply(self._player.scene, name, value)
        if self._performance is not None:
            self._performance.param(time.monotonic(), name, value)
        self._player.touch()

    def event(self, raw: object) -> bool:
        """Take an event that a browser sent."""
        event = read_event(raw, self._player.size)
        if event is None or event["type"] in NOT_PERFORMED:  # what happens to the view, the kernel alone tells
            return False
        if self._performance is not None:
            self._performance.event(time.monotonic(), event)
        self._player.post(event)
        return True

    def rejoin(self, *, lost: int | None = None) -> None:
        """Begin anew for a browser that has joined, or whose decoder has failed, given picture `lost` last."""
        if lost is None:
            self._stream.renew()
        else:
            self._stream.lost(lost)
        self._player.touch()

    def take(self, on: bool) -> None:  # noqa: FBT001  it is a trait's value
        """Begin or end a take."""
        player = self._player
        if on and player.busy:  # what it shows is the recording's, not what somebody does
            self.view.taking = False
            self._refuse("take", "a take can begin when the recording has ended")
            return
        self._catch_up()
        if on:
            self._performance = Performance(player.scene, player.clock, player.size, player.told_at)
        elif self._performance is not None:
            take, self._performance = self._performance.finish(player.told_at), None
            self.view.take = take

    def check_rate(self, fps: float) -> None:
        """Raise `ValueError` for what is no frame rate."""
        frame_rate(fps)

    def checked_take(self, take: object) -> Take | None:
        """Return what can be replayed. Raises `TypeError` for anything else but ``None``."""
        if take is None or isinstance(take, Take):
            return take
        msg = f"take must be a nbpipe.Take, such as view.take of a preview, or None, not {take!r}"
        raise TypeError(msg)

    def replace(self, scene: object) -> None:
        """Play another scene, at the same time, with what a person has changed of the parameters that both have.

        A recording under way is finished first, with what it has.
        """
        player, adapted = self._player, playable(scene)
        declared, now = parameters(adapted), self.view.params.values()
        changed = {name: value for name, value in now.items() if value != self._declared[name].value}
        for name, parameter in declared.items():
            if name in changed:
                with contextlib.suppress(TypeError, ValueError):  # its range or its type is another one now
                    apply(adapted, name, parameter.checked(changed[name]))
        conclude(self.view.recording)
        try:
            player.replace(adapted)
        finally:
            if player.scene is adapted:  # also when the old one could not be released
                self.view.taking = False  # what was performed belongs to the old one
                self._declared = declared
                self._refuse("scene", "")
                self.view.connect(self, parameters(adapted), _name(adapted))

    def refuse(self, error: Exception) -> None:
        """Show why another scene could not replace this one, until one does."""
        self._refuse("scene", told(error))

    def poster(self) -> bytes:
        """Return the present picture as a JPEG."""
        return poster(self._player)

    @property
    def handlers(self) -> Handlers:
        """Whom events are given to beside the scene."""
        return self._player.handlers

    def ask_record(self) -> None:
        """Record because a person in a browser wants it."""
        try:
            self.record(None, {})
        except Exception as error:  # noqa: BLE001  there is no cell for it to rise in
            self._refuse("recording", told(error))

    def record(self, path: Any, options: Mapping[str, Any]) -> Recording:
        """Record what is played; the player pauses, and shows the recording's pictures."""
        player, running = self._player, self.view.recording
        if running is not None and not State(running.state).ended:
            msg = f"this preview is recording {running.path.name} already; wait for it, or stop it"
            raise NbpipeError(msg)
        self.view.taking = False
        chosen = {name: value for name, value in options.items() if value is not None or name == "take"}
        if unknown := ", ".join(sorted(options.keys() - Options.__annotations__.keys())):
            known = ", ".join(Options.__annotations__)
            msg = f"a preview's record() takes no {unknown}, but {known}; it never waits: await what it returns"
            raise TypeError(msg)
        own = {"size": player.size, "fps": player.fps, "samples": self._samples, "take": self.view.take}
        chosen = own | chosen
        if chosen["take"] is None and "frames" not in chosen:
            chosen.setdefault("duration", player.clock.duration)
        sink = RecordingSink(self._stream, float(frame_rate(chosen["fps"])))
        recording, drive = begin(player.scene, path or _free_name(), show=False, blocking=False, sink=sink, **chosen)
        self._refuse("recording", "")
        sink.middle = Middle(recording.frames)

        def over(change: Any) -> None:
            if State(change.new).ended:
                self.view.leave_film(sink.middle.jpeg)

        self.view.follow(recording)  # first, so that it shows how the recording ends whatever else fails then
        recording.observe(over, "state")
        drive.start()
        return recording

    def close(self) -> None:
        """End the player; a recording under way is finished with what it has."""
        conclude(self.view.recording)
        self._player.close()

    def _refuse(self, what: str, words: str) -> None:
        """Show why `what` could not be had, through all pictures that can, or no longer."""
        self._refused.pop(what, None)
        if words:
            self._refused[what] = words
        self.failed("")

    def _go(self, time: float) -> None:
        """Go to `time`, from where the clock stands now."""
        player = self._player
        if time != player.clock.time:
            player.clock.seek(time)
            self._note_set()
            player.touch()
        self.view.time, self.view.frame = player.clock.time, player.frame

    def _catch_up(self) -> None:
        """Let the clock stand where it is now, before somebody sets it, and not at the last tick.

        A cell may have held up the ticks for seconds, and what is set would be noted as done before it.
        """
        self._player.catch_up()
        self._note_run()

    def _note_run(self) -> None:
        if self._performance is not None:
            self._performance.ran(self._player.told_at)

    def _note_set(self) -> None:
        if self._performance is not None:
            self._performance.was_set(self._player.told_at)


def _coder(size: tuple[int, int], fps: float, crf: int) -> Coder:
    try:
        return LiveEncoder(find_ffmpeg(), size, fps, crf)
    except FFmpegNotFound as error:
        raise OSError(str(error)) from error


def poster(player: Player) -> bytes:
    """Return the present picture of a player as a JPEG, for the saved notebook. Raises whatever the scene raises."""
    return jpeg(player.picture(), QUALITY)


def _name(scene: object) -> str:
    """Return what to call a scene: its class, or the function that it wraps."""
    told_name = getattr(scene, "name", None)
    return told_name if isinstance(told_name, str) else type(scene).__name__


def _free_name() -> Path:
    """Return the first free one of preview.mp4, preview-2.mp4 …: a button overwrites nothing."""
    names = itertools.chain(["preview.mp4"], (f"preview-{n}.mp4" for n in itertools.count(2)))
    return next(path for path in map(Path, names) if is_free(path))
