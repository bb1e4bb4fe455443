"""`nbpipe.pipe`, `sync`, `done`, `close`: what a program that runs its own FFmpeg relies on."""

from __future__ import annotations

import array
import contextlib
import ctypes
import errno
import mmap
import os
import pty
import signal
import subprocess
import sys
import threading
import tty

import moderngl
import numpy as np
import pytest
from piping import FFMPEG, FRAME, READERS, Reader, cat, ffmpeg, frame

import nbpipe
from nbpipe.gl.context import context
from nbpipe.line import QUEUE, _contiguous
from nbpipe.pipe import _live
from nbpipe.video.reader import copies_what_it_reads

pytestmark = pytest.mark.usefixtures("every_line_ends")


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
    pair.hang_up()
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
    pair.hang_up()
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
    pair.hang_up()
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
    pair.hang_up()
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


def test_a_reader_that_goes_is_an_error_and_no_death(pair, ctx):
    pair.stop_reading()
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


def test_the_account_of_what_is_queued_is_bounded_without_a_sync(pair, ctx):
    reader = Reader(pair[0])
    buffer = ctx.buffer(b"\7" * 16)
    for _ in range(5 * QUEUE):
        nbpipe.pipe(buffer, pair[1])
    (line,) = _live()
    assert len(line._queued) <= QUEUE + 1
    nbpipe.close()
    pair.hang_up()
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


def test_a_buffer_that_was_released_after_it_was_piped_is_waited_for(ctx, pair):
    buffer = ctx.buffer(b"\7" * 3_000_000)
    nbpipe.pipe(buffer, pair[1])
    buffer.release()
    nbpipe.done(buffer)
    reader = Reader(pair[0])
    nbpipe.sync(buffer)
    (line,) = _live()
    assert line.bytes_written == 3_000_000
    nbpipe.sync(buffer.mglo)
    nbpipe.close()
    pair.hang_up()
    assert reader.result() == b"\7" * 3_000_000


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
