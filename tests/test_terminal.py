"""The bar of a recording in a real terminal, and silence where there is none."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import termios

import pytest

CODE = """
import nbpipe
{prelude}
nbpipe.record(scene, "out.mp4", size=(64, 64), **{arguments})
"""
SCENE = "scene = lambda frame: None"
PICTURES = "import numpy as np\nscene = (np.zeros((64, 64, 3), np.uint8) for _ in range(30))"
BROKEN = "def scene(frame):\n    if frame.index == 20:\n        raise SystemExit"


def in_a_terminal(code):
    """Run code in a terminal of its own; return what a person would have seen, and the exit status."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    process = subprocess.Popen([sys.executable, "-c", code], stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # how a terminal says that nobody is left on the other side
            break
        if not chunk:
            break
        seen += chunk
    os.close(ours)
    return seen.decode(), process.wait()


@pytest.mark.parametrize(
    ("prelude", "arguments", "end"),
    [
        (SCENE, {"frames": 120}, r"out\.mp4: 100%\|.+\| 120/120 .*, done\]"),
        (SCENE, {"duration": 0.5}, r"out\.mp4: 100%\|.+\| 30/30 .*, done\]"),
        (PICTURES, {}, r"out\.mp4: 30 frames .*, done\]"),
        (BROKEN, {"frames": 40}, r"out\.mp4: +50%\|.+\| 20/40 .*, stopped\]"),
    ],
    ids=["frames", "duration", "open end", "cut off"],
)
def test_the_bar_names_the_file_and_where_it_ended(prelude, arguments, end):
    seen, status = in_a_terminal(CODE.format(prelude=prelude, arguments=arguments))
    assert status == 0
    last = seen.rstrip("\r\n").split("\r")[-1]
    assert re.search(end, last), last
    assert seen.endswith("\n"), "the prompt stands on a line of its own"


def test_the_bar_moves():
    seen, _ = in_a_terminal(CODE.format(prelude=SCENE, arguments={"frames": 20000, "preset": "ultrafast"}))
    shown = [int(percent) for percent in re.findall(r"(\d+)%", seen)]
    assert shown == sorted(shown)
    assert len(set(shown)) > 5


def test_show_false_is_silent_even_there():
    seen, status = in_a_terminal(CODE.format(prelude=SCENE, arguments={"frames": 10, "show": False}))
    assert (seen, status) == ("", 0)


def test_without_a_terminal_nothing_is_printed():
    code = CODE.format(prelude=SCENE, arguments={"frames": 120})
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


def test_a_program_whose_standard_error_is_closed_records_as_well(tmp_path):
    code = CODE.format(prelude=SCENE, arguments={"frames": 10})
    subprocess.run(["sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, code], check=True, cwd=tmp_path)
    assert (tmp_path / "out.mp4").exists()
