"""A take: played again it is the same pictures, at any rate and size, and a file cannot make it anything else."""

from __future__ import annotations

import copy
import dataclasses
import enum
import json
import pickle
from typing import Annotated

import moderngl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nbpipe
from nbpipe.scene.camera import OrbitCamera
from nbpipe.scene.events import EventQueue, read_event
from nbpipe.scene.parameters import Range
from nbpipe.scene.replay import Replay
from nbpipe.scene.shader import Shader
from nbpipe.scene.state import scene_state
from nbpipe.scene.take import Take, TakeRecorder

SIZE = (160, 90)
NOTHING = {"parameters": {}, "cameras": {}, "mouse": []}


class Mode(enum.Enum):
    DIM = 0.25
    BRIGHT = 1.0


class Dots:
    """Three points of a camera's world on a ground whose shade says what the parameters and the time are."""

    shade: Annotated[float, Range(0, 1)] = 0.5
    mode: Mode = Mode.BRIGHT

    def __init__(self):
        self.camera = OrbitCamera()
        self.heard = []

    def on_event(self, event):
        self.camera.on_event(event)
        self.heard.append(event)

    def setup(self, ctx):
        self.program = ctx.program(
            vertex_shader="""#version 330
                uniform mat4 camera;
                const vec3 places[3] = vec3[](vec3(0), vec3(0.7, 0.2, 0.4), vec3(-0.5, -0.6, 0.9));
                void main() { gl_Position = camera * vec4(places[gl_VertexID], 1); }""",
            fragment_shader="#version 330\nout vec4 c; void main() { c = vec4(1); }",
        )
        self.points = ctx.vertex_array(self.program, [])

    def release(self):
        self.points.release()
        self.program.release()

    def render(self, frame):
        frame.fbo.clear(self.shade * self.mode.value, frame.time / 4 % 1, 0.5)
        self.program["camera"].write(self.camera.view_projection(frame.aspect))
        self.points.render(moderngl.POINTS, vertices=3)


def event(kind, x=80.0, y=45.0, **fields):
    buttons = [] if kind == "pointer_up" else [1]
    usual = {"timestamp": 9.0, "x": x, "y": y, "button": 1, "buttons": buttons, "modifiers": [], "dx": 0, "dy": 0}
    read = read_event({"type": kind} | usual | fields, SIZE)
    assert read is not None
    return read


def perform(scene, *, seconds=2.0, size=SIZE, loop=None):
    """Play with `scene`: its speed, a slider, a drag, the wheel."""
    k = size[1] / 90
    taking = TakeRecorder(scene, size=size, loop=loop)
    taking.clock(0.0, 1.0, 1.0)
    taking.event(0.1, event("pointer_down", 80 * k, 45 * k))
    for step in range(1, 11):
        taking.event(0.1 + step * 0.07, event("pointer_move", (80 + 5 * step) * k, (45 + 2 * step) * k))
    taking.event(0.85, event("pointer_up", 130 * k, 65 * k))
    taking.clock(0.9, 1.9, 0.0)
    taking.event(1.0, event("wheel", 10 * k, 10 * k, dy=-50))
    taking.clock(1.2, 0.3, 2.0)
    return taking.finish(seconds)


def film(scene, take, *, fps=60, size=SIZE, frames=None):
    with nbpipe.frames(Replay(scene, take), size=size, fps=fps, frames=frames or int(take.duration * fps)) as found:
        return [picture.copy() for picture in found]


def dots(picture):
    return np.argwhere(picture[..., 2] == 255)


@pytest.fixture
def scene():
    return Dots()


class TestReplay:
    def test_two_are_the_same_pictures(self, scene):
        taking = perform(scene)
        first, second = film(scene, taking), film(scene, taking)
        assert len(first) == 120
        assert (np.array(first) == second).all()
        assert len({picture.tobytes() for picture in first}) > 60, "and something moves"
        assert (np.array(film(Dots(), taking)) == first).all(), "also with another scene of the kind"

    def test_at_half_the_rate_it_is_every_second_frame(self, scene):
        take = perform(scene)
        assert (np.array(film(scene, take, fps=30)) == film(scene, take, fps=60)[::2]).all()

    @pytest.mark.parametrize("size", [(80, 45), (320, 180), (1920, 1080), (90, 90), (200, 90)])
    def test_at_another_size_it_is_the_same_camera(self, scene, size):
        take = perform(scene)
        states = []
        for dimensions in (SIZE, size):
            film(spy := Spy(), take, fps=10, size=dimensions)
            states.append(spy.states)
        assert len(states[0]) == 20
        for one, other in zip(*states, strict=True):
            assert one["azimuth"] == pytest.approx(other["azimuth"])
            assert one["elevation"] == pytest.approx(other["elevation"])
            assert one["distance"] == pytest.approx(other["distance"])
            assert one["target"] == pytest.approx(other["target"])

    def test_performed_larger_it_is_the_same_take(self, scene):
        small, large = perform(scene), perform(scene, size=(320, 180))
        assert (np.array(film(scene, small, fps=10)) == film(scene, large, fps=10)).all()

    def test_what_the_camera_did_live_it_does_again(self, scene):
        start, live = scene.camera.state, OrbitCamera()
        queue = EventQueue()
        taking = TakeRecorder(scene, size=SIZE)
        live.on_event({"type": "resize", "width": 160, "height": 90})
        for step in range(20):
            queue.put(event("pointer_down" if step == 0 else "pointer_move", 80 + step, 45 - step))
            for each in queue.take():
                live.on_event(each)
                taking.event(step / 10, each)
        take = taking.finish(2)
        film(spy := Spy(), take, fps=10)
        assert np.allclose(list(spy.states[-1].values())[1:], list(live.state.values())[1:])
        assert spy.states[0] == start

    def test_time_is_paused_scrubbed_and_sped_up(self, scene):
        seen = times(perform(scene), fps=10)
        expected = [1 + n / 10 for n in range(9)] + [1.9] * 3 + [0.3 + 0.2 * n for n in range(8)]
        assert seen == pytest.approx(expected)

    def test_a_frame_has_the_number_that_it_has_at_its_time(self):
        class Told(Dots):
            def render(self, frame):
                told.append((frame.index, frame.time))
                super().render(frame)

        told = []
        taking = TakeRecorder(Told(), size=SIZE)
        taking.clock(0.0, 5.0, 0.0)
        taking.clock(0.2, 5.0, 2.0)
        film(Told(), taking.finish(0.4), fps=10)
        assert told == [(50, 5.0), (50, 5.0), (50, 5.0), (52, pytest.approx(5.2))]

    def test_time_goes_round_a_loop(self, scene):
        seen = times(perform(scene, loop=1.5), fps=10)
        expected = [(1 + n / 10) % 1.5 for n in range(9)] + [0.4] * 3 + [(0.3 + 0.2 * n) % 1.5 for n in range(8)]
        assert seen == pytest.approx(expected)

    def test_backwards_it_never_stands_at_the_loops_end(self):
        taking = TakeRecorder(Dots(), size=SIZE, loop=1.0)
        taking.clock(0, 0.0, -1.0)
        take = taking.finish(2)
        assert [take.time_at(at) for at in (0, 0.25, 1.0, 1e-18)] == [0, 0.75, 0, 0]

    def test_without_a_clock_time_is_the_performances(self):
        take = TakeRecorder(Dots(), size=SIZE).finish(2)
        assert times(take, fps=10) == pytest.approx([n / 10 for n in range(20)])

    def test_a_slider_moves_when_it_was_moved(self, scene):
        scene.shade = 0.2
        taking = TakeRecorder(scene, size=SIZE)
        taking.param(0.5, "shade", 0.4)
        taking.param(1.0, "mode", Mode.DIM)
        shades = [picture[0, 0, 0] for picture in film(scene, taking.finish(1.5), fps=4)]
        assert shades == [51, 51, 102, 102, 26, 26]

    def test_it_begins_where_the_performance_began_and_gives_the_scene_back(self, scene):
        scene.shade, scene.mode = 0.2, Mode.DIM
        scene.camera.azimuth = 40
        taking = TakeRecorder(scene, size=SIZE)
        taking.param(0.1, "shade", 0.8)
        taking.event(0.1, event("wheel", dy=100))
        take = taking.finish(1)
        scene.shade, scene.mode, scene.camera.azimuth, scene.camera.distance = 0.6, Mode.BRIGHT, 70, 9
        kept = scene_state(scene)
        assert film(scene, take, fps=10)[0][0, 0, 0] == round(0.2 * 0.25 * 255)
        assert scene_state(scene) == kept
        with pytest.raises(ZeroDivisionError):
            film(Failing(scene), take)
        assert scene_state(scene) == kept

    def test_the_scene_is_set_up_as_it_was(self):
        class Many:
            count: Annotated[int, Range(1, 9)] = 3

            def setup(self, ctx):
                self.made = self.count

            def render(self, frame):
                frame.fbo.clear(self.made / 10, 0, 0)

        scene = Many()
        take = TakeRecorder(scene, size=SIZE).finish(1)
        scene.count = 9
        assert film(scene, take, frames=1)[0][0, 0, 0] == round(0.3 * 255)

    def test_a_shader_has_its_mouse_and_uniforms(self):
        source = """
            uniform vec3 tint = vec3(0.2);
            void mainImage(out vec4 c, in vec2 p) {
                c = vec4(iMouse.xy / iResolution.xy, iMouse.z > 0.0, 1) * (tint.g > 0.5 ? 1.0 : 0.5);
            }"""
        shader = Shader(source)
        shader.mouse.state = [0.5, 0.5, 0.5, 0.5, 0]
        taking = TakeRecorder(shader, size=SIZE)
        taking.event(0.1, event("pointer_down", 40, 44))
        taking.event(0.3, event("pointer_move", 120, 89))
        taking.param(0.3, "tint", (1.0, 1.0, 1.0))
        taking.event(0.5, event("pointer_up", 120, 89))
        take = taking.finish(0.6)
        shader.mouse.state = []
        for size in (SIZE, (320, 180)):
            pixels = [picture[0, 0, :3] / 255 for picture in film(shader, take, fps=10, size=size)]
            expected = [(0.25, 0.25, 0), (0.125, 0.25, 0.5), (0.125, 0.25, 0.5), *[(0.75, 0, 1)] * 2, (0.75, 0, 0)]
            assert np.allclose(pixels, expected, atol=1.5 / 90)
        assert shader.mouse.state == []
        assert shader.uniforms["tint"] == (0.2, 0.2, 0.2)

    def test_events_come_in_order_with_their_moment_and_place(self, scene):
        taking = TakeRecorder(scene, size=SIZE)
        taking.event(0.05, event("key_down", key="a"))
        taking.event(
            0.05,
            event(
                "pointer_down",
                40,
                45,
                button=2,
                touches={"1": {"x": 40, "y": 45, "pressure": 1}, "2": {"x": 80, "y": 90, "pressure": 0.5}},
            ),
        )
        taking.resized((320, 180))
        taking.event(0.15, event("pointer_move", 80, 90))
        taking.event(0.15, event("show"))
        film(scene, taking.finish(0.5), fps=10, size=(320, 180))
        kinds = [each["type"] for each in scene.heard]
        assert kinds == ["resize", "key_down", "pointer_down", "pointer_move"]
        size, key, down, move = scene.heard
        assert (size["width"], size["pheight"]) == (320, 180)
        assert key == {"type": "key_down", "timestamp": 0.05, "key": "a", "modifiers": ()}
        assert (down["x"], down["y"], down["button"], down["timestamp"]) == (80, 90, 2, 0.05)
        first, second = down["touches"]["1"], down["touches"]["2"]
        assert first == {"x": 80, "y": 90, "pressure": 1}
        assert second == pytest.approx({"x": 160, "y": 180, "pressure": 0.5})
        assert (move["x"], move["y"]) == pytest.approx((80, 90))
        move["x"] = first["x"] = "what a scene does to its event"
        film(scene, taking.finish(0.5), fps=10, size=(320, 180))
        assert scene.heard[-1]["x"] == pytest.approx(80)
        assert scene.heard[-2]["touches"]["1"]["x"] == 80

    def test_a_scene_needs_nothing_but_render(self):
        class Least:
            def render(self, frame):
                frame.fbo.clear(1, 1, 1, 1)

        take = Take(1.0, SIZE, NOTHING, perform(Dots()).entries)
        assert film(Least(), take, frames=1)[0].min() == 255
        assert not hasattr(Replay(Least(), take), "ctx")

    def test_a_scene_with_its_own_context_draws_there(self, own_context):
        class Own:
            ctx = own_context

            def render(self, frame):
                assert frame.ctx is own_context
                frame.fbo.clear(1, 1, 1, 1)

        assert film(Own(), Take(1.0, SIZE, NOTHING), frames=1)[0].min() == 255

    def test_it_can_be_recorded_as_a_video(self, scene):
        take = perform(scene)
        recording = nbpipe.record(Replay(scene, take), "take.mp4", size=SIZE, fps=30, duration=take.duration)
        assert recording.frames_written == 60

    def test_a_take_of_another_scene_is_named(self, scene):
        taking = TakeRecorder(scene, size=SIZE)
        taking.param(0, "shade", 0.3)
        take = taking.finish(1)
        with pytest.raises(
            nbpipe.SceneError,
            match=r"sets the parameter 'shade', and this scene has (none|a, b); record the scene that",
        ):
            Replay(Shader("void mainImage(out vec4 c, in vec2 p) { c = vec4(1); }"), take)
        state = NOTHING | {"parameters": {"mode": "Blinding"}}
        with pytest.raises(nbpipe.SceneError, match=r"does not fit this scene: mode must be one of .*'Blinding'"):
            Replay(scene, Take(1.0, SIZE, state))
        state = NOTHING | {"cameras": {"eye": OrbitCamera().state}}
        with pytest.raises(nbpipe.SceneError, match="moves the camera 'eye', and this scene has camera"):
            film(scene, Take(1.0, SIZE, state))

    def test_a_camera_may_lie_in_a_slot_or_the_class(self):
        @dataclasses.dataclass(slots=True)
        class Slotted:
            camera: OrbitCamera

        class Shared:
            eye = OrbitCamera()

            @property
            def never(self):
                raise RuntimeError

        assert list(scene_state(Slotted(OrbitCamera()))["cameras"]) == ["camera"]
        assert list(scene_state(Shared())["cameras"]) == ["eye"]


class Spy(Dots):
    """Notes where the camera is in each frame."""

    def __init__(self):
        super().__init__()
        self.states = []

    def render(self, frame):
        self.states.append(self.camera.state)
        super().render(frame)


class Failing:
    """A scene whose setup fails, with the parameters of another."""

    shade: Annotated[float, Range(0, 1)] = 0.5
    mode: Mode = Mode.BRIGHT

    def __init__(self, scene):
        self.camera = scene.camera

    def setup(self, ctx):
        raise ZeroDivisionError

    def render(self, frame):
        pass


def times(take, fps):
    seen = []

    class Clock:
        def render(self, frame):
            seen.append(frame.time)

    film(Clock(), Take(take.duration, SIZE, NOTHING, take.entries, loop=take.loop), fps=fps)
    return seen


class TestTake:
    def test_a_file_gives_back_an_equal_one(self, scene, tmp_path):
        taking = TakeRecorder(scene, size=SIZE, loop=1.5)
        taking.param(0.5, "mode", Mode.DIM)
        taking.event(0.6, event("pointer_down", 1 / 3, 2 / 7, modifiers=["Shift"]))
        taking.event(0.7, event("char", data="é\n", input_type="insertText"))
        take = taking.finish(2)
        assert Take.from_json(take.to_json()) == take
        take.save(tmp_path / "take.json")
        assert Take.load(tmp_path / "take.json") == take
        (tmp_path / "other.json").write_text("{}")
        with pytest.raises(ValueError, match=r"other\.json': "):
            Take.load(tmp_path / "other.json")
        assert json.loads(take.to_json())["nbpipe_take"] == 1
        assert pickle.loads(pickle.dumps(take)) == copy.deepcopy(take) == take
        assert perform(scene) == perform(scene) != take

    def test_nobody_can_change_it(self, scene):
        take = perform(scene)
        assert isinstance(take.entries, tuple)
        with pytest.raises(dataclasses.FrozenInstanceError):
            take.duration = 3
        with pytest.raises(TypeError):
            take.entries[0].data["time"] = 5
        with pytest.raises(TypeError):
            take.start["parameters"]["shade"] = 5
        with pytest.raises(TypeError):
            take.start["cameras"]["camera"]["fov"] = 5
        with pytest.raises(TypeError):
            take.entries[1].data["touches"]["1"] = 5

    def test_the_recorder_keeps_no_hold_on_it(self, scene):
        taking = TakeRecorder(scene, size=SIZE)
        taking.clock(0, 0, 1)
        take = taking.finish(1)
        taking.clock(0.5, 0, 1)
        scene.camera.azimuth = 77
        assert len(take.entries) == 1
        assert take.start["cameras"]["camera"]["azimuth"] == 0

    def test_it_says_what_it_is(self, scene):
        assert repr(perform(scene)) == "<Take of 2 s, 16 entries>"

    def test_it_ends_itself_when_it_is_full(self, monkeypatch):
        monkeypatch.setattr("nbpipe.scene.take.MOST_ENTRIES", 10)
        taking = TakeRecorder(Dots(), size=SIZE)
        for n in range(20):
            taking.clock(float(n), 0.0, 1.0)
        assert taking.ended == 9
        take = taking.finish(30)
        assert (len(take.entries), take.duration) == (10, 9)

    def test_a_clock_that_is_noted_late_is_set_at_its_own_moment(self):
        taking = TakeRecorder(Dots(), size=SIZE)
        taking.clock(0.0, 0, 1)
        taking.param(0.5, "shade", 0.25)
        taking.clock(0.4, 3, 0)
        taking.clock(0.4, 4, 0)
        take = taking.finish(1)
        assert [entry.at for entry in take.entries] == [0, 0.4, 0.4, 0.5]
        assert [take.time_at(at) for at in (0.3, 0.4, 0.5)] == [0.3, 4, 4]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda raw: None, 'no "nbpipe_take": 1 in it'),
            (lambda raw: raw | {"nbpipe_take": 2}, 'no "nbpipe_take": 1 in it'),
            (lambda raw: raw | {"duration": "2"}, "duration must be a finite number of at least 0, not '2'"),
            (lambda raw: raw | {"duration": -1}, "duration must be"),
            (lambda raw: raw | {"duration": 10**400}, "duration must be"),
            (lambda raw: raw | {"loop": 0}, "loop must be"),
            (lambda raw: raw | {"loop": True}, "loop must be"),
            (lambda raw: raw | {"size": [160]}, "size must be width and height, not [160]"),
            (lambda raw: raw | {"size": [160, 0]}, "a side of size must be a finite number of at least 1, not 0"),
            (lambda raw: raw | {"size": [160, 1.5]}, "size must be whole numbers"),
            (lambda raw: raw | {"size": [160, 10**9]}, "size must be whole numbers of at most 65536"),
            (lambda raw: raw | {"start": None}, "start must be an object"),
            (lambda raw: raw | {"start": {}}, "start.cameras must be an object"),
            (lambda raw: raw | {"start": NOTHING | {"cameras": {"camera": {}}}}, "start: the state of a camera has"),
            (lambda raw: raw | {"start": NOTHING | {"mouse": [1]}}, "start: the state of a mouse is five"),
            (lambda raw: raw | {"start": NOTHING | {"mouse": [10**400] * 5}}, "start: the state of a mouse is five"),
            (lambda raw: raw | {"start": NOTHING | {"parameters": {"a": None}}}, "start.a must be a finite number"),
            (lambda raw: raw | {"start": NOTHING | {"parameters": {"a": [[1]]}}}, "start.a must be a finite number"),
            (lambda raw: raw | {"start": NOTHING | {"parameters": {"a": "x" * 2000}}}, "start.a must be"),
            (lambda raw: raw | {"entries": {}}, "entries must be a list"),
            (lambda raw: raw | {"entries": [0] * 100_001}, "entries must be 100000 at most, not 100001"),
            (lambda raw: raw | {"entries": [["clock", 0]]}, "entry 0 must be a kind, a moment and an object"),
            (lambda raw: raw | {"entries": [["jump", 0, {}]]}, "the kind of entry 0 must be clock, param or event"),
            (lambda raw: raw | {"entries": [["clock", 0, []]]}, "entry 0 must be an object, not []"),
            (lambda raw: raw | {"entries": [["clock", -1, {}]]}, "the moment of entry 0 must be a finite number"),
            (lambda raw: raw | {"entries": [["clock", 0, {"time": 1}]]}, "rate of entry 0 must be a finite number"),
            (lambda raw: raw | {"entries": [["param", 0, {"value": 1}]]}, "the name of entry 0 must be a string"),
            (lambda raw: raw | {"entries": [["param", 0, {"name": "a"}]]}, "the value of entry 0 must be"),
            (lambda raw: raw | {"entries": [["event", 0, {"type": "boom"}]]}, "entry 0 must be a pointer, wheel"),
            (lambda raw: raw | {"entries": [["event", 0, {"type": "show", "timestamp": 0}]]}, "entry 0 must be"),
            (
                lambda raw: raw | {"entries": [["clock", 1, {"time": 0, "rate": 1}], ["clock", 0, {}]]},
                "entry 1 is at 0 s, before the one before it",
            ),
        ],
    )
    def test_a_bad_file_is_told_what_is_wrong(self, change, message):
        raw = json.loads(perform(Dots()).to_json())
        with pytest.raises(ValueError) as caught:  # noqa: PT011  the text is compared below
            Take.from_json(json.dumps(change(raw)))
        assert str(caught.value).startswith(f"this is no take of nbpipe: {message}")
        assert len(str(caught.value)) < 500

    @pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"nbpipe_take": 1, "duration": NaN}', "\x00", "null"])
    def test_what_is_no_json_of_ours_is_refused(self, text):
        with pytest.raises(ValueError, match="this is no take of nbpipe: "):
            Take.from_json(text)

    @given(st.data())
    def test_whatever_a_file_holds_is_a_take_or_an_error_that_says_so(self, data):
        json_like = st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        )
        raw = json.loads(perform(Dots()).to_json())
        for _ in range(data.draw(st.integers(1, 2))):
            at = raw
            while isinstance(at, (dict, list)) and at:
                keys = sorted(at) if isinstance(at, dict) else range(len(at))
                key = data.draw(st.sampled_from(keys))
                if data.draw(st.booleans()):
                    at[key] = data.draw(json_like)
                    break
                at = at[key]
        try:
            take = Take.from_json(json.dumps(raw))
        except ValueError as error:
            assert str(error).startswith("this is no take of nbpipe: ")  # noqa: PT017
        else:
            assert Take.from_json(take.to_json()) == take
            assert np.isfinite([take.time_at(n / 10) for n in range(30)]).all()
