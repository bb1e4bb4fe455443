"""`nbpipe.open`: the program's own loop pushes pictures, of every kind, and the file is what was pushed."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import gc
import itertools
import os
import signal
import threading

import av
import numpy as np
import pytest
from conftest import children, partials
from watermark import Watermark, numbers, painted

import nbpipe
from nbpipe.gl.context import context

SIZE = (160, 96)


class Painter:
    """Draws numbers into a framebuffer, and brings that as any kind of picture."""

    def __init__(self, ctx):
        self.ctx = ctx
        self.size = SIZE
        self.texture = ctx.texture(SIZE, 4)
        self.fbo = ctx.framebuffer([self.texture])
        self.buffers = {channels: ctx.buffer(reserve=SIZE[0] * SIZE[1] * channels) for channels in (3, 4)}
        self.scene = Watermark()
        self.scene.setup(ctx)

    def draw(self, number, kind):
        self.fbo.use()
        self.scene.program["number"] = number
        self.scene.program["size"] = SIZE
        self.scene.vertices.render(self.ctx.TRIANGLES, vertices=3)
        if kind in self.buffers:
            self.fbo.read_into(self.buffers[kind], components=kind, alignment=1)
            return self.buffers[kind]
        return {"framebuffer": self.fbo, "texture": self.texture}[kind]

    def release(self):
        self.scene.release()
        self.ctx.detect_framebuffer(0).use()
        for made in (self.fbo, self.texture, *self.buffers.values()):
            made.release()


@pytest.fixture
def painter(ctx):
    painter = Painter(ctx)
    yield painter
    painter.release()


@pytest.fixture
def older(tmp_path):
    """An older file of the same name, and the assertion that it is still that."""
    (tmp_path / "out.mp4").write_text("older")
    return lambda: (tmp_path / "out.mp4").read_text() == "older"


@pytest.mark.parametrize("kind", ["framebuffer", "texture", 3, 4], ids=str)
def test_pictures_of_the_gl_may_be_redrawn_right_after_they_were_written(painter, kind):
    with nbpipe.open("out.mp4", SIZE, fps=30) as video:
        for number in range(40):
            video.write(painter.draw(number, kind))
    assert numbers("out.mp4") == list(range(40))


@pytest.mark.parametrize("channels", [3, 4])
def test_arrays_may_be_changed_right_after_they_were_written(channels):
    picture = np.empty((96, 160, channels), np.uint8)
    with nbpipe.open("out.mp4") as video:
        for number in range(40):
            picture[:] = painted(number, *SIZE, channels)
            video.write(picture)
            picture[:] = 77
    assert numbers("out.mp4") == list(range(40))


def test_arrays_need_not_be_contiguous():
    pictures = [painted(number, *SIZE) for number in range(3)]
    with nbpipe.open("out.mp4") as video:
        video.write(pictures[0][::-1].copy()[::-1])
        video.write(np.asfortranarray(pictures[1]))
        video.write(np.repeat(pictures[2], 2, axis=1)[:, ::2])
    assert numbers("out.mp4") == [0, 1, 2]


def test_sixteen_bits_of_an_array_are_not_mixed_with_eight():
    video = nbpipe.open("out.mp4")
    video.write(painted(0, *SIZE).astype(np.uint16) * 257)
    with pytest.raises(nbpipe.SceneError, match="picture 1 is an array of uint8, expected uint16 like the first"):
        video.write(painted(1, *SIZE))


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (3, "texture", "picture 1 is a Texture, expected a buffer like the first"),
        (3, "array", "picture 1 is an array, expected a buffer like the first"),
        (3, 4, "picture 1 is a buffer of 4 channels, expected 3"),
        ("array", 3, "picture 1 is a buffer, expected an array like the first"),
        ("framebuffer", 4, "picture 1 is a buffer, expected a texture or framebuffer like the first"),
    ],
)
def test_kinds_of_pictures_are_not_mixed(first, second, words, painter):
    video = nbpipe.open("out.mp4", SIZE)
    pictures = [painted(0, *SIZE) if kind == "array" else painter.draw(0, kind) for kind in (first, second)]
    video.write(pictures[0])
    with pytest.raises(nbpipe.SceneError, match=words):
        video.write(pictures[1])


def test_sixteen_bits_of_an_array_show_the_same_picture():
    with nbpipe.open("out.mp4") as video:
        for number in range(5):
            video.write(painted(number, *SIZE).astype(np.uint16) * 257)
    assert numbers("out.mp4") == list(range(5))


def test_buffers_of_another_context_are_read_in_theirs(own_context):
    buffer = own_context.buffer(painted(7, *SIZE)[::-1].tobytes())
    with context().current(), nbpipe.open("out.mp4", SIZE) as video:
        video.write(buffer)
    assert numbers("out.mp4") == [7]


def test_a_buffer_that_was_released_is_refused(ctx):
    buffer = ctx.buffer(reserve=SIZE[0] * SIZE[1] * 3)
    buffer.release()
    with nbpipe.open("out.mp4", SIZE) as video, pytest.raises(ValueError, match="has been released"):
        video.write(buffer)


@pytest.mark.parametrize("kind", ["framebuffer", "texture", "array"])
def test_the_first_picture_gives_the_size(painter, kind):
    with nbpipe.open("out.mp4") as video:
        assert video.recording is None
        video.write(painted(0, *SIZE) if kind == "array" else painter.draw(0, kind))
    with av.open("out.mp4") as file:
        assert (file.streams.video[0].width, file.streams.video[0].height) == SIZE


def test_the_recording_follows(tmp_path):
    with nbpipe.open("out.mp4", fps="30000/1001") as video:
        for number in range(5):
            video.write(painted(number, *SIZE))
            assert video.recording.state == "recording"
    assert video.path == video.recording.path == tmp_path / "out.mp4"
    assert (video.recording.state, video.recording.frames_written, video.recording.frames) == ("done", 5, None)


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (np.zeros((96, 161, 3), np.uint8), "picture 1 is 161x96, expected 160x96"),
        (np.zeros((96, 160, 4), np.uint8), "picture 1 is an array of 4 channels, expected 3"),
        (np.zeros((96, 160, 3), np.float32), "picture 1 .*float32; expected a uint8 or uint16 array"),
        (np.zeros((96, 160, 3), ">u2"), "picture 1 .*>u2; expected a uint8 or uint16 array .* in native byte order"),
        (np.zeros((96, 160, 3), np.uint16), "picture 1 is an array of uint16, expected uint8 like the first"),
        ("text", "picture 1 is a str"),
        (None, "picture 1 is a NoneType"),
    ],
)
def test_a_picture_unlike_the_first_rises_from_the_write_that_brought_it(second, words):
    video = nbpipe.open("out.mp4")
    video.write(painted(0, *SIZE))
    try:
        with pytest.raises(nbpipe.SceneError, match=words):
            video.write(second)
    finally:
        with contextlib.suppress(nbpipe.SceneError):
            video.close()


def test_a_picture_unlike_the_first_fails_the_block_and_keeps_the_older_file(older, tmp_path):
    with (  # noqa: PT012
        pytest.raises(nbpipe.SceneError, match="picture 2 is 161x96, expected 160x96"),
        nbpipe.open("out.mp4") as video,
    ):
        for width in (160, 160, 161):
            video.write(np.zeros((96, width, 3), np.uint8))
    assert older()
    (partial,) = partials(tmp_path)
    assert numbers(partial) == [0, 0]


def test_a_size_that_was_given_binds_the_first_picture(tmp_path):
    with (
        pytest.raises(nbpipe.SceneError, match="picture 0 is 160x96, expected 64x64"),
        nbpipe.open("out.mp4", (64, 64)) as video,
    ):
        video.write(painted(0, *SIZE))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("size", "words"),
    [(None, "give nbpipe.open a size"), ((161, 96), "a buffer has 46080 bytes, expected 161x96 pixels of 3 or 4")],
)
def test_a_buffer_that_cannot_be_understood_is_refused(painter, size, words, tmp_path):
    video = nbpipe.open("out.mp4", size)
    with pytest.raises(nbpipe.SceneError, match=words):
        video.write(painter.draw(0, 3))
    video.close()
    assert list(tmp_path.iterdir()) == []


def test_an_exception_in_the_block_keeps_the_partial_and_names_it(older, tmp_path):
    with pytest.raises(ZeroDivisionError) as caught, nbpipe.open("out.mp4") as video:  # noqa: PT012
        for number in range(20):
            video.write(painted(number, *SIZE))
        raise ZeroDivisionError
    (partial,) = partials(tmp_path)
    assert str(partial) in caught.value.__notes__[0]
    assert numbers(partial) == list(range(20))
    assert older()
    assert (video.recording.state, video.recording.error[:17]) == ("failed", "ZeroDivisionError")


def test_an_interrupt_in_the_block_publishes(tmp_path):
    with pytest.raises(KeyboardInterrupt), nbpipe.open("out.mp4") as video:  # noqa: PT012
        for number in range(20):
            video.write(painted(number, *SIZE))
        signal.raise_signal(signal.SIGINT)
    assert numbers("out.mp4") == list(range(20))
    assert partials(tmp_path) == []


@pytest.mark.parametrize("way_out", [SystemExit, GeneratorExit, asyncio.CancelledError])
def test_a_way_out_that_is_no_failure_publishes(way_out, tmp_path):
    with pytest.raises(way_out), nbpipe.open("out.mp4") as video:  # noqa: PT012
        for number in range(20):
            video.write(painted(number, *SIZE))
        raise way_out
    assert numbers("out.mp4") == list(range(20))
    assert (video.recording.state, partials(tmp_path)) == ("stopped", [])


def test_a_first_picture_whose_write_failed_is_not_in_the_video(painter):
    video = nbpipe.open("out.mkv", conversion="gpu")
    with pytest.raises(ValueError, match="conversion='gpu' is for"):
        video.write(painted(3, *SIZE))
    video.write(painter.draw(5, "texture"))
    video.close()
    assert numbers("out.mkv") == [5]


def test_arrays_of_a_thread_that_has_ended_are_finished_by_another():
    with nbpipe.open("out.mp4") as video:
        for number in range(3):
            writing = threading.Thread(target=video.write, args=(painted(number, *SIZE),))
            writing.start()
            writing.join()
    assert (numbers("out.mp4"), video.recording.state) == ([0, 1, 2], "done")


def test_a_thread_that_has_ended_is_named_with_the_file_that_it_left(tmp_path):
    video = nbpipe.open("out.mp4")

    def write():
        with context().current():
            picture = context().ctx.texture(SIZE, 4)
            video.write(picture)

    writing = threading.Thread(target=write, name="one")
    writing.start()
    writing.join()
    with pytest.raises(nbpipe.WrongThread, match=r"on thread 'one', which has ended.* The partial video is ") as caught:
        video.close()
    assert str(partials(tmp_path)[0]) in str(caught.value)
    video._drive.leave()


def test_a_forked_child_is_told_that_it_is_one():
    video = nbpipe.open("out.mp4")
    video.write(painted(0, *SIZE))
    child = os.fork()
    if child == 0:
        try:
            video.write(painted(1, *SIZE))
        except nbpipe.WrongThread as error:
            os._exit("forked" not in str(error))
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    video.close()
    assert numbers("out.mp4") == [0]


def test_an_exception_before_the_first_write_leaves_nothing(older, tmp_path):
    with pytest.raises(ZeroDivisionError), nbpipe.open("out.mp4"):
        raise ZeroDivisionError
    assert older()
    assert len(list(tmp_path.iterdir())) == 1


def test_a_partial_of_few_bytes_is_kept_when_it_holds_frames(tmp_path):
    def fail_after_one():
        with nbpipe.open("out.mkv", codec="ffv1", pixel_format="bgr0") as video:
            video.write(np.zeros((48, 64, 3), np.uint8))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_one()
    assert partials(tmp_path)[0].stat().st_size < 1024
    with av.open(str(partials(tmp_path)[0])) as kept:
        assert len(list(kept.decode(video=0))) == 1


def test_nothing_written_is_no_file(tmp_path):
    with nbpipe.open("out.mp4", SIZE):
        pass
    nbpipe.open("out.mp4").close()
    assert list(tmp_path.iterdir()) == []


def test_closing_twice_is_the_same_as_once(tmp_path):
    video = nbpipe.open("out.mp4")
    video.write(painted(7, *SIZE))
    video.close()
    before = (tmp_path / "out.mp4").stat()
    video.close()
    with video:
        pass
    assert (tmp_path / "out.mp4").stat() == before
    assert numbers("out.mp4") == [7]


@pytest.mark.parametrize("used", [False, True])
def test_what_is_closed_takes_no_more(used):
    video = nbpipe.open("out.mp4")
    if used:
        video.write(painted(0, *SIZE))
    video.close()
    with pytest.raises(ValueError, match=r"out.mp4 is closed"):
        video.write(painted(0, *SIZE))


def kill_ffmpeg():
    (ffmpeg,) = children()
    os.kill(ffmpeg, signal.SIGKILL)


def test_an_ffmpeg_that_dies_between_two_writes_is_told_by_a_write(older):
    video = nbpipe.open("out.mp4")
    video.write(painted(0, *SIZE))
    kill_ffmpeg()
    with pytest.raises(nbpipe.EncoderError) as caught:  # noqa: PT012
        for number in range(10_000):
            video.write(painted(number, *SIZE))
    assert caught.value.returncode == -signal.SIGKILL
    with pytest.raises(nbpipe.EncoderError):
        video.close()
    assert older()


def test_an_encoder_error_is_what_leaves_the_block(older):
    with pytest.raises(nbpipe.EncoderError), nbpipe.open("out.mp4") as video:  # noqa: PT012
        video.write(painted(0, *SIZE))
        kill_ffmpeg()
        while True:
            video.write(painted(1, *SIZE))
    assert older()


@pytest.mark.timeout(10)
def test_a_write_after_the_end_rises_again():
    video = nbpipe.open("out.mp4")
    video.write(painted(0, *SIZE))
    kill_ffmpeg()
    for _ in range(2):
        with pytest.raises(nbpipe.EncoderError):  # noqa: PT012
            for number in range(10_000):
                video.write(painted(number, *SIZE))


@pytest.mark.timeout(10)
def test_a_write_after_stop_does_not_hang():
    video = nbpipe.open("out.mp4")
    for number in range(10):
        video.write(painted(number, *SIZE))
    video.recording.stop()
    try:
        for number in range(10, 20):
            video.write(painted(number, *SIZE))
    except (nbpipe.NbpipeError, ValueError):
        pass  # to be told so would be just as good
    video.close()
    assert video.recording.state == "stopped"
    assert numbers("out.mp4") == list(range(video.recording.frames_written))


def test_two_videos_at_once_keep_apart(painter):
    with nbpipe.open("a.mp4", SIZE) as a, nbpipe.open("b.mp4", SIZE) as b:
        for number in range(20):
            a.write(painter.draw(number, "framebuffer"))
            b.write(painter.draw(100 + number, "texture"))
    assert numbers("a.mp4") == list(range(20))
    assert numbers("b.mp4") == list(range(100, 120))


class Alarm(Exception):
    pass


@contextlib.contextmanager
def alarmed(call, after, every=0.0):
    """Let a signal handler `call` after some seconds, and then again and again, wherever it strikes."""
    before = signal.signal(signal.SIGALRM, lambda *_: call())
    signal.setitimer(signal.ITIMER_REAL, after, every)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def push(video, written):
    """Write pictures without an end, and note each in `written`."""
    for number in itertools.count():
        video.write(painted(number % 400, *SIZE))
        written.append(number)


def test_a_handler_that_raises_amid_it_keeps_all_that_was_written(tmp_path):
    def ring():
        raise Alarm

    written = []
    with pytest.raises(Alarm) as caught, nbpipe.open("out.mkv") as video, alarmed(ring, 0.3):
        push(video, written)
    (partial,) = partials(tmp_path)
    assert str(partial) in "".join(caught.value.__notes__)
    assert len(numbers(partial)) - len(written) in (0, 1), "the one that was cut short may be in it"


def test_a_write_within_a_write_is_refused_and_not_in_the_video():
    refused, taken, count = [], [], 0

    def interfere():
        try:
            video.write(painted(500, *SIZE))
            taken.append(count)
        except nbpipe.NbpipeError as error:
            refused.append(error)

    with nbpipe.open("out.mkv") as video, alarmed(interfere, 0.005, 0.005):
        while len(refused) < 3:
            assert video.write(painted(count % 400, *SIZE))
            count += 1
    found = numbers("out.mkv")
    assert [number for number in found if number != 500] == [number % 400 for number in range(count)]
    assert found.count(500) == len(taken), "those between two writes are in it"
    assert "a frame of this is being worked on" in str(refused[0])


def test_a_handler_or_an_observer_may_close_it():
    video = nbpipe.open("out.mkv")
    video.write(painted(0, *SIZE))
    video.recording.observe(lambda change: change.new > 20 and video.close(), "frames_written")
    count = 1
    while video.write(painted(count % 400, *SIZE)):
        count += 1
    assert video.recording.state in ("done", "stopped")
    assert len(numbers("out.mkv")) in (count, count + 1)
    with pytest.raises(ValueError, match="is closed"):
        video.write(painted(0, *SIZE))


def test_a_recording_cannot_be_waited_for_by_its_own_scene():
    def draw(frame):
        if frame.index == 2:
            recording.wait()

    recording = nbpipe.record(draw, "out.mp4", size=SIZE, frames=4, wait=False, show=False)
    with pytest.raises(nbpipe.NbpipeError, match="a frame of this is being worked on"):
        recording.wait()
    assert recording.state == "failed"


def test_an_interrupt_that_was_caught_does_not_rise_again():
    with nbpipe.open("out.mkv") as video:
        written = []
        with alarmed(lambda: signal.raise_signal(signal.SIGINT), 0.2), pytest.raises(KeyboardInterrupt):
            push(video, written)
    assert len(numbers("out.mkv")) - len(written) in (0, 1)


def test_closing_ends_a_paused_one():
    with nbpipe.open("out.mkv") as video:
        video.write(painted(3, *SIZE))
        video.recording.pause()
    assert numbers("out.mkv") == [3]


def test_a_handler_closes_a_paused_one_that_a_write_waits_for():
    video = nbpipe.open("out.mkv")
    video.write(painted(3, *SIZE))
    video.recording.pause()
    with alarmed(video.close, 0.1):
        assert not video.write(painted(4, *SIZE))
    assert numbers("out.mkv") == [3, 4]


def test_closing_on_another_thread_is_refused_and_the_owner_goes_on():
    with nbpipe.open("out.mkv") as video:
        video.write(painted(0, *SIZE))
        raised = []

        def close():
            try:
                video.close()
            except nbpipe.WrongThread as error:
                raised.append(error)

        thread = threading.Thread(target=close)
        thread.start()
        thread.join()
        assert len(raised) == 1
        video.write(painted(1, *SIZE))
    assert numbers("out.mkv") == [0, 1]


@pytest.mark.parametrize("attempt", range(5))
def test_two_threads_that_race_for_the_first_picture(attempt):
    video, start = nbpipe.open("out.mkv", show=False), threading.Barrier(2)
    kept = {}

    def push(first):
        mine = kept[first] = []
        start.wait()
        with contextlib.suppress(nbpipe.WrongThread):
            for number in range(first, first + 5):
                video.write(painted(number, *SIZE))
                mine.append(number)
        start.wait()
        with contextlib.suppress(nbpipe.WrongThread):
            video.close()

    threads = [threading.Thread(target=push, args=(first,)) for first in (100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(kept.values()) in ([[], list(range(100, 105))], [[], list(range(200, 205))])
    assert numbers("out.mkv") == kept[100] + kept[200]


def test_masked_pixels_are_refused():
    masked = np.ma.masked_less(painted(3, *SIZE), 10)
    with pytest.raises(nbpipe.SceneError, match=r"masked pixels.*array\.filled"), nbpipe.open("out.mkv") as video:
        video.write(masked)
    with nbpipe.open("out.mkv") as video:
        video.write(np.ma.array(painted(3, *SIZE)))
    assert numbers("out.mkv") == [3]


def test_one_that_is_dropped_is_finished_and_leaves_nothing_behind():
    def forget():
        video = nbpipe.open("out.mkv", show=False)
        for number in range(3):
            video.write(painted(number, *SIZE))
        del video
        gc.collect()

    with pytest.warns(ResourceWarning, match=r"out\.mkv was not closed"):
        forget()
    assert numbers("out.mkv") == [0, 1, 2]
    with nbpipe.open("out.mkv", show=False) as video:
        video.write(painted(7, *SIZE))
    assert numbers("out.mkv") == [7]


def test_the_oserror_of_a_signal_handler_is_not_taken_for_ffmpegs(tmp_path):
    """Such as the TimeoutError of an alarm, which strikes here while a slow encoder is waited for."""

    def alarmed(*_):
        raise TimeoutError("mine")

    picture = np.zeros((720, 1280, 3), np.uint8)
    before = signal.signal(signal.SIGALRM, alarmed)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(TimeoutError, match="mine"), nbpipe.open("x.mp4", preset="placebo") as video:
            collections.deque(map(video.write, itertools.repeat(picture)))
    finally:
        signal.signal(signal.SIGALRM, before)
    assert [path.suffixes[-2:] for path in tmp_path.iterdir()] == [[".partial", ".mp4"]]
