"""A line: what goes into one descriptor of a user's own, and in which order (`pipe` has the promises).

Owns a native writer, the blocks that moderngl buffers are copied into, and the account of which memory is queued.

Any thread, several at once, and one of them once more wherever it stands here: a signal handler may pipe, and so may
what dies with the memory that the writer lets go, or by the garbage collector. A lock that is held while a program's
own code runs could be waited for in a circle, so there is none: every change is a single step of a dict or a deque, and
a count that another piece may have raised meanwhile is asked for again, or errs towards waiting longer. A piece is
noted before it is submitted, has no ticket until `submit` has returned it, and meanwhile is taken for the last of all.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import select
import stat
import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import moderngl
import numpy as np

from nbpipe.gl.buffer import check_shown, inner_buffer, mapped
from nbpipe.gl.context import is_current
from nbpipe.gl.memory import HostMemory
from nbpipe.video.reader import copies_what_it_reads
from nbpipe.video.writer import Closed, PipeWriter

if TYPE_CHECKING:
    from typing_extensions import Buffer

QUEUE = 8
_BLOCKS = 2  # one being read, one being filled; with three less of them is in the processor's cache: 10 % slower

_NUMBER = "[@=<>]?[?cbBhHiIlLqQefd]|[0-9]*x"  # formats of buffers that numpy knows

Extent = tuple[int, int]  # of addresses


@dataclass(slots=True)
class _Piece:
    """Memory that is queued; without a ticket while it is being submitted."""

    where: Extent
    ticket: int | None = None


def identity_of(fd: int) -> tuple[int, int]:
    """Return where a descriptor leads: device and inode, or its number on Windows, whose pipes have neither."""
    status = os.fstat(fd)
    return status.st_dev, status.st_ino or -1 - fd


class Over(Exception):
    """A line has ended before it took a piece."""


class Failed(Exception):
    """A line cannot write what it has. Not an `OSError`, for a signal handler may raise such, which are not the line's.

    Attributes
    ----------
    error : OSError
        What the program is to be told.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class Line:
    """What goes into one descriptor.

    Parameters
    ----------
    fd : int
    head_start : float
        Seconds that other calls leave to the one that has made a line for one piece, until it has queued it.

    Attributes
    ----------
    closers : list of int
        The threads that are closing it, which alone may still put something in.
    told : bool
        Whether its error has risen.
    """

    def __init__(self, fd: int, head_start: float) -> None:
        self.fd, self.identity = fd, identity_of(fd)
        mode = os.fstat(fd).st_mode
        self.for_one_piece = not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode))
        self.closers: list[int] = []
        self.told = False
        self._maker, self._head_start = threading.get_ident(), head_start
        self._pending = threading.Lock()  # of one piece: held until it is queued
        self._pending.acquire()
        self._writer = PipeWriter(fd, lend=copies_what_it_reads(fd), follow=True)
        self._queued: dict[int, _Piece] = {}  # until written; changed by single steps alone
        self._numbers = itertools.count()
        self._blocks: deque[tuple[HostMemory, _Piece]] = deque()  # with what was last in each

    @property
    def over(self) -> bool:
        """Whether the writer has ended, because the descriptor was closed or `end` was called."""
        return self._writer.closed

    @property
    def bytes_written(self) -> int:
        """How many bytes it has written."""
        return self._writer.bytes_written

    @property
    def stranded(self) -> bool:
        """Whether its descriptor leads elsewhere by now."""
        try:
            return identity_of(self.fd) != self.identity
        except OSError:
            return True

    def put(self, data: object) -> None:
        """Queue `data`. Raises `Over` and `Failed`."""
        try:
            inner = inner_buffer(data)
            if inner is None:
                self._lend(data)
            else:
                self._copy(data, inner)
        finally:
            if self.for_one_piece:
                self._pending.release()

    def _lend(self, data: object) -> None:
        piece = _Piece(_stretch(data, _view(data)))
        self.wait_for(piece.where)
        memory = _contiguous(data)
        self._wait_for_room()
        self._submit(piece, lambda: self._writer.submit(memory))

    def _copy(self, data: object, inner: Any) -> None:
        if isinstance(data, moderngl.Buffer) and not is_current(data.ctx):
            msg = "this moderngl buffer is of another context than is current here, or of one that was released"
            raise ValueError(msg)
        shown = None if data is inner or isinstance(data, moderngl.Buffer) else _view(data)
        size = inner.size() if shown is None else shown.nbytes
        piece = _Piece(_of_its_own(inner))
        block = self._block(size)
        self._wait_for_room()

        def submit(source: Buffer) -> None:
            self._blocks.append((block, piece))
            self._submit(piece, lambda: self._writer.copy(source, block.view[:size]))

        if shown is None:
            mapped(inner, submit)
        else:
            check_shown(inner, *_stretch(data, shown))
            submit(_contiguous(data))

    def wait_for(self, where: Extent) -> None:
        """Wait until what is queued from this memory is written. Raises `Failed`."""
        pieces = [piece for piece in self._account() if piece.where[0] < where[1] and where[0] < piece.where[1]]
        last = self._writer.submitted
        self.wait(max((last if piece.ticket is None else piece.ticket for piece in pieces), default=0))

    def wait(self, ticket: int | None = None, timeout: float | None = None) -> bool:
        """Whether `ticket`, or everything, is written within `timeout`. Raises `Failed`."""
        ticket = self._writer.submitted if ticket is None else ticket
        try:
            return ticket < 1 or self._writer.wait(ticket, timeout)
        except OSError as error:
            raise self._explained(error) from None
        except Closed:
            msg = f"the program ended, or closed descriptor {self.fd}, before all of it was written"
            raise Failed(OSError(errno.ECANCELED, msg)) from None

    def drop_blocks(self) -> None:
        """Give up the blocks; what is queued from them keeps their memory."""
        self._blocks.clear()

    @property
    def revived(self) -> bool:
        """Whether it has failed, and been told so, and somebody reads there again, as from a FIFO that was reopened."""
        if not self.told or not hasattr(select, "poll"):  # which Windows has not, and no such FIFOs either
            return False
        reader = select.poll()
        reader.register(self.fd, 0)
        return not reader.poll(0)

    def end(self) -> int:
        """End at once; return how many pieces were not written."""
        lost = self._writer.queued
        self._writer.close()
        return lost

    def end_if_written(self) -> bool:
        """End unless something is queued; whether it has ended."""
        return self._writer.close_if_written()

    def write_and_end(self) -> None:
        """End when all is written. Raises `Failed`."""
        while not self.end_if_written():  # what dies with what was written may have piped more
            self.wait()
        self.wait()  # raises the error that it has ended by

    def outlast(self) -> None:
        """Wait until what another call has for this line is written, and end it; so that a new one can follow.

        That call may be further up on this very thread, or wait for this one. If it comes late, the line is over.
        """
        elsewhere = self.for_one_piece and self._maker != threading.get_ident()
        if elsewhere and self._pending.acquire(timeout=self._head_start):
            self._pending.release()
        self.wait()
        self.end_if_written()

    def _account(self) -> list[_Piece]:
        """Forget what is written; return the rest."""
        written, found = self._writer.written, []
        for number in list(self._queued):
            piece = self._queued.get(number)
            if piece is None:
                continue
            if piece.ticket is not None and piece.ticket <= written:
                self._queued.pop(number, None)
            else:
                found.append(piece)
        return found

    def _wait_for_room(self) -> None:
        while self._writer.queued >= QUEUE:  # more than once where several threads wait for the same piece
            self.wait(self._writer.submitted - QUEUE + 1)
        self._account()

    def _submit(self, piece: _Piece, how: Callable[[], int]) -> None:
        self._queued[next(self._numbers)] = piece
        try:
            piece.ticket = how()
        except BaseException as error:
            # Or an interrupt, or what a signal handler raises, which may have come when it was submitted.
            piece.ticket = self._writer.submitted
            if isinstance(error, OSError):
                raise self._explained(error) from None
            if isinstance(error, Closed):
                raise Over from None
            raise

    def _block(self, size: int) -> HostMemory:
        while len(self._blocks) >= _BLOCKS:
            try:
                block, piece = self._blocks.popleft()
            except IndexError:  # another thread was faster
                break
            if len(self._blocks) < _BLOCKS and piece.ticket is not None:
                self.wait(piece.ticket)
                if len(block.view) >= size:
                    return block
        return HostMemory(size)

    def _explained(self, error: OSError) -> Exception:
        if error.errno != self._writer.error:  # a signal handler's
            return error
        self.told = True
        words = (
            f"writing to descriptor {self.fd} failed: {error.strerror}; what was queued for it is dropped. Mend the "
            "cause, and begin again with a new descriptor"
        )
        if isinstance(error, BrokenPipeError):
            words = f"the reader of descriptor {self.fd} has gone; see what it said, and start it again with a new pipe"
        return Failed(OSError(error.errno, words))


def _view(data: object) -> memoryview:
    if isinstance(data, np.ndarray) and data.dtype.kind in "mM":  # dates have no buffer of their own
        data = np.asarray(data).view(np.int64)
    try:
        view = memoryview(data)  # type: ignore[arg-type]  # this is the check
    except (TypeError, ValueError):
        given = f"an array of {data.dtype}" if isinstance(data, np.ndarray) else type(data).__name__
        msg = f"data must be a moderngl buffer, bytes, a numpy array of numbers or another buffer, not {given}"
        raise TypeError(msg) from None
    if "O" in re.sub(":[^:]*:", "", view.format):  # a field may be called so
        msg = "data holds Python objects, which are no bytes; convert it to a number type first"
        raise TypeError(msg)
    return view


def _strided(data: object, view: memoryview) -> np.ndarray | None:
    """Return memory that is not contiguous as numpy sees it; ``None`` of a kind that it refuses, or sees wrongly."""
    if isinstance(data, np.ndarray):
        return np.asarray(data)
    # A union of ctypes says that it is a byte, and has more of them.
    plain = re.fullmatch(_NUMBER, view.format) and struct.calcsize(view.format) == view.itemsize
    return np.asarray(view) if plain else None


def _contiguous(data: object) -> Buffer:
    view = _view(data)
    if view.c_contiguous:
        return view
    array = _strided(data, view)
    if array is None:
        return view.tobytes()
    # numpy, unlike `tobytes`, leaves the GIL: at 4K, colours reversed, 0.1 s. It copies all that lies in an item, and
    # not only its fields, when that is bytes to it.
    return np.ascontiguousarray(array[..., np.newaxis].view(np.uint8)).data


def extent(data: object) -> Extent:
    """Return where the memory of `data` begins and ends; of what is always copied, a range that is its own."""
    inner = inner_buffer(data)
    if inner is not None:
        return _of_its_own(inner)
    return _stretch(data, _view(data))


def _of_its_own(thing: object) -> Extent:
    return id(thing), id(thing) + 1


def _stretch(data: object, view: memoryview) -> Extent:
    if view.nbytes == 0:
        return 0, 0
    array = np.frombuffer(view, np.uint8) if view.c_contiguous else _strided(data, view)
    if array is None:
        return _of_its_own(view.obj)
    start = end = array.ctypes.data
    for count, stride in zip(array.shape, array.strides, strict=True):
        start, end = start + min(0, (count - 1) * stride), end + max(0, (count - 1) * stride)
    return start, end + array.itemsize
