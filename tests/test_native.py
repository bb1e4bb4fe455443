"""The native seam, driven raw over ``os.pipe()``.

What needs no Python is tested in ``native/tests/test_pipe_writer.cpp``; here is what Python adds: buffers and
their lifetime, exceptions, the GIL, signals, and the end of the interpreter.
"""

from __future__ import annotations

import ast
import errno
import gc
import os
import pty
import select
import signal
import subprocess
import sys
import textwrap
import threading
import tty
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pytest

import nbpipe
from nbpipe import _native
from nbpipe._native import PipeWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RESCUE = 10.0
"""Seconds until a test that would hang is let go, so that it fails instead."""


class Pipe:
    """A pipe whose ends are closed one by one."""

    def __init__(self) -> None:
        reader, writer = os.pipe()
        self.reader: BinaryIO = os.fdopen(reader, "rb", buffering=0)
        self.writer: BinaryIO = os.fdopen(writer, "wb", buffering=0)

    @property
    def fd(self) -> int:
        return self.writer.fileno()

    def read(self, size: int, step: int = 1 << 20) -> bytes:
        """Exactly `size` bytes, in reads of at most `step`."""
        data = bytearray()
        while len(data) < size:
            data += self.reader.read(min(step, size - len(data)))
        return bytes(data)

    def close(self) -> None:
        self.reader.close()
        self.writer.close()


class Frame(bytearray):
    """A buffer that can be watched through a weak reference."""


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


@pytest.fixture
def writer(pipe: Pipe) -> Iterator[PipeWriter]:
    with PipeWriter(pipe.fd) as writer:
        yield writer


def stall(pipe: Pipe, writer: PipeWriter) -> bytes:
    """Submit more than the pipe takes, and return it when the thread cannot go on."""
    data = os.urandom(3 << 20)
    writer.submit(data)
    while select.select([], [pipe.fd], [], 0)[1] or not writer.bytes_written:  # which it counts after it has written
        pass
    return data


def run_beside(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


# ---- bytes and counters -----------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1 << 20, 1013])
def test_bytes_arrive_exactly(pipe: Pipe, writer: PipeWriter, step: int) -> None:
    frames = [os.urandom(size) for size in (0, 1, 4095, 4097, 65537, 1_000_003)]
    arrived = []
    reading = run_beside(lambda: arrived.append(pipe.read(sum(map(len, frames)), step)))
    tickets = [writer.submit(frame) for frame in frames]
    assert tickets == [1, 2, 3, 4, 5, 6]
    assert writer.wait(tickets[-1], timeout=RESCUE)
    reading.join()
    assert arrived == [b"".join(frames)]
    assert (writer.written, writer.queued, writer.held) == (6, 0, 0)
    assert writer.bytes_written == sum(map(len, frames))


@pytest.mark.parametrize(
    "data",
    [
        b"abc",
        bytearray(b"abc"),
        memoryview(b"abc"),
        np.arange(12, dtype=np.float32).reshape(3, 4),
        np.arange(12).reshape(3, 4)[1:],
        np.zeros((0, 3)),
        np.array(7),
    ],
)
def test_anything_contiguous_is_taken(pipe: Pipe, writer: PipeWriter, data: Any) -> None:
    assert writer.wait(writer.submit(data), timeout=RESCUE)
    expected = memoryview(data).tobytes()
    assert pipe.read(len(expected)) == expected


@pytest.mark.parametrize("size", [0, 1, 131_072, 1_000_003])
def test_a_copy_arrives_and_its_source_is_free_at_once(pipe: Pipe, writer: PipeWriter, size: int) -> None:
    content = os.urandom(size)
    source, into = bytearray(content), bytearray(size)
    before = stall(pipe, writer)
    ticket = writer.copy(source, into)
    source.append(0)
    with pytest.raises(BufferError):
        into.append(0)
    assert pipe.read(len(before) + size) == before + content
    assert writer.wait(ticket, timeout=RESCUE)
    into.append(0)


@pytest.mark.parametrize(
    ("source", "into", "error"),
    [
        (b"abc", bytearray(2), ValueError),
        (b"abc", b"abc", BufferError),
        (b"abc", memoryview(bytearray(6))[::2], BufferError),
        (3, bytearray(3), TypeError),
    ],
)
def test_a_copy_that_cannot_be_made_has_no_ticket(writer: PipeWriter, source: Any, into: Any, error: Any) -> None:
    with pytest.raises(error):
        writer.copy(source, into)
    assert (writer.submitted, writer.held) == (0, 0)


@pytest.mark.parametrize(
    "data",
    [memoryview(b"abcdef")[::2], np.zeros((4, 4))[:, ::2], np.zeros((3, 4)).T, np.arange(9)[::-1]],
)
def test_what_is_not_contiguous_is_refused(writer: PipeWriter, data: Any) -> None:
    with pytest.raises(BufferError, match="C-contiguous"):
        writer.submit(data)
    assert (writer.queued, writer.held) == (0, 0)


def test_what_is_no_buffer_is_refused(writer: PipeWriter) -> None:
    with pytest.raises(TypeError, match="bytes-like"):
        writer.submit("text")  # type: ignore[arg-type]


def test_counters_of_a_stalled_writer(pipe: Pipe, writer: PipeWriter) -> None:
    data = stall(pipe, writer)
    writer.submit(b"")
    assert (writer.written, writer.queued, writer.held, writer.closed) == (0, 2, 2, False)
    assert 0 < writer.bytes_written < len(data)
    for timeout in (0, -1, 0.001):
        assert writer.wait(1, timeout=timeout) is False


@pytest.mark.parametrize("ticket", [-1, 0, 2])
def test_tickets_never_given(writer: PipeWriter, ticket: int) -> None:
    writer.submit(b"")
    with pytest.raises(ValueError, match="no such ticket"):
        writer.wait(ticket)


def test_timeout_is_a_number(writer: PipeWriter) -> None:
    ticket = writer.submit(b"")
    with pytest.raises(ValueError, match="NaN"):
        writer.wait(ticket, timeout=float("nan"))
    assert writer.wait(ticket, timeout=float("inf"))


# ---- buffers ----------------------------------------------------------------------------------------------


def test_buffer_is_exported_until_written(pipe: Pipe, writer: PipeWriter) -> None:
    data = stall(pipe, writer)
    frame = bytearray(b"abc")
    ticket = writer.submit(frame)
    with pytest.raises(BufferError):
        frame.append(0)
    assert pipe.read(len(data)) == data
    assert writer.wait(ticket, timeout=RESCUE)
    frame.append(0)


def test_object_lives_until_written(pipe: Pipe, writer: PipeWriter) -> None:
    data = stall(pipe, writer)
    frame = Frame(os.urandom(1000))
    content, alive = bytes(frame), weakref.ref(frame)
    ticket = writer.submit(frame)
    del frame
    gc.collect()
    assert alive() is not None
    assert pipe.read(len(data) + 1000) == data + content
    assert writer.wait(ticket, timeout=RESCUE)
    gc.collect()
    assert alive() is None


def test_refused_buffer_is_not_kept(writer: PipeWriter) -> None:
    writer.close()
    frame = Frame(b"abc")
    alive = weakref.ref(frame)
    with pytest.raises(ValueError, match="closed"):
        writer.submit(frame)
    frame.append(0)
    del frame
    gc.collect()
    assert alive() is None


def test_any_use_releases_what_is_written(pipe: Pipe, writer: PipeWriter) -> None:
    frame = Frame(b"abc")
    writer.submit(frame)
    assert pipe.read(3) == b"abc"
    while writer.written == 0:
        pass
    frame.append(0)


def test_close_releases_everything(pipe: Pipe, writer: PipeWriter) -> None:
    stall(pipe, writer)
    frame = bytearray(b"abc")
    writer.submit(frame)
    writer.close()
    frame.append(0)
    assert (writer.written, writer.queued, writer.held) == (0, 2, 0)


def test_writer_may_be_used_while_it_releases_a_buffer(pipe: Pipe, writer: PipeWriter) -> None:
    seen = []

    class Last(Frame):
        def __del__(self) -> None:
            seen.append((writer.held, writer.submit(b"!")))

    ticket = writer.submit(Last(b"abc"))
    assert pipe.read(3) == b"abc"
    assert writer.wait(ticket, timeout=RESCUE)
    assert seen == [(0, 2)]


def test_a_copy_releases_nothing_because_its_source_may_be_mapped(pipe: Pipe, writer: PipeWriter) -> None:
    before = stall(pipe, writer)
    frame = Frame(b"abc")
    alive = weakref.ref(frame)
    writer.submit(frame)
    del frame
    writer.submit(before)
    pipe.read(len(before) + 3 + 1)  # what follows the frame has begun, so that it is written
    writer.copy(b"abc", bytearray(3))
    assert alive() is not None
    assert writer.held < 4
    assert alive() is None


# ---- errors -----------------------------------------------------------------------------------------------


def test_reader_that_goes_is_a_broken_pipe(pipe: Pipe, writer: PipeWriter) -> None:
    stall(pipe, writer)
    frame = bytearray(b"abc")
    ticket = writer.submit(frame)
    pipe.reader.close()
    for _ in range(2):
        with pytest.raises(BrokenPipeError) as caught:
            writer.wait(ticket, timeout=RESCUE)
        assert caught.value.errno == errno.EPIPE
        with pytest.raises(BrokenPipeError):
            writer.submit(b"more")
        assert writer.held == 0
        frame.append(0)
        writer.close()


def test_other_errors_keep_their_number() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full, PipeWriter(full.fileno()) as writer:
        with pytest.raises(OSError, match="No space") as caught:
            writer.wait(writer.submit(b"abc"), timeout=RESCUE)
        assert caught.value.errno == errno.ENOSPC


def test_bad_descriptors(pipe: Pipe) -> None:
    for fd in (-1, 12345, pipe.reader.fileno()):
        with pytest.raises(OSError, match="Bad file descriptor") as caught:
            PipeWriter(fd)
        assert caught.value.errno == errno.EBADF


# ---- closing ----------------------------------------------------------------------------------------------


def test_close_while_stalled(pipe: Pipe, writer: PipeWriter) -> None:
    data = stall(pipe, writer)
    writer.close()
    writer.close()
    assert writer.closed
    pipe.writer.close()
    arrived = pipe.reader.read(len(data))
    assert len(arrived) == writer.bytes_written
    assert data.startswith(arrived)
    assert pipe.reader.read(1) == b""
    with pytest.raises(ValueError, match="closed"):
        writer.submit(b"")
    with pytest.raises(ValueError, match="closed"):
        writer.wait(1)


def test_close_while_nobody_reads_a_terminal() -> None:
    """Its master cannot be opened again, and blocks amid what it cannot take whole, though it has promised room."""
    master, terminal = pty.openpty()
    tty.setraw(terminal)
    writer = PipeWriter(master)
    for _ in range(20):
        writer.submit(bytes(4095))
    room = select.poll()
    room.register(master, select.POLLOUT)
    while room.poll(0):
        pass
    closing = threading.Thread(target=writer.close, daemon=True)
    closing.start()
    closing.join(60)
    ended = not closing.is_alive()
    while not ended and select.select([terminal], [], [], 0)[0]:
        os.read(terminal, 65536)
    os.close(terminal)
    os.close(master)
    assert ended


def test_with_closes_without_draining(pipe: Pipe) -> None:
    with PipeWriter(pipe.fd) as writer:
        stall(pipe, writer)
    assert writer.closed


def test_dropping_the_last_reference_closes(pipe: Pipe) -> None:
    writer = PipeWriter(pipe.fd)
    frame = Frame(3 << 20)
    writer.submit(frame)
    pipe.writer.close()
    del writer
    frame.append(0)
    while pipe.reader.read(1 << 20):  # ends: no duplicate is left
        pass


def test_close_ends_the_wait_of_another_thread(pipe: Pipe, writer: PipeWriter) -> None:
    stall(pipe, writer)
    about_to_wait = threading.Event()

    def close() -> None:
        about_to_wait.wait()
        writer.close()

    closing = run_beside(close)
    about_to_wait.set()
    with pytest.raises(ValueError, match="closed"):
        writer.wait(1, timeout=RESCUE)
    closing.join()


def test_callers_number_given_to_another_file(pipe: Pipe, writer: PipeWriter, tmp_path: Path) -> None:
    data = stall(pipe, writer)
    ticket = writer.submit(b"the end")
    with (tmp_path / "foreign").open("wb") as foreign:
        os.dup2(foreign.fileno(), pipe.fd)
        assert pipe.read(len(data) + 7) == data + b"the end"
        assert writer.wait(ticket, timeout=RESCUE)
    assert (tmp_path / "foreign").read_bytes() == b""


# ---- the GIL, signals, fork, exit -------------------------------------------------------------------------


@pytest.fixture
def no_preemption() -> Iterator[None]:
    """Let a thread have the GIL only when another gives it up, so that a test knows who is where."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(60)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("no_preemption")
def test_others_run_while_one_waits(pipe: Pipe, writer: PipeWriter) -> None:
    data = stall(pipe, writer)
    about_to_wait = threading.Event()
    ticks = 0

    def tick_then_read() -> None:
        nonlocal ticks
        about_to_wait.wait()
        for _ in range(1000):
            ticks += 1
        pipe.read(len(data))

    ticking = run_beside(tick_then_read)
    about_to_wait.set()
    before = ticks
    written = writer.wait(1, timeout=RESCUE)
    during = ticks - before
    if not written:
        pipe.reader.close()
    ticking.join()
    assert written
    assert (before, during) == (0, 1000)


@pytest.mark.usefixtures("no_preemption")
def test_interrupt_ends_a_wait(pipe: Pipe, writer: PipeWriter) -> None:
    data = stall(pipe, writer)
    about_to_wait, interrupted = threading.Event(), threading.Event()
    rescued = []

    def interrupt() -> None:
        about_to_wait.wait()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        if not interrupted.wait(RESCUE):
            rescued.append(pipe.read(len(data)))

    interrupting = run_beside(interrupt)
    about_to_wait.set()
    with pytest.raises(KeyboardInterrupt):
        writer.wait(1)
    interrupted.set()
    interrupting.join()
    assert not rescued, "the interrupt arrived only after the wait had ended"
    assert pipe.read(len(data)) == data  # the writer itself has gone on
    assert writer.wait(1, timeout=RESCUE)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forked_child(pipe: Pipe, writer: PipeWriter) -> None:
    stall(pipe, writer)
    child_may_end = Pipe()
    child_is_ready = Pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.alarm(60)
            pipe.writer.close()
            child_may_end.writer.close()
            for call in (lambda: writer.submit(b""), lambda: writer.wait(1), lambda: writer.written):
                with pytest.raises(ValueError, match="parent process"):
                    call()
            writer.close()
            assert writer.closed
            assert writer.held == 0
            own = Pipe()
            with PipeWriter(own.fd) as fresh:
                assert fresh.wait(fresh.submit(b"own"), timeout=RESCUE)
            assert own.read(3) == b"own"
            child_is_ready.writer.write(b"!")
            child_may_end.reader.read()
            status = 0
        finally:
            os._exit(status)
    child_is_ready.writer.close()
    assert child_is_ready.reader.read(1) == b"!"
    writer.close()
    pipe.writer.close()
    while pipe.reader.read(1 << 20):  # ends, although the child is still there
        pass
    child_may_end.writer.close()
    assert os.waitpid(pid, 0)[1] == 0
    child_may_end.close()
    child_is_ready.close()


@pytest.mark.parametrize(
    "ending",
    [
        "pass",
        "sys.exit(0)",
        "kept = [writer]; kept.append(kept)",
        "sys.keep_the_writer = writer",
        "for _ in range(9): threading.Thread(target=writer.wait, args=(1,), daemon=True).start()",
        "atexit._run_exitfuncs(); writer.wait(1, 0.1)",
    ],
)
def test_interpreter_ends_with_data_queued(ending: str) -> None:
    script = textwrap.dedent("""
        import atexit, os, sys, threading, time
        from nbpipe._native import PipeWriter
        class Finalizing:  # takes longer than a slice of wait(): who is away comes back too late
            def __del__(self, sleep=time.sleep):
                sleep(0.2)
        finalizing = Finalizing()
        reader, fd = os.pipe()
        writer = PipeWriter(fd)
        for _ in range(3):
            writer.submit(bytearray(3 << 20))
        threading.excepthook = id  # silence: a thread in wait() gets a ValueError
    """)
    done = subprocess.run(
        [sys.executable, "-c", script + ending], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_subinterpreter_is_refused_and_ends_in_peace() -> None:
    script = textwrap.dedent("""
        import sys
        if sys.version_info >= (3, 13):
            import _interpreters as interpreters
        else:
            import _xxsubinterpreters as interpreters
        other = interpreters.create("legacy") if sys.version_info >= (3, 13) else interpreters.create(isolated=False)
        interpreters.run_string(other, '''
        try:
            import nbpipe.video.writer
        except ImportError as error:
            print(error, *getattr(error, "__notes__", []), flush=True)
        ''')
    """)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    words = "nbpipe runs in the main interpreter alone: call it there, or in a process of its own\n"
    assert (done.returncode, done.stdout) == (0, words)


# ---- the stub ---------------------------------------------------------------------------------------------


def test_stub_names_what_the_module_has() -> None:
    tree = ast.parse(Path(str(nbpipe.__file__)).with_name("_native.pyi").read_text(encoding="utf-8"))
    stub = {
        node.name: {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }
    module = {
        name: {member for member in vars(thing) if not member.startswith("_")}
        | {"__init__", "__enter__", "__exit__"} & set(vars(thing))
        for name, thing in vars(_native).items()
        if not name.startswith("_")
    }
    assert module == stub
