"""Plain scripts, run as a person would: whatever way they end, nothing is lost, left behind or silent."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import av
import pytest
from conftest import partials
from watermark import numbers

PRELUDE = """
import asyncio, os, sys
import nbpipe
from watermark import Watermark
def begin(frames=100_000, **more):
    return nbpipe.record(Watermark(), "out.mp4", size=(160, 96), frames=frames, wait=False, **more)
"""


def script(code, *options):
    """Run a script to its end, its children's too: they hold the pipe of its standard error."""
    tests = str(Path(__file__).parent)
    env = os.environ | {"PYTHONPATH": os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")])}
    return subprocess.run(
        [sys.executable, *options, "-c", PRELUDE + code],
        env=env,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def whole(path="out.mp4"):
    """Return how many frames a file holds, all of them in order."""
    found = numbers(path)
    assert found == list(range(len(found)))
    return len(found)


@pytest.mark.parametrize("end", ["", "sys.exit(0)", "sys.exit()", "del recording"])
def test_a_script_that_ends_before_its_recording_keeps_it_and_says_so(end, tmp_path):
    done = script(f"recording = begin()\nwhile recording.frame < 100: recording.wait(0.01)\n{end}")
    assert done.returncode == 0
    assert "the program ended while it was recording" in done.stderr
    assert f"{whole()} frames went into {tmp_path / 'out.mp4'}" in done.stderr
    assert "Call wait()" in done.stderr
    assert whole() >= 100
    assert partials(tmp_path) == []


def test_a_script_that_ends_before_a_recording_of_another_thread_keeps_it_too(tmp_path):
    done = script(
        "import threading\n"
        "drawn = threading.Event()\n"
        "class Slow(Watermark):\n"
        "    def render(self, frame):\n"
        "        super().render(frame)\n"
        "        if frame.index == 20: drawn.set()\n"
        "record = lambda: nbpipe.record(Slow(), 'out.mp4', size=(160, 96), frames=100_000, show=False)\n"
        "threading.Thread(target=record, daemon=True).start()\n"
        "drawn.wait()\n"
    )
    assert done.returncode == 0
    assert f"{whole()} frames went into {tmp_path / 'out.mp4'}" in done.stderr
    assert whole() > 20
    assert partials(tmp_path) == []


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_of_multiprocessing_keeps_its_recording_too(method, tmp_path):
    (tmp_path / "program.py").write_text("""
import multiprocessing, sys
import nbpipe
def work():
    recording = nbpipe.record(lambda frame: None, "out.mp4", size=(160, 96), frames=100_000, wait=False)
    while recording.frame < 50: recording.wait(0.01)
if __name__ == "__main__":
    child = multiprocessing.get_context(sys.argv[1]).Process(target=work)
    child.start()
    child.join()
    sys.exit(child.exitcode)
""")
    command = [sys.executable, "program.py", method]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0
    assert f"frames went into {tmp_path / 'out.mp4'}" in done.stderr
    assert partials(tmp_path) == []
    with av.open("out.mp4") as video:
        assert len(list(video.decode(video=0))) >= 50


def test_an_interrupt_while_the_end_of_a_program_waits_for_another_thread_is_told(tmp_path):
    done = script(
        "import signal, threading\n"
        "from nbpipe.drive import Drive\n"
        "drawn, over, leave = threading.Event(), threading.Event(), Drive.leave\n"
        "def draw(frame):\n"
        "    if frame.index == 20: drawn.set() or over.wait()\n"
        "def interrupted(drive):\n"
        "    signal.setitimer(signal.ITIMER_REAL, 0.2)\n"
        "    leave(drive)\n"
        "signal.signal(signal.SIGALRM, signal.default_int_handler)\n"
        "Drive.leave = interrupted\n"
        "record = lambda: nbpipe.record(draw, 'out.mp4', size=(160, 96), frames=100_000, show=False)\n"
        "threading.Thread(target=record, daemon=True).start()\n"
        "drawn.wait()\n"
    )
    assert done.returncode == 0
    assert "it was interrupted while the program ended" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_keeps_its_own_exit_status():
    done = script("recording = begin()\nwhile recording.frame < 100: recording.wait(0.01)\nsys.exit(7)")
    assert done.returncode == 7
    assert whole() >= 100


def test_it_keeps_its_own_exception():
    done = script("recording = begin()\nwhile recording.frame < 100: recording.wait(0.01)\n1 / 0")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert whole() >= 100


def test_a_recording_that_was_never_begun_leaves_no_file(tmp_path):
    done = script("recording = begin()")
    assert done.returncode == 0
    assert "the program ended while it was recording" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_several_unfinished_recordings_are_all_kept(tmp_path):
    done = script(
        "scenes = [nbpipe.record(Watermark(), f'{n}.mp4', size=(160, 96), frames=100_000, wait=False) for n in range(3)]\n"
        "while min(scene.frame for scene in scenes) < 50: [scene.wait(0.01) for scene in scenes]"
    )
    assert done.returncode == 0
    assert [whole(tmp_path / f"{n}.mp4") >= 50 for n in range(3)] == [True] * 3


def test_an_ffmpeg_that_is_stopped_does_not_keep_a_script_from_ending(tmp_path):
    done = script(
        "import signal\nrecording = begin()\nwhile recording.frame < 300: recording.wait(0.01)\n"
        "(child,) = open(f'/proc/self/task/{os.getpid()}/children').read().split()\nos.kill(int(child), signal.SIGSTOP)\n"
        "print(child)"
    )
    assert done.returncode == 0
    assert f"The partial video is {partials(tmp_path)[0].name}" in done.stderr
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)
    assert len(partials(tmp_path)) == 1


def test_sys_exit_in_the_scene_finishes_the_video_and_keeps_the_status(tmp_path):
    done = script(
        "def draw(frame):\n    if frame.index == 50: sys.exit(5)\n"
        "nbpipe.record(draw, 'out.mp4', size=(160, 96), frames=100)"
    )
    assert (done.returncode, done.stderr) == (5, "")
    assert partials(tmp_path) == []
    with av.open("out.mp4") as video:
        assert len(list(video.decode(video=0))) == 50


@pytest.mark.parametrize("action", ["sys.exit(3)", "video.close(); sys.exit(3)"])
def test_a_signal_handler_that_ends_the_program_loses_no_picture(tmp_path, action):
    """As every service has one; wherever it strikes, in a write or while the file is being finished."""
    done = script(
        "import signal, threading\nimport numpy as np\n"
        f"def end(*_): {action}\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "written = 0\n"
        "try:\n"
        "    with nbpipe.open('out.mp4', show=False, preset='slow') as video:\n"
        "        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()\n"
        "        while video.write(np.full((96, 160, 3), written % 256, np.uint8)): written += 1\n"
        "finally:\n"
        "    print(written, video.recording.frames_written)"
    )
    assert done.returncode == 3, done.stderr
    written, recorded = map(int, done.stdout.split())
    assert partials(tmp_path) == []
    with av.open("out.mp4") as video:
        assert len(list(video.decode(video=0))) == recorded
    assert recorded in (written, written + 1), "the one that was cut short may be in it"


def test_a_coroutine_may_await_a_recording_while_others_run():
    done = script(
        "async def main():\n"
        "    ticks = 0\n"
        "    async def tick():\n"
        "        nonlocal ticks\n"
        "        while True:\n"
        "            ticks += 1\n"
        "            await asyncio.sleep(0)\n"
        "    other = asyncio.create_task(tick())\n"
        "    recording = begin(200)\n"
        "    assert await recording is recording\n"
        "    other.cancel()\n"
        "    print(recording.state, ticks > 10)\n"
        "asyncio.run(main())"
    )
    assert (done.stdout, done.stderr) == ("done True\n", "")
    assert whole() == 200


def test_two_coroutines_record_in_turns():
    done = script(
        "async def main():\n"
        "    make = lambda name: nbpipe.record(Watermark(), name, size=(160, 96), frames=100, wait=False)\n"
        "    print(*[r.state for r in await asyncio.gather(make('a.mp4'), make('b.mp4'))])\n"
        "asyncio.run(main())"
    )
    assert (done.stdout, done.stderr) == ("done done\n", "")
    assert (whole("a.mp4"), whole("b.mp4")) == (100, 100)


def test_a_coroutine_that_is_cancelled_publishes_what_it_has():
    done = script(
        "async def main():\n"
        "    recording = begin()\n"
        "    recording.observe(lambda change: change.new >= 50 and waiting.cancel(), 'frame')\n"
        "    async def wait():\n"
        "        await recording\n"
        "    waiting = asyncio.create_task(wait())\n"
        "    try:\n"
        "        await waiting\n"
        "    except asyncio.CancelledError:\n"
        "        print('cancelled', recording.state)\n"
        "asyncio.run(main())"
    )
    assert (done.stdout, done.stderr) == ("cancelled stopped\n", "")
    assert whole() >= 50


def test_a_loop_that_ends_before_the_recording_publishes_what_it_has():
    done = script(
        "async def main():\n"
        "    recording = begin()\n"
        "    while recording.frame < 50: await asyncio.sleep(0)\n"
        "    return recording\n"
        "print(asyncio.run(main()).state)"
    )
    assert (done.returncode, done.stdout) == (0, "stopped\n")
    assert whole() >= 50


@pytest.mark.parametrize("end", ["sys.exit(0)", "os._exit(0)", "raise SystemExit(0)"])
def test_a_forked_child_ends_without_touching_its_parents_recording(end, tmp_path):
    done = script(
        f"""
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12 on, each fork of a process with threads
recording = begin(1000)
while recording.frame < 100: recording.wait(0.01)
child = os.fork()
if child == 0:
    {end}
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert not os.path.exists("out.mp4")
recording.wait()
print(recording.state)
"""
    )
    assert (done.stdout, done.stderr) == ("done\n", "")
    assert whole() == 1000
    assert os.listdir(tmp_path) == ["out.mp4"]


def test_a_forked_child_that_lives_on_does_not_keep_the_file_from_being_finished():
    """It has inherited the pipe's write end, or FFmpeg would never see the end of its input."""
    done = script(
        """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
recording = begin(1000)
while recording.frame < 100: recording.wait(0.01)
read, write = os.pipe()
child = os.fork()
if child == 0:
    os.close(write)
    os.read(read, 1)
    os._exit(0)
recording.wait()
print(recording.state)
os.close(write)
os.waitpid(child, 0)
"""
    )
    assert (done.stdout, done.stderr) == ("done\n", "")
    assert whole() == 1000


def test_nothing_warns_in_pythons_development_mode():
    done = script(
        """
import gc
import numpy as np
nbpipe.record(Watermark(), "out.mp4", size=(160, 96), frames=30)
nbpipe.record("void mainImage(out vec4 c, in vec2 p) { c = vec4(iTime); }", "shader.mp4", size=(64, 64), frames=10)
with nbpipe.open("pushed.mp4") as video:
    for _ in range(10): video.write(np.zeros((64, 64, 3), np.uint8))
async def main(): await begin(30)
asyncio.run(main())
gc.collect()
""",
        *("-X", "dev", "-W", "error"),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_script_that_is_killed_leaves_a_playable_partial_and_no_ffmpeg(number, tmp_path):
    done = script(
        f"""
recording = begin()
while recording.frame < 300: recording.wait(0.01)
print(*open(f"/proc/self/task/{{os.getpid()}}/children"), flush=True)
os.kill(os.getpid(), {int(number)})
"""
    )
    assert done.returncode == -number
    assert gone(int(done.stdout)), "FFmpeg outlived the script"
    (partial,) = partials(tmp_path)
    assert whole(partial) >= 300 - 4, "all but the slots"


def gone(pid):
    """Whether a process that is not our child ends soon."""
    try:
        watch = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with open(watch, "rb"):
        return bool(select.select([watch], [], [], 30)[0])
