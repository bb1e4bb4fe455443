"""A recording in a real ipykernel: interrupted, killed, awaited, and spoken to with forged messages."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import select
import signal
from pathlib import Path

import pytest
from conftest import partials
from jupyter_client.manager import start_new_kernel
from watermark import numbers

PRELUDE = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import nbpipe
from watermark import Watermark
"""


class Kernel:
    """A real kernel and what it says; `run` waits for a cell, `start` does not."""

    def __init__(self, folder: Path) -> None:
        self.manager, self.client = start_new_kernel(cwd=folder)
        self.messages: list[dict] = []
        self.run(PRELUDE)

    def start(self, code: str) -> str:
        return self.client.execute(code)

    def until(self, wanted, timeout=60):
        """Read what the kernel publishes until `wanted(message)`; return that message."""
        while True:
            message = self.client.get_iopub_msg(timeout=timeout)
            self.messages.append(message)
            if wanted(message):
                return message

    def finish(self, request: str) -> dict:
        self.until(
            lambda m: (
                m["msg_type"] == "status"
                and m["content"]["execution_state"] == "idle"
                and m["parent_header"].get("msg_id") == request
            )
        )
        while True:
            reply = self.client.get_shell_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == request:
                return reply["content"]

    def run(self, code: str) -> dict:
        return self.finish(self.start(code))

    def printed(self) -> str:
        return "".join(m["content"]["text"] for m in self.messages if m["msg_type"] == "stream")

    def displayed(self) -> list[dict]:
        return [m["content"]["data"] for m in self.messages if m["msg_type"] in ("display_data", "execute_result")]

    def frame(self, at_least: int):
        """Wait until a preview of a frame of that number has come."""
        self.until(
            lambda m: (
                m["msg_type"] == "comm_msg"
                and m["content"]["data"].get("content", {}).get("type") == "frame"
                and m["content"]["data"]["content"]["index"] >= at_least
            )
        )

    def children(self) -> list[int]:
        pid = self.manager.provisioner.pid
        return [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]


def stop(pid: int) -> None:
    """Stop a process, and return when its last thread has.

    Linux wakes what a killed process leaves behind, but only if it is stopped as a whole.
    """
    os.kill(pid, signal.SIGSTOP)
    states = set()
    while states != {"T"}:
        assert "Z" not in states, "it has ended"
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread may end meanwhile
            tasks = Path(f"/proc/{pid}/task").iterdir()
            states = {(task / "stat").read_text().rpartition(")")[2].split()[0] for task in tasks}


@pytest.fixture
def kernel(tmp_path):
    kernel = Kernel(tmp_path)
    yield kernel
    kernel.client.stop_channels()
    kernel.manager.shutdown_kernel(now=True)
    kernel.manager.cleanup_resources()


# jupyter_client keeps its zmq sockets' descriptors until the process ends
pytestmark = pytest.mark.no_leak_check


def kept(page: dict) -> bytes:
    """Return the video that an output holds."""
    return base64.b64decode(re.search(r'src="data:video/mp4;base64,([^"]*)"', page["text/html"])[1])


def test_a_cell_records_and_shows_the_widget_once_and_leaves_a_poster_and_the_video(kernel, tmp_path):
    reply = kernel.run('nbpipe.record(Watermark(), "out.mp4", size=(320, 180), frames=60)')
    assert reply["status"] == "ok"
    widget, poster, page = kernel.displayed()
    assert set(widget) == {"application/vnd.jupyter.widget-view+json", "text/plain"}
    assert set(poster) == {"image/jpeg", "text/plain"}
    assert set(page) == {"text/html"}
    assert poster["text/plain"].startswith("out.mp4: 320×180, 60 fps, 60 frames, ")
    assert kept(page) == (tmp_path / "out.mp4").read_bytes()
    assert numbers(tmp_path / "out.mp4") == list(range(60))
    assert kernel.printed() == ""
    kernel.messages.clear()
    kernel.run("_")
    assert len(kernel.displayed()) == 1, "in another cell it is shown again"


@pytest.mark.parametrize(
    "cell", ["nbpipe.preview(Watermark(), size=(320, 180))", "nbpipe.record(Watermark(), 'out.mp4', frames=3)"]
)
def test_in_colab_the_widget_brings_what_shows_it(kernel, cell):
    """Colab shows no widget of others unless asked to, and looks into the output's metadata for what can."""
    kernel.run("""
import types
colab = sys.modules["google.colab.output"] = types.ModuleType("google.colab.output")
colab._widgets = types.SimpleNamespace(_installed_url=None)
def enable_custom_widget_manager(): colab._widgets._installed_url = "https://colab.example/manager.js"
colab.enable_custom_widget_manager = enable_custom_widget_manager
""")
    kernel.run(cell)
    view = "application/vnd.jupyter.widget-view+json"
    (shown,) = [m["content"] for m in kernel.messages if view in m["content"].get("data", {})]
    assert shown["metadata"][view]["colab"]["custom_widget_manager"]["url"] == "https://colab.example/manager.js"


def test_interrupt_publishes_and_the_next_cell_works(kernel, tmp_path):
    request = kernel.start('nbpipe.record(Watermark(), "out.mp4", size=(320, 180), frames=1_000_000)')
    kernel.frame(30)
    kernel.manager.interrupt_kernel()
    reply = kernel.finish(request)
    assert (reply["status"], reply["ename"]) == ("error", "KeyboardInterrupt")
    found = numbers(tmp_path / "out.mp4")
    assert found == list(range(len(found)))
    assert len(found) > 30
    assert partials(tmp_path) == []
    assert kernel.run('nbpipe.record(Watermark(), "next.mp4", size=(320, 180), frames=10)')["status"] == "ok"
    assert numbers(tmp_path / "next.mp4") == list(range(10))


@pytest.mark.parametrize("stopped", [False, True])
def test_a_killed_kernel_leaves_a_playable_partial_and_no_ffmpeg(kernel, tmp_path, stopped):
    kernel.start('nbpipe.record(Watermark(), "out.mp4", size=(320, 180), frames=1_000_000, preset="ultrafast")')
    kernel.frame(1500)
    (ffmpeg,) = kernel.children()
    watch = os.pidfd_open(ffmpeg)
    if stopped:
        stop(ffmpeg)
    kernel.manager.signal_kernel(signal.SIGKILL)
    gone, _, _ = select.select([watch], [], [], 20)
    os.close(watch)
    assert gone, "FFmpeg outlived its kernel"
    (partial,) = partials(tmp_path)
    found = numbers(partial)
    assert found == list(range(len(found)))
    assert len(found) > 500
    assert not (tmp_path / "out.mp4").exists()


def test_a_kernel_that_is_shut_down_leaves_no_ffmpeg(kernel, tmp_path):
    kernel.run('rec = nbpipe.record(Watermark(), "out.mp4", size=(320, 180), frames=1_000_000, wait=False)')
    (ffmpeg,) = kernel.children()
    watch = os.pidfd_open(ffmpeg)
    kernel.manager.shutdown_kernel()
    gone, _, _ = select.select([watch], [], [], 20)
    os.close(watch)
    assert gone
    found = numbers(tmp_path / "out.mp4")
    assert found == list(range(len(found)))


def test_wait_false_leaves_the_kernel_free_and_await_finishes(kernel, tmp_path):
    kernel.run('rec = nbpipe.record(Watermark(), "out.mp4", size=(320, 180), frames=600, wait=False)')
    kernel.run("print('between', rec.state, rec.frame < 600)")
    reply = kernel.run("done = await rec\nprint('after', rec.state, done is rec)")
    assert reply["status"] == "ok"
    assert "between recording True" in kernel.printed() or "between pending True" in kernel.printed()
    assert "after done True" in kernel.printed()
    assert numbers(tmp_path / "out.mp4") == list(range(600))


def test_what_a_recording_that_goes_on_leaves_lands_in_its_own_cell(kernel, tmp_path):
    kernel.run('rec = nbpipe.record(Watermark(), "out.mp4", size=(320, 180), frames=60, wait=False)')
    shown = [m["content"] for m in kernel.messages if m["msg_type"] == "display_data"]
    assert [content["data"] for content in shown[-2:]] == [{}, {}]
    placeholders = [content["transient"]["display_id"] for content in shown[-2:]]
    kernel.messages.clear()
    kernel.run("rec.wait()")
    updates = [m["content"] for m in kernel.messages if m["msg_type"] == "update_display_data"]
    assert [update["transient"]["display_id"] for update in updates] == placeholders
    poster, page = (update["data"] for update in updates)
    assert set(poster) == {"image/jpeg", "text/plain"}
    assert kept(page) == (tmp_path / "out.mp4").read_bytes()
    assert not [m for m in kernel.messages if m["msg_type"] == "display_data"]


@pytest.mark.parametrize("wait", [True, False])
def test_a_recording_that_fails_leaves_a_poster_alone(kernel, tmp_path, wait):
    (tmp_path / "out.mp4").write_bytes(b"an older file")
    kernel.run("def bad(frame):\n    assert frame.index < 50, 'mine'")
    kernel.run(f'rec = nbpipe.record(bad, "out.mp4", size=(64, 64), frames=100, wait={wait})')
    if not wait:
        kernel.run("rec.wait()")
    data = [m["content"]["data"] for m in kernel.messages if m["msg_type"] in ("display_data", "update_display_data")]
    assert [set(bundle) for bundle in data if "image/jpeg" in bundle] == [{"image/jpeg", "text/plain"}]
    assert not [bundle for bundle in data if "<video" in bundle.get("text/html", "")]


def test_a_recording_of_a_preview_that_fails_leaves_the_previews_own_poster(kernel):
    kernel.run("def bad(frame):\n    assert frame.index < 80, 'mine'")
    kernel.run("view = nbpipe.preview(bad, size=(64, 64))\nview.pause()")
    kernel.run("rec = view.record('out.mp4', frames=100)\nrec.wait()")
    kernel.run("print(rec.state, rec.error)")
    assert "failed AssertionError: mine" in kernel.printed()
    assert not [m for m in kernel.messages if m["msg_type"] == "update_display_data"]


def test_a_preview_shows_the_end_of_its_recording_though_nothing_can_be_left_in_the_notebook(kernel):
    kernel.run("view = nbpipe.preview(Watermark(), size=(64, 64))\nview.pause()")
    kernel.run("def broken(jpeg):\n    raise OSError('nothing can be sent')\nview.leave_film = broken")
    kernel.run("rec = view.record('out.mp4', frames=5)\nprint(rec)\nrec.wait()\nprint(view._recording['state'])")
    assert "out.mp4: 64×64, 60 fps; its preview shows how it goes\ndone" in kernel.printed()


def test_a_recording_of_a_preview_too_short_for_a_picture_has_the_previews_own(kernel, tmp_path):
    kernel.run("view = nbpipe.preview(Watermark(), size=(64, 64))\nview.pause()")
    kernel.run("from nbpipe.notebook.sink import RecordingSink")
    kernel.run("RecordingSink.due = RecordingSink.keeps = lambda sink, index: False")
    kernel.run("view.record('out.mp4', frames=1).wait()")
    poster, page = (m["content"]["data"] for m in kernel.messages if m["msg_type"] == "update_display_data")
    assert base64.b64decode(poster["image/jpeg"]).startswith(b"\xff\xd8\xff")
    assert kept(page) == (tmp_path / "out.mp4").read_bytes()


def test_a_video_that_is_gone_when_it_is_to_be_kept_is_no_error(kernel):
    kernel.run("import os\nfrom nbpipe.notebook.film import Film\noffer = Film.offer")
    kernel.run("def vanish(film):\n    os.unlink('out.mp4')\n    return offer(film)\nFilm.offer = vanish")
    reply = kernel.run('rec = nbpipe.record(Watermark(), "out.mp4", size=(320, 180), frames=60)')
    assert reply["status"] == "ok"
    *_, poster, page = kernel.displayed()
    assert set(poster) == {"image/jpeg", "text/plain"}
    assert "<video" not in page["text/html"]
    assert kernel.printed() == ""


def test_a_video_that_is_left_open_shows_how_many_frames_it_has(kernel, tmp_path):
    kernel.run("import numpy as np\nvideo = nbpipe.open('out.mp4', fps=30)\npicture = np.zeros((96, 160, 3), np.uint8)")
    kernel.run("for _ in range(20): video.write(picture)")

    def shows_all(message):
        return message["msg_type"] == "comm_msg" and message["content"]["data"].get("state", {}).get("frame") == 20

    if not any(map(shows_all, kernel.messages)):
        kernel.until(shows_all)
    kernel.run("video.close()")
    assert (tmp_path / "out.mp4").exists()


def test_interrupting_an_await_stops_and_publishes(kernel, tmp_path):
    kernel.run('rec = nbpipe.record(Watermark(), "out.mp4", size=(320, 180), frames=1_000_000, wait=False)')
    request = kernel.start("await rec")
    kernel.frame(60)
    kernel.manager.interrupt_kernel()
    assert kernel.finish(request)["status"] == "error"
    kernel.run("print('state', rec.state)")
    assert "state stopped" in kernel.printed()
    found = numbers(tmp_path / "out.mp4")
    assert found == list(range(len(found)))


def test_an_error_of_a_recording_nobody_waited_for_shows_in_its_state_and_rises_from_wait(kernel):
    kernel.run("def bad(frame): raise ValueError('mine')")
    kernel.run('rec = nbpipe.record(bad, "out.mp4", size=(64, 64), frames=10, wait=False)')
    kernel.run("try:\n    rec.wait()\nexcept ValueError as e:\n    print('caught', e, rec.state, rec.error)")
    assert "caught mine failed ValueError: mine" in kernel.printed()


ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize(
    ("code", "ours", "told"),
    [
        ("nbpipe.record(lambda frame: 1 / (2 - frame.index), 'out.mp4', size=(64, 48), frames=5)", [], "ZeroDivision"),
        (
            "await nbpipe.record(lambda frame: 1 / (2 - frame.index), 'out.mp4', size=(64, 48), frames=5, wait=False)",
            [],
            "ZeroDivision",
        ),
        ("list(nbpipe.frames(lambda frame: 1 / (2 - frame.index), size=(64, 48), frames=5))", [], "ZeroDivision"),
        ("nbpipe.preview('void main() { wrong }')", ["shader.py"], "line 1, column"),
        (
            "nbpipe.preview('uniform float x; // @range(0, 1)\\nvoid main() {}').params.x = 9",
            ["params.py"],
            "between 0.0 and 1.0",
        ),
        ("nbpipe.record(Watermark(), 'out.mp4', size=(64, 48), fps='fast')", ["frame.py"], "fps"),
    ],
)
def test_an_error_shows_the_persons_own_code_and_at_most_one_place_in_nbpipe(kernel, code, ours, told):
    reply = kernel.run(code)
    shown = ANSI.sub("", "\n".join(reply["traceback"]))
    assert re.findall(r"^File .*[/\\]([^/\\]+\.py):\d+", shown, re.MULTILINE) == ours
    assert "Cell In" in shown
    assert told in shown
    assert "skipping hidden" in shown, "and a debugger has them"


def test_forged_messages_change_nothing_and_raise_nothing(kernel, tmp_path):
    kernel.run('rec = nbpipe.record(Watermark(), "out.mp4", size=(64, 64), frames=30)\nesm = rec._esm')
    kernel.run("print('comm', rec.comm.comm_id)")
    comm = kernel.printed().split()[-1]
    kernel.messages.clear()

    def send(data, buffers=None):
        message = kernel.client.session.msg("comm_msg", {"comm_id": comm, "data": data})
        message["buffers"] = buffers or []
        kernel.client.session.send(kernel.client.shell_channel.socket, message, buffers=buffers)

    forged = {
        "state": "recording",
        "_esm": "alert(1)",
        "path": "/etc/passwd",
        "_name": "<img src=x onerror=alert(1)>",
    }
    send({"method": "update", "state": forged, "buffer_paths": []})
    deep: object = {}
    for _ in range(200):
        deep = {"type": deep}
    for content in (
        *[None, 7, "stop", [], {}, {"type": None}, {"type": ["stop"]}, {"type": "stop" * 1000}, deep],
        *[{"type": "ack", "index": i} for i in (None, -1, 1e308, "5", 10**30, [], True)],
        *[{"type": "video", "offset": o} for o in (None, -1, 1e9, "0", 10**30, True, "/etc/passwd")],
        {"type": "video", "offset": 0, "path": "/etc/passwd"},
        {"type": "export", "path": "/tmp/x"},
    ):
        send({"method": "custom", "content": content})
    kernel.run("print(rec.state, rec.path, rec._name, rec._esm == esm)")
    assert kernel.printed().split() == ["done", str(tmp_path / "out.mp4"), "out.mp4", "True"]
    sent = [m for m in kernel.messages if m["msg_type"] == "comm_msg"]
    pieces = [m for m in sent if m["content"]["data"].get("content", {}).get("type") == "video"]
    assert len(pieces) == 1, "only the one well-formed request is answered"
    assert bytes(pieces[0]["buffers"][0]) == (tmp_path / "out.mp4").read_bytes()
    assert all(m["msg_type"] != "error" for m in kernel.messages)


def test_a_file_replaced_since_is_not_sent_as_the_old_one(kernel):
    kernel.run('rec = nbpipe.record(Watermark(), "out.mp4", size=(64, 64), frames=30)')
    kernel.run('nbpipe.record(Watermark(), "out.mp4", size=(64, 64), frames=3, show=False)')
    kernel.messages.clear()
    kernel.run('rec._on_message(rec, {"type": "video", "offset": 0}, [])')
    (answer,) = [m["content"]["data"]["content"] for m in kernel.messages if m["msg_type"] == "comm_msg"]
    assert "no longer the file" in answer["error"]


def test_the_saved_state_of_a_widget_is_small_and_holds_no_path(kernel, tmp_path):
    kernel.run('rec = nbpipe.record(Watermark(), "out.mp4", size=(320, 180), frames=60)')
    kernel.run("import json\ns = rec.get_state(); s.pop('_esm'); s.pop('_css')\nprint(json.dumps(s, default=str))")
    assert len(kernel.printed()) < 4096
    assert str(tmp_path) not in kernel.printed()
