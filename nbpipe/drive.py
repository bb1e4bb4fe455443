"""What makes a pipeline go on: the calling thread, an event loop, or the end of the interpreter.

`Drive.wait` steps on the calling thread to the end, as a blocking cell does. `Drive.start` steps in turns with the
kernel's other work. And when the interpreter ends first, what has been drawn is still brought into the file. All
three step on the render thread, and never two at once: each step is taken whole. (The end of the interpreter only waits
for a recording that another thread makes go on, and then gives FFmpeg up.)
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time

from nbpipe.ending import at_the_end, mind_the_end, tell
from nbpipe.errors import WAYS_OUT, NbpipeError
from nbpipe.pipeline import SLICE, Pipeline

_TURN = 0.02  # seconds of work before the kernel's other work gets its turn
_NAP = 0.002  # seconds; a frame takes the encoder milliseconds, and asking more often would burn its processor time
_CALM = 0.2  # seconds without a frame pushed after which the widget is told of the last one
_PATIENCE = 2.0  # seconds that the end of the interpreter waits for each recording

# What must not be lost when the interpreter ends. An interrupt may leave one here that has settled.
_active: set[Drive] = set()


class Drive:
    """Makes one pipeline go on."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self._task: asyncio.Task[None] | None = None
        self._telling: asyncio.TimerHandle | None = None
        _active.difference_update([drive for drive in _active if drive.pipeline.settled])
        _active.add(self)
        mind_the_end()

    def wait(self, timeout: float | None = None) -> bool:
        """Step on the calling thread to the end, or for at most `timeout` seconds; whether it has ended.

        Raises what ended the recording.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                while self._step(SLICE):
                    if deadline is not None and time.monotonic() >= deadline:
                        return False
                break
            except BaseException as error:
                if self.pipeline.settled or not self.pipeline.mine or isinstance(error, NbpipeError):
                    raise
                # It struck between two steps, where the pipeline could take no note of it.
                if isinstance(error, WAYS_OUT):
                    self.pipeline.interrupt(error)
                else:
                    self.pipeline.fail(error)
        self.pipeline.check()
        return True

    def turn(self) -> bool:
        """Take one step; whether it goes on. When it is failing, it is brought to its end, and the error rises."""
        more = self._step(SLICE)
        if more and self.pipeline.failing:
            self.wait()
        self.pipeline.check()
        if self._telling is None:
            with contextlib.suppress(RuntimeError):  # no event loop, so nobody to tell later
                self._telling = asyncio.get_running_loop().call_later(_CALM, self._tell)
        return more

    def _tell(self) -> None:
        """Bring a widget up to date whose program has stopped pushing frames for the moment."""
        self._telling = None
        with contextlib.suppress(NbpipeError):  # it rises from the next write
            if not self.pipeline.settled:
                self.pipeline.tell()

    def start(self) -> None:
        """Go on in the running event loop, if there is one."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._task = loop.create_task(self._pump())
        # An error is shown by the widget and rises from wait(); nobody need have awaited the task.
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def finish(self) -> None:
        """Await the end. Being cancelled stops the recording, as an interrupt would, and publishes it."""
        if not self.pipeline.settled:
            await (self._task or self._pump())
        self.pipeline.check()

    def leave(self) -> None:
        """Bring it to an end, because the interpreter ends or nobody is there any more to do so. Again does nothing."""
        pipeline = self.pipeline
        deadline = time.monotonic() + _PATIENCE
        late = "FFmpeg did not finish in time"
        try:
            pipeline.stop()
            while pipeline.mine and time.monotonic() < deadline:
                if not self._step(SLICE):
                    return
            while pipeline.elsewhere and time.monotonic() < deadline:  # on a daemon thread, which goes on for now
                time.sleep(_NAP)
            if not pipeline.mine:
                late = "its thread did not finish it in time" if pipeline.elsewhere else "its thread had ended before"
        except KeyboardInterrupt:
            late = "it was interrupted while the program ended"
        except Exception:  # noqa: BLE001  `whereabouts` tells of it
            late = "it failed while the program ended"
        if pipeline.settled:
            return
        pipeline.abandon(late)
        _active.discard(self)
        if pipeline.mine:
            with contextlib.suppress(Exception):
                self._step(0)

    def _step(self, timeout: float) -> bool:
        try:
            return self.pipeline.step(timeout)
        finally:
            if self.pipeline.settled:
                _active.discard(self)

    async def _pump(self) -> None:
        try:
            more = True
            while more:
                turn = time.monotonic() + _TURN
                while (more := self._step(0.0)) and not self.pipeline.blocked and time.monotonic() < turn:
                    pass
                nap = SLICE if self.pipeline.paused else _NAP
                await asyncio.sleep(nap if self.pipeline.blocked else 0)
        except asyncio.CancelledError:
            self.pipeline.stop()
            self.wait()
            raise


@at_the_end
def _leave_all() -> None:
    for drive in [drive for drive in _active if not drive.pipeline.settled]:
        drive.leave()
        where = drive.pipeline.whereabouts
        tell(f"the program ended while it was recording: {where}. Call wait() on the recording first.")


# A forked child must not touch its parent's recordings.
if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_active.clear)
