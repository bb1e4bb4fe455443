"""`nbpipe.pipe`, `sync`, `done`, `close`: what a program that runs its own FFmpeg relies on."""

from __future__ import annotations

import array
import contextlib
import ctypes
import errno
import itertools
import mmap
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import tty

import imageio_ffmpeg
import moderngl
import numpy as np
import pytest

import nbpipe
from nbpipe.gl.context import context
from nbpipe.line import QUEUE, Failed, Line, _contiguous
from nbpipe.pipe import _live
from nbpipe.video.reader import copies_what_it_reads

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
WIDTH, HEIGHT = 1280, 720
FRAME = WIDTH * HEIGHT * 3  # 2.6 pipefuls: long enough for most of it to be lent


@pytest.fixture(autouse=True)
def every_line_ends():
    yield
    try:
        nbpipe.close()
    except OSError:
        nbpipe.close()


@pytest.fixture
def pair():
    """The two ends of a pipe, closed afterwards if they still are open."""
    ends = list(os.pipe())
    yield ends
    for end in ends:
        if end >= 0:
            os.close(end)


class Reader(threading.Thread):
    """Reads a pipe to its end."""

    def __init__(self, fd, step=65536):
        super().__init__()
        self.fd, self.step, self.data = fd, step, bytearray()
        self.start()

    def run(self):
        while part := os.read(self.fd, self.step):
            self.data += part

    def result(self):
        self.join()
        return bytes(self.data)


def frame(number):
    """Bytes that tell frames, and every place in a frame, apart."""
    return np.random.default_rng(number).integers(0, 256, FRAME, np.uint8)


def ffmpeg(path):
    """A reader that writes down what it takes for RGB frames."""
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", "60"]
    command = [FFMPEG, "-loglevel", "error", *raw, "-i", "-", "-f", "rawvideo", "-y", str(path)]
    return subprocess.Popen(command, stdin=subprocess.PIPE)


def cat(path):
    with open(path, "wb") as file:
        return subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file)


READERS = [ffmpeg, cat]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("buffers", [1, 3])
def test_a_loop_written_for_turbopipe_2_runs_with_only_the_import_changed(reader, buffers, ctx, tmp_path):
    import nbpipe as turbopipe

    process = reader(tmp_path / "out")
    fileno = process.stdin.fileno()
    made = [ctx.buffer(reserve=FRAME) for _ in range(buffers)]
    for number in range(12):
        buffer = made[number % buffers]
        turbopipe.sync(buffer.mglo)
        buffer.write(frame(number).tobytes())
        turbopipe.pipe(buffer.mglo, fileno)
    for buffer in made:
        turbopipe.sync(buffer.mglo)
        turbopipe.done(buffer.mglo)
    process.stdin.close()  # the only sign that this was all
    assert process.wait() == 0
    assert (tmp_path / "out").read_bytes() == b"".join(frame(number).tobytes() for number in range(12))


@pytest.mark.parametrize("give", [lambda buffer: buffer, lambda buffer: memoryview(buffer.mglo)])
def test_a_loop_written_for_turbopipe_1_runs_with_only_the_import_changed(give, ctx, tmp_path):
    import nbpipe as turbopipe

    process = ffmpeg(tmp_path / "out")
    buffer = ctx.buffer(reserve=FRAME)
    for number in range(6):
        turbopipe.sync(buffer)
        buffer.write(frame(number).tobytes())
        turbopipe.pipe(give(buffer), process.stdin.fileno())
    turbopipe.sync()
    turbopipe.close()
    process.stdin.close()
    assert process.wait() == 0
    assert (tmp_path / "out").read_bytes() == b"".join(frame(number).tobytes() for number in range(6))


def test_an_array_that_shows_a_moderngl_buffer_is_copied_too(ctx, pair):
    nbpipe.pipe(bytes(2 << 20), pair[1])  # the pipe is full, and what follows has to wait
    buffer = ctx.buffer(b"\x07" * 100_000)
    shown = np.frombuffer(buffer.mglo, np.uint8)
    nbpipe.pipe(shown[1:].reshape(3, -1), pair[1])
    del shown
    buffer.release()
    others = [ctx.buffer(b"\x09" * 100_000) for _ in range(50)]  # where it lay
    reader = Reader(pair[0])
    nbpipe.close()
    os.close(pair[1])
    pair[1] = -1
    for other in others:
        other.release()
    assert reader.result() == bytes(2 << 20) + b"\x07" * 99_999


@pytest.mark.parametrize("lost", ["released", "replaced", "unmapped", "elsewhere"])
def test_a_view_of_a_moderngl_buffer_that_is_gone_is_an_error_and_no_dead_process(lost, own_context, pair):
    """Reading 8 MiB that were given back to the system is a SIGSEGV."""
    buffer, other = own_context.buffer(b"1" * (8 << 20)), own_context.buffer(b"2" * (8 << 20))
    shown = np.frombuffer(buffer.mglo, np.uint8)
    if lost in {"released", "replaced"}:
        buffer.release()
    if lost == "replaced":
        own_context.buffer(b"3" * (8 << 20))  # has its name now
    if lost == "unmapped":
        view = memoryview(other.mglo)
        buffer.write(b"", 0)  # is bound, so that moderngl unmaps it, and not the other one
        view.release()
    with (
        context().current() if lost == "elsewhere" else contextlib.nullcontext(),
        pytest.raises(ValueError, match="pipe the buffer itself"),
    ):
        nbpipe.pipe(shown[::2], pair[1])
    nbpipe.pipe(shown[:0], pair[1])
    nbpipe.pipe(other if lost != "unmapped" else b"2", pair[1])
    assert os.read(pair[0], 1) == b"2"


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


@pytest.mark.parametrize("afterwards", ["write", "orphan", "release", "forget"])
def test_a_moderngl_buffer_is_the_programs_again_at_once(afterwards, ctx, pair):
    for number in range(3):
        buffer = ctx.buffer(frame(number).tobytes())
        if number == 2:
            reader = Reader(pair[0])
        nbpipe.pipe(buffer, pair[1])
        if afterwards == "write":
            buffer.write(bytes(FRAME))
        elif afterwards == "orphan":
            buffer.orphan(16)
        elif afterwards == "release":
            buffer.release()
        del buffer
    os.close(pair[1])
    pair[1] = -1
    assert reader.result() == b"".join(frame(number).tobytes() for number in range(3))


def test_what_a_shader_stores_in_a_buffer_is_waited_for(ctx, pair):
    """llvmpipe draws this when it must, and to map the buffer is no reason."""
    program = ctx.program(
        vertex_shader="""
            #version 430
            void main() { gl_Position = vec4(vec2(gl_VertexID % 2, gl_VertexID / 2) * 4.0 - 1.0, 0.0, 1.0); }
        """,
        fragment_shader="""
            #version 430
            layout(std430, binding = 0) buffer Stored { uint stored[]; };
            uniform int rounds;
            void main() {
                float slowly = gl_FragCoord.x;
                for (int i = 0; i < rounds; i++) slowly = fract(sin(slowly) * 99.0);
                stored[int(gl_FragCoord.x) + 64 * int(gl_FragCoord.y)] = slowly < 2.0 ? 0x64636261 : 0;
            }
        """,
    )
    canvas, buffer = ctx.simple_framebuffer((64, 64)), ctx.buffer(reserve=64 * 64 * 4)
    program["rounds"] = 20_000
    canvas.use()
    buffer.bind_to_storage_buffer(0)
    ctx.vertex_array(program, []).render(vertices=3)
    nbpipe.pipe(buffer, pair[1])
    nbpipe.sync()
    assert os.read(pair[0], 65536) == b"abcd" * 64 * 64
    for thing in (program, canvas, buffer):
        thing.release()


def test_done_gives_the_memory_back_that_moderngl_buffers_were_copied_into(ctx, tmp_path):
    process = cat(tmp_path / "out")
    buffer = ctx.buffer(reserve=64 << 20)
    for _ in range(2):
        nbpipe.pipe(buffer, process.stdin.fileno())
    nbpipe.sync()
    before = resident()
    nbpipe.done(buffer)
    assert before - resident() > 100 << 20
    buffer.release()
    nbpipe.close()
    process.stdin.close()
    assert process.wait() == 0


def resident():
    """Bytes of memory that this process has now."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * mmap.PAGESIZE


def test_the_users_own_views_of_other_buffers_stay_good(ctx, pair):
    """moderngl unmaps whichever buffer is bound when a view dies; ours never does anything to theirs."""
    reader = Reader(pair[0])
    mine, other = ctx.buffer(frame(0).tobytes()), ctx.buffer(frame(1).tobytes())
    nbpipe.pipe(mine, pair[1])
    nbpipe.pipe(other, pair[1])
    nbpipe.pipe(mine, pair[1])
    assert mine.read() == frame(0).tobytes()
    assert other.read() == frame(1).tobytes()
    nbpipe.close(pair[1])
    os.close(pair[1])
    pair[1] = -1
    assert reader.result() == b"".join(frame(number).tobytes() for number in (0, 1, 0))


def mapped():
    memory = mmap.mmap(-1, 4096)
    memory[:] = bytes(range(256)) * 16
    return memory


@pytest.mark.parametrize(
    "data",
    [
        b"some bytes",
        b"",
        bytearray(b"some bytes"),
        memoryview(b"some bytes")[2:5],
        memoryview(b"every second byte")[::2],
        np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
        np.arange(24, dtype=np.float32).reshape(2, 3, 4)[::-1],
        np.arange(24, dtype=">u2").reshape(2, 3, 4)[:, ::2, ::-1],
        np.asfortranarray(np.arange(12, dtype=np.float16).reshape(3, 4)),
        np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]),
        np.zeros((0, 5), np.uint8),
        np.array(7, np.int64),
        array.array("d", [1.5, 2.5]),
        array.array("u" if sys.version_info < (3, 13) else "w", "text"),
        (ctypes.c_int * 3)(1, 2, 3),
        mapped(),
    ],
    ids=lambda data: f"{type(data).__name__}-{getattr(data, 'dtype', '')}",
)
def test_everything_with_a_buffer_arrives_in_its_own_order(data, pair):
    nbpipe.pipe(data, pair[1])
    nbpipe.pipe(b"end", pair[1])
    nbpipe.sync(data)
    nbpipe.sync()
    expected = memoryview(data).tobytes() + b"end"
    assert os.read(pair[0], 65536) == expected


def test_contiguous_memory_is_lent_and_held(pair):
    lent = bytearray(FRAME)
    nbpipe.pipe(lent, pair[1])  # nobody reads, so most of it has to wait
    with pytest.raises(BufferError):
        lent.append(0)
    part = np.ones(FRAME, np.uint8)
    nbpipe.pipe(part[::2], pair[1])
    part[:] = 0  # not contiguous, so it was copied
    reader = Reader(pair[0])
    nbpipe.sync(lent)
    nbpipe.sync()
    nbpipe.pipe(b"", pair[1])
    lent.append(0)
    nbpipe.close()
    os.close(pair[1])
    pair[1] = -1
    assert reader.result() == bytes(FRAME) + b"\1" * (FRAME // 2)


@pytest.mark.parametrize("reader", READERS)
def test_memory_may_change_once_sync_has_returned(reader, tmp_path):
    """One array filled again and again; a page that is still lent would arrive with the next frame's bytes."""
    process = reader(tmp_path / "out")
    fd = process.stdin.fileno()
    picture = np.empty(FRAME, np.uint8)
    for number in range(20):
        picture[:] = frame(number)
        if number % 7 == 3:
            process.send_signal(signal.SIGSTOP)
            nbpipe.pipe(picture, fd)
            process.send_signal(signal.SIGCONT)
        else:
            nbpipe.pipe(picture, fd)
        nbpipe.sync(picture[100:200])
    picture[:] = 0
    process.stdin.close()
    assert process.wait() == 0
    assert (tmp_path / "out").read_bytes() == b"".join(frame(number).tobytes() for number in range(20))


def test_memory_that_is_still_queued_is_waited_for(pair):
    picture = np.zeros(FRAME, np.uint8)
    nbpipe.pipe(picture, pair[1])
    again = threading.Thread(target=lambda: nbpipe.pipe(picture, pair[1]))
    again.start()
    rest = FRAME * 2
    while rest > FRAME // 2:
        assert again.is_alive() or rest <= FRAME + (1 << 20)
        rest -= len(os.read(pair[0], 65536))
    again.join()
    while rest:
        rest -= len(os.read(pair[0], 65536))


def test_a_line_is_bounded(pair):
    pieces = [np.full(FRAME, number, np.uint8) for number in range(40)]
    given = []

    def give():
        for piece in pieces:
            nbpipe.pipe(piece, pair[1])
            given.append(1)

    giving = threading.Thread(target=give)
    giving.start()
    taken = 0
    while taken < FRAME * len(pieces):
        taken += len(os.read(pair[0], 1 << 20))
        assert len(given) <= taken // FRAME + QUEUE + 2
    giving.join()


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
    os.close(pair[1])
    pair[1] = -1
    data = reader.result()
    seen = {name: [] for name in range(4)}
    for start in range(0, len(data), 10_000):
        piece = data[start : start + 10_000]
        assert piece == piece[:2] * 5000
        seen[piece[0]].append(piece[1])
    assert seen == {name: list(range(50)) for name in range(4)}


def test_a_reader_that_goes_is_an_error_and_no_death(pair, ctx):
    os.close(pair[0])
    pair[0] = -1
    buffer = ctx.buffer(frame(0).tobytes())
    nbpipe.pipe(buffer, pair[1])
    for call in (lambda: nbpipe.sync(buffer), nbpipe.sync, lambda: nbpipe.pipe(b"more", pair[1])):
        with pytest.raises(BrokenPipeError, match=r"reader of descriptor .* has gone; .* start it again"):
            call()
    with pytest.raises(BrokenPipeError):
        nbpipe.close(pair[1])
    nbpipe.sync()
    reader, writer = os.pipe()
    nbpipe.pipe(b"anew", writer)
    nbpipe.close(writer)
    assert os.read(reader, 10) == b"anew"
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("call", [nbpipe.sync, nbpipe.close])
def test_each_of_two_readers_that_have_gone_is_named(call, pair):
    reader, writer = os.pipe()
    for end in (reader, pair[0]):
        os.close(end)
    pair[0] = -1
    nbpipe.pipe(b"left", pair[1])
    nbpipe.pipe(b"right", writer)
    with pytest.raises(BrokenPipeError, match=f"descriptor {pair[1]} has gone") as caught:
        call()
    (note,) = caught.value.__notes__
    assert f"descriptor {writer} has gone" in note
    with contextlib.suppress(BrokenPipeError):
        nbpipe.close()
    os.close(writer)


def test_another_error_is_named():
    with open("/dev/full", "wb") as full:
        with pytest.raises(OSError, match=r"descriptor \d+ failed: No space left on device") as caught:
            nbpipe.pipe(b"no room", full.fileno())
        assert caught.value.errno == 28
        with pytest.raises(OSError, match="No space"):
            nbpipe.close(full.fileno())


@pytest.mark.parametrize("end", ["reading", "closed"])
def test_what_is_not_open_for_writing_is_refused_by_number(pair, end):
    number = pair[0] if end == "reading" else pair[1]
    if end == "closed":
        os.close(number)
        pair[1] = -1
    with pytest.raises(OSError, match=f"descriptor {number} is not open for writing; pipe to one that is") as caught:
        nbpipe.pipe(b"x", number)
    assert caught.value.errno == errno.EBADF


def test_a_number_given_to_another_file_gets_not_one_foreign_byte(pair, tmp_path):
    nbpipe.pipe(frame(0), pair[1])  # most of it is still waiting when the number changes hands
    os.close(pair[1])
    with open(tmp_path / "mine", "wb") as mine:
        assert mine.fileno() == pair[1]
        pair[1] = -1
        nbpipe.pipe(b"mine", mine.fileno())
        assert Reader(pair[0]).result() == frame(0).tobytes()
    assert (tmp_path / "mine").read_bytes() == b"mine"


def test_a_file_that_is_opened_again_begins_at_its_start(tmp_path):
    for content in (b"first, long", b"second"):
        with open(tmp_path / "file", "wb") as file:
            nbpipe.pipe(content, file.fileno())
        assert (tmp_path / "file").read_bytes() == content


def test_each_of_two_terminals_gets_its_own():
    """All masters of pseudo-terminals are one place: they have one inode."""
    ends = [pty.openpty() for _ in range(2)]
    for _, slave in ends:
        tty.setraw(slave)
    for number, (master, _) in enumerate(ends):
        nbpipe.pipe(b"for %d" % number, master)
    nbpipe.sync()
    for number, (master, slave) in enumerate(ends):
        assert os.read(slave, 99) == b"for %d" % number
        os.close(master)
        os.close(slave)


def test_a_terminal_that_nobody_reads_neither_keeps_the_program_nor_its_end():
    code = """
import os, pty, signal, tty, nbpipe
master, slave = pty.openpty()
tty.setraw(slave)
signal.signal(signal.SIGALRM, signal.default_int_handler)
signal.setitimer(signal.ITIMER_REAL, 0.5)
try:
    nbpipe.pipe(bytes(300_000), slave)
except KeyboardInterrupt:
    print("interrupted")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout) == (0, "interrupted\n")
    assert "1 of the pieces piped to descriptor" in done.stderr


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


def test_a_fifo_that_is_read_again_is_written_again(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for wanted in (100, 3_000_000):
        reading = subprocess.Popen(["head", "-c", str(wanted), tmp_path / "fifo"], stdout=subprocess.DEVNULL)
        writer = os.open(tmp_path / "fifo", os.O_WRONLY)
        try:
            with pytest.raises(BrokenPipeError) if wanted == 100 else contextlib.nullcontext():
                nbpipe.pipe(bytes(3_000_000), writer)
                nbpipe.sync()
        finally:
            os.close(writer)
            assert reading.wait() == 0


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
    os.close(pair[1])
    pair[1] = -1
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
    os.close(pair[1])
    pair[1] = -1
    assert reader.result() == data.tobytes() * QUEUE + b"".join(bytes([number]) * 16 for number in range(3))


def test_the_account_of_what_is_queued_is_bounded_without_a_sync(pair, ctx):
    reader = Reader(pair[0])
    buffer = ctx.buffer(b"\7" * 16)
    for _ in range(5 * QUEUE):
        nbpipe.pipe(buffer, pair[1])
    (line,) = _live()
    assert len(line._queued) <= QUEUE + 1
    nbpipe.close()
    os.close(pair[1])
    pair[1] = -1
    assert reader.result() == b"\7" * 16 * 5 * QUEUE


@pytest.mark.parametrize("dtype", ["V3", [("r", "u1"), ("gb", "V2")]])
def test_whole_pixels_as_one_item_each_are_copied_whole(dtype, pair):
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3).view(dtype)[..., 0]
    nbpipe.pipe(pixels[:, ::-1], pair[1])
    nbpipe.sync()
    assert os.read(pair[0], 99) == np.arange(48, dtype=np.uint8).reshape(4, 4, 3)[:, ::-1].tobytes()


def test_memory_that_is_not_contiguous_is_copied_without_the_gil():
    """The other thread waits for nothing but the GIL, and is not given it before its holder lets go."""
    woken, ran = threading.Event(), []
    other = threading.Thread(target=lambda: (woken.wait(), ran.append(1)))
    reversed_rows = np.zeros((2160, 3840, 3), np.uint8)[:, :, ::-1]
    before = sys.getswitchinterval()
    other.start()
    sys.setswitchinterval(1000)
    try:
        woken.set()
        copy = _contiguous(reversed_rows)
        seen = list(ran)
    finally:
        sys.setswitchinterval(before)
    other.join()
    assert (seen, memoryview(copy).nbytes) == ([1], 3840 * 2160 * 3)


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
    os.close(pair[1])
    pair[1] = -1
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
    os.close(pair[1])
    pair[1] = -1
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
    os.close(pair[1])
    pair[1] = -1
    assert reader.result() == b"1" * 3_000_000 + b"2" * 5_000_000


def test_an_error_of_what_is_piped_while_a_line_is_closed_rises(pair, monkeypatch):
    end = Line.end_if_written

    def failed(line):
        """End it when it has failed."""
        with contextlib.suppress(Failed):
            line.wait()
        return end(line)

    nbpipe.pipe(b"1" * 5_000_000, pair[1])
    os.close(pair[0])
    pair[0] = -1
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
    os.close(pair[1])
    pair[1] = -1
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
    os.close(pair[1])
    pair[1] = -1
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
    os.close(pair[1])
    pair[1] = -1
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
    os.close(pair[1])
    pair[1] = -1
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
    os.close(pair[1])
    pair[1] = -1
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
    os.close(pair[1])
    pair[1] = -1
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
    os.close(pair[1])
    pair[1] = -1
    assert reader.result() == b"".join(pieces)


def test_two_numbers_of_one_pipe_keep_the_order(pair):
    other = os.dup(pair[1])
    nbpipe.pipe(frame(0), pair[1])
    os.close(pair[1])
    pair[1] = other
    nbpipe.pipe(frame(1), other)
    reader = Reader(pair[0])
    nbpipe.sync()
    os.close(other)
    pair[1] = -1
    assert reader.result() == frame(0).tobytes() + frame(1).tobytes()


def test_the_error_of_a_dead_reader_does_not_strike_the_next_one():
    for _ in range(3):
        reader, writer = os.pipe()
        os.close(reader)
        nbpipe.pipe(b"x", writer)
        with pytest.raises(BrokenPipeError):
            nbpipe.sync()
        os.close(writer)
        reader, again = os.pipe()
        assert writer in {reader, again}
        nbpipe.pipe(b"well", again)
        nbpipe.sync()
        nbpipe.close(again)
        assert os.read(reader, 10) == b"well"
        os.close(reader)
        os.close(again)


@pytest.mark.parametrize("part", [slice(0, 1), slice(2, 6), slice(0, None, 2)])
def test_a_part_of_a_view_of_a_buffer_is_that_part(part, ctx, pair):
    buffer = ctx.buffer(bytes(range(100)))
    with memoryview(buffer.mglo) as view, view.cast("B")[part] as given:
        nbpipe.pipe(given, pair[1])
    nbpipe.sync()
    assert os.read(pair[0], 1000) == bytes(range(100))[part]


def test_a_field_may_be_called_anything(pair):
    nbpipe.pipe(np.array([(7,)], dtype=[("Opacity", "u1")]), pair[1])
    nbpipe.sync()
    assert os.read(pair[0], 10) == b"\7"


class Either(ctypes.Union):
    _fields_ = (("whole", ctypes.c_int64), ("part", ctypes.c_int16))


class Named(ctypes.Structure):
    _fields_ = (("O", ctypes.c_int16), ("other", ctypes.c_double))


@pytest.mark.parametrize(
    "data",
    [
        np.array(["2001-02-03", "2004-05-06"], "M8[D]"),
        np.arange(6).astype("m8[s]").reshape(2, 3)[:, ::2],
        memoryview((Either * 4)(*[(n,) for n in range(4)]))[::-1],
        memoryview((Named * 3)(*[(n, n / 2) for n in range(3)]))[::2],
        memoryview((ctypes.c_longdouble * 3)(1, 2, 3))[::-1],
        memoryview((ctypes.c_void_p * 3)(1, 2, 3))[::-1],
        np.arange(24, dtype=np.uint8).view(np.dtype({"names": ["a"], "formats": ["u1"], "offsets": [3], "itemsize": 8}))[::-1],
    ],
    ids=["dates", "times", "unions", "structures", "long doubles", "pointers", "padded"],
)  # fmt: skip
def test_memory_that_numpy_does_not_know_is_copied_as_it_is(data, pair):
    if isinstance(data, np.ndarray):
        wanted = b"".join(np.atleast_1d(item).tobytes() for item in data.reshape(-1))
    else:
        wanted = data.tobytes()
    nbpipe.pipe(data, pair[1])
    nbpipe.sync(data)
    assert os.read(pair[0], 1000) == wanted


@pytest.mark.parametrize(
    ("data", "fd", "error", "words"),
    [
        (5, 1, TypeError, "data must be a moderngl buffer.*not int"),
        ("text", 1, TypeError, "data must be .*not str"),
        (np.array([object()]), 1, TypeError, "holds Python objects"),
        ((ctypes.py_object * 2)(1, 2), 1, TypeError, "holds Python objects"),
        (np.array(["text"], np.dtypes.StringDType()), 1, TypeError, "not an array of StringDType"),
        (b"x", "1", TypeError, "fd must be the number"),
        (b"x", True, TypeError, "fd must be the number"),
        (b"x", 1.0, TypeError, "fd must be the number"),
        (b"x", -1, OSError, "descriptor -1 is not open for writing"),
    ],
)
def test_wrong_arguments_are_refused_by_name(data, fd, error, words):
    with pytest.raises(error, match=words):
        nbpipe.pipe(data, fd)


def test_a_released_buffer_is_refused(ctx, pair):
    buffer = ctx.buffer(reserve=16)
    buffer.release()
    with pytest.raises(ValueError, match="has been released"):
        nbpipe.pipe(buffer, pair[1])


def test_a_buffer_of_a_context_that_was_released_is_refused(pair):
    ctx = moderngl.create_context(standalone=True, backend="egl")
    buffer = ctx.buffer(b"x")
    ctx.release()
    with pytest.raises(ValueError, match="released"):
        nbpipe.pipe(buffer, pair[1])


def test_a_buffer_of_a_context_that_is_not_current_is_refused(pair):
    """The GL knows buffers by number: another context's buffer of that number would go out in its place."""
    one, other = (moderngl.create_context(standalone=True, backend="egl") for _ in range(2))
    theirs = other.buffer(b"\2" * 16)
    with one:
        ours = one.buffer(b"\1" * 16)
        assert ours.glo == theirs.glo
    for current in (other, one):
        with current:
            for buffer in (ours, theirs):
                if buffer.ctx is current:
                    nbpipe.pipe(buffer, pair[1])
                    continue
                with pytest.raises(ValueError, match="another context than is current here"):
                    nbpipe.pipe(buffer, pair[1])
    nbpipe.sync()
    assert os.read(pair[0], 100) == b"\2" * 16 + b"\1" * 16
    one.release()
    other.release()


def test_pages_are_lent_to_ffmpeg_alone(tmp_path, pair):
    assert not copies_what_it_reads(pair[1])
    for make in READERS:
        process = make(tmp_path / "out")
        assert copies_what_it_reads(process.stdin.fileno()) == (make is ffmpeg)
        process.stdin.close()
        process.wait()
    # An FFmpeg that writes there is no reader of it, and beside another reader it is not the only one.
    reader, writer = os.pipe()
    process = subprocess.Popen([FFMPEG, "-loglevel", "quiet", "-i", "-"], stdin=subprocess.PIPE, stdout=writer)
    assert not copies_what_it_reads(writer)
    other = subprocess.Popen([FFMPEG, "-loglevel", "quiet", "-i", "-"], stdin=reader)
    assert copies_what_it_reads(writer)
    third = subprocess.Popen(["cat"], stdin=reader, stdout=subprocess.DEVNULL)
    assert not copies_what_it_reads(writer)
    process.stdin.close()
    process.wait()
    os.close(writer)
    os.close(reader)
    other.wait()
    third.wait()


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


def test_the_end_of_a_program_waits_for_all_stalled_readers_at_once():
    code = """
import atexit, os, nbpipe
from nbpipe.line import Line
for _ in range(3):
    nbpipe.pipe(bytes(3_000_000), os.pipe()[1])
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
    os.close(pair[1])
    pair[1] = -1
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
    os.close(pair[1])
    pair[1] = -1
    assert reader.result() == b"\xff" * 64 * 64 * 3
    assert kept.traceback
    buffer.release()
    fbo.release()
