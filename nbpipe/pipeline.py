"""The pipeline: a source of frames, a ring of slots, the writer and FFmpeg, joined into one `step`.

Owns the life of one recording and the order in which its parts end. Everything here runs on the render
thread; other threads reach it through `Steering` alone. It knows no notebook: what it has to tell goes to the
callables it was given.

One step does one piece of work and never waits longer than it was told to, so the same code serves a blocking
cell (`run`), a kernel that goes on with other work (`pump`) and frames that are pushed one by one:

    RECORDING   wait for a FREE slot → draw → issue the read → submit the frame before, whose read is complete
    FINISHING   submit what is left → wait until it is written → close the pipe → wait for FFmpeg → publish

How it can end:

* all frames drawn, or Stop: the file is published (DONE, STOPPED);
* an interrupt: the same, and then KeyboardInterrupt rises in the caller; a second one gives FFmpeg up;
* an exception in the scene: what was drawn before it is finished and kept as the partial file, which the
  exception names in a note (FAILED);
* FFmpeg fails: an `EncoderError`; the partial file stays if it holds anything (FAILED).

What the file must hold is what the native writer has accepted. Its ticket count is the one truth about that,
also after an interrupt between any two lines of this module.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from nbpipe.errors import EncoderError, SceneError, WrongThread
from nbpipe.gl.ring import Ring
from nbpipe.onlookers import Onlookers
from nbpipe.progress import Meter, Progress, State, Steering

if TYPE_CHECKING:
    from pathlib import Path

    from nbpipe.gl.source import Source
    from nbpipe.video.export import Export

_log = logging.getLogger("nbpipe")

SLICE = 0.05  # seconds: the longest wait between two looks at Stop, Pause and interrupts
_REPORT_EVERY = 0.1  # seconds: what an eye can follow; each report is one message to a browser
_TURN = 0.02  # seconds that `pump` works before the kernel's other work gets its turn

_active: set[Pipeline] = set()


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
        Whether the last step waited for the encoder.
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
        self.blocked = False
        self._source, self._steering, self._onlookers = source, steering, onlookers
        self._frame, self._frames = 0, frames
        self._state = State.PENDING
        self._error: BaseException | None = None
        self._reported = 0.0
        try:
            with source.current():
                self._ring = Ring(source.memory)
            self._export = start()
        except BaseException:
            self._free()
            raise
        self._meter = Meter()
        _active.add(self)

    def step(self, timeout: float = SLICE) -> bool:
        """Do the next piece of work, waiting at most `timeout` seconds for anything; False once all is over.

        Raises
        ------
        BaseException
            What ended the recording, once it has been brought to its end: the scene's own exception,
            KeyboardInterrupt, or `EncoderError`.
        """
        if self._state.ended:
            return False
        self.blocked = False
        try:
            with self._source.current():
                self._advance(timeout)
            self._report()
        except KeyboardInterrupt as interrupt:
            if self._error is not None:
                self._abandon("interrupted again while finishing")
                raise
            self._interrupted(interrupt)
        except WrongThread:
            raise
        except BaseException as error:
            self._error = self._error or error
            self._abandon(error.summary if isinstance(error, EncoderError) else f"{type(error).__name__}: {error}")
            raise
        self.check()
        return not self._state.ended

    def check(self) -> None:
        """Raise what ended the recording, if something did and it has ended."""
        if self._state.ended and self._error is not None:
            raise self._error

    def fail(self, error: BaseException) -> None:
        """Let the next steps finish what was drawn and keep it as a partial file, because of `error`."""
        if not self._state.ended:
            self._error, self._state = error, State.FINISHING

    def run(self, timeout: float | None = None) -> bool:
        """Step until it has ended, or for at most `timeout` seconds; whether it has ended."""
        try:
            deadline = None if timeout is None else time.monotonic() + timeout
            while self.step():
                if deadline is not None and time.monotonic() >= deadline:
                    return False
        except KeyboardInterrupt as interrupt:
            # It may have struck between two steps, where nobody has taken note of it yet.
            if not self._state.ended:
                self._interrupted(interrupt)
                self.run()
            raise
        self.check()
        return True

    async def pump(self) -> None:
        """Step to the end in turns, leaving the event loop to others in between."""
        try:
            more = True
            while more:
                turn = time.monotonic() + _TURN
                while (more := self.step(0.0)) and not self.blocked and time.monotonic() < turn:
                    pass
                # A frame takes the encoder milliseconds; asking more often would only burn its processor time.
                await asyncio.sleep(0.002 if self.blocked else 0)
        except asyncio.CancelledError:
            self._steering.stop()
            self.run()
            raise

    def leave(self, patience: float) -> bool:
        """Bring it to an end within `patience` seconds, for an interpreter that exits; whether that worked."""
        self._steering.stop()
        deadline = time.monotonic() + patience
        with contextlib.suppress(Exception):
            while time.monotonic() < deadline:
                if not self.step():
                    return True
        if not self._state.ended:
            self._abandon("the program ended while this was being recorded")
        return False

    def _interrupted(self, interrupt: KeyboardInterrupt) -> None:
        self._error = self._error or interrupt
        self._steering.stop()

    def _advance(self, timeout: float) -> None:
        if self._state is State.FINISHING:
            self.blocked = True
            if self._ring.filling:
                self._submit_ready(timeout)
            elif self._export.finish(timeout):
                self._conclude()
        elif self._steering.stopping or self._frame == self._frames:
            self._state = State.FINISHING
            self._onlookers.show(self._source)
        elif self._steering.paused:
            self._state = State.PAUSED
            self._submit_ready(0)
            self._onlookers.show(self._source)
            self._steering.wait(timeout)
            self.blocked = True
        else:
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
        except (KeyboardInterrupt, EncoderError):
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

    def _draw(self) -> bool:
        if not self._source.draw(self._frame):
            if self._frames is not None:
                msg = f"the scene ended after {self._frame} of {self._frames} frames"
                raise SceneError(msg)
            return False
        # Drawn first and given a slot only then: a slot that is FILLING has a read under way, even if an
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

    def _conclude(self) -> None:
        """Settle the whole file according to what ended the recording."""
        error, count = self._error, self._export.submitted
        if error is not None and not isinstance(error, KeyboardInterrupt):
            where, state, words = self._export.keep(), State.FAILED, f"{type(error).__name__}: {error}"
        else:
            where = self.path = self._export.publish()
            whole = count == self._frames or (self._frames is None and not self._steering.stopping)
            state = State.DONE if whole and error is None else State.STOPPED
            words = "" if where else "ended before the first frame, so there is no file"
        if error is not None and where is not None:
            error.add_note(f"nbpipe: the {count} frames before this are in {where}")
            words += f"\nThe {count} frames before this are in {where.name}" if words else ""
        self._end(state, words)

    def _abandon(self, words: str) -> None:
        """End at once, whatever is under way."""
        partial = self._export.abandon()
        if partial is not None:
            words += f"\nWhat there is of it is in {partial.name}"
            if self._error is not None:
                self._error.add_note(f"nbpipe: what there is of it is in {partial}")
        self._end(State.FAILED, words)

    def _end(self, state: State, words: str) -> None:
        self._state = state
        _active.discard(self)
        self._free()
        self._report(words)

    def _free(self) -> None:
        try:
            with self._source.current():
                if hasattr(self, "_ring"):
                    self._ring.release()
                self._source.release()
        except Exception:  # noqa: BLE001  the recording's own result matters more
            _log.exception("nbpipe: an error while releasing the scene was ignored")

    def _report(self, words: str = "") -> None:
        now = time.monotonic()
        if self.progress.state is self._state and now - self._reported < _REPORT_EVERY:
            return
        self._reported = now
        state, export = self._state, self._export
        if state is State.RECORDING:
            export.check()
        fps = self._meter.rate(self._frame) if state is State.RECORDING else self.progress.fps
        left = self._frames - self._frame if self._frames is not None and not state.ended else 0
        self.progress = Progress(
            state=state,
            frame=self._frame,
            frames=self._frames,
            frames_written=export.written,
            queued=0 if state.ended else self._frame - export.written,
            encoded=export.encoded,
            fps=fps,
            eta=left / fps if fps and left else None,
            elapsed=self._meter.elapsed,
            bytes=export.bytes,
            bottleneck=self._meter.bottleneck,
            error=words,
        )
        self._onlookers.tell(self.progress)


def _leave_all() -> None:
    for pipeline in list(_active):
        whole = pipeline.leave(2.0)
        print(  # noqa: T201  nothing else is left to tell it with
            "nbpipe: the program ended while recording; "
            + ("what had been drawn is in the file" if whole else "what there is of it is in its .partial file")
            + ". Call wait() on the recording first.",
            file=sys.stderr,
        )


atexit.register(_leave_all)
# A forked child must not touch its parent's recordings.
os.register_at_fork(after_in_child=_active.clear)
