"""`nbpipe.pipe` while others come in between: threads, handlers of signals, interrupts, destructors, forks, the end."""

from __future__ import annotations

import contextlib
import itertools
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import tty

import numpy as np
import pytest
from piping import FRAME, Reader, cat, frame

import nbpipe
from nbpipe.line import QUEUE, Failed, Line, _contiguous
from nbpipe.pipe import _live

pytestmark = pytest.mark.usefixtures("every_line_ends")


def test_who_waits_for_a_stopped_reader_holds_up_nobody_elses_sync(pair):
    stopped = os.pipe()
    pieces = [np.full(3_000_000, number, np.uint8) for number in range(QUEUE + 1)]

    def feed():
        for piece in pieces:
            nbpipe.pipe(piece, stopped[1])

    feeder = threading.Thread(target=feed, daemon=True)  # a failure must not keep the tests from ending
    feeder.start()
    while not any(line.fd == stopped[1] and len(line._queued) == QUEUE for line in _live()):
        pass
    data = np.ones(100, np.uint8)
    nbpipe.pipe(data, pair[1])
    assert os.read(pair[0], 100) == data.tobytes()
    nbpipe.sync(data)
    nbpipe.done(data)
    reader = Reader(stopped[0])
    feeder.join()
    nbpipe.close()
    os.close(stopped[1])
    assert reader.result() == b"".join(piece.tobytes() for piece in pieces)
    os.close(stopped[0])


def test_pieces_of_many_threads_arrive_whole_and_in_each_threads_order(pair):
    reader = Reader(pair[0])

    def give(name):
        for number in range(50):
            nbpipe.pipe(bytes([name, number]) * 5000, pair[1])

    threads = [threading.Thread(target=give, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pair.hang_up()
    data = reader.result()
    seen = {name: [] for name in range(4)}
    for start in range(0, len(data), 10_000):
        piece = data[start : start + 10_000]
        assert piece == piece[:2] * 5000
        seen[piece[0]].append(piece[1])
    assert seen == {name: list(range(50)) for name in range(4)}


def test_many_threads_queue_no_more_than_one(pair):
    pieces = [bytes([number]) * 1_200_000 for number in range(30)]
    feeders = [threading.Thread(target=nbpipe.pipe, args=[piece, pair[1]]) for piece in pieces]
    for feeder in feeders:
        feeder.start()
    reader, most = Reader(pair[0]), 0
    while any(feeder.is_alive() for feeder in feeders):
        most = max(most, *(line._writer.queued for line in _live()), 0)
    assert most <= QUEUE + 2
    nbpipe.close()
    pair.hang_up()
    assert sorted(bytes([byte]) for byte in set(reader.result())) == sorted({piece[:1] for piece in pieces})
    assert len(reader.data) == 30 * 1_200_000


def test_two_threads_that_write_to_one_terminal_lose_nothing(monkeypatch):
    """What each of them finds of the other's line is not left behind: it is in use."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    made, ending, given = (threading.Event() for _ in range(3))
    put, end, errors = Line.put, Line.end, []

    def put_late(line, data):
        if data == b"1" * 300_000:
            made.set()
            ending.wait(0.2)
        put(line, data)
        given.set()

    def end_late(line):
        ending.set()
        given.wait(0.2)
        return end(line)

    def piping(data):
        try:
            nbpipe.pipe(data, slave)
        except OSError as error:
            errors.append(error)

    monkeypatch.setattr(Line, "put", put_late)
    monkeypatch.setattr(Line, "end", end_late)
    one, other = (threading.Thread(target=piping, args=(digit * 300_000,)) for digit in (b"1", b"2"))
    one.start()
    made.wait()
    other.start()
    arrived = b""
    ended = False
    while not ended:
        ended = not (one.is_alive() or other.is_alive())  # asked first: what they have written is there then
        while select.select([master], [], [], 0.01)[0]:
            arrived += os.read(master, 65536)
    os.close(master)
    os.close(slave)
    assert not errors
    assert arrived == b"1" * 300_000 + b"2" * 300_000


def test_python_goes_on_while_it_waits(pair):
    """Only the other thread can end the wait: were the GIL held, nobody would."""

    def read_later():
        for _ in range(1000):
            os.getpid()
        got = 0
        while got < FRAME:
            got += len(os.read(pair[0], 1 << 20))

    other = threading.Thread(target=read_later)
    data = frame(0)
    nbpipe.pipe(data, pair[1])
    other.start()
    nbpipe.sync(data)
    other.join()


@pytest.mark.parametrize("wait", [lambda data, _: nbpipe.sync(data), nbpipe.pipe])
def test_a_wait_can_be_interrupted(wait, pair):
    data = frame(0)
    nbpipe.pipe(data, pair[1])
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    before = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        with pytest.raises(KeyboardInterrupt):
            wait(data, pair[1])
    finally:
        signal.signal(signal.SIGALRM, before)
    reader = Reader(pair[0])
    nbpipe.sync()
    pair.hang_up()
    assert reader.result() == data.tobytes()


def test_buffers_can_be_piped_after_two_interrupts(pair, ctx):
    """Each came in the wait for room, when the copy had a place in the order already."""
    data = frame(0)
    for _ in range(QUEUE):
        nbpipe.pipe(data.copy(), pair[1])
    before = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        for _ in range(2):
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(KeyboardInterrupt):
                nbpipe.pipe(ctx.buffer(b"\7" * 16), pair[1])
    finally:
        signal.signal(signal.SIGALRM, before)
    reader = Reader(pair[0])
    for number in range(3):
        nbpipe.pipe(ctx.buffer(bytes([number]) * 16), pair[1])
    nbpipe.close()
    pair.hang_up()
    assert reader.result() == data.tobytes() * QUEUE + b"".join(bytes([number]) * 16 for number in range(3))


def test_a_forked_child_touches_nothing(pair):
    nbpipe.pipe(b"parent", pair[1])
    nbpipe.sync()
    child = os.fork()
    if child == 0:
        try:
            nbpipe.sync()
            nbpipe.pipe(b" child", pair[1])
            nbpipe.close()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    nbpipe.pipe(b" parent", pair[1])
    nbpipe.sync()
    assert os.read(pair[0], 100) == b"parent child parent"


FORKING = """
import os, signal, sys, threading, nbpipe
reader, writer = os.pipe()
data = bytes(5_000_000)
nbpipe.pipe(data, writer)
waiting = threading.Thread(target=nbpipe.sync)
waiting.start()
child = os.fork()
if child == 0:
    signal.alarm(20)  # ends a child that would hang
    os.close(reader), os.close(writer)
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
got = 0
while got < len(data): got += len(os.read(reader, 65536))
waiting.join()
"""


def test_a_forked_child_ends_though_a_thread_of_its_parent_waits():
    command = [
        sys.executable,
        "-W",
        "ignore::DeprecationWarning",
        "-c",
        FORKING,
    ]  # 3.12 deprecates forking with threads
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_dies_with_its_queue_may_call_here_again(pair):
    class Last(np.ndarray):
        def __del__(self):
            nbpipe.done(b"")
            nbpipe.close(pair[1])

    nbpipe.pipe(np.ones(FRAME, np.uint8).view(Last), pair[1])
    reader = Reader(pair[0])
    nbpipe.sync()
    nbpipe.pipe(b"end", pair[1])
    nbpipe.close()
    pair.hang_up()
    assert reader.result() == b"\1" * FRAME + b"end"


def test_memory_is_written_when_sync_returns_though_what_dies_meanwhile_is_piped_too(pair):
    class Again(bytearray):
        def __del__(self):
            if going:
                nbpipe.pipe(Again(1), pair[1])

    going, reader = True, Reader(pair[0], 1024)
    for _ in range(4):
        nbpipe.pipe(Again(1), pair[1])
    for _ in range(40):
        pixels = np.ones(2_000_000, np.uint8)
        nbpipe.pipe(pixels, pair[1])
        nbpipe.sync(pixels)
        pixels[:] = 2
    going = False
    nbpipe.close()
    pair.hang_up()
    arrived = reader.result()
    assert (arrived.count(b"\1"), arrived.count(b"\2")) == (80_000_000, 0)


def test_two_threads_whose_dying_pieces_are_piped_crosswise_wait_for_nobody(pair):
    class Last(bytearray):
        def __del__(self):
            nbpipe.pipe(b"last", self.other)

    def feed(own, other):
        for _ in range(4000):
            piece = Last(50_000)
            piece.other = other
            nbpipe.pipe(piece, own)

    second = os.pipe()
    readers = [Reader(pair[0]), Reader(second[0])]
    ends = pair[1], second[1]
    feeders = [threading.Thread(target=feed, args=way, daemon=True) for way in (ends, ends[::-1])]
    for feeder in feeders:
        feeder.start()
    for feeder in feeders:
        feeder.join(60)
    assert [feeder.is_alive() for feeder in feeders] == [False, False]
    nbpipe.close()
    for end in ends:
        os.close(end)
    pair[1] = -1
    arrived = [reader.result() for reader in readers]
    os.close(second[0])
    assert [(data.count(b"last"), data.count(0)) for data in arrived] == [(4000, 4000 * 50_000)] * 2


def test_what_dies_while_a_line_is_closed_and_is_piped_then_is_written(pair):
    class Last(bytearray):
        def __del__(self):
            nbpipe.pipe(b"2" * 5_000_000, pair[1])

    reader = Reader(pair[0])
    nbpipe.pipe(Last(b"1" * 3_000_000), pair[1])
    nbpipe.close(pair[1])
    pair.hang_up()
    assert reader.result() == b"1" * 3_000_000 + b"2" * 5_000_000


def test_an_error_of_what_is_piped_while_a_line_is_closed_rises(pair, monkeypatch):
    end = Line.end_if_written

    def failed(line):
        """End it when it has failed."""
        with contextlib.suppress(Failed):
            line.wait()
        return end(line)

    nbpipe.pipe(b"1" * 5_000_000, pair[1])
    pair.stop_reading()
    monkeypatch.setattr(Line, "end_if_written", failed)
    with pytest.raises(BrokenPipeError):
        nbpipe.close(pair[1])


def test_a_signal_handler_that_pipes_while_a_line_is_made_makes_no_second_one(pair, monkeypatch):
    begin, struck = Line.__init__, []

    def interrupted(line, *given):
        begin(line, *given)
        if not struck:
            struck.append(None)
            signal.raise_signal(signal.SIGUSR1)

    monkeypatch.setattr(Line, "__init__", interrupted)
    before = signal.signal(signal.SIGUSR1, lambda *_: nbpipe.pipe(b"2" * FRAME, pair[1]))
    try:
        reader = Reader(pair[0])
        nbpipe.pipe(b"1" * FRAME, pair[1])
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert len(_live()) == 1
    nbpipe.close()
    pair.hang_up()
    assert reader.result() == b"2" * FRAME + b"1" * FRAME


def test_a_signal_handler_while_a_moderngl_buffer_is_mapped_spoils_it_not(pair, ctx, monkeypatch):
    one, other = ctx.buffer(b"1" * 3_000_000), ctx.buffer(b"2" * 1000)
    submit, refused = Line._submit, []

    def interrupted(*given):
        if not refused:
            try:
                nbpipe.pipe(other, pair[1])
            except ValueError as error:
                refused.append(str(error))
        submit(*given)

    monkeypatch.setattr(Line, "_submit", interrupted)
    reader = Reader(pair[0])
    for buffer in (one, other, one):
        nbpipe.pipe(buffer, pair[1])
    nbpipe.close()
    pair.hang_up()
    assert "another moderngl buffer is being copied on this thread" in refused[0]
    assert reader.result() == b"1" * 3_000_000 + b"2" * 1000 + b"1" * 3_000_000


def test_a_signal_handler_that_writes_into_another_buffer_leaves_none_mapped(pair, ctx):
    """Wherever it strikes; nor does it make a good view seem bad."""
    one, other, seen = ctx.buffer(b"1" * 1_000_000), ctx.buffer(b"2" * 1000), ctx.buffer(b"3" * 1_000_000)
    shown, beats = np.frombuffer(seen.mglo, np.uint8), []

    def beat(*_):
        beats.append(None)
        other.write(b"2" * 1000)

    reader, count = Reader(pair[0]), 0
    before = signal.signal(signal.SIGALRM, beat)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.00037)
    try:
        while len(beats) < 1000:
            nbpipe.pipe(one, pair[1])
            nbpipe.pipe(shown, pair[1])
            count += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    one.write(b"4" * 1000)
    assert ctx.error == "GL_NO_ERROR"  # of a buffer that is mapped it would be GL_INVALID_OPERATION
    nbpipe.close()
    pair.hang_up()
    arrived = reader.result()
    assert (arrived.count(b"1"), arrived.count(b"3"), len(arrived)) == (count * 10**6, count * 10**6, count * 2 * 10**6)
    seen.write(b"", 0)  # is bound, so that moderngl unmaps it
    del shown


def test_a_timeout_while_a_pipe_is_closed_drops_nothing(pair):
    """An alarm's TimeoutError is an OSError too, but none of the pipe's."""
    pieces = [bytes([number]) * 3_000_000 for number in range(4)]
    for piece in pieces:
        nbpipe.pipe(piece, pair[1])

    def alarmed(*_):
        raise TimeoutError("mine")

    before = signal.signal(signal.SIGALRM, alarmed)
    try:
        for wait in (nbpipe.close, nbpipe.sync):
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(TimeoutError, match="mine"):
                wait()
    finally:
        signal.signal(signal.SIGALRM, before)
    reader = Reader(pair[0])
    nbpipe.close(pair[1])
    pair.hang_up()
    assert reader.result() == b"".join(pieces)


def test_a_handlers_error_while_a_piece_for_a_file_is_ended_rises_and_repeats_nothing(tmp_path, monkeypatch):
    end = Line.end

    def struck(line):
        monkeypatch.undo()
        lost = end(line)
        signal.raise_signal(signal.SIGUSR1)
        return lost

    def handler(*_):
        raise ValueError("mine")

    monkeypatch.setattr(Line, "end", struck)
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with open(tmp_path / "out", "wb") as file, pytest.raises(ValueError, match="mine"):
            nbpipe.pipe(b"once", file.fileno())
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert (tmp_path / "out").read_bytes() == b"once"


def test_the_oserror_of_a_signal_handler_is_not_taken_for_the_writers(pair, ctx, monkeypatch):
    """Such as the TimeoutError of an alarm: it rises as it is, and what is queued still arrives."""
    submit, one, other = Line._submit, ctx.buffer(b"1" * 3_000_000), ctx.buffer(b"2" * 3_000_000)

    def alarmed(*_):
        raise TimeoutError("mine")

    def struck(line, piece, how):
        monkeypatch.undo()

        def late():
            how()
            alarmed()

        submit(line, piece, late)

    monkeypatch.setattr(Line, "_submit", struck)
    with pytest.raises(TimeoutError, match=r"^mine$"):
        nbpipe.pipe(one, pair[1])
    before = signal.signal(signal.SIGALRM, alarmed)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(TimeoutError, match=r"^mine$"):
            nbpipe.sync()
    finally:
        signal.signal(signal.SIGALRM, before)
    reader = Reader(pair[0])
    for _ in range(3):
        nbpipe.pipe(other, pair[1])
    nbpipe.close()
    pair.hang_up()
    assert reader.result() == b"1" * 3_000_000 + b"2" * 9_000_000


def test_a_signal_handler_may_pipe_too(pair, ctx):
    """Wherever it strikes: in `pipe` and in `sync`, of arrays and of moderngl buffers."""
    reader, beats = Reader(pair[0]), []

    def beat(*_):
        beats.append(None)
        nbpipe.pipe(b"beat", pair[1])

    arrays = [np.full(50_000, 7, np.uint8) for _ in range(3)]
    large = ctx.buffer(bytes([7]) * 50_000)
    before = signal.signal(signal.SIGALRM, beat)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        count = 0
        while len(beats) < 300:
            pixels = arrays[count % 3]
            nbpipe.sync(pixels)
            pixels[:] = 8
            pixels[:] = 7
            nbpipe.pipe(pixels, pair[1])
            nbpipe.pipe(large, pair[1])
            count += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    nbpipe.close()
    pair.hang_up()
    arrived = reader.result()
    assert (arrived.count(b"\7"), arrived.count(b"beat")) == (count * 100_000, len(beats))
    assert len(arrived) == count * 100_000 + len(beats) * 4


def close_and_be_interrupted(writer):
    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    with pytest.raises(KeyboardInterrupt):
        nbpipe.close(writer)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("another", [False, True])
def test_close_ends_though_others_pipe_on_faster_than_the_reader_reads(another, tmp_path):
    """Also when another one, who closes it too, is interrupted."""
    process, going = cat(tmp_path / "out"), True
    writer = process.stdin.fileno()
    pieces = [bytes([number]) * 3_000_000 for number in range(QUEUE + 2)]

    def feed():
        while going:
            for piece in pieces:
                nbpipe.pipe(piece, writer)

    feeders = [threading.Thread(target=feed, daemon=True) for _ in range(2)]
    for feeder in feeders:
        feeder.start()
    while not (found := [line for line in _live() if len(line._queued) == QUEUE]):
        pass
    closing = threading.Thread(target=nbpipe.close, args=[writer], daemon=True)
    if another:
        process.send_signal(signal.SIGSTOP)
    closing.start()
    if another:
        while not found[0].closers:
            pass
        close_and_be_interrupted(writer)
        process.send_signal(signal.SIGCONT)
    closing.join(60)
    ended, going = not closing.is_alive(), False
    for feeder in feeders:
        feeder.join()
    assert ended
    nbpipe.close()
    process.stdin.close()
    assert process.wait() == 0
    assert set((tmp_path / "out").read_bytes()) == set(range(QUEUE + 2))


def test_who_needs_long_for_a_piece_of_a_file_is_not_overtaken_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["nbpipe.pipe"], "_HEAD_START", 0.01)
    ready, feeding = threading.Event(), True

    def slowly(data):
        if data == b"large":
            ready.wait(0.05)
        return _contiguous(data)

    def feed():
        while feeding:
            nbpipe.pipe(b"s", file.fileno())

    monkeypatch.setattr(sys.modules["nbpipe.line"], "_contiguous", slowly)
    with open(tmp_path / "out", "wb") as file:
        feeder = threading.Thread(target=feed)
        large = threading.Thread(target=nbpipe.pipe, args=[b"large", file.fileno()], daemon=True)
        feeder.start()
        large.start()
        large.join(60)
        ended, feeding = not large.is_alive(), False
        feeder.join()
    assert ended
    assert (tmp_path / "out").read_bytes().replace(b"s", b"") == b"large"


def test_closing_in_one_thread_while_another_pipes_loses_nothing(pair):
    reader = Reader(pair[0])
    pieces = [bytes([number % 251]) * 150_000 for number in range(200)]
    giving = threading.Thread(target=lambda: [nbpipe.pipe(piece, pair[1]) for piece in pieces])
    giving.start()
    while giving.is_alive():
        nbpipe.close(pair[1])
    giving.join()
    nbpipe.close()
    pair.hang_up()
    assert reader.result() == b"".join(pieces)


SCRIPT = """
import os, sys, nbpipe
reader, writer = os.pipe()
if os.fork() == 0:
    os.close(writer)
    {child}
    total = 0
    while part := os.read(reader, 65536): total += len(part)
    print(total, flush=True)
    os._exit(0)
os.close(reader)
nbpipe.pipe(bytes(5_000_000), writer)
"""


def test_a_program_that_ends_writes_what_is_queued():
    done = subprocess.run([sys.executable, "-c", SCRIPT.format(child="")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "5000000\n", "")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_of_multiprocessing_that_ends_writes_what_is_queued(method, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "program.py").write_text("""
import multiprocessing, os, sys, threading, nbpipe
def work():
    nbpipe.pipe(bytes(5_000_000), os.open("fifo", os.O_WRONLY))
if __name__ == "__main__":
    child = multiprocessing.get_context(sys.argv[1]).Process(target=work)
    child.start()
    with open("fifo", "rb") as fifo:
        print(len(fifo.read()), flush=True)
    child.join()
""")
    done = subprocess.run(
        [sys.executable, "program.py", method], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "5000000\n", "")


def test_a_program_that_ends_before_a_reader_who_does_not_read_says_what_is_lost():
    child = "import signal; signal.pause()"
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(child=child)], stderr=subprocess.PIPE, text=True, process_group=0
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    assert "1 of the pieces piped to descriptor" in line
    assert "Call nbpipe.sync()" in line
    process.wait()
    os.killpg(process.pid, signal.SIGKILL)
    process.stderr.close()


def test_an_interrupt_at_the_end_of_a_program_loses_no_word_of_what_is_lost():
    code = """
import atexit, os, signal, nbpipe
from nbpipe.line import Line
wait = Line.wait
def interrupted(line, ticket=None, timeout=None):
    if timeout is not None:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        Line.wait = wait
    return wait(line, ticket, timeout)
for _ in range(2):
    nbpipe.pipe(bytes(3_000_000), os.pipe()[1])
Line.wait = interrupted
signal.signal(signal.SIGALRM, signal.default_int_handler)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr.count("1 of the pieces piped to descriptor") == len(done.stderr.splitlines()) == 2


def test_the_end_of_a_program_waits_for_a_reader_who_goes_on_slowly():
    code = """
import os, time, nbpipe
reader, writer = os.pipe()
if os.fork() == 0:
    os.close(writer)
    total = 0
    while part := os.read(reader, 300_000):
        total += len(part)
        time.sleep(0.1)
    print(total, flush=True)
    os._exit(0)
os.close(reader)
for _ in range(3):
    nbpipe.pipe(bytes(3_000_000), writer)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "9000000\n", "")


def test_the_end_of_a_program_waits_for_all_stalled_readers_at_once():
    code = """
import atexit, fcntl, os, nbpipe
from nbpipe.line import Line
from nbpipe.pipe import _live
for _ in range(3):
    nbpipe.pipe(bytes(3_000_000), os.pipe()[1])
while any(line.bytes_written < fcntl.fcntl(line.fd, fcntl.F_GETPIPE_SZ) for line in _live()):
    pass  # nothing moves any more once they are full
wait, given = Line.wait, []
Line.wait = lambda line, ticket=None, timeout=None: given.append(timeout) or wait(line, ticket, timeout)
atexit._run_exitfuncs()
print([seconds > 0.5 for seconds in given])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "[True, False, False]\n")


def test_an_interrupt_wherever_it_strikes_leaves_no_gl_buffer_mapped(pair, own_context):
    """The exceptions are kept, as IPython keeps them, and with them what the interrupted functions had in hand."""
    buffer, kept = own_context.buffer(b"1" * 1000), []

    def pipe_interrupted(place):
        seen, rooms = itertools.count(), ("buffer.py", "contextlib.py")

        def profile(frame, event, _):  # Python looks for signals when it enters a function, and when one of C returns
            place_of_a_signal = event in ("call", "c_return") and frame.f_code.co_filename.endswith(rooms)
            if place_of_a_signal and next(seen) == place:
                sys.setprofile(None)
                raise KeyboardInterrupt

        sys.setprofile(profile)
        try:
            nbpipe.pipe(buffer, pair[1])
        finally:
            sys.setprofile(None)

    reader = Reader(pair[0])
    for place in itertools.count():
        try:
            pipe_interrupted(place)
        except KeyboardInterrupt as error:
            kept.append(error)
        else:
            break
        nbpipe.pipe(buffer, pair[1])
        buffer.write(b"1")
        assert own_context.error == "GL_NO_ERROR"
    nbpipe.close()
    pair.hang_up()
    assert len(kept) > 5
    assert set(reader.result()) == {ord("1")}


def test_an_interrupt_while_a_gl_buffer_is_mapped_leaves_it_usable(pair, own_context, monkeypatch):
    """As Jupyter does, this keeps the traceback, and with it what the interrupted functions had in hand."""
    fbo = own_context.simple_framebuffer((64, 64))
    buffer = own_context.buffer(reserve=64 * 64 * 3)

    def interrupted(*given):
        del given  # an interrupt comes between two calls, and has none of their arguments
        raise KeyboardInterrupt

    monkeypatch.setattr(Line, "_submit", interrupted)
    with pytest.raises(KeyboardInterrupt) as kept:
        nbpipe.pipe(buffer, pair[1])
    monkeypatch.undo()
    fbo.clear(1, 1, 1)
    fbo.read_into(buffer)
    assert own_context.error == "GL_NO_ERROR"
    reader = Reader(pair[0])
    nbpipe.pipe(buffer, pair[1])
    nbpipe.close(pair[1])
    pair.hang_up()
    assert reader.result() == b"\xff" * 64 * 64 * 3
    assert kept.traceback
    buffer.release()
    fbo.release()
