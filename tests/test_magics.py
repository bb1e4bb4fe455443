"""``%load_ext nbpipe`` in a real ipykernel: shaders that play, cells that are run again, recordings, wrong usage."""

from __future__ import annotations

import contextlib
import io
import os
import re
import select
import subprocess
import sys

import av
import nbformat
import numpy as np
import pytest
from conftest import partials
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from pictures import pictures_in
from PIL import Image
from test_kernel import Kernel, kept
from watermark import numbers

# jupyter_client keeps its zmq sockets' descriptors until the process ends
pytestmark = pytest.mark.no_leak_check

CLIENT = "abcdefgh"


def shader(red: float, line: str = "%%shader waves --size 64x48 --fps 30") -> str:
    """Return a cell whose picture has this much red, and no green until ``glow`` is turned up."""
    return f"""{line}
uniform float glow; // @range(0, 1)
uniform float other = 0.0; // @range(0, 1)
void mainImage(out vec4 color, in vec2 point) {{
    color = vec4({red}, glow, other, 1.0);
}}
"""


BROKEN = """%%shader waves --size 64x48 --fps 30
void mainImage(out vec4 color, in vec2 point) {
    color = vec4(missing, 0.0, 0.0, 1.0);
}
"""


def _picture(message: dict) -> dict | None:
    content = message["content"].get("data", {}).get("content", {}) if message["msg_type"] == "comm_msg" else {}
    return content if content.get("type") == "frame" else None


class Notebook(Kernel):
    """A kernel with the extension loaded, cells that can be run again, and a browser that looks on."""

    def __init__(self, folder) -> None:
        super().__init__(folder)
        self.folder = folder
        assert self.run("%load_ext nbpipe\nimport nbpipe")["status"] == "ok"
        self.messages.clear()

    def start(self, code: str, cell: str | None = None) -> str:
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        message = self.client.session.msg("execute_request", content, metadata={"cellId": cell} if cell else {})
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def run(self, code: str, cell: str | None = None) -> dict:
        self.messages.clear()
        return self.finish(self.start(code, cell))

    def value(self, expression: str) -> str:
        """Return what an expression prints."""
        reply = self.run(f"print({expression})")
        assert reply["status"] == "ok", "\n".join(reply["traceback"])
        return self.printed().strip()

    def view(self) -> str:
        """Return the model that the last cell has displayed."""
        (data,) = [data for data in self.displayed() if "application/vnd.jupyter.widget-view+json" in data]
        return data["application/vnd.jupyter.widget-view+json"]["model_id"]

    def say(self, comm: str, **content) -> None:
        data = {"method": "custom", "content": content}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", {"comm_id": comm, "data": data}))

    def hello(self, comm: str, *codecs: str) -> None:
        self.say(comm, type="hello", client=CLIENT, codecs=list(codecs))

    def until(self, wanted, timeout=60):
        """Answer pictures as a browser does, whatever is waited for."""

        def answered(message):
            content = _picture(message)
            if content is not None:
                self.say(message["content"]["comm_id"], type="ack", client=CLIENT, index=content["index"])
            return wanted(message)

        return super().until(answered, timeout)

    def picture(self, comm: str, wanted) -> dict:
        """Wait for a picture that is ``wanted(colour)``, the mean of its red, green and blue."""

        def shows(message):
            if _picture(message) is None or message["content"]["comm_id"] != comm:
                return False
            with Image.open(io.BytesIO(message["buffers"][0])) as image:
                return wanted(np.asarray(image.convert("RGB")).mean(axis=(0, 1)) / 255)

        return self.until(shows)["content"]["data"]["content"]

    def said(self, comm: str, trait: str) -> list:
        """Return what the widget has told its browsers of a trait during the last cell."""
        data = [m["content"]["data"] for m in self.messages if m["msg_type"] == "comm_msg"]
        return [d["state"][trait] for d in data if trait in d.get("state", {})]

    def closed(self) -> list[str]:
        return [m["content"]["comm_id"] for m in self.messages if m["msg_type"] == "comm_close"]

    def end(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


@pytest.fixture
def notebook(tmp_path):
    notebook = Notebook(tmp_path)
    yield notebook
    notebook.end()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A kernel for tests that leave nothing in it."""
    notebook = Notebook(tmp_path_factory.mktemp("shared"))
    yield notebook
    notebook.end()


def about(*colour: float):
    return lambda shown: np.allclose(shown, colour, atol=0.05)


def count(path) -> int:
    with av.open(str(path)) as video:
        return sum(1 for _ in video.decode(video=0))


@contextlib.contextmanager
def seen_out(*pids: int):
    """Wait, at the end, until processes of another parent have ended."""
    watches = [os.pidfd_open(pid) for pid in pids]
    yield
    for watch in watches:
        assert select.select([watch], [], [], 20)[0], "a process was left behind"
        os.close(watch)


def test_a_cell_of_glsl_plays_and_becomes_a_variable(notebook):
    assert notebook.run(shader(0.2), "a")["status"] == "ok"
    widget, poster, _ = notebook.displayed()
    assert set(widget) == {"application/vnd.jupyter.widget-view+json", "text/plain"}
    assert set(poster) == {"image/jpeg", "text/plain"}
    assert widget["text/plain"] == poster["text/plain"] == "waves, live: 64×48"
    view = notebook.view()
    notebook.hello(view)
    notebook.picture(view, about(0.2, 0.5, 0))
    told = notebook.value("waves.model_id, waves.size, waves.fps, 'shader' in globals()")
    assert told == f"{view} (64, 48) 30.0 False"


def test_running_it_again_keeps_the_widget_its_time_and_what_was_changed(notebook):
    notebook.run(shader(0.2), "a")
    view = notebook.view()
    notebook.run("before = waves; waves.pause(); waves.time = 3.5; waves.params.glow = 0.8; waves.size = (80, 60)")
    again = shader(0.6, "%%shader waves --fps 20").replace("other = 0.0", "other = 1.0")
    assert notebook.run(again, "a")["status"] == "ok"
    assert notebook.view() == view, "the same widget is displayed in the new output"
    assert [set(data) for data in notebook.displayed()][1] == {"image/jpeg", "text/plain"}, "and a poster with it"
    assert notebook.closed() == []
    notebook.hello(view)
    assert notebook.picture(view, about(0.6, 0.8, 1.0))["time"] == 3.5
    told = "waves is before, waves.time, waves.playing, waves.params.glow, waves.params.other, waves.size, waves.fps"
    assert notebook.value(told) == "True 3.5 False 0.8 1.0 (80, 60) 20.0"


def test_code_that_does_not_compile_is_marked_and_the_last_picture_plays_on(notebook):
    notebook.run(shader(0.2), "a")
    view = notebook.view()
    notebook.hello(view)
    reply = notebook.run(BROKEN, "a")
    assert (reply["status"], reply["ename"]) == ("error", "SceneError")
    assert re.search(r"line 3, column 18: .*missing", reply["evalue"])
    (shown,) = [m["content"] for m in notebook.messages if m["msg_type"] == "error"]
    text = "\n".join(shown["traceback"])
    assert "line 3, column 18" in text
    assert "    color = vec4(missing, 0.0, 0.0, 1.0);\n" + " " * 17 + "^" in text
    assert "nbpipe/" not in text
    assert "Traceback" not in text
    assert notebook.view() == view, "the widget is there again"
    assert "line 3, column 18" in notebook.said(view, "error")[-1]
    first = notebook.picture(view, about(0.2, 0.5, 0))["time"]
    notebook.messages.clear()
    assert notebook.picture(view, about(0.2, 0.5, 0))["time"] != first, "it plays on"
    assert "line 3, column 18" in notebook.value("waves.error"), "and says so all the time"
    assert notebook.run(shader(0.4), "a")["status"] == "ok"
    assert notebook.said(view, "error") == [""]
    notebook.picture(view, about(0.4, 0.5, 0))


def test_without_a_picture_before_the_error_rises_and_nothing_is_left(notebook):
    reply = notebook.run(BROKEN, "a")
    assert re.search(r"line 3, column 18: .*missing", reply["evalue"])
    assert notebook.displayed() == []
    assert notebook.value("'waves' in globals()") == "False"
    assert notebook.run("%%shader waves\nfloat f;\n", "a")["evalue"].startswith("this GLSL has no 'void mainImage")


def test_lines_are_counted_from_the_first_of_the_cell(shared):
    reply = shared.run("\n\n" + BROKEN)
    assert "line 5, column 18" in reply["evalue"]


def test_a_slip_in_the_line_costs_nothing_and_other_code_ends_the_widget(notebook):
    notebook.run(shader(0.2), "a")
    view = notebook.view()
    notebook.run("waves.time = 3.5; waves.pause()")
    assert notebook.run(shader(0.2, "%%shader waves --sise 3"), "a")["status"] == "error"
    assert notebook.run(shader(0.2, "%%shader sea"), "a")["status"] == "ok"
    assert notebook.view() == view, "a new name is no new widget"
    widget, poster, _ = notebook.displayed()
    assert widget["text/plain"] == poster["text/plain"] == "sea, live: 64×48"
    assert notebook.value("sea.time") == "3.5"
    notebook.run("'another cell'", "b")
    assert notebook.closed() == []
    notebook.run("'no shader any more'", "a")
    assert view in notebook.closed()


def test_two_cells_without_a_name_are_two_widgets_and_one_variable(notebook):
    notebook.run(shader(0.2, "%%shader"), "a")
    first = notebook.view()
    notebook.run(shader(0.6, "%%shader"), "b")
    second = notebook.view()
    assert first != second
    assert notebook.value("shader.model_id") == second
    notebook.run(shader(0.3, "%%shader"), "a")
    assert notebook.view() == first
    assert notebook.value("shader.model_id") == first


def test_what_a_person_has_closed_begins_anew(notebook):
    notebook.run(shader(0.2), "a")
    view = notebook.view()
    notebook.run("waves.close()")
    assert notebook.run(shader(0.2), "a")["status"] == "ok"
    assert notebook.view() != view


def test_another_number_of_samples_begins_anew(notebook):
    notebook.run(shader(0.2), "a")
    view = notebook.view()
    assert notebook.run(shader(0.2, "%%shader waves --samples 4"), "a")["status"] == "ok"
    assert notebook.view() != view
    assert view in notebook.closed()
    assert notebook.run(shader(0.2, "%%shader waves --samples 4"), "a")["status"] == "ok"
    assert notebook.closed() == []


def test_what_the_widget_records_is_published_when_its_code_changes(notebook):
    notebook.run(shader(0.2), "a")
    notebook.run("recording = waves.record('one.mp4', duration=10_000)\nimport asyncio")
    notebook.run("while recording.frame < 30: await asyncio.sleep(0)")
    view = notebook.value("waves.model_id")
    assert notebook.run(shader(0.6), "a")["status"] == "ok"
    assert notebook.value("recording.state, recording.error") == "stopped"
    assert count(notebook.folder / "one.mp4") >= 30
    notebook.hello(view)
    notebook.picture(view, about(0.6, 0.5, 0))


def test_where_no_cell_is_named_the_name_tells_which_widget_it_is(notebook):
    notebook.run(shader(0.2))
    view = notebook.view()
    notebook.run(shader(0.4))
    assert notebook.view() == view
    notebook.run(shader(0.2, "%%shader"))
    unnamed = notebook.view()
    notebook.run(shader(0.2, "%%shader"))
    assert notebook.view() != unnamed, "it may be another cell"


def test_a_shader_is_recorded_before_its_cell_ends(notebook):
    assert notebook.run("folder = 'my videos'; import os; os.mkdir(folder)")["status"] == "ok"
    line = '%%shader waves --size 64x48 --fps 30 --duration 0.5 --record "{folder}/wave 1.mp4"'
    assert notebook.run(shader(0.2, line), "a")["status"] == "ok"
    assert count(notebook.folder / "my videos" / "wave 1.mp4") == 15
    assert len(notebook.displayed()) == 3, "one widget, which shows the recording too, and a poster of two outputs"
    _, poster, page = notebook.displayed()
    assert "<video" not in page["text/html"], "the live picture's"
    updates = [m["content"]["data"] for m in notebook.messages if m["msg_type"] == "update_display_data"]
    assert [set(update) for update in updates] == [set(poster), set(page)], "the recording's in their place"
    assert kept(updates[1]) == (notebook.folder / "my videos" / "wave 1.mp4").read_bytes()
    assert notebook.said(notebook.view(), "_poster_mark")[-1] in updates[0]["image/jpeg"]
    assert notebook.value("waves.recording.state, waves._recording['state']") == "done done"


def test_record_is_nbpipe_record_in_a_line(notebook):
    options = "--size 320x180 --fps 25 --frames 30 --crf 30 --preset ultrafast"
    code = f"""
scenes = {{'one': Watermark()}}
rec = %record "scenes['one']" "out {{1 + 1}}.mp4" {options}
"""
    assert notebook.run(code)["status"] == "ok"
    assert numbers(notebook.folder / "out 2.mp4") == list(range(30))
    assert notebook.value("rec.state, rec.frames_written, rec._rate") == "done 30 25"
    assert notebook.run("%record Watermark() last.mp4 --size 320x180 --frames 3")["status"] == "ok"
    assert len(notebook.displayed()) == 3, "the widget once, though it is the cell's result, and the poster's two"


def test_record_of_a_live_widget_takes_it_as_it_is(notebook):
    notebook.run("view = nbpipe.preview(Watermark(), size=(320, 180), fps=30, duration=0.5)")
    assert notebook.run("rec = %record view live.mp4")["status"] == "ok"
    assert numbers(notebook.folder / "live.mp4") == list(range(15))
    assert notebook.value("rec is view.recording, rec._size") == "True [320, 180]"


def test_an_error_of_the_scene_keeps_its_own_lines_and_one_of_nbpipe_is_short(shared):
    shared.run("def bad(frame):\n    raise ValueError('mine')\ndef good(frame): pass")
    reply = shared.run("%record bad out.mp4 --size 64x48 --frames 3")
    assert (reply["ename"], reply["evalue"]) == ("ValueError", "mine")
    assert "raise ValueError" in re.sub(r"\x1b\[[\d;]*m", "", "\n".join(reply["traceback"]))
    reply = shared.run("%record good out.mp4 --size 64x48 --frames 3 --codec nonesuch")
    assert reply["status"] == "error"
    assert "nbpipe/" not in "\n".join(m["content"]["traceback"][0] for m in shared.messages if m["msg_type"] == "error")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%record", "required: SCENE"),
        ("%record nothing out.mp4", "'nothing' must be a name or an expression .*NameError"),
        ("%record scenes['one'] out.mp4", "quote arguments that contain spaces"),
        ('%record "out.mp4', "No closing quotation"),
        ("%record 5 out.mp4", "scene"),
        ("%record good out.txt", r"\.mp4"),
        ("%record good out.mp4 --size big", "--size: must be WIDTHxHEIGHT"),
        ("%record good out.mp4 --fps 0", "--fps: fps must lie between"),
        ("%record good out.mp4 --colour red", "unrecognized arguments: --colour red"),
        ("%record good out.mp4 --samples -1", "samples must not be negative"),
        ("%record good out.mp4 --take good", "--take must be what a live widget has recorded"),
        ("%nbpipe docter", "%nbpipe doctor"),
        ("%%shader 3d\nx", "NAME must be a Python name"),
        ("%%shader class\nx", "NAME must be a Python name"),
        ("%%shader --duration nan\nx", "--duration: duration must be more than 0"),
        ("%%shader --size 0x5\nx", "--size: must be WIDTHxHEIGHT"),
        ("%%shader --fps fast\nx", "--fps"),
        ("%%shader waves sea\nx", "unrecognized arguments: sea"),
        (shader(0.2, "%%shader --size 999999x5"), "99999"),
        (shader(0.2, "%%shader --record out.txt"), r"\.mp4"),
    ],
)
def test_wrong_usage_says_what_to_do(shared, line, words):
    shared.run("def good(frame): pass")
    reply = shared.run(line)
    assert (reply["status"], reply["ename"]) == ("error", "UsageError")
    assert re.search(words, shared.printed()), shared.printed()
    assert all(m["msg_type"] != "error" for m in shared.messages), "no traceback"


def test_a_variable_of_the_persons_own_is_not_replaced_unasked(notebook):
    notebook.run("shader = 'mine'")
    assert notebook.run(shader(0.2, "%%shader"))["ename"] == "UsageError"
    assert "give this one another: %%shader waves" in notebook.printed()
    assert notebook.value("shader") == "mine"


def test_help_is_a_question_mark_or_an_option_away(shared):
    assert shared.run("%record --help")["status"] == "ok"
    assert "--pixel-format" in shared.printed()
    assert shared.run("%%shader -h\nx")["status"] == "ok"
    assert "--record FILE" in shared.printed()
    assert shared.run("%nbpipe")["status"] == "ok"
    assert "%nbpipe doctor" in shared.printed()
    reply = shared.run("%%shader?")
    assert "--record FILE" in reply["payload"][0]["data"]["text/plain"]


def test_the_doctor_tells_what_works_here(shared):
    assert shared.run("%nbpipe doctor")["status"] == "ok"
    assert "renderer" in shared.printed()
    assert "a Jupyter kernel, ipykernel" in shared.printed()


def test_unloading_takes_the_magics_away_and_loading_brings_them_back(notebook):
    notebook.run(shader(0.2), "a")
    view = notebook.view()
    assert notebook.run("%unload_ext nbpipe")["status"] == "ok"
    assert view in notebook.closed()
    assert notebook.run(shader(0.2), "a")["status"] == "error"
    assert notebook.run("%load_ext nbpipe")["status"] == "ok"
    assert notebook.run(shader(0.2), "a")["status"] == "ok"


def test_a_handler_that_fails_when_its_preview_ends_keeps_no_other_from_ending(notebook):
    notebook.run(shader(0.2, "%%shader waves"), "a")
    notebook.run(shader(0.4, "%%shader sea"), "b")
    notebook.run("def bad(event):\n    raise OSError('mine')")
    notebook.run("waves.add_event_handler(bad, 'close')\nsea.add_event_handler(bad, 'close')")
    views = {notebook.value("waves.model_id"), notebook.value("sea.model_id")}
    assert notebook.run("%unload_ext nbpipe")["status"] == "ok"
    assert views <= set(notebook.closed())
    assert "OSError: mine" in notebook.printed()


def test_importing_nbpipe_does_not_load_the_extension():
    code = "import sys, nbpipe; sys.exit('nbpipe.magics' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_notebook_that_is_executed_has_its_file_or_fails(tmp_path):
    def executed(*cells):
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        resources = {"metadata": {"path": str(tmp_path)}}
        NotebookClient(book, kernel_name="python3", resources=resources, timeout=60).execute()
        return book

    line = "%%shader waves --size 64x48 --fps 30 --duration 0.5 --record waves.mp4"
    book = executed("%load_ext nbpipe", shader(0.2, line))
    assert count(tmp_path / "waves.mp4") == 15
    assert [set(o["data"]) for o in book.cells[1].outputs][1] == {"image/jpeg", "text/plain"}
    with pytest.raises(CellExecutionError, match=r"line 3, column 18: .*missing"):
        executed("%load_ext nbpipe", BROKEN)
    with pytest.raises(CellExecutionError, match="--sise"):
        executed("%load_ext nbpipe", shader(0.2, "%%shader waves --sise 3"))


def test_running_a_cell_again_ends_what_it_has_left(notebook):
    code = "view = nbpipe.preview(Watermark(), size=(320, 180))"
    notebook.run(code, "a")
    first = notebook.view()
    notebook.run("'another cell'", "b")
    assert notebook.closed() == []
    notebook.run(code, "a")
    assert first in notebook.closed()
    assert notebook.view() != first


def test_a_recording_whose_cell_is_run_again_is_stopped_and_published(notebook):
    code = 'rec = nbpipe.record(Watermark(), "{}.mp4", size=(320, 180), frames=1_000_000, wait=False)'
    notebook.run(code.format("one"), "a")
    notebook.run("first = rec")
    notebook.frame(30)
    notebook.run(code.format("two"), "a")
    found = numbers(notebook.folder / "one.mp4")
    assert found == list(range(len(found)))
    assert len(found) > 30
    assert notebook.value("first.state, rec.state == 'stopped'") == "stopped False"
    notebook.run("rec.stop(); rec.wait()")
    assert partials(notebook.folder) == []


def test_what_a_browser_says_too_late_prints_nothing(notebook):
    """It answers pictures until it hears that the widget is closed; `comm` warns of what it does not know."""
    notebook.run("view = nbpipe.preview(Watermark(), size=(320, 180))")
    view = notebook.view()
    layout = notebook.value("view.layout.model_id")
    notebook.run("view.close()")
    for closed in (view, layout):
        notebook.say(closed, type="ack", client=CLIENT, index=1)
        notebook.client.shell_channel.send(notebook.client.session.msg("comm_close", {"comm_id": closed, "data": {}}))
    assert notebook.value("'quiet'") == "quiet"


@pytest.mark.parametrize("scene", ["Watermark()", "lambda frame: 1 / (3 - frame.index)"])
def test_a_recording_cell_run_again_closes_the_widget_of_its_earlier_run(notebook, scene):
    """ipywidgets keeps each widget, and JupyterLab each one's program, until it is closed."""
    code = f'rec = None\nrec = nbpipe.record({scene}, "{{}}.mp4", size=(64, 48), frames=5, codec="libx264")'
    held = "sorted(w._model_name for w in __import__('ipywidgets').widgets.widget._instances.values())"
    notebook.run(code.format("one"), "a")
    first = notebook.view()
    assert notebook.value(held) == "['AnyModel', 'LayoutModel']"
    notebook.run("first = rec")
    notebook.run(code.format("two"), "a")
    assert first in notebook.closed()
    assert notebook.value(held) == "['AnyModel', 'LayoutModel']", "of the run now"
    if scene == "Watermark()":
        assert notebook.value("first.state, first.frames_written, first.wait()") == "done 5 True"
        assert count(notebook.folder / "one.mp4") == 5
        assert notebook.run("first")["status"] == "ok"
        (shown,) = notebook.displayed()
        assert shown.keys() == {"text/plain"}, "of what is closed only words are left"
        assert shown["text/plain"].startswith("one.mp4: 64×48, 60 fps, 5 frames, ")


def test_a_recording_of_a_preview_has_no_widget_of_its_own(notebook):
    held = "len(__import__('ipywidgets').widgets.widget._instances)"
    notebook.run("view = nbpipe.preview(Watermark(), size=(64, 48), fps=30)")
    assert notebook.value(held) == "2", "the preview and its layout"
    notebook.run("for _ in range(3): rec = await view.record(duration=0.2)\nrec")
    assert [m for m in notebook.messages if m["msg_type"] in ("comm_open", "comm_close")] == []
    assert notebook.value(held) == "2"
    assert (
        notebook.value("rec.state, rec.frames_written, view._recording['state'], view._recording['frame']")
        == "done 6 done 6"
    )
    assert count(notebook.folder / "preview-3.mp4") == 6
    notebook.run("view.close()")
    assert notebook.value(held) == "0"


def test_a_video_left_open_is_closed_before_its_cell_opens_another(notebook):
    code = """
import numpy as np
video = nbpipe.open("out.mp4", fps=30)
for _ in range({}): video.write(np.zeros((48, 64, 3), np.uint8))
"""
    notebook.run(code.format(20), "a")
    notebook.run("first = video")
    comm = notebook.value("video.recording.comm.comm_id")
    notebook.run(code.format(5), "a")
    assert comm in notebook.closed()
    assert count(notebook.folder / "out.mp4") == 20
    notebook.run("video.close()")
    assert count(notebook.folder / "out.mp4") == 5
    assert notebook.value("first.recording.state") == "done"


def test_a_kernel_that_is_shut_down_while_a_shader_plays_and_records_leaves_no_ffmpeg_and_the_file(notebook):
    notebook.run(shader(0.2, "%%shader waves --size 320x180"), "a")
    view = notebook.view()
    notebook.hello(view, "h264")

    def packet(message):
        content = message["content"].get("data", {}).get("content", {}) if message["msg_type"] == "comm_msg" else {}
        for picture in pictures_in(content, message["buffers"]):
            notebook.say(view, type="ack", client=CLIENT, index=picture["index"])
        return content.get("type") == "packets"

    notebook.until(packet)
    (encoder,) = notebook.children()
    with seen_out(encoder):
        notebook.run("live = nbpipe.preview(Watermark(), size=(320, 180))")
        notebook.run('rec = live.record("live.mp4", duration=10_000)')
        (recorder,) = {*notebook.children()} - {encoder}
        with seen_out(recorder):
            assert notebook.run("import asyncio\nwhile rec.frame < 30: await asyncio.sleep(0)")["status"] == "ok"
            notebook.manager.shutdown_kernel()
    found = numbers(notebook.folder / "live.mp4")
    assert found == list(range(len(found)))
    assert partials(notebook.folder) == []
