"""What goes wrong, and what is left of it: one clear error, a living process, an untouched older file."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import children, partials
from watermark import Watermark, numbers, painted

import nbpipe
from nbpipe import drive


class At(Watermark):
    """Does something when a frame comes."""

    def __init__(self, index, action):
        super().__init__()
        self.index, self.action = index, action

    def render(self, frame):
        if frame.index == self.index:
            self.action()
        super().render(frame)


def boom():
    raise ZeroDivisionError("the scene's own")


def the_ffmpeg():
    (pid,) = children()
    return pid


def good_file(path="out.mp4"):
    nbpipe.record(Watermark(), path, size=(64, 64), frames=3)
    with open(path, "rb") as file:
        return file.read()


def test_an_exception_in_the_scene_keeps_the_partial_and_names_it(tmp_path):
    older = good_file()
    scene = At(40, boom)
    with pytest.raises(ZeroDivisionError, match="the scene's own") as caught:
        nbpipe.record(scene, "out.mp4", size=(160, 96), frames=100)
    (partial,) = partials(tmp_path)
    assert partial.name == "out.partial.mp4"
    assert str(partial) in caught.value.__notes__[0]
    assert numbers(partial) == list(range(40))
    assert (tmp_path / "out.mp4").read_bytes() == older
    assert scene.released


def test_an_exception_in_the_first_frame_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError):
        nbpipe.record(At(0, boom), "out.mp4", size=(64, 64), frames=100)
    assert list(tmp_path.iterdir()) == []


def test_an_exception_in_setup_leaves_nothing(tmp_path):
    class Broken(Watermark):
        def setup(self, ctx):
            boom()

    with pytest.raises(ZeroDivisionError):
        nbpipe.record(Broken(), "out.mp4", size=(64, 64), frames=100)
    assert list(tmp_path.iterdir()) == []


def test_ffmpeg_killed_half_way(tmp_path):
    older = good_file()
    with pytest.raises(nbpipe.EncoderError) as caught:
        nbpipe.record(
            At(150, lambda: os.kill(the_ffmpeg(), signal.SIGKILL)),
            "out.mp4",
            size=(640, 360),
            frames=100_000,
            preset="ultrafast",
        )
    assert caught.value.returncode == -signal.SIGKILL
    assert "SIGKILL" in caught.value.hint
    assert (tmp_path / "out.mp4").read_bytes() == older
    assert good_file("next.mp4"), "the next recording works"


def test_ffmpeg_that_dies_at_the_start(fake_ffmpeg, tmp_path):
    fake_ffmpeg('echo "some reason" >&2; exit 3')
    with pytest.raises(nbpipe.EncoderError, match="some reason") as caught:
        nbpipe.record(Watermark(), "out.mp4", size=(64, 64), frames=1)
    assert (caught.value.returncode, caught.value.stderr_tail) == (3, "some reason")
    assert partials(tmp_path) == []


@pytest.mark.parametrize(
    ("wrapper", "why"),
    [
        ("exit 0", "ended at once, and calls it a success"),
        ('"$real" "$@" -frames:v 5', "made five frames of ten, and calls it a success"),
        ('"$real" "$@"; exit 1', "made all frames, and calls it a failure"),
        ('head -c 30000 | "$real" "$@"', "got a truncated last frame, and calls it a success"),
    ],
)
def test_an_exit_status_alone_is_not_believed(fake_ffmpeg, wrapper, why, tmp_path):
    fake_ffmpeg(
        wrapper.replace("-frames:v 5", "")
        if "frames:v" not in wrapper
        else 'args=("$@"); last="${args[-1]}"; unset "args[-1]"; exec "$real" "${args[@]}" -frames:v 5 "$last"'
    )
    with pytest.raises(nbpipe.EncoderError):
        nbpipe.record(Watermark(), "out.mp4", size=(64, 64), frames=10)
    assert not (tmp_path / "out.mp4").exists(), why


def test_a_megabyte_of_warnings_blocks_nothing(fake_ffmpeg):
    fake_ffmpeg(
        'head -c 1000000 /dev/zero | tr "\\0" "x" >&2; for i in $(seq 20000); do echo "warning $i" >&2; done; exec "$real" "$@"'
    )
    recording = nbpipe.record(Watermark(), "out.mp4", size=(160, 96), frames=20)
    assert (recording.state, numbers("out.mp4")) == ("done", list(range(20)))


def test_an_option_that_ffmpeg_refuses_is_explained():
    with pytest.raises(nbpipe.EncoderError, match="nonsense") as caught:
        nbpipe.record(Watermark(), "out.mp4", size=(64, 64), frames=10, ffmpeg_params=["-tune", "nonsense"])
    assert "preset=" in caught.value.hint
    assert "-tune nonsense" in str(caught.value)


def test_a_full_disk_is_named(fake_ffmpeg, tmp_path):
    older = good_file()
    fake_ffmpeg('ulimit -f 8; trap "" XFSZ; exec "$real" "$@"')
    noise = np.random.default_rng(0).integers(0, 256, (8, 96, 160, 3), dtype=np.uint8)
    with pytest.raises(nbpipe.EncoderError, match="File too large"):
        nbpipe.record((noise[i % 8] for i in range(400)), "out.mp4", preset="ultrafast", crf=1)
    assert (tmp_path / "out.mp4").read_bytes() == older


def test_stop_publishes_what_was_recorded(tmp_path):
    recording = nbpipe.record(Watermark(), "out.mp4", size=(160, 96), frames=100_000, wait=False)
    recording.observe(lambda change: change.new >= 50 and recording.stop(), "frame")
    recording.wait()
    assert recording.state == "stopped"
    assert recording.error == ""
    assert numbers("out.mp4") == list(range(recording.frames_written))
    assert 50 <= recording.frames_written < 100_000
    assert partials(tmp_path) == []


def test_stop_before_the_first_frame_makes_no_file(tmp_path):
    recording = nbpipe.record(Watermark(), "out.mp4", size=(64, 64), frames=100, wait=False)
    recording.stop()
    assert recording.wait()
    assert recording.state == "stopped"
    assert "no file" in recording.error
    assert list(tmp_path.iterdir()) == []


def test_interrupt_publishes_and_rises(tmp_path):
    scene = At(60, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt) as caught:
        nbpipe.record(scene, "out.mp4", size=(160, 96), frames=1000)
    assert "60 frames" in caught.value.__notes__[0]
    assert numbers("out.mp4") == list(range(60))
    assert good_file("next.mp4")


def test_interrupt_while_ffmpeg_is_stopped_then_again(tmp_path):
    """The second interrupt gives up at once, and nothing hangs."""
    older = good_file()
    interrupts = []

    def stop_ffmpeg():
        os.kill(the_ffmpeg(), signal.SIGSTOP)
        for delay in (0.5, 1.0):
            interrupts.append(threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT)))
            interrupts[-1].start()

    with pytest.raises(KeyboardInterrupt):
        nbpipe.record(At(30, stop_ffmpeg), "out.mp4", size=(1280, 720), frames=100_000, preset="ultrafast")
    for timer in interrupts:
        timer.join()
    assert (tmp_path / "out.mp4").read_bytes() == older


def test_other_threads_run_while_ffmpeg_is_stopped():
    """The wait for a free slot holds no GIL: a thread wakes FFmpeg up again and everything arrives."""
    ticks = []
    pids = []
    done = threading.Event()

    def ticker():
        while not done.wait(0.005):
            ticks.append(1)
            if len(ticks) == 40 and pids:
                os.kill(pids[0], signal.SIGCONT)

    thread = threading.Thread(target=ticker)

    def stop_ffmpeg():
        pids.append(the_ffmpeg())
        os.kill(pids[0], signal.SIGSTOP)
        thread.start()

    nbpipe.record(At(5, stop_ffmpeg), "out.mp4", size=(640, 360), frames=60, preset="ultrafast")
    done.set()
    thread.join()
    assert len(ticks) >= 40
    assert numbers("out.mp4") == list(range(60))


PIPELINE = tuple(f"nbpipe/{room}.py" for room in ("pipeline", "gl/memory", "gl/ring", "video/export", "video/target"))


def interrupted_at(line: int, action) -> int:
    """Run `action` and raise KeyboardInterrupt before the given line of the pipeline; return how many were run."""
    seen = 0

    def trace(frame, event, _):
        nonlocal seen
        if not frame.f_code.co_filename.endswith(PIPELINE):
            return None
        if event == "line":
            seen += 1
            if seen == line:
                raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            action()
    finally:
        sys.settrace(None)
    return seen


def test_an_interrupt_before_any_line_loses_nothing(tmp_path):
    """Every 11th line of a whole recording, from the first step to the last: what is there afterwards is whole."""
    recording = nbpipe.record(Watermark(), "out.mp4", size=(160, 96), frames=6, wait=False, show=False)
    lines = interrupted_at(0, recording.wait)
    assert lines > 500
    outcomes = set()
    for line in range(1, lines, 11):
        scene = Watermark()
        (tmp_path / "out.mp4").unlink(missing_ok=True)
        recording = nbpipe.record(scene, "out.mp4", size=(160, 96), frames=6, wait=False, show=False)
        interrupted_at(line, recording.wait)
        assert scene.released, line
        assert partials(tmp_path) == [], line
        outcomes.add(recording.state)
        if recording.frames_written == 0:
            assert not (tmp_path / "out.mp4").exists()
        else:
            assert numbers("out.mp4") == list(range(recording.frames_written)), line
    assert outcomes == {"stopped", "done"}


def test_an_iterator_that_ends_early_is_an_error_with_the_count(tmp_path):
    with pytest.raises(nbpipe.SceneError, match="after 4 of 10 frames"):
        nbpipe.record((painted(i, 160, 96) for i in range(4)), "out.mp4", frames=10)
    (partial,) = partials(tmp_path)
    assert numbers(partial) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.zeros((48, 64, 3), np.float32), r"picture 3 .*\(48, 64, 3\).*float32.*expected"),
        (np.zeros((48, 64), np.uint8), r"picture 3 .*\(48, 64\)"),
        (np.zeros((48, 65, 3), np.uint8), r"picture 3 is 65x48, expected 64x48"),
        (np.zeros((48, 64, 4), np.uint8), r"picture 3 is an array of 4 channels, expected 3"),
        ("no picture", r"picture 3 is a str; expected"),
    ],
)
def test_a_wrong_picture_is_named_with_what_came_and_what_was_expected(bad, words):
    pictures = [np.zeros((48, 64, 3), np.uint8)] * 3 + [bad]
    with pytest.raises(nbpipe.SceneError, match=words):
        nbpipe.record(pictures, "out.mp4")


def test_callbacks_that_raise_do_not_harm_the_recording(caplog):
    recording = nbpipe.record(Watermark(), "out.mp4", size=(160, 96), frames=30, wait=False)
    recording.observe(lambda _: boom(), "frame")
    recording.wait()
    assert numbers("out.mp4") == list(range(30))
    assert "the scene's own" in caplog.text


def test_another_thread_is_told_so():
    recording = nbpipe.record(Watermark(), "out.mp4", size=(64, 64), frames=30, wait=False)
    errors = []

    def elsewhere():
        try:
            recording.wait()
        except nbpipe.WrongThread as error:
            errors.append(str(error))

    thread = threading.Thread(target=elsewhere, name="elsewhere")
    thread.start()
    thread.join()
    assert "'elsewhere'" in errors[0]
    recording.wait()
    assert recording.state == "done"


def test_a_failed_publish_keeps_the_partial(tmp_path):
    recording = nbpipe.record(Watermark(), "out.mp4", size=(160, 96), frames=10, wait=False)
    (tmp_path / "out.mp4").mkdir()
    with pytest.raises(IsADirectoryError):
        recording.wait()
    assert recording.state == "failed"
    (partial,) = partials(tmp_path)
    assert numbers(partial) == list(range(10))


def test_a_recording_that_has_ended_is_forgotten():
    nbpipe.record(Watermark(), "out.mp4", size=(64, 64), frames=3)
    assert not drive._active


def test_an_array_recording_has_one_thread_too():
    recording = nbpipe.record([painted(0, 64, 64)] * 5, "out.mp4", wait=False)
    with ThreadPoolExecutor(1) as elsewhere, pytest.raises(nbpipe.WrongThread):
        elsewhere.submit(recording.wait).result()
    recording.wait()


def test_the_scenes_own_error_rises_though_ffmpeg_dies_as_well():
    def both():
        os.kill(the_ffmpeg(), signal.SIGKILL)
        boom()

    with pytest.raises(ZeroDivisionError) as caught:
        nbpipe.record(At(30, both), "out.mp4", size=(640, 360), frames=100)
    assert any("while it was being finished" in note for note in caught.value.__notes__)


def test_an_observer_that_raises_hides_nothing_from_the_others(caplog):
    recording = nbpipe.record(Watermark(), "out.mp4", size=(64, 64), frames=30, wait=False)
    recording.observe(lambda _: boom(), "elapsed")
    recording.wait()
    assert (recording.state, recording.bytes > 0) == ("done", True)


@pytest.fixture
def folding(monkeypatch):
    """Hide nbpipe's frames of errors, as outside of these tests."""
    monkeypatch.setattr(nbpipe.errors, "_FOLDED", {"nbpipe"})


def test_an_error_that_is_its_own_cause_rises(folding):
    def render(frame):
        error = ValueError("mine")
        raise error from error

    with pytest.raises(ValueError, match="mine"):
        list(nbpipe.frames(render, size=(64, 48), frames=3))


@pytest.mark.parametrize("fails", [False, True])
def test_an_error_that_is_over_keeps_nothing_of_the_scene(folding, fails):
    class Scene(Watermark):
        def render(self, frame):
            if fails and frame.index == 2:
                raise ValueError("mine")
            super().render(frame)

    scene = Scene()
    gone = weakref.ref(scene)
    gc.disable()
    try:
        with contextlib.suppress(ValueError):
            for _ in nbpipe.frames(scene, size=(64, 48), frames=4):
                pass
        del scene
        assert gone() is None
    finally:
        gc.enable()
