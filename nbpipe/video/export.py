"""One export: frames in, a verified file out. Joins the writer, the FFmpeg process and the target.

Owns the three from the first byte to the last and the one account that matters: how many frames the native
writer has accepted (its tickets), and how many FFmpeg says it has put into the file. Every failure on this side
of the pipe leaves here as an `EncoderError`. Render thread only. Knows no GL, no scene, no notebook.
"""

from __future__ import annotations

import contextlib
import time
from fractions import Fraction
from pathlib import Path

from nbpipe.errors import EncoderError
from nbpipe.video.encoding import Encoding, argv
from nbpipe.video.ffmpeg import FFmpeg
from nbpipe.video.pixels import RGB, Layout, padded
from nbpipe.video.process import EncoderProcess
from nbpipe.video.target import Target
from nbpipe.video.writer import Conversion, PipeWriter

_SILENCE = 60.0  # seconds without any report from FFmpeg, which reports five times a second while it works
_HEADER = 1024  # bytes: a file no larger than this has a header at most, and nothing to keep
_LAST_WORDS = 5.0  # seconds that FFmpeg gets to end after it has stopped reading


class Export:
    """Makes the partial file and starts FFmpeg, which `gives_way` to this process where that draws with the processor.

    Attributes
    ----------
    written : int
        Frames whose every byte is in FFmpeg's pipe or beyond.
    """

    def __init__(
        self,
        ffmpeg: FFmpeg,
        wanted: Encoding,
        layout: Layout,
        fps: Fraction,
        target: Target,
        *,
        gives_way: bool = False,
    ) -> None:
        self.written = 0
        self._target = target
        self._asked = time.monotonic()
        with contextlib.ExitStack() as undo:
            undo.callback(target.discard)
            target.create()
            command = argv(ffmpeg.path, wanted, in_pipe(layout, wanted), fps, target.partial)
            self._encode = EncoderProcess(command, gives_way=gives_way)
            undo.callback(self._encode.kill)
            self._writer = PipeWriter(self._encode.stdin, lend=True)
            self._encode.hand_over()
            undo.pop_all()

    @property
    def submitted(self) -> int:
        """Frames the writer was given."""
        return self._writer.submitted

    @property
    def partial(self) -> Path:
        """The file while it is being made."""
        return self._target.partial

    @property
    def encoded(self) -> int:
        """Frames that FFmpeg says it has put into the file."""
        return self._encode.frames

    @property
    def bytes(self) -> int:
        """Size of the file so far; 0 while it has a header at most."""
        return self._encode.bytes if self._encode.bytes > _HEADER else 0

    def submit(self, frame: memoryview) -> int:
        """Queue a frame's memory, which is held until it is written; return its ticket. Never waits."""
        self._asked = time.monotonic()
        try:
            return self._writer.submit(frame)
        except OSError as error:
            self._check_own(error)
            raise self._died() from error
        finally:
            self._count()

    def wait(self, ticket: int, timeout: float) -> bool:
        """Whether everything up to `ticket` is written, waiting at most `timeout` seconds without the GIL."""
        try:
            done = self._writer.wait(ticket, timeout)
        except OSError as error:
            self._check_own(error)
            raise self._died() from error
        self._count()
        if not done:
            self._check_silence()
        return done

    def check(self) -> None:
        """Raise `EncoderError` if FFmpeg has ended, though the writer may not have noticed yet."""
        self._count()
        if self._encode.ended(0):
            raise self._died()

    def finish(self, timeout: float) -> bool:
        """Take the next step towards a closed file, waiting at most `timeout` seconds; True once it is whole.

        Writes what is queued, closes the pipe, waits for FFmpeg, and then compares the accounts: an exit status
        of 0 proves nothing, FFmpeg gives it for a truncated last frame and for no frame at all.
        """
        if not self._writer.closed:
            if self.submitted == 0 or self.wait(self.submitted, timeout):
                self._asked = time.monotonic()
                self._writer.close()
            return False
        if not self._encode.ended(timeout):
            self._check_silence()
            return False
        encode = self._encode
        if self.submitted and (encode.returncode != 0 or not encode.complete or encode.frames != self.submitted):
            raise encode.error(f"FFmpeg made {encode.frames} of the {self.submitted} frames that it was given")
        return True

    def publish(self) -> Path | None:
        """Put the whole file under its name; a file without frames is removed instead, and ``None`` returned."""
        if self.submitted == 0:
            self._target.discard()
            return None
        self._target.publish()
        return self._target.path

    def abandon(self) -> Path | None:
        """End at once, dropping what is queued; return the partial file if FFmpeg has put anything into it."""
        self._count()
        self._writer.close()
        self._encode.kill()
        return self.keep()

    def keep(self) -> Path | None:
        """Keep the partial file where one can see it, and return its path; an empty one is removed."""
        partial = self._target.partial
        whole = self._encode.complete and self._encode.frames > 0
        if self.submitted and partial.exists() and (whole or partial.stat().st_size > _HEADER):
            return self._target.keep()
        self._target.discard()
        return None

    def _count(self) -> None:
        self.written = self._writer.written

    def _check_own(self, error: OSError) -> None:
        """Raise it again unless it is the writer's: a signal handler may raise whatever it likes during a wait."""
        if error.errno != self._writer.error:
            raise error

    def _check_silence(self) -> None:
        # Counted from when there was something to do: FFmpeg before 7 says nothing while it waits for a frame.
        if min(self._encode.silence, time.monotonic() - self._asked) > _SILENCE:
            msg = (
                f"FFmpeg has not reacted for {_SILENCE:.0f} seconds; is the machine out of memory, its disk stuck, or "
                "the preset too slow for this size?"
            )
            raise self._encode.error(msg)

    def _died(self) -> EncoderError:
        """Return what FFmpeg has to say for itself after it has stopped reading."""
        self._count()
        self._writer.close()
        if not self._encode.ended(_LAST_WORDS):
            self._encode.kill()
        count = "1 frame" if self.written == 1 else f"{self.written} frames"
        return self._encode.error(f"FFmpeg ended when {count} had gone into its pipe")


def in_pipe(layout: Layout, wanted: Encoding) -> Layout:
    """Return how FFmpeg is to see frames that lie like this: those in the video's own format have its size, too."""
    if layout.pixel_format != wanted.pixel_format or layout.bottom_up:
        return layout
    return Layout(padded(layout.size, wanted.pixel_format), wanted.pixel_format, bottom_up=False)


def conversion(layout: Layout, wanted: Encoding) -> Conversion | None:
    """Return what makes the video's own format of pictures, unless they have it, or others are to make it."""
    if not wanted.converts("cpu") or (layout.pixel_format == wanted.pixel_format and not layout.bottom_up):
        return None
    channels, bits = RGB[layout.pixel_format]
    return Conversion(layout.size, channels, bits, layout.bottom_up, wanted.pixel_format, wanted.dither)
