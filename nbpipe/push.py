"""`nbpipe.open`: a video that the program pushes pictures into, one by one.

For simulations and training loops, where the program's own loop leads. Checks and joins like `record`, and
uses the same pipeline; only the source differs: a mailbox that holds the picture being written. Render thread
only, which is the one that calls `write` first.
"""

from __future__ import annotations

import functools
import os
import threading
import warnings
import weakref
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import moderngl

from nbpipe.arguments import checked_size
from nbpipe.callers import amid, check_not_amid
from nbpipe.drive import Drive
from nbpipe.errors import WAYS_OUT, SceneError, WrongThread, folded
from nbpipe.gl.buffer import inner_buffer
from nbpipe.gl.source import picture_source
from nbpipe.gl.tally import Stats, Tally
from nbpipe.job import Job, reading
from nbpipe.notebook.cell import leave_to_rerun
from nbpipe.notebook.widget import Recording
from nbpipe.scene.adapters import BufferPicture, Picture, Pictures
from nbpipe.scene.frame import Rate, frame_rate


@folded
def open(  # noqa: A001  named as the built-in it resembles; keywords with defaults
    path: str | os.PathLike[str],
    size: tuple[int, int] | None = None,
    fps: Rate = 60,
    *,
    codec: str | None = None,
    crf: float | None = None,
    preset: str | None = None,
    pixel_format: str | None = None,
    ffmpeg_params: Sequence[str] = (),
    conversion: str = "auto",
    dither: bool = False,
    show: bool = True,
) -> Video:
    """Open a video file to write pictures into.

    Parameters
    ----------
    path : path-like
        Ends in .mp4, .m4v, .mov, .mkv or .webm. An older file of that name is replaced when the new one is whole.
    size : (int, int), optional
        Width and height in pixels; those of the first picture. Must be given to write buffers, which have none.
    fps : int, float, str or Fraction
        Frames per second, kept exactly, as by `nbpipe.record`.
    codec, crf, preset, pixel_format, ffmpeg_params, conversion, dither
        How it is encoded, as by `nbpipe.record`.
    show : bool
        Show the widget in a notebook, until its cell is run again, and the bar in a terminal.

    Returns
    -------
    Video
        To be used in a ``with`` statement, and on the thread that writes first; what arrays were written by a thread
        that has ended, another one may go on with.

    Examples
    --------
    ::

        with nbpipe.open("x.mp4", (640, 360), fps=30) as video:
            for step in simulation:
                video.write(fbo)

    Raises
    ------
    TypeError, ValueError, OSError, FFmpegNotFound
        As from `nbpipe.record`, before anything is written.
    """
    rate = frame_rate(fps)
    dimensions = checked_size(size)
    job = Job.for_file(
        path,
        rate,
        codec=codec,
        crf=crf,
        preset=preset,
        pixel_format=pixel_format,
        ffmpeg_params=ffmpeg_params,
        conversion=conversion,
        dither=dither,
    )
    video = Video(job, dimensions, show=show)
    leave_to_rerun(video._put_away)  # noqa: SLF001  it is ours
    return video


class Video:
    """A video being written; made by `nbpipe.open`, used as a context manager.

    Leaving the block finishes the file, and so do an interrupt, ``sys.exit()``, the end of a generator or a task that
    was cancelled in it. Another exception in the block keeps what was written as a partial file, which a note of the
    exception names, and leaves an older file of the same name alone.

    Attributes
    ----------
    path : pathlib.Path
    recording : Recording or None
        State and progress, from the first picture on.
    """

    def __init__(self, job: Job, size: tuple[int, int] | None, *, show: bool) -> None:
        self.path: Path = job.target.path
        self.recording: Recording | None = None
        self._job, self._size, self._show = job, size, show
        self._mailbox = _Mailbox()
        self._pictures = Pictures(self._mailbox)
        self._tally = Tally()
        self._drive: Drive | None = None
        self._beginning = threading.RLock()  # held from the first picture on, by the thread that writes it
        self._closed = False

    @folded
    def write(self, picture: Picture | moderngl.Buffer) -> bool:
        """Add one picture; when this returns, the program may change or redraw it.

        Parameters
        ----------
        picture : numpy.ndarray, moderngl.Texture, Framebuffer or Buffer
            A uint8 or uint16 array (height, width, 3 or 4) with the top row first, or an object of the GL. A buffer
            holds tightly packed RGB or RGBA of 8 bits, bottom row first, as ``fbo.read_into(buffer, alignment=1)``
            leaves it. Nothing may change it meanwhile, neither another thread nor a signal handler.

        Returns
        -------
        bool
            False once somebody has pressed Stop: nothing is added any more, and the program's loop may end.

        Raises
        ------
        SceneError
            It is none of these, or unlike the first one in kind, size or dtype. The video is then ended, and what came
            before is kept as a partial file; but a buffer that holds no such picture is refused, and the video goes on.
        EncoderError
            FFmpeg has failed.
        WrongThread
            The first picture was written on another thread; this one is refused, and not in the video.
        ValueError
            The video is closed, or the buffer has been released.
        """
        check_not_amid(self, "write")
        if self._closed:
            msg = f"{self.path.name} is closed"
            raise ValueError(msg)
        if isinstance(picture, moderngl.Buffer):
            picture = self._described(picture)
        # All before the picture is in the mailbox, where the next one would find it.
        if self._drive is not None:
            self._drive.pipeline.check_thread()
        elif not self._beginning.acquire(blocking=False):
            msg = f"another thread is writing the first picture of {self.path.name}; write all of them on one"
            raise WrongThread(msg)
        try:
            self._mailbox.pictures.append(picture)
            if self._drive is None:
                source = picture_source(self._pictures, self._size, reading(self._job.wanted))
                self._tally = source.tally
                self.recording, self._drive = self._job.begin(source, None, show=self._show, blocking=False)
                # Dropped anywhere, even on another thread, it is ended where the GL is.
                end = functools.partial(_end_dropped, self._drive, self.path.name)
                weakref.finalize(self, source.later, end).atexit = False  # there `drive` ends what has not ended
            while self._pictures.waiting or self._mailbox.pictures:
                if not self._drive.turn():
                    return False
        finally:
            self._mailbox.pictures.clear()
            if self._drive is None:  # it has been looked at, and is not in the video
                self._pictures = Pictures(self._mailbox)
                self._beginning.release()
        if self._closed:  # amid all this
            self._drive.wait()
        return not self._closed

    @property
    def stats(self) -> Stats:
        """What `write` has taken so far, and how much of it took more work than it need have."""
        return self._tally.stats

    @folded
    def close(self) -> None:
        """Finish the file, also a paused one; again does nothing.

        Called by a signal handler or an observer while a picture is being written, it comes into effect after that.

        Raises
        ------
        EncoderError
            FFmpeg has failed.
        WrongThread
            The pictures were written on another thread, which can go on.
        """
        drive = self._drive
        if drive is not None and not drive.pipeline.settled:
            drive.pipeline.check_thread()
            drive.pipeline.resume()
        first, self._closed = not self._closed, True
        if amid(self, "write"):
            return
        if drive is not None and (first or not drive.pipeline.settled):  # an interrupt may have cut it short
            drive.wait()

    def _put_away(self) -> None:
        """Finish the file, and close the widget."""
        try:
            self.close()
        finally:
            if self.recording is not None:
                self.recording.detach()

    def __repr__(self) -> str:
        return f"<Video {self.recording or self.path.name}>"

    def __enter__(self) -> Self:
        return self

    @folded
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, WAYS_OUT) and self._drive is not None:
            self._drive.pipeline.stop()
        elif error is not None and self._drive is not None:
            self._drive.pipeline.fail(error)
        try:
            self.close()
        except BaseException as ending:
            # In a with statement the block's own exception is what rises.
            if ending is not error:
                raise

    def _described(self, buffer: moderngl.Buffer) -> BufferPicture:
        inner_buffer(buffer)  # raises if it was released
        if self._size is None:
            msg = "give nbpipe.open a size to write buffers, which have none of their own"
            raise SceneError(msg)
        width, height = self._size
        channels, rest = divmod(buffer.size, width * height)
        if rest or channels not in (3, 4):
            msg = f"a buffer has {buffer.size} bytes, expected {width}x{height} pixels of 3 or 4; the video goes on"
            raise SceneError(msg)
        return BufferPicture(buffer, self._size, channels)


def _end_dropped(drive: Drive, name: str) -> None:
    """Finish a video that nobody can close any more; what its thread cannot, the end of the program does."""
    if drive.pipeline.mine and not drive.pipeline.settled:
        drive.leave()
        warnings.warn(f"{name} was not closed: use it in a with statement", ResourceWarning, stacklevel=2)


class _Mailbox:
    """An iterator over what has been put in; it may be filled again after it was empty."""

    def __init__(self) -> None:
        self.pictures: deque[Picture] = deque()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Picture:
        if not self.pictures:
            raise StopIteration
        return self.pictures.popleft()
