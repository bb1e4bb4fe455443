"""Forged, malformed and far too many messages to a real kernel with live widgets: it ignores, clamps and goes on."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path

import pytest
from jupyter_client.jsonutil import json_default
from jupyter_client.manager import start_new_kernel
from pictures import pictures_in
from test_kernel import PRELUDE, Kernel

from nbpipe.notebook import film, kernel_widget

SHADER = """
uniform float speed = 1.0; // @range(0, 2)
uniform bool bright;
uniform int count = 3; // @range(1, 5)
uniform vec3 tint = vec3(1.0); // @color
void mainImage(out vec4 c, in vec2 p) { c = vec4(fract(iTime * speed), float(count) / 5.0, float(bright), 1.0) * vec4(tint, 1.0); }
"""
HUGE = 10**400
DEEP_LEVELS = 400  # the deepest that Python 3.11's json module reads


def deep(levels=DEEP_LEVELS):
    nest: object = 0
    for level in range(levels):
        nest = [nest] if level % 2 else {"type": nest}
    return nest


NOT_NUMBERS = [
    None,
    True,
    "1",
    "nan",
    [],
    [1],
    {},
    {"value": 1},
    float("nan"),
    float("inf"),
    -float("inf"),
    HUGE,
    "x" * 10_000,
    deep(),
]
NOT_INDICES = [*NOT_NUMBERS, -1, False, 1.5, 0.0, 10**12, -HUGE]


class Loud(Kernel):
    """A kernel whose own standard error is kept too: what a person sees where the server was started."""

    def __init__(self, folder: Path) -> None:
        self.log = (folder / "kernel.log").open("w+")
        self.manager, self.client = start_new_kernel(cwd=folder, stderr=self.log)
        # As a forger would: the client's own way of packing refuses NaN.
        self.client.session.pack = lambda content: json.dumps(content, default=json_default).encode()
        self.messages = []
        self.run(PRELUDE)

    def stderr(self) -> str:
        self.log.seek(0)
        return self.log.read()

    def memory(self) -> float:
        """Return what the kernel holds in memory, in MB."""
        status = Path(f"/proc/{self.manager.provisioner.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1000

    def value(self, expression: str):
        """Return what an expression is in the kernel; the answer comes after all that was said to it before."""
        before = len(self.messages)
        reply = self.run(f"import json\nprint('value', json.dumps({expression}))")
        assert reply["status"] == "ok", reply
        said = "".join(m["content"]["text"] for m in self.messages[before:] if m["msg_type"] == "stream")
        (line,) = [line for line in said.splitlines() if line.startswith("value ")]
        self.messages[before:] = [m for m in self.messages[before:] if m["msg_type"] != "stream"]
        return json.loads(line.removeprefix("value "))


class Widget:
    """A widget in the kernel, as browsers see it."""

    def __init__(self, kernel: Loud, source: str, name: str) -> None:
        self.kernel, self.name = kernel, name
        reply = kernel.run(source)
        assert reply["status"] == "ok", reply
        self.comm = kernel.value(f"{name}.comm.comm_id")
        kernel.messages.clear()
        self.seen = 0  # of the kernel's messages, in the search for pictures
        self.unread: list[dict] = []  # pictures of a message that brought more than one

    def send(self, data, buffers=()) -> None:
        session = self.kernel.client.session
        message = session.msg("comm_msg", {"comm_id": self.comm, "data": data})
        session.send(self.kernel.client.shell_channel.socket, message, buffers=list(buffers))

    def tell(self, content, buffers=()) -> None:
        self.send({"method": "custom", "content": content}, buffers)

    def say(self, **content) -> None:
        self.tell(content)

    def value(self, expression: str):
        """Return an expression of `view`, when it has done all that was asked of it."""
        return self.kernel.value(f"({self.name}.attend(), {expression})[1]")

    def ignores(self, *contents) -> None:
        """Send what makes no sense; each must be counted, and change nothing."""
        before = self.value("view.ignored")
        state = self.value(STATE)
        for content in contents:
            self.tell(content)
        assert self.value(STATE) == state
        assert self.value("view.ignored") == before + len(contents)

    def pictures(self, wanted: int, *pages: str, chatter=()) -> list[dict]:
        """Answer pictures for `pages` until so many have come; `chatter`: who speaks with each, but never answers."""
        seen = []
        while len(seen) < wanted:
            content = self.next_picture()
            seen.append(content)
            for page in pages:
                self.say(type="ack", client=page, index=content["index"])
            for page in chatter:
                self.say(type="look", client=page, visible=True)
        return seen

    def next_picture(self) -> dict:
        """Return the next picture that has come, or comes."""

        def pictures(message):
            self.seen += 1
            if message["msg_type"] == "comm_msg" and message["content"]["comm_id"] == self.comm:
                self.unread += pictures_in(message["content"]["data"].get("content", {}), message["buffers"])
            return self.unread

        while not self.unread and self.seen < len(self.kernel.messages):
            pictures(self.kernel.messages[self.seen])
        if not self.unread:
            self.kernel.until(pictures)
        return self.unread.pop(0)


STATE = (
    "[view.playing, view.speed, view.loop, view.duration, list(view.size), view.fps, view.error, view.taking,"
    " view._name, view._esm == type(view)._esm, view._css == type(view)._css, len(view._parameters),"
    " {k: list(v) if isinstance(v, tuple) else v for k, v in view.params.values().items()}, view.recording is None]"
)


@pytest.fixture(scope="module")
def loud(tmp_path_factory):
    kernel = Loud(tmp_path_factory.mktemp("kernel"))
    yield kernel
    kernel.client.stop_channels()
    kernel.manager.shutdown_kernel(now=True)
    kernel.manager.cleanup_resources()
    kernel.log.close()


@pytest.fixture
def view(loud):
    """A live preview that stands still, in a kernel that must not say a word."""
    widget = Widget(loud, f"view = nbpipe.preview({SHADER!r}, size=(64, 48))\nview.pause()", "view")
    log = loud.stderr()
    yield widget
    assert loud.value("view.error") == ""
    loud.run("view.close()")
    assert loud.printed() == ""
    assert [m["content"] for m in loud.messages if m["msg_type"] == "error"] == []
    assert loud.stderr() == log


# jupyter_client keeps its zmq sockets' descriptors until the process ends
pytestmark = pytest.mark.no_leak_check


def test_what_is_no_message_at_all(view):
    for data in (
        *[None, 7, "update", [], {}, deep(), {"method": None}, {"method": ["custom"]}, {"method": "x" * 100_000}],
        *[{"method": "custom"}, {"method": "update"}, {"method": "update", "state": 5}, {"method": "echo_update"}],
        {"method": "update", "state": {"playing": True}, "buffer_paths": [["a", 5], 7]},
        {"method": "update", "state": {}, "buffer_paths": "no"},
        {"content": {"type": "set", "name": "playing", "value": True}},
    ):
        view.send(data)
    before = view.value("view.ignored")
    nothing = [None, 7, "set", [], [[]], True, float("nan"), deep()]
    for content in nothing:
        view.tell(content)
    assert view.value("view.ignored") >= before + len(nothing)
    assert view.value("view.playing") is False


def test_a_widgets_layout_has_a_comm_too(view):
    """Where its width could be set, and ipywidgets prints what a malformed message raises."""
    own, view.comm = view.comm, view.value("view.layout.comm.comm_id")
    for data in (
        *[None, 7, "update", [], {}, deep(), {"method": None}, {"method": ["custom"]}, {"method": "custom"}],
        *[{"method": "update"}, {"method": "update", "state": 5}, {"method": "update", "state": {"width": 5}}],
        {"method": "update", "state": {"width": "5px", "visibility": "hidden"}},
        {"method": "update", "state": {}, "buffer_paths": "no"},
        {"method": "custom", "content": {"type": "set", "name": "playing", "value": True}},
        *[{"method": "request_state"}] * 100,
    ):
        view.send(data)
    assert view.value("[view.layout.width, view.layout.visibility, view.playing]") == [None, None, False]
    states = [m for m in view.kernel.messages if m["msg_type"] == "comm_msg" and m["content"]["comm_id"] == view.comm]
    assert 1 <= len(states) < 100, "who asks for the whole state is answered, though not as often as asked"
    view.kernel.run("view.layout.width = '50%'")
    assert view.kernel.messages[-2]["content"]["data"]["state"] == {"width": "50%"}, "a person's own"
    view.comm = own


def test_types_that_nobody_knows(view):
    kinds = [
        None,
        7,
        True,
        "",
        "Set",
        "joined",
        "heard",
        "close",
        "replace",
        "_set",
        "__init__",
        "x" * 100_000,
        [],
        ["set"],
    ]
    view.ignores({}, *[{"type": kind} for kind in kinds], {"type": {"type": "set"}}, {"type": deep()})


@pytest.mark.parametrize("name", ["time", "speed", "size", "playing", "loop"])
def test_values_of_the_wrong_type(view, name):
    booleans = name in {"playing", "loop"}
    wrong = [value for value in NOT_NUMBERS if not (booleans and value is True)]
    view.ignores(*[{"type": "set", "name": name, "value": value} for value in wrong], {"type": "set", "name": name})


def test_a_browser_cannot_set_what_is_the_kernels(view):
    owned = [
        "error",
        "path",
        "_esm",
        "_css",
        "renderer",
        "duration",
        "fps",
        "frame",
        "taking",
        "_name",
        "layout",
        "params",
    ]
    names = [*owned, "player", "recording", "__class__", "", None, 5, [], {}, "x" * 100_000, deep()]
    view.ignores(*[{"type": "set", "name": name, "value": 1} for name in names])
    before = view.value(STATE)
    forged = {"_esm": "alert(1)", "_css": "*{}", "error": "<img src=x onerror=alert(1)>", "path": "/etc/passwd"}
    view.send(
        {"method": "update", "state": forged | {"playing": True, "size": [1, 1], "_view_name": "X"}, "buffer_paths": []}
    )
    view.send({"method": "update", "state": {"_esm": None}, "buffer_paths": [["_esm"]]}, [b"alert(1)"])
    assert view.value(STATE) == before


def test_numbers_are_brought_into_their_range(view):
    for name, value, expected in [
        *[("time", -5, 0), ("time", 10**6, 10.0), ("time", -0.0, 0)],
        *[("speed", 0, 0.01), ("speed", -4, 0.01), ("speed", 10**6, 16)],
        *[("size", [0, 10**9], [16, 4096]), ("size", [-1, 33], [16, 33]), ("size", [HUGE, 17], [4096, 17])],
    ]:
        view.say(type="set", name=name, value=value)
        assert view.value(f"view.{name}") == expected
    sizes = [
        0,
        [],
        [64],
        [64, 48, 1],
        [64.0, 48],
        ["64", 48],
        [True, 48],
        [float("nan"), 48],
        {"0": 64},
        "6448",
        deep(),
    ]
    view.ignores(*[{"type": "set", "name": "size", "value": size} for size in sizes])


def test_parameters(view):
    view.ignores(
        *[{"type": "param", "name": name, "value": 1} for name in ("", "Speed", "_parameters", None, 5, [], deep())],
        *[{"type": "param", "name": "speed", "value": v} for v in (None, True, "1", [], [1], {}, float("nan"), deep())],
        *[{"type": "param", "name": "bright", "value": v} for v in (0, 1, "true", None, [])],
        *[
            {"type": "param", "name": "tint", "value": v}
            for v in (1, [], [1, 1], [1] * 4, "#fff", [1, 1, None], [1] * 10_000)
        ],
        {"type": "param"},
    )
    for value, expected in [(HUGE, 2), (-HUGE, 0), (float("inf"), 2), (-1e308, 0), (1, 1)]:
        view.say(type="param", name="speed", value=value)
        assert view.value("view.params.speed") == expected
    view.say(type="param", name="count", value=2.6)
    view.say(type="param", name="tint", value=[-HUGE, HUGE, 0.5])
    assert view.value("[view.params.count, view.params.tint]") == [3, [0, 1, 0.5]]


def test_events(view):
    view.kernel.run("events = []\nview.add_event_handler(events.append, '*')")
    move = {"type": "pointer_move", "timestamp": 1, "x": 5, "y": 5, "button": 0, "buttons": [], "modifiers": []}
    malformed = [
        *[move | {"x": value} for value in NOT_NUMBERS if value is not HUGE],  # which is clamped
        *[move | {"type": kind} for kind in (None, "", "resized", [], "x" * 100_000, deep())],
        *[move | {"buttons": value} for value in (5, "1", [None], [[1]], deep())],
        {"type": "key_down", "timestamp": 1, "key": "a" * 100_000, "modifiers": []},
        {"type": "key_down", "timestamp": 1, "key": 7, "modifiers": []},
        *[{"type": "wheel"}, {}, [], None, 7, deep()],
    ]
    of_the_kernel = [
        {"type": "resize", "width": 65000, "height": 48, "pwidth": 65000, "pheight": 48, "ratio": 1, "timestamp": 1},
        *[{"type": kind, "timestamp": 1} for kind in ("show", "hide", "close")],
    ]
    view.ignores(*[{"type": "events", "events": [event]} for event in malformed + of_the_kernel])
    view.ignores(*[{"type": "events", "events": value} for value in (None, 5, {}, "x", True)], {"type": "events"})
    assert view.value("events") == []
    view.say(type="hello", client="abcdefgh", codecs=[])
    view.say(type="events", events=[move | {"x": HUGE, "evil": "<script>"}, move | {"x": -(10**9)}, *[move] * 1000])
    view.pictures(2, "abcdefgh")  # one because it has come, and one that shows the moves
    moves = view.value("events")
    assert moves
    assert {e["type"] for e in moves} == {"pointer_move"}
    assert all(set(e) == {*move, "ntouches", "touches"} and abs(e["x"]) < 10**5 for e in moves)


def test_steps_takes_and_recordings(view):
    view.ignores(
        *[{"type": "step", "by": by} for by in [*NOT_NUMBERS, False, 1.5, 0.0, 10**12, -(10**12), -HUGE]],
        *[{"type": "take", "on": on} for on in (None, 0, 1, "true", [], {}, deep())],
        *[{"type": kind, "offset": 0} for kind in ("stop", "pause", "resume", "video")],  # there is nothing to stop
    )
    for on in [True, False] * 2000:
        view.say(type="take", on=on)
    assert view.value("view.taking") is False
    view.say(type="drop", take=3, on=True)
    assert view.value("view.take") is None
    view.say(type="drop")  # there is none any more


def test_recording_while_it_records(view, loud):
    """The forged wishes are counted; they write no word into the widget, and one file is made."""
    folder = Path(loud.value("__import__('os').getcwd()"))
    view.kernel.run("view.duration = 1000")
    for _ in range(100):
        view.tell({"type": "record", "path": "/etc/passwd", "options": {"codec": "x"}})
    assert view.value("view.recording.path.name") == "preview.mp4"
    assert view.value("view.error") == ""
    assert view.value("view.ignored") == 99
    for forged in NOT_INDICES:
        view.tell({"type": "video", "offset": forged})
    for kind in ("pause", "resume", "pause"):
        view.tell({"type": kind, "client": deep()}, [b"x" * 1000])
    view.say(type="stop")
    assert loud.value("(view.recording.wait(), view.recording.state)[1]") == "stopped"
    assert sorted(p.name for p in folder.glob("preview*")) == ["preview.mp4"]
    (folder / "preview.mp4").unlink()


def test_answers_to_what_was_never_sent(view):
    view.say(type="hello", client="abcdefgh", codecs=[])
    view.say(type="hello", client="ijklmnop", codecs=["h264"])
    view.kernel.run("view.play()")
    last = view.pictures(3, "abcdefgh", "ijklmnop")[-1]["index"]
    before = view.value("view.ignored")
    forged = [*NOT_INDICES, last + 1000, -(10**9)]
    for index in forged:
        view.say(type="ack", client="abcdefgh", index=index)
        view.say(type="ack", client="nobodyknown", index=0)
        view.say(type="ack", client=deep(), index=0)
        view.say(type="lost", client=index, index=index)
        view.say(type="look", client="abcdefgh", visible=None if isinstance(index, bool) else index)
    assert view.value("view.ignored") == before + 5 * len(forged)
    assert len(view.pictures(20, "abcdefgh", "ijklmnop")) == 20


def test_forged_hellos_do_not_displace_a_browser_that_looks_on(view):
    clients = [None, 7, "", "short", "x" * 33, "a" * 100_000, "<b>bold</b>", "abc defgh", [], {}, deep(), True]
    view.ignores(*[{"type": "hello", "client": client, "codecs": ["h264"]} for client in clients])
    view.say(type="hello", client="abcdefgh", codecs=["h264", deep(), None, *["x" * 1000] * 1000])
    view.kernel.run("view.play()")
    view.pictures(5, "abcdefgh")
    for number in range(10_000):
        view.say(type="hello", client=f"forged{number:06}", codecs=[] if number % 2 else ["h264"])
    assert len(view.pictures(30, "abcdefgh")) == 30


def test_a_browser_that_never_answers_is_given_up_and_the_next_word_wakes_the_stream(view):
    view.say(type="hello", client="abcdefgh", codecs=[])
    view.kernel.run("view.play()")
    view.next_picture()
    view.kernel.run("import asyncio\nwhile view._audience.watching: await asyncio.sleep(0.05)")
    frames = view.value("view._audience._next")
    view.kernel.run("await asyncio.sleep(0.3)")
    assert view.value("view._audience._next") == frames, "nothing is drawn for nobody"
    view.say(type="param", name="speed", value=0.5)
    while view.next_picture()["index"] < frames:
        pass


def test_one_that_talks_and_never_answers_does_not_hold_up_the_other(view):
    view.say(type="hello", client="abcdefgh", codecs=[])
    view.say(type="hello", client="talkative1", codecs=[])
    view.kernel.run("view.play()")
    assert len(view.pictures(100, "abcdefgh", chatter=["talkative1"])) == 100


def test_ten_thousand_of_every_kind_at_once(view):
    """The next cell is answered, memory does not grow with the flood, and the picture goes on."""
    view.say(type="hello", client="abcdefgh", codecs=[])
    view.kernel.run("view.play()")
    view.pictures(5, "abcdefgh")
    before = view.kernel.memory()
    key = {"type": "key_down", "timestamp": 1, "key": "a", "modifiers": []}
    for number in range(1000):
        view.say(type="set", name="size", value=[2000 - number % 2, 1000])
        view.say(type="set", name="time", value=number / 100)
        view.say(type="param", name="speed", value=number / 500)
        view.say(type="param", name="speed", value="x" * 20_000)
        view.say(type="hello", client="abcdefgh", codecs=[])
        view.say(type="look", client="abcdefgh", visible=number % 2 == 1)
        view.say(type="events", events=[key] * 10)
        view.say(type="lost", client="abcdefgh", index=number)
        view.say(type="nonsense", number=number)
        view.send({"method": "request_state"})
    view.say(type="set", name="size", value=[64, 48])
    assert view.value("list(view.size)") == [64, 48]
    view.pictures(10, "abcdefgh")
    assert view.kernel.memory() - before < 100


def test_while_a_cell_blocks_the_newest_wishes_count_and_memory_does_not_grow(view):
    """They wait in a queue of bounded size: of ten thousand with 20 kB each, 200 MB do not stay."""
    view.kernel.run(
        "import tracemalloc\ntracemalloc.start()\n"
        "for n in range(10_000):\n"
        "    view._on_message(view, {'type': 'param', 'name': 'speed', 'value': 1 + n / 10_000, 'more': 'x%d' % n * 4000}, [])\n"
        "held = tracemalloc.get_traced_memory()[0]; tracemalloc.stop()"
    )
    assert view.kernel.value("held") < 10e6
    assert view.value("view.params.speed") == pytest.approx(1.9999)


def test_buffers_where_none_belong(view):
    for content in ({"type": "step", "by": 1}, {"type": "record?"}, {"type": "set", "name": "loop", "value": False}):
        view.tell(content, [b"x" * 1_000_000, b""])
    assert view.value("[view.loop, view.frame]") == [False, 1]


class TestRecording:
    """The same for the widget of a finished and of a running recording."""

    @pytest.fixture
    def rec(self, loud):
        widget = Widget(loud, 'rec = nbpipe.record(Watermark(), "out.mp4", size=(64, 64), frames=30)', "rec")
        log = loud.stderr()
        yield widget
        assert loud.value("[rec.state, rec.frames_written, rec.path.name, rec._name]") == [
            "done",
            30,
            "out.mp4",
            "out.mp4",
        ]
        assert loud.printed() == ""
        assert [m["content"] for m in loud.messages if m["msg_type"] == "error"] == []
        assert loud.stderr() == log
        loud.run("rec.close()")

    def test_malformed(self, rec):
        for data in (None, 7, [], {}, deep(), {"method": []}, {"method": "custom"}, {"method": "update", "state": 5}):
            rec.send(data)
        rec.send({"method": "update", "state": {"path": "x"}, "buffer_paths": [["path", 9]]}, [b"x"])
        kinds = [None, [], {}, deep(), "hello", "ack", "video", "stop", "pause", "resume", "x" * 100_000]
        for kind, value in itertools.product(kinds, [*NOT_INDICES, deep()]):
            rec.tell({"type": kind, "index": value, "offset": value, "client": value}, [b"buffer"])

    def test_ten_thousand_requests_for_the_file(self, rec):
        """Each piece has 1 MiB: ten thousand answers would be 10 GB."""
        rec.kernel.run("from nbpipe.notebook.film import Film\nwith open('big.mp4', 'wb') as f: f.truncate(3 << 20)")
        rec.kernel.run("kept, rec._film = rec._film, Film(rec.path.with_name('big.mp4'))")
        before, begun = rec.kernel.memory(), time.monotonic()
        for number in range(5000):
            rec.say(type="video", offset=number)
            rec.send({"method": "request_state"})
        assert rec.kernel.value("1 + 1") == 2
        answered = [m for m in rec.kernel.messages if m["msg_type"] == "comm_msg"]
        seconds = time.monotonic() - begun
        assert 1 <= len(answered) <= (1 + seconds) * film._AT_ONCE + 1 + seconds / kernel_widget._STATES
        assert rec.kernel.memory() - before < 200
        rec.kernel.run("rec._film = kept")
