"""`pipe`, `sync`, `done`, `close`: bytes into a descriptor in the background, with TurboPipe's calls, safely.

For programs that run their own FFmpeg. Each descriptor has a *line*: a native writer and the order of what
goes into it. What keeps the promises:

* **Order.** One line, one writer, one queue.
* **Life.** Memory of Python objects is lent, not copied: the writer holds its buffer, so that it can neither go away
  nor be resized, and `pipe` waits when memory that is still queued is given again. A moderngl buffer cannot be
  held that way and is copied into one of the line's two blocks.
* **Bounds.** At most `QUEUE` pieces wait in a line; then `pipe` waits for the reader.
* **Identity.** A line belongs to what a descriptor leads to (device and inode), not to a number: two numbers of one
  pipe share it, and when a number leads elsewhere the old line ends by itself, once it has written what it has.
* **Files and devices.** A file opened again is the same file at another offset, and all pseudo-terminals have one
  inode; so a line to anything but a pipe, a FIFO or a socket ends with each piece.
* **Errors.** They rise from every later call for the same pipe, and from `sync` and `close` at least once. Where one
  call meets several, the first rises and its notes tell of the others.
* **No locks.** Whatever is let go may run a program's own code, and that may call here again; if it waited for a
  lock that another thread holds, which waits for one of this thread's, both would for ever. So there is none, and
  who leaves another call its turn does so for a limited time.
* **End.** A line follows its descriptor: when the program closes that, the reader gets his end of file after
  the last byte. At the end of the program what is queued is written, for as long as the reader reads, or its loss is
  told; but not where a signal such as SIGTERM ends it, which Python does not handle, or `os._exit`, or where `os.exec`
  puts another program in its place.

Any thread, but for moderngl buffers, which are read on the thread of their context. Every wait leaves the GIL and
can be interrupted.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time

from nbpipe.arguments import whole_number
from nbpipe.ending import at_the_end, mind_the_end, tell
from nbpipe.gl.buffer import Released
from nbpipe.line import Extent, Failed, Line, Over, extent, identity_of

_PATIENCE = 2.0  # seconds that the end of the program waits for readers who do not read, all at the same time
_HEAD_START = 1.0  # seconds that a line for one piece has to get it; who is overtaken begins again, with twice as many


# Changed by single steps of a list alone. Of several lines that lead to one place the first that is not over counts, so
# a line that was made in vain, because another thread or a signal handler was faster, is never used.
_lines: list[Line] = []
_ended = False


def pipe(data: object, fd: int) -> None:
    """Queue the bytes of `data` to be written to a descriptor in the background.

    Parameters
    ----------
    data : moderngl.Buffer or buffer
        A moderngl buffer (or its ``.mglo``, or a memoryview or array that shows it), which is copied, and may be
        changed or released at once; its context must be current, which cannot be checked of a ``.mglo``. Or anything
        with the buffer protocol: bytes, bytearray, memoryview, a numpy array. That is lent without a copy (unless it
        is not contiguous): do not change it before `sync` has returned. If some of it is queued for this descriptor
        already, this waits until that is written.
    fd : int
        A descriptor that is open for writing, such as ``process.stdin.fileno()``. When the program closes it, or
        ends, what is queued is still written, unless nothing is read for two seconds; then it says what is lost.

    Raises
    ------
    BrokenPipeError, OSError
        It is not open for writing, or an earlier write has failed.
    TypeError, ValueError
        `data` has no bytes; or the moderngl buffer was released, or its context is not current here.

    Examples
    --------
    ::

        for frame in range(frames):
            draw(frame)
            nbpipe.sync(buffer)
            fbo.read_into(buffer)
            nbpipe.pipe(buffer, ffmpeg.stdin.fileno())
        nbpipe.close(ffmpeg.stdin.fileno())
    """
    number, head_start = _descriptor(fd), _HEAD_START
    while True:
        if _ended:
            raise OSError(errno.ESHUTDOWN, "the program is ending; nothing more can be piped")
        try:
            line = _line(number, head_start)
            line.put(data)
            if line.for_one_piece:
                line.wait()
                line.end()
        except Failed as failed:
            raise failed.error from None
        except Over:  # its descriptor was closed and opened again, or another call has ended it
            head_start *= 2
        else:
            return


def sync(data: object = None) -> None:
    """Wait until every piece queued from `data` is written; without `data`, until everything is.

    The memory is then the program's again. A moderngl buffer may be changed without waiting; for it, too, this
    returns when its bytes are written. Of one that was released nobody can tell which they were, so it waits for all.

    Raises
    ------
    BrokenPipeError, OSError
        What it waits for cannot be written, for instance because the reader has gone. Where that is so of several
        descriptors, this is of one, and its notes name the others.
    """
    where = None if data is None else _memory_of(data)
    failures: list[OSError] = []
    for line in _live():
        try:
            if where is None:
                line.wait()
            else:
                line.wait_for(where)
        except Failed as failed:
            failures.append(failed.error)
    _raise(failures)


def done(data: object) -> None:
    """Free what was kept for buffers, as TurboPipe's does; what of `data` is queued stays alive until it is written.

    Here that is the blocks that moderngl buffers are copied into, of all lines; `data` is only checked.
    """
    _memory_of(data)
    for line in _live():
        line.drop_blocks()


def close(fd: int | None = None) -> None:
    """Write what is queued for a descriptor, or for all, and end the threads behind.

    The descriptor itself stays open.

    Raises
    ------
    BrokenPipeError, OSError
        Something could not be written; it is dropped. Notes name further descriptors of which that is so.
    """
    number = None if fd is None else _descriptor(fd)
    identity = None
    if number is not None:
        with contextlib.suppress(OSError):  # the program has closed it already
            identity = identity_of(number)
    failures: list[OSError] = []
    for line in _live():
        if number is None or line.identity == identity or (identity is None and line.fd == number):
            line.closers.append(threading.get_ident())
            try:
                line.write_and_end()
            except Failed as failed:
                failures.append(failed.error)
                line.end()
            finally:
                line.closers.remove(threading.get_ident())
    _live()  # forgets those that are over now, with their blocks
    _raise(failures)


def _memory_of(data: object) -> Extent | None:
    """Return where the memory of `data` lies; ``None`` for a moderngl buffer that was released."""
    try:
        return extent(data)
    except Released:
        return None


def _raise(failures: list[OSError]) -> None:
    """Raise the first of them, with what the others say in its notes."""
    if failures:
        first, *others = failures
        for other in others:
            first.add_note(f"nbpipe: {other}")
        raise first


def _line(fd: int, head_start: float) -> Line:
    try:
        return _found_or_made(fd, head_start)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise
        msg = f"descriptor {fd} is not open for writing; pipe to one that is, such as process.stdin.fileno()"
        raise OSError(errno.EBADF, msg) from None


def _found_or_made(fd: int, head_start: float) -> Line:
    while True:
        line = _first(identity_of(fd), fd)
        if line is None:
            line = Line(fd, head_start)
            if line.identity != identity_of(fd):  # another thread has given the number away meanwhile
                line.end()
                continue
            mind_the_end()
            _lines.append(line)
            if _first(line.identity, fd) is line:
                return line
            line.end_if_written()  # it was made in vain
        elif line.revived:
            line.end()
        elif line.for_one_piece or (line.closers and threading.get_ident() not in line.closers):
            line.outlast()
        else:
            return line


def _first(identity: tuple[int, int], fd: int) -> Line | None:
    """Return the line that counts; one for a single piece is of its number alone."""
    lines = (line for line in _live() if line.identity == identity and (line.fd == fd or not line.for_one_piece))
    return next(lines, None)


def _live() -> list[Line]:
    for line in list(_lines):
        if line.over or (line.told and line.stranded):
            with contextlib.suppress(ValueError):  # another thread has removed it
                _lines.remove(line)
            line.end()
    return list(_lines)


def _descriptor(fd: object) -> int:
    return whole_number(fd, "fd must be the number of a descriptor, such as process.stdin.fileno()")


class _Patience:
    """How long the end of the program waits: for as long as somebody reads, and two seconds for those who do not."""

    def __init__(self) -> None:
        self.over = False
        self._begin()

    def _begin(self) -> None:
        self._deadline = time.monotonic() + _PATIENCE
        self._seen = {line: line.bytes_written for line in _live()}

    def lasts(self, line: Line) -> bool:
        """Whether it lasts until `line` has written everything. Raises `Failed`."""
        while not line.wait(timeout=0.0 if self.over else self._deadline - time.monotonic()):
            if self.over or line.bytes_written == self._seen.get(line):
                return False
            self._begin()
        return True


@at_the_end
def _leave() -> None:
    global _ended  # noqa: PLW0603  a daemon thread may go on for a while
    _ended = True
    patience = _Patience()
    for line in _live():
        lost, told = 0, line.told
        try:
            if not patience.lasts(line):
                lost = line.end()
        except Failed:
            lost = line.end()
        except KeyboardInterrupt:  # for all that is left: one loss after the other is told, and the program ends
            patience.over, lost = True, line.end()
        if lost and not told:
            tell(
                f"the program ended while {lost} of the pieces piped to descriptor {line.fd} were not written. "
                "Call nbpipe.sync() or nbpipe.close() first."
            )


# A forked child must not touch its parent's lines; its copies of the writers are inert.
if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_lines.clear)
