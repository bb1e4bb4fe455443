"""The pipeline: a source of frames, a ring of slots and an export, joined into one `step`.

Owns the life of one recording and the order in which its parts end. Everything here runs on the render
thread; other threads reach it through `Steering` alone. It knows no notebook, and nothing of who makes it go on
(`drive.py`).

One step does one piece of work and waits for the encoder no longer than it was told to:

    RECORDING   wait for a FREE slot → draw → issue the read → submit the frame before, whose read is complete
    FINISHING   submit what is left → wait until it is written → close the pipe → wait for FFmpeg → publish
    settling    release the scene, tell the onlookers; then it has ended

How it can end:

* all frames drawn, or Stop: the file is published (DONE, STOPPED);
* an interrupt, or another of `WAYS_OUT`: the same, and then it rises in the caller, once; a second one gives FFmpeg up;
* another exception, in the scene or in a signal handler: what was drawn before it is finished and kept as the partial
  file, which the exception names in a note (FAILED);
* FFmpeg fails: an `EncoderError`; the partial file stays if it holds anything (FAILED).

An interrupt, or what a signal handler raises, may strike between any two lines. What the file must hold is therefore
asked of the native writer, whose ticket count is the one truth about it, and each stage of the end may be entered
again: publishing a published file does nothing, nor does releasing what is released.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from nbpipe.callers import Owner, check_not_amid
from nbpipe.errors import WAYS_OUT, EncoderError, SceneError, from_outside
from nbpipe.gl.ring import SLOTS, SLOTS_ON_SOFTWARE, Ring
from nbpipe.gl.source import Source
from nbpipe.onlookers import Onlookers
from nbpipe.progress import Meter, Progress, State, Steering, in_words
from nbpipe.video.export import Export

_log = logging.getLogger("nbpipe")

SLICE = 0.05  # seconds: the longest wait between two looks at Stop, Pause and interrupts
_REPORT_EVERY = 0.1  # seconds: what an eye can follow; each report is one message to a browser


class Pipeline:
    """One recording. See the module's text.

    Parameters
    ----------
    source : Source
        Is released at the end.
    start : callable
        Starts the export; called when there is memory for the frames.
    frames : int or None
        ``None``: until the source has no more.
    steering : Steering
    onlookers : Onlookers
        Are told at most ten times a second, and on each change of state.

    Attributes
    ----------
    progress : Progress
        The latest snapshot.
    path : pathlib.Path or None
        The finished file, once there is one.
    blocked : bool
        Whether the last step waited for something.
    settled : bool
        Whether it has ended for good.
    """

    def __init__(
        self,
        source: Source,
        start: Callable[[], Export],
        frames: int | None,
        *,
        steering: Steering,
        onlookers: Onlookers,
    ) -> None:
        self.progress = Progress(frames=frames)
        self.path: Path | None = None
        self.blocked = self.settled = False
        self._owner = Owner(bound=source.bound)
        self._source, self._steering, self._onlookers = source, steering, onlookers
        self._frame, self._frames = 0, frames
        self._state = State.PENDING
        self._error: BaseException | None = None
        self._outcome: tuple[State, str] | None = None
        self._reported = self._paused_at = 0.0
        self._belongings = [source.release]
        try:
            with source.current():
                self._ring = Ring(source.memory, SLOTS_ON_SOFTWARE if source.software else SLOTS)
            self._belongings.append(self._ring.release)
            self._meter = Meter()
            self._export = start()
        except BaseException:
            with source.current():
                self._release()
            raise

    def step(self, timeout: float = SLICE) -> bool:
        """Do the next piece of work, waiting at most `timeout` seconds for the encoder; False once all is over.

        Raises
        ------
        BaseException
            What ended the recording, once it has been brought to its end: the scene's own exception,
            KeyboardInterrupt, or `EncoderError`.
        NbpipeError
            Called on another thread than the pipeline was made on, or from within a step.
        """
        if self.settled:
            return False
        self.check_thread()
        check_not_amid(self, "step")
        self.blocked = False
        try:
            with self._source.current():
                if self._outcome is None:
                    self._advance(timeout)
                    self._report()
                else:
                    self._settle(*self._outcome)
        except WAYS_OUT as leaving:
            self.interrupt(leaving)
        except BaseException as error:  # noqa: BLE001  it rises below, when all is settled
            if self._error is None and self._outcome is None and not isinstance(error, EncoderError):
                self.fail(error)
                return True
            if self._error is None:
                self._error = error
            elif self._error is not error:
                self._error.add_note(f"nbpipe: and while it was being finished: {error}")
            self.abandon(error.summary if isinstance(error, EncoderError) else f"{type(error).__name__}: {error}")
        self.check()
        return not self.settled

    def check(self) -> None:
        """Raise what ended the recording, if something did and it has ended; a way out only once: it may be caught."""
        error = self._error
        if self.settled and error is not None:
            if isinstance(error, WAYS_OUT):
                self._error = None
            trace = error.__traceback__
            raise error.with_traceback(from_outside(trace, "contextlib") or trace)

    def check_thread(self) -> None:
        """Raise `WrongThread` on another thread than the one that may step."""
        self._owner.check(self._export.partial)

    @property
    def mine(self) -> bool:
        """Whether the calling thread, of this process, is the one that may step."""
        return self._owner.here

    @property
    def elsewhere(self) -> bool:
        """Whether it has not ended, and another thread of this process is there to step."""
        return not self.settled and self._owner.elsewhere

    @property
    def failing(self) -> bool:
        """Whether something has gone wrong that will rise when the recording has ended."""
        return self._error is not None

    @property
    def paused(self) -> bool:
        """Whether it is paused."""
        return self._state is State.PAUSED

    @property
    def whereabouts(self) -> str:
        """Say where the recorded file is, or why there is none."""
        if self.path is not None:
            return f"{in_words(self._export.submitted)} went into {self.path}"
        return self._outcome[1] if self._outcome is not None else "the state of the file is unknown"

    def tell(self) -> None:
        """Tell the onlookers how things stand, however short a time ago they were told."""
        if self._outcome is None:
            self._reported = 0.0
            self._report()

    def stop(self) -> None:
        """Let the next steps finish with what has been drawn."""
        self._steering.stop()

    def resume(self) -> None:
        """Go on, if it is paused."""
        self._steering.resume()

    def fail(self, error: BaseException) -> None:
        """Let the next steps finish what was drawn and keep it as a partial file, because of `error`."""
        if self._outcome is None and self._error is None:
            self._error, self._state = error, State.FINISHING

    def interrupt(self, leaving: BaseException) -> None:
        """Let the next steps finish and publish; when it was already ending because of an error, give up."""
        if self._error is None:
            self._error = leaving
            self._steering.stop()
        elif self._outcome is None:
            self.abandon("interrupted again while finishing")

    def abandon(self, words: str) -> None:
        """Give FFmpeg up at once and keep what it has made; only settling is left to do."""
        partial = None
        try:
            partial = self._export.abandon()
        except OSError as error:  # a disk that is gone, or can only be read any more
            words += f"\nIts partial file can be neither kept nor removed: {error}"
        if partial is not None:
            words += f"\nThe partial video is {partial.name}"
            if self._error is not None:
                self._error.add_note(f"nbpipe: the partial video is {partial}")
        self._outcome = State.FAILED, words

    def _advance(self, timeout: float) -> None:
        if self._state is State.FINISHING:
            self._onlookers.show(self._source)
            self.blocked = True
            if self._ring.filling:
                self._submit_ready(timeout)
            elif self._export.finish(timeout):
                self._outcome = self._conclude()
        elif self._steering.stopping or self._frame == self._frames:
            self._state = State.FINISHING
        elif self._steering.paused:
            if self._state is not State.PAUSED:
                self._paused_at = time.monotonic()
            self._state = State.PAUSED
            self._submit_ready(0)
            self._onlookers.show(self._source)
            self._steering.wait(timeout)
            self.blocked = True
        else:
            if self._state is State.PAUSED:
                self._meter.rest(time.monotonic() - self._paused_at)
            self._state = State.RECORDING
            self._onlookers.show(self._source)
            if self._free_slot(timeout):
                self._record_frame()

    def _free_slot(self, timeout: float) -> bool:
        if self._ring.free:
            return True
        ticket = self._ring.oldest_ticket
        if ticket is None:
            self._submit_ready(timeout)
            return False
        begun = time.monotonic()
        self.blocked = not self._export.wait(ticket, timeout)
        self._ring.reclaim(self._export.written)
        self._meter.waiting += time.monotonic() - begun
        return not self.blocked

    def _record_frame(self) -> None:
        begun = time.monotonic()
        try:
            more = self._draw()
        except (*WAYS_OUT, EncoderError):
            raise
        except BaseException as error:  # noqa: BLE001  it rises from `step`, once what came before it is safe
            self._error = error
            more = False
        if not more:
            self._state = State.FINISHING
            return
        self._onlookers.begin(self._source, self._frame)
        self._frame += 1
        # The frame before was on its way while this one was drawn, so this seldom waits.
        while self._ring.filling > 1 and not self._submit_ready(SLICE):
            pass
        self._meter.drawing += time.monotonic() - begun
        self._meter.converted(self._source.converting)

    def _draw(self) -> bool:
        if not self._source.draw(self._frame):
            if self._frames is not None:
                msg = f"the scene ended after {self._frame} of {self._frames} frames"
                raise SceneError(msg)
            return False
        # Drawn first and given a slot only then: one that the ring counts as FILLING has a read under way, even if an
        # interrupt ends this function between any two lines.
        slot = self._ring.acquire()
        self._source.read(slot.memory)
        self._ring.issued(slot)
        return True

    def _submit_ready(self, timeout: float) -> bool:
        slot = self._ring.ready(timeout)
        if slot is None:
            return False
        if self._export.submitted < slot.ticket:  # else an interrupt came right after it was submitted
            self._export.submit(slot.memory.view)
        self._ring.lent(slot)
        return True

    def _conclude(self) -> tuple[State, str]:
        """Settle the fate of the whole file according to what ended the recording."""
        error, count = self._error, self._export.submitted
        if error is not None and not isinstance(error, WAYS_OUT):
            where, state, words = self._export.keep(), State.FAILED, f"{type(error).__name__}: {error}"
        else:
            where = self.path = self._export.publish()
            whole = count == self._frames or (self._frames is None and not self._steering.stopping)
            state = State.DONE if whole and error is None else State.STOPPED
            words = "" if where else "ended before the first frame, so there is no file"
        if error is not None and where is not None:
            kept = f"{in_words(count)} until then went into"
            error.add_note(f"nbpipe: the {kept} {where}")
            words += f"\nThe {kept} {where.name}" if words else ""
        return state, words

    def _settle(self, state: State, words: str) -> None:
        self._release()
        self._state = state
        self._report(words)
        self.settled = True
        del self._source  # the scene may hold much, and a notebook keeps every widget, and with it its recording

    def _release(self) -> None:
        while self._belongings:
            try:
                self._belongings[-1]()
            except Exception:  # noqa: BLE001  the recording's own result matters more
                _log.exception("nbpipe: an error while releasing the scene was ignored")
            self._belongings.pop()

    def _report(self, words: str = "") -> None:
        now = time.monotonic()
        ended = self._state.ended
        if not ended and self.progress.state is self._state and now - self._reported < _REPORT_EVERY:
            return
        self._reported = now
        export = self._export
        recording = self._state is State.RECORDING
        if recording:
            export.check()
        fps = self._meter.rate(self._frame) if recording else self._meter.average(self._frame)
        self.progress = Progress(
            state=self._state,
            frame=self._frame,
            frames=self._frames,
            frames_written=export.written,
            queued=0 if ended else max(0, self._frame - export.written),
            encoded=export.encoded,
            fps=fps,
            eta=self._meter.eta(self._frame, export.encoded, self._frames) if not ended else None,
            elapsed=self._meter.elapsed,
            bytes=export.bytes,
            bottleneck=self._meter.bottleneck,
            error=words,
        )
        self._onlookers.tell(self.progress)
