"""The live preview without a browser: takes, recordings, another scene in its place, its arguments and its end."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Annotated, Literal

import av
import ipywidgets as widgets
import numpy as np
import pytest
import traitlets as t
from stage import SIZE, Lamp, play, pointer, turns
from watermark import Watermark, numbers, rgb_bt709

import nbpipe
from nbpipe.gl.context import context
from nbpipe.scene.state import scene_state

__all__ = ["play"]  # a fixture

PLAIN = "void mainImage(out vec4 c, in vec2 p) { c = vec4(red, 0, 0, 1); }"
STEP = 0.125  # seconds between two moments of a performance; eight a second, exactly


def covering(ctx, picture):
    """Return what draws a fragment shader over the whole canvas."""
    vertex = "#version 330\nin vec2 at; void main() { gl_Position = vec4(at, 0.0, 1.0); }"
    corners = ctx.buffer(np.array([-1, -1, 3, -1, -1, 3], "f4"))
    return ctx.vertex_array(ctx.program(vertex, f"#version 330\n{picture}"), corners, "at")


def colours(path):
    """Return the colour of each frame of a video."""
    with av.open(str(path)) as video:
        return [np.median(rgb_bt709(frame), axis=(0, 1)) for frame in video.decode(video=0)]


async def performed(stage, view, browser):
    """Play with a lamp: its slider, its speed, the pointer, the time line; return what was seen, a step apart."""
    deeds = {
        1: lambda: browser.say("param", name="shade", value=1.0),
        2: lambda: browser.say("events", events=[pointer("pointer_down", 0), pointer("pointer_move", 120)]),
        3: lambda: browser.say("set", name="speed", value=10.0),
        4: lambda: setattr(view.params, "shade", 0.25),
        5: lambda: browser.say("set", name="playing", value=False),
        6: lambda: browser.say("set", name="time", value=1.0),
        7: lambda: browser.say("events", events=[pointer("pointer_up", 40, buttons=())]),
    }
    view.taking = True
    seen = []
    for n in range(8):
        deeds.get(n, view.session.wake)()
        await browser.shown()
        seen.append(browser.colour())
        stage.now += STEP
        view.session.wake()
        await browser.shown()
    view.taking = False
    return seen


def went(take, moments):
    """Return how far a take's time is from its beginning at each of the moments."""
    return [take.time_at(moment) - take.time_at(0.0) for moment in moments]


class TestTake:
    @pytest.mark.parametrize(("size", "rate"), [(SIZE, 8), ((320, 180), 8), ((96, 54), 24)])
    def test_it_is_recorded_as_it_was_seen(self, play, size, rate):
        async def performance(stage):
            view, browser = await stage.show(scene := Lamp(), playing=True)
            seen = await performed(stage, view, browser)
            assert view._take == {"duration": pytest.approx(1.0), "entries": len(view.take.entries)}
            before = scene_state(scene)
            other = Lamp()
            nbpipe.record(other, "take.mp4", take=view.take, size=size, fps=rate, show=False)
            frames = colours("take.mp4")
            assert len(frames) == rate
            for frame, live in zip(frames[:: rate // 8], seen, strict=True):
                assert frame == pytest.approx(live, abs=6)
            assert len({tuple(colour.round(-1)) for colour in seen}) >= 6, "and much was seen"
            assert scene_state(scene) == before

        play(performance)

    def test_the_widgets_own_record_replays_it_and_leaves_the_scene_as_it_was(self, play):
        async def performance(stage):
            view, browser = await stage.show(scene := Lamp(), playing=True, fps=8)
            seen = await performed(stage, view, browser)
            view.params.shade = 0.75
            before = scene_state(scene)
            recording = await view.record("take.mp4")
            assert (recording.state, recording.frames_written) == ("done", 8)
            for frame, live in zip(colours("take.mp4"), seen, strict=True):
                assert frame == pytest.approx(live, abs=6)
            assert scene_state(scene) == before
            assert view.params.shade == scene.shade == 0.75
            whole = await view.record("whole.mp4", size=None, duration=None, fps=None)
            assert (whole.frames_written, whole._size) == (8, [*SIZE]), "as if they were not given"
            plain = await view.record("plain.mp4", take=None, duration=0.5)
            assert plain.frames_written == 4
            assert colours("plain.mp4")[0][0] == pytest.approx(191, abs=6), "as it is now"

        play(performance)

    def test_it_begins_at_the_time_at_which_it_was_begun(self, play):
        """Also by a clock that never gives the same moment twice."""

        async def performance(stage):
            view, browser = await stage.show(Lamp(), fps=30)
            await browser.next(lambda: setattr(view, "time", 5.0))

            def later():
                stage.now += 2e-4
                return stage.now

            nbpipe.session.time.monotonic = later  # the stage's own
            view.taking = True
            view.taking = False
            assert [view.take.time_at(seconds) for seconds in (0.0, 1e-4, 0.01)] == [5.0] * 3
            assert view.take.entries[0].at == 0

        play(performance)

    def test_time_runs_in_it_as_evenly_as_it_did_however_long_the_pictures_took(self, play):
        class Slow(Lamp):
            def render(self, frame):
                super().render(frame)
                stages[0].now += 0.004 + 0.008 * (self.drawn % 3) / 2

        stages = []

        async def performance(stage):
            stages.append(stage)
            view, browser = await stage.show(Slow(), playing=True)
            await stage.go(browser, 0.1)
            view.taking = True
            for _ in range(40):
                await stage.go(browser, 0.02)
            view.taking = False
            times = [view.take.time_at(n / 60) for n in range(int(60 * view.take.duration))]
            steps = [after - before for before, after in itertools.pairwise(times)]
            assert len(steps) > 20
            assert steps == pytest.approx([1 / 60] * len(steps))

        play(performance)

    def test_time_stands_still_in_it_while_nobody_looks(self, play):
        async def performance(stage):
            view, browser = await stage.show(Lamp(), playing=True)
            view.taking = True
            await stage.go(browser, 0.1)
            await stage.go(browser, 0.1)
            browser.say("look", visible=False)
            await turns()
            stage.now += 2.0
            await browser.next(lambda: browser.say("look", visible=True))
            await stage.go(browser, 0.1)
            view.taking = False
            moments = (0.0, 0.1, 0.2, 1.0, 2.1, 2.2, 2.3)
            times = [view.take.time_at(moment) for moment in moments]
            assert times == pytest.approx([times[0] + went for went in (0.0, 0.1, 0.2, 0.2, 0.2, 0.2, 0.3)])

        play(performance)

    def test_it_stands_still_while_the_kernel_is_busy_also_when_a_person_goes_on(self, play):
        async def performance(stage):
            view, browser = await stage.show(Lamp(), playing=True)
            view.taking = True
            await stage.go(browser, 0.1)
            stage.now += 2.0
            await browser.next(lambda: browser.say("param", name="shade", value=1.0))
            await stage.go(browser, 0.1)
            view.taking = False
            moments = (0.0, 0.1, 1.0, 2.05, 2.2)
            # A clock leaps by 0.25 s at most, when the kernel is back.
            assert went(view.take, moments) == pytest.approx([0.0, 0.1, 0.1, 0.1, 0.1 + 0.25 + 0.1])
            assert [entry.at for entry in view.take.entries if entry.kind == "param"] == pytest.approx([2.1])

        play(performance)

    @pytest.mark.parametrize(
        ("act", "then"),
        [
            (lambda _: None, 0.1),
            (lambda view: setattr(view, "time", 7.0), 7.0),
            (lambda view: setattr(view, "playing", False), 0.1),
            (lambda view: setattr(view, "speed", 2.0), 0.1),
            (lambda view: view.step(), 0.1 + 1 / 60),
        ],
    )
    def test_it_stands_still_where_nobody_looked_whatever_a_cell_does_then(self, play, act, then):
        """Such as to end it, from further down in the notebook."""

        async def performance(stage):
            view, browser = await stage.show(Lamp(), playing=True)
            view.taking = True
            await stage.go(browser, 0.1)
            browser.say("look", visible=False)
            await turns()
            stage.now += 2.0
            act(view)
            stage.now += 1.0
            view.taking = False
            take = view.take
            assert went(take, (0.0, 0.1, 1.0, 2.0)) == pytest.approx([0.0, 0.1, 0.1, 0.1])
            assert [take.time_at(2.2), take.time_at(3.1)] == pytest.approx([then, then], abs=0.01)

        play(performance)

    @pytest.mark.parametrize(
        "act",
        [
            lambda _: None,
            lambda view: setattr(view, "time", 7.0),
            lambda view: setattr(view, "speed", 2.0),
            lambda view: view.step(),
        ],
    )
    def test_what_a_long_cell_does_in_the_end_is_not_done_at_its_beginning(self, play, act):
        async def performance(stage):
            view, browser = await stage.show(Lamp(), playing=True)
            view.taking = True
            await stage.go(browser, 0.1)
            stage.now += 2.0
            act(view)
            view.taking = False
            assert went(view.take, (0.0, 0.1, 1.0, 2.0)) == pytest.approx([0.0, 0.1, 0.1, 0.1])

        play(performance)

    def test_it_stays_at_the_end_of_the_time_line(self, play):
        async def performance(stage):
            view, browser = await stage.show(Lamp(), playing=True, duration=1.0)
            view.loop = False
            view.taking = True
            for seconds in (0.2, 0.2, 0.2, 0.2, 2.0):
                await stage.go(browser, seconds)
            assert not view.playing
            view.taking = False
            times = [view.take.time_at(n / 60) for n in range(int(60 * view.take.duration))]
            assert times == sorted(times)
            assert times[-1] == max(times) == 1.0

        play(performance)

    def test_time_runs_evenly_in_it_through_many_loops(self, play):
        async def performance(stage):
            view, browser = await stage.show(Lamp(), playing=True, duration=1.0)
            view.taking = True
            for _ in range(45):
                await stage.go(browser, 0.1)
            view.taking = False
            steps = [(view.take.time_at((n + 1) / 60) - view.take.time_at(n / 60)) % 1.0 for n in range(260)]
            assert steps == pytest.approx([1 / 60] * 260)

        play(performance)

    def test_it_goes_from_one_end_of_the_time_line_to_the_other(self, play):
        async def performance(stage):
            view, browser = await stage.show(Lamp(), duration=8.0)
            view.loop = False
            view.taking = True
            stage.now += 1.0
            await browser.next(lambda: setattr(view, "time", 8.0))
            view.taking = False
            assert [view.take.time_at(seconds) for seconds in (0.0, 0.9, 1.0)] == [0.0, 0.0, 8.0]

        play(performance)

    @pytest.mark.parametrize(
        "resize",
        [
            lambda view, _: setattr(view, "size", (320, 180)),
            lambda _, browser: browser.say("set", name="size", value=[320, 180]),
        ],
    )
    def test_the_pointer_stays_where_it_was_in_a_picture_that_is_resized_meanwhile(self, play, resize):
        async def performance(stage):
            view, browser = await stage.show(Lamp())
            view.taking = True
            await browser.next(lambda: browser.say("events", events=[pointer("pointer_down", SIZE[0] // 4)]))
            await browser.next(lambda: resize(view, browser))
            await browser.next(lambda: browser.say("events", events=[pointer("pointer_move", 240)]))
            view.taking = False
            assert [entry.data["x"] for entry in view.take.entries if entry.kind == "event"] == [0.25, 0.75]

        play(performance)

    def test_python_may_drop_it_set_another_and_watch_it(self, play, tmp_path):
        async def performance(stage):
            view, browser = await stage.show(Lamp())
            seen = []
            view.observe(lambda change: seen.append(change.new), "take")
            view.taking = True
            stage.now += 0.25
            await browser.next(lambda: browser.say("param", name="shade", value=1.0))
            stage.now += 0.25
            view.taking = False
            take = view.take
            assert view._take == {"duration": 0.5, "entries": 2}
            await browser.until(lambda: browser.told and "_take" in browser.told[-1])
            browser.say("drop")
            await browser.until(lambda: browser.told[-1].get("_take", 0) is None)
            assert seen == [take, view.take] == [take, None]
            take.save(tmp_path / "take.json")
            view.take = nbpipe.Take.load(tmp_path / "take.json")
            recording = await view.record("take.mp4", fps=8)
            assert [round(colour[0] / 255) for colour in colours(recording.path)] == [0, 0, 1, 1]
            with pytest.raises(TypeError, match=r"take must be a nbpipe\.Take"):
                view.take = "take.json"
            assert view._take == {"duration": 0.5, "entries": 2}

        play(performance)

    def test_the_attributes_of_a_function_object_are_in_it_too(self, play):
        class Draw:
            shade: Annotated[float, nbpipe.Range(0, 1)] = 0.0

            def __call__(self, frame):
                frame.fbo.clear(self.shade, self.shade, self.shade)

        async def performance(stage):
            view, browser = await stage.show(Draw())
            assert list(view.params.values()) == ["shade"]
            view.taking = True
            stage.now += 0.25
            await browser.next(lambda: browser.say("param", name="shade", value=1.0))
            stage.now += 0.25
            view.taking = False
            recording = await view.record("take.mp4", fps=8)
            assert [round(colour[0] / 255) for colour in colours(recording.path)] == [0, 0, 1, 1]

        play(performance)

    def test_it_ends_when_another_scene_comes(self, play):
        class Other(Lamp):
            hue: Annotated[float, nbpipe.Range(0, 1)] = 0.5

        async def performance(stage):
            view, browser = await stage.show(Lamp(), playing=True)
            view.taking = True
            view.params.shade = 1.0
            view.replace(Other())
            assert not view.taking
            assert view.take is not None
            await browser.next(lambda: setattr(view.params, "hue", 1.0))

        play(performance)


def test_the_size_that_a_scene_prefers_is_the_previews_unless_one_is_given(play):
    class Square(Lamp):
        preferred_size = (96, 64)

    async def performance(stage):
        views = [nbpipe.preview(scene(), show=False) for scene in (Lamp, Square)]
        assert [view.size for view in views] == [(640, 360), (96, 64)]
        assert stage.preview(Square()).size == SIZE
        for view in views:
            view.close()

    play(performance)


def test_what_a_parameter_sets_in_the_gl_is_set_whatever_context_is_current(play, own_context):
    class Lit:
        level: Annotated[float, nbpipe.Range(0, 1)]

        def __init__(self):
            self._level, self.program = 0.0, None

        @property
        def level(self):
            return self._level

        @level.setter
        def level(self, level):
            self._level = level
            if self.program is not None:
                self.program["level"] = level

        def setup(self, ctx):
            self.array = covering(ctx, "uniform float level; out vec4 c; void main() { c = vec4(level, 0, 0, 1); }")
            self.program = self.array.program

        def render(self, frame):
            self.array.render()

    async def performance(stage):
        view, browser = await stage.show(Lit())
        with own_context:
            view.params.level = 1.0
        await browser.next()
        await browser.shown()
        assert browser.colour()[0] > 250

    play(performance)


class TestRecord:
    def test_two_previews_that_record_at_once_have_a_file_each(self, play):
        async def performance(stage):
            recordings = [stage.preview(Watermark(), fps=30, duration=0.5).record() for _ in range(2)]
            assert [recording.path.name for recording in recordings] == ["preview.mp4", "preview-2.mp4"]
            for recording in recordings:
                await recording
                assert numbers(recording.path) == list(range(15))

        play(performance)

    def test_previews_that_share_a_context_keep_what_each_has_bound(self, play):
        class Textured:
            def __init__(self, *pixel):
                self.pixel = pixel

            def setup(self, ctx):
                self.texture = ctx.texture((1, 1), 4, bytes(self.pixel))
                self.texture.use(0)  # once, for all frames
                self.array = covering(
                    ctx, "uniform sampler2D s; out vec4 c; void main() { c = texture(s, vec2(0.5)); }"
                )

            def render(self, frame):
                self.array.render()

        async def performance(stage):
            red, shown_red = await stage.show(Textured(200, 0, 0, 255), fps=30, duration=0.3)
            green, shown_green = await stage.show(Textured(0, 200, 0, 255), fps=30, duration=0.3)
            for view, browser in ((red, shown_red), (green, shown_green)):
                await browser.next(lambda view=view: setattr(view, "time", 0.1))
                await browser.shown()
            assert shown_red.colour().argmax() == 0
            assert shown_green.colour().argmax() == 1
            recordings = [red.record("red.mp4"), green.record("green.mp4")]
            for recording in recordings:
                await recording
            assert {int(colour.argmax()) for colour in colours("red.mp4")} == {0}
            assert {int(colour.argmax()) for colour in colours("green.mp4")} == {1}

        play(performance)

    def test_a_take_of_a_moment_is_a_video_of_one_frame(self, play):
        async def performance(stage):
            view, _ = await stage.show(Lamp())
            view.taking = True
            stage.now += 0.001
            view.taking = False
            assert len(colours((await view.record("one.mp4")).path)) == 1
            nbpipe.record(Lamp(), "too.mp4", take=view.take, size=SIZE, show=False)
            assert len(colours("too.mp4")) == 1

        play(performance)

    @pytest.mark.parametrize("name", ["duraton", "wait", "show"])
    def test_what_it_does_not_know_is_refused(self, play, name):
        async def performance(stage):
            view, _ = await stage.show(Lamp())
            with pytest.raises(
                TypeError, match=rf"takes no {name}, but codec, .*, size, fps, .*; it never waits: await"
            ):
                view.record("out.mp4", **{name: 1})
            with pytest.raises(TypeError, match=r"by its own record\(\): view\.record\("):
                nbpipe.record(view, "out.mp4")

        play(performance)

    def test_the_present_state_becomes_a_file(self, play):
        async def performance(stage):
            view, browser = await stage.show(scene := Watermark(), playing=True, fps=30, duration=0.5)
            recording = await view.record()
            assert recording is view.recording
            assert recording.path.name == "preview.mp4"
            assert numbers("preview.mp4") == list(range(15))
            assert view._recording["state"] == "done"
            assert not scene.released
            await browser.next(lambda: setattr(view, "time", 0.2))
            assert browser.number() == 6, "and it plays on"

        play(performance)

    def test_what_the_scene_makes_of_itself_in_it_is_not_for_good(self, play):
        class Moody(Lamp):
            mood: Literal["calm", "wild"] = "calm"
            wanted: float = 0.0

            def render(self, frame):
                if frame.index == 2:
                    self.mood = "lost"  # is none that it has declared
                    self.shade = 1.0
                super().render(frame)

        async def performance(stage):
            view, browser = await stage.show(scene := Moody(), fps=8, duration=0.5)
            scene.mood, scene.shade = "wild", 0.25
            recording = view.record()  # the preview itself shows frame 0
            browser.say("param", name="wanted", value=0.5)
            await recording
            assert (scene.mood, scene.shade, scene.wanted) == ("wild", 0.25, 0.5)
            await browser.next(lambda: setattr(view, "time", 0.25))

        play(performance)

    def test_nor_is_what_it_makes_of_itself_in_a_replay(self, play):
        class Moody(Lamp):
            mood: Literal["calm", "wild"] = "wild"

            def render(self, frame):
                if self.drawn == 2:
                    self.mood = "lost"
                super().render(frame)

        async def performance(stage):
            view, _ = await stage.show(Moody(), fps=8, duration=0.5)
            view.taking = True
            view.taking = False
            other = Moody()
            nbpipe.record(other, "take.mp4", take=view.take, size=SIZE, fps=8, duration=0.5, show=False)
            assert (other.mood, other.released) == ("wild", 1)

        play(performance)

    def test_a_shader_is_recorded_frame_by_frame_though_the_context_has_a_depth_test_on(self, play, own_context):
        async def performance(stage):
            with own_context:
                own_context.enable(own_context.DEPTH_TEST)
                shader = "void mainImage(out vec4 c, in vec2 p) { c = vec4(vec3(float(iFrame) / 4.0), 1.0); }"
                view, browser = await stage.show(shader, ctx=own_context, fps=8, duration=0.5)
                await browser.next(lambda: setattr(view, "time", 0.25))
                view.taking = True
                view.taking = False
                await view.record("plain.mp4", take=None)
                await view.record("take.mp4", duration=0.5)
                assert [round(colour[0] / 64) for colour in colours("plain.mp4")] == [0, 1, 2, 3]
                assert len(colours("take.mp4")) == 4
                assert int(browser.colour()[0]) // 60 == 2

        play(performance)

    def test_a_setter_that_raises_does_not_keep_the_scene(self, play):
        class Touchy(Lamp):
            mood: float = 0.5

            def __setattr__(self, name, value):
                if name == "mood" and self.drawn > 1:
                    raise RuntimeError("not now")
                super().__setattr__(name, value)

        async def performance(stage):
            view, browser = await stage.show(scene := Touchy(), fps=8, duration=0.5)
            recording = view.record()
            browser.say("param", name="mood", value=0.25)
            browser.say("param", name="shade", value=0.75)
            await recording
            assert scene.shade == 0.75
            await browser.next(lambda: setattr(view, "time", 0.25))

        play(performance)

    def test_a_take_begins_only_after_it(self, play):
        async def performance(stage):
            view, browser = await stage.show(Lamp(), fps=8, duration=0.5)
            recording = view.record()
            browser.say("take", on=True)
            await turns()
            assert (view.taking, view.error) == (False, "a take can begin when the recording has ended")
            await recording
            assert view.error == ""
            view.taking = True
            assert view.taking

        play(performance)

    def test_speed_leaves_an_exact_rate_as_it_is(self, play):
        async def performance(stage):
            view, _ = await stage.show(Lamp(), fps="25/3", duration=0.6)
            view.speed = 2.0
            assert (await view.record())._rate == "25/3"

        play(performance)

    def test_the_button_overwrites_nothing(self, play, tmp_path):
        async def performance(stage):
            (tmp_path / "preview.mp4").write_text("precious")
            view, browser = await stage.show(Watermark(), fps=30, duration=0.1)
            for name in ("preview-2.mp4", "preview-3.mp4"):
                browser.say("record")
                await turns()
                assert (await view.recording).path.name == name
            assert (tmp_path / "preview.mp4").read_text() == "precious"

        play(performance)

    def test_what_it_cannot_do_is_shown_until_it_can(self, play, monkeypatch):
        async def performance(stage):
            view, browser = await stage.show(Watermark(), playing=True, fps=30, duration=0.1)
            with monkeypatch.context() as missing:
                missing.setenv("NBPIPE_FFMPEG", "/nowhere/ffmpeg")
                browser.say("record")
                await browser.until(lambda: view.error)
                await stage.go(browser, 0.1)
                assert "/nowhere/ffmpeg" in view.error, "while the pictures go on"
            await view.record()
            assert view.error == ""

        play(performance)

    def test_two_at_once_are_refused(self, play):
        async def performance(stage):
            view, _ = await stage.show(Watermark(), duration=0.5)
            recording = view.record()
            with pytest.raises(nbpipe.NbpipeError, match=r"is recording preview\.mp4 already; wait for it, or stop it"):
                view.record("other.mp4")
            assert await recording is recording
            assert (await view.record("other.mp4")).state == "done"

        play(performance)

    @pytest.mark.parametrize(
        ("options", "error", "words"),
        [
            ({"take": "x"}, TypeError, "take must be a nbpipe.Take"),
            ({"duration": -1}, ValueError, "duration"),
            ({"codec": "none-such"}, ValueError, "codec"),
            ({"size": (0, 0)}, ValueError, "size"),
            ({"path": "preview.txt"}, ValueError, "preview.txt"),
        ],
    )
    def test_a_wrong_argument_is_named_and_it_plays_on(self, play, options, error, words):
        async def performance(stage):
            view, browser = await stage.show(Watermark())
            with pytest.raises(error, match=words):
                view.record(**options)
            await browser.next(lambda: setattr(view, "time", 1.0))
            assert browser.number() == 60

        play(performance)

    def test_time_stands_still_meanwhile_and_a_slider_waits_for_its_end(self, play):
        async def performance(stage):
            view, browser = await stage.show(scene := Lamp(), playing=True)
            await stage.go(browser, 0.2)
            recording = view.record("lamp.mp4", fps=30, duration=0.5)
            view.params.shade = 1.0
            browser.say("param", name="lit", value=False)
            stage.now += 60
            await recording
            assert [colour[0] for colour in colours("lamp.mp4")] == pytest.approx([127] * 15, abs=6)
            browser.say("step", by=0)
            await turns()
            assert view.time == pytest.approx(0.2)
            assert (scene.shade, scene.lit) == (view.params.shade, view.params.lit) == (1.0, False)

        play(performance)

    def test_a_scene_that_fails_in_it_is_the_recordings_error_and_plays_on(self, play):
        async def performance(stage):
            view, browser = await stage.show(scene := Lamp())
            recording = view.record(duration=0.5)
            scene.broken = True
            with pytest.raises(ValueError, match="the lamp"):
                await recording
            assert recording.state == "failed"
            scene.broken = False
            await browser.next(lambda: setattr(view.params, "shade", 1.0))

        play(performance)

    def test_closing_finishes_it_with_what_it_has(self, play):
        async def performance(stage):
            view, _ = await stage.show(scene := Watermark(), duration=100.0)
            recording = view.record()
            begun = asyncio.Event()
            recording.observe(lambda _: begun.set(), "frames_written")
            await begun.wait()
            view.close()
            assert recording.state == "stopped"
            assert numbers(recording.path) == list(range(recording.frames_written))
            assert scene.released

        play(performance)


class TestReplace:
    def test_time_and_what_a_person_has_changed_stay(self, play):
        class Other(Lamp):
            shade: Annotated[float, nbpipe.Range(0, 1)] = 0.9
            lit: bool = False
            hue: Annotated[float, nbpipe.Range(0, 1)] = 0.5

        async def performance(stage):
            view, browser = await stage.show(old := Lamp())
            view.time, view.params.shade = 8.0, 0.25
            await browser.next()
            await browser.next(lambda: view.replace(new := Other()) or setattr(view, "new", new))
            assert browser.pictures[-1][0]["time"] == 8.0
            assert (view.params.shade, view.params.lit, view.params.hue) == (0.25, False, 0.5), "lit by its own code"
            assert [spec["name"] for spec in view._parameters] == ["shade", "lit", "hue"]
            await browser.next(lambda: setattr(view.params, "lit", True))
            assert browser.colour()[:2] == pytest.approx([64, 127], abs=3)
            assert (old.released, view.new.released, view._name) == (1, 0, "Other")

        play(performance)

    def test_links_and_observers_stay_while_somebody_writes_a_shader(self, play):
        def shader(uniforms):
            return nbpipe.Shader(uniforms + PLAIN)

        async def performance(stage):
            view, browser = await stage.show(shader("uniform float red = 0.25; // @range(0, 1)\n"))
            slider, seen = widgets.FloatSlider(0.25, min=0, max=1), []
            link = widgets.link((view.params, "red"), (slider, "value"))
            view.params.observe(lambda change: seen.append((change.name, change.new)))
            view.replace(
                shader("uniform float blue = 0.5; // @range(0, 1)\nuniform float red = 0.25; // @range(0, 1)\n")
            )
            await browser.next(lambda: setattr(slider, "value", 1.0))
            assert browser.colour()[0] > 250
            view.params.blue = 0.75
            assert seen == [("red", 1.0), ("blue", 0.75)]
            view.replace(shader("uniform float blue = 0.5; // @range(0, 1)\nfloat red = 0.0;\n"))
            assert list(view.params.values()) == ["blue"]
            assert not hasattr(view.params, "red")
            link.unlink()
            await browser.next(lambda: setattr(view.params, "blue", 0.0))
            assert view.error == ""
            view.replace(shader("uniform float red = 0.5; // @range(0, 1)\n"))
            assert seen[2:] == [("blue", 0.0), ("red", 0.5)]

        play(performance)

    def test_a_link_to_a_parameter_that_is_gone_does_the_new_scene_no_harm(self, play):
        async def performance(stage):
            view, browser = await stage.show(nbpipe.Shader("uniform float red = 0.5; // @range(0, 1)\n" + PLAIN))
            slider = widgets.FloatSlider(0.5, min=0, max=1)
            widgets.link((view.params, "red"), (slider, "value"))
            view.replace(nbpipe.Shader("uniform float green = 0.5; // @range(0, 1)\n" + PLAIN.replace("red", "green")))
            with pytest.raises(t.TraitError, match="the scene has no parameter 'red'"):
                slider.value = 1.0
            await browser.next(lambda: setattr(view.params, "green", 1.0))
            assert view.error == ""

        play(performance)

    def test_the_old_one_stays_when_the_new_one_fails(self, play):
        async def performance(stage):
            view, browser = await stage.show(old := Lamp())
            broken = Lamp()
            broken.broken = True
            with pytest.raises(ValueError, match="the lamp"):
                view.replace(broken)
            with pytest.raises(nbpipe.SceneError, match="nonsense"):
                view.replace("void mainImage(out vec4 c, in vec2 p) { nonsense; }")
            with pytest.raises(TypeError, match="iterable"):
                view.replace([np.zeros((90, 160, 3), np.uint8)])
            assert (old.released, broken.released, view._name) == (0, 1, "Lamp")
            await browser.next(lambda: setattr(view.params, "shade", 1.0))
            assert browser.colour()[0] == pytest.approx(255, abs=2)

        play(performance)


class TestEnd:
    def test_closing_releases_the_scene_once_and_says_so(self, play):
        async def performance(stage):
            view, browser = await stage.show(scene := Lamp(), playing=True, codecs=["h264"])
            await stage.go(browser, 0.1)
            await turns()
            view.close()
            view.close()
            assert scene.released == 1
            drawn = scene.drawn
            browser.say("set", name="time", value=3.0)
            view.playing = True
            await turns()
            assert scene.drawn == drawn
            for call in (view.step, view.record, lambda: view.replace(Lamp())):
                with pytest.raises(ValueError, match="this preview is closed; run its cell again"):
                    call()

        play(performance)

    def test_the_scene_and_handlers_are_told_before_the_scene_is_released(self, play):
        async def performance(stage):
            told = []

            class Told(Lamp):
                def on_event(self, event):
                    super().on_event(event)
                    told.append(("scene", event["type"], self.released))

            view, browser = await stage.show(Told())
            view.add_event_handler(lambda event: told.append(("handler", event["type"])), "*")
            told.clear()
            browser.say("events", events=[pointer("pointer_down", 80)])
            view.attend()
            view.close()
            assert told == [
                ("scene", "pointer_down", 0),
                ("handler", "pointer_down"),
                ("scene", "close", 0),
                ("handler", "close"),
            ]

        play(performance)

    def test_an_error_of_a_handler_rises_when_all_is_closed(self, play):
        async def performance(stage):
            view, browser = await stage.show(scene := Lamp())
            view.add_event_handler(lambda _: 1 / 0, "close")
            with pytest.raises(ZeroDivisionError):
                view.close()
            assert view.error.startswith("ZeroDivisionError"), "where the page shows it last"
            assert browser.told[-1] == {"error": view.error}
            assert (scene.released, view.comm, scene.heard[-1]["type"]) == (1, None, "close")

        play(performance)

    def test_a_scene_that_could_not_be_shown_is_told_of_no_end(self, play):
        async def performance(stage):
            scene = Lamp()
            scene.broken = True
            with pytest.raises(ValueError, match="the lamp"):
                stage.preview(scene)
            assert [event["type"] for event in scene.heard] == ["resize"]

        play(performance)

    def test_several_on_one_context_do_not_disturb_each_other(self, play, own_context):
        async def performance(stage):
            shown = [await stage.show(Watermark(), ctx=ctx) for ctx in (None, None, own_context)]
            for n, (view, browser) in enumerate(shown):
                await browser.next(lambda: setattr(view, "time", n + 1.0))  # noqa: B023  done before the next
            view, browser = shown[1]
            await browser.next(lambda: setattr(view, "size", (320, 180)))
            stage.now += 0.4
            for n, (view, browser) in enumerate(shown):
                view.session.wake()
                await browser.until(lambda: browser.pictures[-1][0]["mime"] == "image/png")  # noqa: B023
                assert browser.number() == 60 * (n + 1)
            shown[0][0].close()
            view, browser = shown[2]
            await browser.next(lambda: setattr(view, "time", 5.0))
            assert browser.number() == 300
            for view, _ in shown:
                view.close()  # while their contexts live

        play(performance)

    def test_two_pages_show_one_widget(self, play):
        async def performance(stage):
            view, one = await stage.show(Watermark())
            count = len(one.pictures)
            one.say("hello", client="browser002", codecs=[])
            await one.until(lambda: len(one.pictures) > count)
            one.say("ack", client="browser002", index=one.pictures[-1][0]["index"])
            one.say("look", client="browser001", visible=False)
            await one.next(lambda: setattr(view, "time", 2.0))
            assert one.number() == 120, "one of them is enough"

        play(performance)


class TestArguments:
    @pytest.mark.parametrize(
        ("options", "error", "words"),
        [
            ({"size": (0, 90)}, ValueError, "size must be at least 1x1"),
            ({"size": (10**9, 10)}, ValueError, "size must be at most"),
            ({"size": (8193, 1)}, ValueError, r"size must be at most 8192 pixels in a preview, .*its record\(\) takes"),
            ({"size": "big"}, TypeError, "size must be"),
            ({"size": (1.5, 2)}, TypeError, "size must be two whole numbers"),
            ({"fps": 0}, ValueError, "fps"),
            ({"fps": "fast"}, ValueError, "fps"),
            ({"fps": None}, TypeError, "fps"),
            ({"duration": 0}, ValueError, "duration must be more than 0"),
            ({"duration": float("inf")}, ValueError, "duration"),
            ({"duration": "long"}, TypeError, "duration must be a number"),
            ({"samples": -1}, ValueError, "samples must not be negative"),
            ({"samples": 1.5}, TypeError, "samples must be a whole number"),
            ({"ctx": "gpu"}, TypeError, "ctx"),
            ({"scene": 7}, TypeError, "scene must be"),
            ({"scene": Lamp}, TypeError, r"pass an instance of it: Lamp\(\)"),
            ({"scene": iter([])}, TypeError, "an iterable of pictures cannot be played twice; .* use nbpipe.record"),
            ({"scene": [np.zeros((9, 16, 3), np.uint8)]}, TypeError, "iterable"),
        ],
    )
    def test_a_wrong_one_is_named(self, play, options, error, words):
        async def performance(stage):
            with pytest.raises(error, match=words):
                stage.preview(**({"scene": Lamp()} | options))

        play(performance)

    def test_without_an_event_loop_there_is_nobody_to_play_for(self):
        scene = Watermark()
        with pytest.raises(nbpipe.NbpipeError, match=r"in a script use nbpipe\.record"):
            nbpipe.preview(scene)
        assert scene.times == []

    def test_a_rate_that_is_none_is_refused_and_changes_nothing(self, play):
        async def performance(stage):
            view, _ = await stage.show(Lamp(), fps=30)
            with pytest.raises(ValueError, match="fps must lie between"):
                view.fps = 2000
            view.speed = 2.0
            assert (view.fps, view.session._player.fps, view.session._player.clock.speed) == (30, 30, 2.0)

        play(performance)

    def test_they_become_traits(self, play):
        async def performance(stage):
            view = stage.preview(Watermark(), size=(161, 91), fps="30000/1001", duration=3)
            assert (view.size, view.fps, view.duration) == ((161, 91), pytest.approx(29.97, abs=1e-3), 3.0)
            assert (view.playing, view.loop, view.speed, view.time, view.frame) == (True, True, 1.0, 0.0, 0)
            assert view.renderer == context().renderer
            assert str(view) == "Watermark, live: 161×91"
            json.dumps(view._parameters)

        play(performance)
