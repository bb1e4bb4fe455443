# ruff: noqa: PYI021 - the seam is documented here, not in C++ strings
"""The native seam: moving bytes to a file descriptor on a thread of its own, and converting pixels.

It is built from ``native/`` (C++20, nanobind). ``native/src/pipe_writer.hpp`` and ``convert.hpp`` explain the
mechanisms; this file is what Python sees of them. It knows nothing of FFmpeg or Jupyter, and of OpenGL only what
glReadPixels looks like. Only ``nbpipe/video/writer.py`` imports it.
"""

from types import TracebackType
from typing import Self, final

from typing_extensions import Buffer

class Closed(ValueError):
    """The `PipeWriter` is closed."""

@final
class PipeWriter:
    """Write buffers to a file descriptor, in order, in the background and without a copy.

    Each submitted buffer gets a *ticket*: 1, 2, 3 … A pipe is first in, first out, so "ticket *n* is written"
    means that every byte of the tickets 1 to *n* is in the pipe (not that the reader has read it).

    **Threads.** Every method and property may be used from any thread, by several at once. The native thread
    starts with the object and ends with `close`; it runs no Python, needs no GIL and takes no signals.

    **Memory.** A submitted buffer stays exported, and its object alive, until the object is next used after
    the write: exports are released only within calls from Python, never on the native thread. Do not change
    the content before the ticket is written; nobody else looks at it meanwhile, but it is not a copy.

    **Errors.** The first error of a write ends the thread and is kept. From then on `submit`, and `wait` for
    a ticket that was not written, raise it as `OSError` with its ``errno``; a reader that is gone is a
    `BrokenPipeError`. It also outlives `close`, because it is the cause. Counters can always be read,
    but for a forked child.

    **Fork.** In a forked child the object is inert: the duplicate is closed there, so that the child does not
    keep the reader waiting for its end of file; `closed` and `close_if_written` are true, `close` does nothing, `held`
    answers, and all else raises `ValueError`. (The child still has the *caller's* descriptor: close that one after
    making the writer.)

    Parameters
    ----------
    fd : int
        A descriptor open for writing: a pipe, FIFO, socket or file. The writer works on a private duplicate
        (above 2, close-on-exec), so the caller may close his own at once; its flags are left as they are. A
        pipe is enlarged to 1 MiB where the system allows it.
    lend : bool
        Let a pipe refer to the submitted memory itself where it can, instead of a copy. Only for a reader that
        copies what it reads, as FFmpeg does; one that passes pages on with splice(2) would show later content.
        For the caller nothing changes: a written ticket's memory is free.
    follow : bool
        End by itself, within 10 ms of having written everything, when `fd` is closed or leads elsewhere.

    Raises
    ------
    OSError
        ``fd`` is not open for writing (``EBADF``), or no descriptor or thread is left for the writer.

    """

    def __init__(self, fd: int, *, lend: bool = False, follow: bool = False) -> None: ...
    def submit(self, data: Buffer, /) -> int:
        """Queue a buffer and return its ticket; never blocks.

        The queue has no limit: whoever lends the memory decides how much of it is under way.

        Parameters
        ----------
        data : Buffer
            Anything with the buffer protocol that is C-contiguous: bytes, bytearray, memoryview, a numpy
            array, mapped memory. It may be read-only, and it may be empty.

        Returns
        -------
        int
            The ticket, counting from 1.

        Raises
        ------
        OSError
            An earlier write has failed; `BrokenPipeError` when the reader is gone.
        Closed
            The writer is.
        BufferError
            The buffer is not C-contiguous.
        TypeError
            `data` has no buffer.

        """

    def copy(self, source: Buffer, into: Buffer, /) -> int:
        """Copy a buffer into another, and queue that as `submit` does; without the GIL.

        It is written while it is copied, so that the reader takes each part of it from the processor's cache. When
        this returns, `source` is free.

        Parameters
        ----------
        source : Buffer
            C-contiguous.
        into : Buffer
            C-contiguous, of the same size; lent until the ticket is written.

        Returns
        -------
        int
            The ticket.

        Raises
        ------
        OSError
            An earlier write has failed.
        Closed
            The writer is.
        ValueError
            The sizes differ.
        BufferError
            A buffer is not C-contiguous, or `into` is read-only.
        TypeError
            One of them has no buffer.

        """

    def wait(self, ticket: int, /, timeout: float | None = None) -> bool:
        """Wait until everything up to `ticket` is written.

        The GIL is released. At least every 50 ms Python's signal handlers get their turn, so an interrupt
        (Ctrl-C, Jupyter's ■) raises `KeyboardInterrupt` here; the writer then goes on as before.

        Parameters
        ----------
        ticket : int
            What `submit` returned.
        timeout : float, optional
            Seconds. Zero or less only looks; None, the default, waits for as long as it takes.

        Returns
        -------
        bool
            True when it is written, False when the time is over.

        Raises
        ------
        OSError
            The write of this ticket, or of one before it, has failed.
        Closed
            The writer was closed before the ticket was written, if need be by another thread during the wait.
        ValueError
            There is no such ticket, or `timeout` is NaN.

        """

    def close(self) -> None:
        """Stop at once: drop what is not written, end the thread, close the duplicate, release every buffer.

        It takes a few milliseconds, even when the reader has stalled: within the frame being written the
        thread stops between two system calls, so the reader may get part of it; and what of lent memory he has
        not read by then he reads as it is by then. To write everything first, ``wait`` for the last ticket. May
        be called again, and from any thread; each call returns when all of this has happened. Dropping the
        last reference does the same.
        """

    def close_if_written(self) -> bool:
        """Do as `close`, unless a ticket is still to be written; whether it is closed. After an error it always is.

        In one step, so that nothing that is submitted meanwhile is dropped: it is refused, or this returns False.
        """

    @property
    def submitted(self) -> int:
        """Tickets given so far."""

    @property
    def written(self) -> int:
        """Tickets written so far."""

    @property
    def queued(self) -> int:
        """Tickets submitted and not written; after an error or `close` these never will be."""

    @property
    def bytes_written(self) -> int:
        """Bytes handed to the system so far, those of the frame being written included."""

    @property
    def error(self) -> int:
        """The ``errno`` that a write has failed with, or 0: what else rises as an `OSError` is a signal handler's."""

    @property
    def held(self) -> int:
        """Buffers still exported; for tests."""

    @property
    def closed(self) -> bool:
        """Whether `close` has been called, the followed descriptor has been closed, or this is a forked child."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None, /
    ) -> None:
        """Close, without draining."""

@final
class Conversion:
    """Convert pictures as the GL reads them into the planes that an encoder takes.

    Flipped to top row first, padded to even sizes for 4:2:0 by repeating the last row and column, BT.709,
    limited range, 4:2:0 with *left* siting. ``native/src/convert.hpp`` says how exactly and how fast.

    **Threads.** An object never changes; any number of threads may convert with it at once. `read` is for the thread
    of the GL's context.

    Parameters
    ----------
    size : tuple of int
        Width and height in pixels.
    channels : int
        3 for RGB, 4 for RGBA.
    bits : int
        Per channel: 8, or 16 in the byte order of the machine.
    bottom_up : bool
        Whether the first row is the bottom one, as the GL gives it.
    target : str
        FFmpeg's name of the pixel format: ``yuv420p``, ``nv12``, ``yuv444p``, ``yuv420p10le``, ``p010le``,
        ``gray``, ``rgb24`` or ``rgba``.
    dither : bool
        Round up and down by an ordered pattern of 8 × 8 samples, so that on average they have the exact value, instead
        of to the nearest.

    Raises
    ------
    ValueError
        There is no such conversion, or no such picture.

    """

    def __init__(
        self, size: tuple[int, int], channels: int, bits: int, bottom_up: bool, target: str, dither: bool = False
    ) -> None: ...
    @property
    def source_bytes(self) -> int:
        """Bytes of a picture."""

    @property
    def target_bytes(self) -> int:
        """Bytes of all its planes together; they follow each other without a gap."""

    def convert(self, source: Buffer, target: Buffer, first: int = 0, /) -> None:
        """Convert one picture, or some of its rows, without the GIL.

        Parameters
        ----------
        source : Buffer
            Rows without gaps: all of them, which are ``source_bytes`` bytes, or an even number, or those up to the
            last row of the picture.
        target : Buffer
            ``target_bytes`` bytes that may be written, and that are not the source's.
        first : int, optional
            Which row of the picture, from its top, is the top one of `source`; an even number.

        Raises
        ------
        ValueError
            A buffer has not that many bytes, the two overlap, or the picture has no such rows.
        BufferError
            A buffer is not C-contiguous, or `target` is read-only.
        TypeError
            `source` or `target` has no buffer.

        """

    def read(self, read_pixels: int, format: int, type: int, band: Buffer, target: Buffer, /) -> float:  # noqa: A002
        """Convert the picture that glReadPixels brings, band after band, without the GIL.

        Nothing of Python runs in between, so no signal handler can draw while a part of the picture has been read.

        Parameters
        ----------
        read_pixels : int
            The address of glReadPixels; the state of the GL says what it reads, and that it packs rows without gaps.
        format, type : int
            Its arguments, which must suit the channels and bits of the picture.
        band : Buffer
            Where each band goes first; as many pairs of rows as fit into it make one.
        target : Buffer
            As in `convert`.

        Returns
        -------
        float
            How many seconds of it converting took.

        Raises
        ------
        ValueError
            The picture is not bottom-up, `band` has no room for two of its rows (or the only one), the address is 0,
            or as in `convert`.
        BufferError, TypeError
            As in `convert`.

        """
