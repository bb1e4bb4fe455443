"""The live preview without a browser: what a person sees of time, changes, errors and events."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from types import SimpleNamespace

import av
import pytest
import traitlets
from conftest import children
from stage import HUNG, SIZE, Browser, Lamp, play, pointer, turns
from watermark import Watermark, luma, number_in

import nbpipe
from nbpipe.gl.source import SceneSource

__all__ = ["play"]  # a fixture


class TestTime:
    def test_ffmpeg_ends_soon_after_nobody_looks_any_more(self, play):
        async def performance(stage):
            before = children()
            view, browser = await stage.show(Watermark(), playing=True, fps=30, codecs=["h264"])
            await stage.go(browser, 0.1)
            assert len(children() - before) == 1
            browser.say("look", visible=False)
            await turns()
            stage.now += 6.0
            view.session.wake()
            async with asyncio.timeout(HUNG):
                while children() - before:  # noqa: ASYNC110  a process that ends tells no event loop
                    await asyncio.sleep(0)
            assert (await browser.next(lambda: browser.say("look", visible=True)))["key"]

        play(performance)

    def test_nothing_is_drawn_while_nobody_looks_and_time_stands_still(self, play):
        async def performance(stage):
            scene = Watermark()
            view = stage.preview(scene)
            await turns()
            assert scene.times == [0.0], "the poster"
            stage.now += 60
            view.speed = 2.0
            await turns()
            timers = [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()]
            assert (scene.times, timers, view.time) == ([0.0], [], 0.0)
            view.speed = 1.0
            browser = Browser(view)
            assert (await browser.next())["time"] == 0.0, "and it begins when somebody does"
            assert (await stage.go(browser, 0.1))["time"] == pytest.approx(0.1)
            browser.say("look", visible=False)
            await turns()
            shown = len(scene.times)
            stage.now += 60
            view.session.wake()
            await turns()
            assert len(scene.times) == shown
            message = await browser.next(lambda: browser.say("look", visible=True))
            assert message["time"] == pytest.approx(0.1), "and goes on where it was"

        play(performance)

    def test_a_browser_that_is_silent_for_two_seconds_is_no_reason_to_draw(self, play):
        async def performance(stage):
            view, browser = await stage.show(scene := Watermark(), playing=True)
            browser.view = SimpleNamespace(_handle_msg=lambda message: None)  # it says no more
            for _ in range(20):
                stage.now += 0.2
                view.session.wake()
                await turns()
            shown = len(scene.times)
            stage.now += 0.2
            view.session.wake()
            await turns()
            assert len(scene.times) == shown < 12

        play(performance)

    @pytest.mark.parametrize("browser_asks", [True, False])
    def test_pause_seek_and_step_are_exact(self, play, browser_asks):
        async def performance(stage):
            view, browser = await stage.show(Watermark(), playing=True, fps=30)

            def ask(name, value):
                if browser_asks:
                    browser.say("set", name=name, value=value)
                else:
                    setattr(view, name, value)

            def step(by):
                browser.say("step", by=by) if browser_asks else view.step(by)

            await browser.next(lambda: ask("playing", value=False))
            stage.now += 5
            for time, frame in [(3.0, 90), (0.05, 2), (9.99, 300), (0.0, 0)]:
                message = await browser.next(lambda: ask("time", time))  # noqa: B023  done before the next
                assert (message["time"], message["frame"], browser.number()) == (time, frame, frame)
                assert (view.time, view.frame) == (time, frame)
            for by, frame in [(1, 1), (10, 11), (-1, 10), (-20, 290), (10, 0)]:
                message = await browser.next(lambda: step(by))  # noqa: B023
                assert (message["frame"], message["time"], browser.number()) == (frame, frame / 30, frame)
            assert not view.playing
            ask("playing", value=True)
            await turns()
            await browser.next(lambda: step(1))
            assert not view.playing, "who steps wants to look at it"

        play(performance)

    def test_a_long_cell_that_seeks_while_time_runs_shows_that_time(self, play):
        async def performance(stage):
            view, browser = await stage.show(Lamp(), playing=True)
            await stage.go(browser, 0.1)
            stage.now += 2.0
            picture = await browser.next(lambda: setattr(view, "time", 7.0))
            assert picture["time"] == 7.0

        play(performance)

    def test_a_time_beyond_the_time_line_is_its_end_also_when_nobody_looks(self, play):
        async def performance(stage):
            view = stage.preview(Watermark())
            view.time = 20.0
            assert (view.time, view.frame) == (10.0, 600)
            view.duration = 5.0
            assert (view.time, view.frame) == (5.0, 300)
            view.time = -1.0
            assert (view.time, view.frame) == (0.0, 0)

        play(performance)

    def test_another_rate_is_the_frames_own_from_then_on(self, play):
        async def performance(stage):
            rates = []

            def scene(frame):
                rates.append((frame.fps, frame.index))

            view, browser = await stage.show(scene, fps=60)
            view.fps = 29.97
            await browser.next(lambda: setattr(view, "time", 2.0))
            assert rates[-1] == (Fraction(30000, 1001), 60)

        play(performance)

    def test_speed_and_loop(self, play):
        async def performance(stage):
            view, browser = await stage.show(Watermark(), playing=True, duration=1.0)
            view.time, view.speed = 0.5, 2.0
            await browser.next()
            assert (await stage.go(browser, 0.1))["time"] == pytest.approx(0.7)
            assert (await stage.go(browser, 0.2))["time"] == pytest.approx(0.1), "round the end"
            view.speed = -1.0
            assert (await stage.go(browser, 0.2))["time"] == pytest.approx(0.9), "and round the beginning"
            assert view.playing

        play(performance)

    def test_without_a_loop_the_last_picture_is_that_of_the_end(self, play):
        async def performance(stage):
            view, browser = await stage.show(Watermark(), playing=True, duration=1.0)
            view.loop = False
            await browser.next(lambda: setattr(view, "time", 0.9))
            view.speed = 16.0
            stage.now += 0.007  # the end comes before the next picture is due, and an answer wakes the player then
            view.session.wake()
            await browser.until(lambda: not view.playing)
            assert (browser.pictures[-1][0]["time"], browser.number(), view.time) == (1.0, 60, 1.0)
            view.play()
            view.speed = 1.0
            assert (await stage.go(browser, 0.1))["time"] == pytest.approx(0.1), "and again from the beginning"

        play(performance)

    def test_what_rests_is_sent_exactly_once(self, play):
        async def performance(stage):
            _, browser = await stage.show(Watermark())
            assert browser.pictures[-1][0]["mime"] == "image/jpeg"
            message = await stage.go(browser, 0.31)
            assert (message["mime"], message["frame"]) == ("image/png", 0)
            assert browser.picture()[45, 10].tolist() == [255, 0, 0], "and upright"
            stage.now += 10
            browser.view.session.wake()
            await turns()
            assert len(browser.pictures) == 2

        play(performance)

    def test_who_decodes_h264_is_sent_h264_while_it_moves(self, play):
        async def performance(stage):
            view, browser = await stage.show(Watermark(), playing=True, codecs=["h264"])
            for _ in range(5):
                await stage.go(browser, 0.1)
            assert {message["type"] for message, _ in browser.pictures} == {"packet"}
            assert view._stream == "h264"
            view.pause()
            await browser.shown()
            await browser.until(lambda: not view.session._player._stream._fed)  # else its packet comes after the still
            stage.now += 0.4
            view.session.wake()
            await browser.until(lambda: browser.pictures[-1][0].get("mime") == "image/png")
            packets = browser.pictures[:-1]
            decoder = av.CodecContext.create("h264", "r")
            decoder.extradata = packets[0][1][1]
            decoder.thread_count = 1
            shown = [number_in(luma(frame)) for _, (data, *_) in packets for frame in decoder.decode(av.Packet(data))]
            assert shown == [message["frame"] for message, _ in packets]

        play(performance)

    def test_an_encoder_ends_while_it_is_paused_whatever_wakes_the_player_meanwhile(self, play):
        async def performance(stage):
            view, browser = await stage.show(Watermark(), playing=True, codecs=["h264"])
            await stage.go(browser, 0.1)
            view.pause()
            await browser.shown()
            await browser.until(lambda: not view.session._player._stream._fed)  # else its packet comes after the still
            stage.now += 0.4
            view.session.wake()
            await browser.until(lambda: browser.pictures[-1][0].get("mime") == "image/png")
            for _ in range(3):
                stage.now += 1.0
                browser.say("look", visible=True)
                await turns()
            (timer,) = [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()]
            stage.now += 3.0
            timer._callback()
            assert view.session._player._stream._coder is None

        play(performance)


class TestChanges:
    """What a person changes, here or there, is in the next picture."""

    def test_parameters_from_python_and_from_a_browser(self, play):
        async def performance(stage):
            view, browser = await stage.show(Lamp())
            seen = []
            view.params.observe(lambda change: seen.append((change.name, change.new)))
            await browser.next(lambda: setattr(view.params, "shade", 1.0))
            assert browser.colour()[0] == pytest.approx(255, abs=2)
            await browser.next(lambda: browser.say("param", name="shade", value=0.25))
            assert browser.colour()[0] == pytest.approx(64, abs=2)
            await browser.next(lambda: browser.say("param", name="shade", value=99))
            assert browser.colour()[0] == pytest.approx(255, abs=2), "brought into its range"
            await browser.next(lambda: setattr(view.params, "lit", False))
            assert browser.colour()[0] == pytest.approx(0, abs=2)
            assert seen == [("shade", 1.0), ("shade", 0.25), ("shade", 1.0), ("lit", False)]

        play(performance)

    def test_while_time_runs_the_picture_of_a_change_has_the_line_for_itself(self, play):
        """What is drawn for time alone meanwhile would hold it up; what another change asks for would not wait."""

        async def performance(stage):
            view, browser = await stage.show(Lamp(), playing=True)
            await stage.go(browser, 0.1)

            async def drawn_after(seconds):
                count = len(browser.pictures)
                stage.now += seconds
                view.session.wake()
                await browser.shown()
                return len(browser.pictures) - count

            assert await drawn_after(1 / 60) == 1
            await browser.next(lambda: browser.say("param", name="shade", value=0.25))
            assert [await drawn_after(1 / 60) for _ in range(4)] == [0, 0, 0, 0]
            assert await drawn_after(1 / 60) == 1
            for shade in (0.5, 0.75, 1.0):
                stage.now += 1 / 60
                await browser.next(lambda shade=shade: browser.say("param", name="shade", value=shade))

        play(performance)

    def test_the_picture_of_a_change_leaves_the_encoder_before_the_next_is_drawn(self, play):
        """Drawing would hold the loop that sends it."""

        async def performance(stage):
            class Counted(Lamp):
                def render(self, frame):
                    super().render(frame)
                    shown.append(len(pictures))

            shown, pictures = [], []
            _, browser = await stage.show(Counted(), playing=True, codecs=["h264"])
            pictures = browser.pictures
            shown.clear()
            for shade in (0.25, 0.5, 0.75, 1.0):
                browser.say("param", name="shade", value=shade)
                await turns()
            await browser.until(lambda: len(shown) > 1 and len(pictures) == shown[0] + len(shown))
            assert shown == list(range(shown[0], len(pictures)))

        play(performance)

    def test_wrong_values_are_refused_and_change_nothing(self, play):
        async def performance(stage):
            view, browser = await stage.show(scene := Lamp())
            wrong = [
                *(("duration", value) for value in (0, -1, float("nan"), float("inf"), "long")),
                *(("fps", value) for value in (0, -60, float("inf"))),
                *((name, value) for name in ("time", "speed") for value in (float("nan"), float("-inf"), None)),
                *(("size", value) for value in ((0, 90), (160, -1), (160,), (1.5, 2), "big")),
                ("playing", 2),
                ("loop", "yes"),
            ]
            for name, value in wrong:
                before = getattr(view, name)
                with pytest.raises(traitlets.TraitError, match=name):
                    setattr(view, name, value)
                assert getattr(view, name) == before
            for name, value in [("shade", 2.0), ("shade", "red"), ("shade", float("nan")), ("lit", 1), ("hue", 0.5)]:
                with pytest.raises(traitlets.TraitError, match=name):
                    setattr(view.params, name, value)
            await turns()
            assert (scene.shade, scene.lit, view.error, len(browser.pictures)) == (0.5, True, "", 1)

        play(performance)

    def test_resize_from_python_and_from_a_browser(self, play):
        async def performance(stage):
            view, browser = await stage.show(scene := Watermark())
            message = await browser.next(lambda: setattr(view, "size", (320, 180)))
            assert (message["width"], message["height"], browser.number()) == (320, 180, 0)
            message = await browser.next(lambda: browser.say("set", name="size", value=[201, 99]))
            assert (message["width"], message["height"], view.size) == (201, 99, (201, 99))
            message = await browser.next(lambda: browser.say("set", name="size", value=[0, 10**9]))
            assert (message["width"], message["height"]) == (16, 4096)
            assert not scene.released, "the scene lives on"
            await stage.go(browser, 0.4)
            assert browser.picture().shape == (4096, 16, 3)

        play(performance)

    def test_a_size_for_which_there_is_no_memory_is_an_error_until_there_is(self, play, monkeypatch):
        make, raised = SceneSource.memory, []

        def scarce(source, **options):
            if not raised:
                raised.append(source.size)
                raise nbpipe.NbpipeError("no memory for it")
            return make(source, **options)

        async def performance(stage):
            view, browser = await stage.show(Watermark())
            monkeypatch.setattr(SceneSource, "memory", scarce)
            view.size = (320, 180)
            await browser.until(lambda: "no memory for it" in view.error)
            message = await browser.next(lambda: setattr(view, "time", 0.5))
            assert (message["width"], message["height"], browser.number(), view.error) == (320, 180, 30, "")
            assert raised == [(320, 180)]

        play(performance)

    def test_a_scene_is_told_its_size_first_and_whenever_it_changes(self, play):
        async def performance(stage):
            view, browser = await stage.show(scene := Lamp())
            await browser.next(lambda: setattr(view, "size", (320, 180)))
            assert [(e["type"], e["width"], e["height"]) for e in scene.heard] == [
                ("resize", *SIZE),
                ("resize", 320, 180),
            ]

        play(performance)

    @pytest.mark.parametrize("playing", [True, False])
    def test_a_size_that_the_gl_has_not_is_told_and_the_old_one_stays(self, play, playing):
        async def performance(stage):
            view, browser = await stage.show(Watermark(), playing=playing)
            view.size = (10**9, 10)
            assert view.size == SIZE
            assert "size must be at most" in view.error
            view.time = 5.0
            assert (await browser.next())["width"] == SIZE[0]
            assert "size must be at most" in view.error, "long enough to be read"
            view.size = (320, 180)
            assert view.error == ""

        play(performance)

    def test_time_and_frame_are_observed_and_not_sent(self, play):
        async def performance(stage):
            view, browser = await stage.show(Watermark(), playing=True)
            seen = []
            view.observe(lambda change: seen.append(change.name), ["time", "frame"])
            for _ in range(3):
                await stage.go(browser, 0.1)
            view.time = 9.0
            await browser.next()
            assert {"time", "frame"} <= set(seen)
            view.speed = 2.0
            told = {name for state in browser.told for name in state}
            assert "speed" in told
            assert not {"time", "frame"} & told

        play(performance)

    def test_traits_can_be_linked(self, play):
        async def performance(stage):
            one, first = await stage.show(Watermark())
            two, second = await stage.show(Watermark())
            link = traitlets.link((one, "time"), (two, "time"))
            await second.next(lambda: first.say("set", name="time", value=3.0))
            assert second.number() == 180
            link.unlink()

        play(performance)


class TestErrors:
    def test_one_in_a_cell_is_said_to_be_there(self, play):
        source = "def draw(frame):\n    assert frame.index == 0, 'mine'"
        scope = {}
        exec(compile(source, "/tmp/ipykernel_4711/815.py", "exec"), scope)  # as ipykernel does it

        async def performance(stage):
            view, browser = await stage.show(scope["draw"])
            view.time = 1.0
            await browser.until(lambda: view.error)
            assert view.error.startswith("AssertionError: mine\n  in a cell, line 2: ")

        play(performance)

    def test_the_last_picture_stays_and_any_change_draws_again(self, play):
        async def performance(stage):
            view, browser = await stage.show(scene := Lamp(), playing=True)
            scene.broken = True
            stage.now += 0.1
            view.session.wake()
            await browser.until(lambda: view.error)
            assert view.error.startswith("ValueError: the lamp is <b>broken</b>\n")
            assert "stage.py, line" in view.error, "where in the person's own code"
            assert "player.py" not in view.error
            drawn, shown = scene.drawn, [m for m, _ in browser.pictures if m["mime"] == "image/jpeg"]
            stage.now += 0.2
            view.session.wake()
            await turns()
            assert scene.drawn == drawn, "it is not tried again and again"
            assert [m for m, _ in browser.pictures if m["mime"] == "image/jpeg"] == shown
            view.params.shade = 0.1
            await turns()
            assert (scene.drawn, bool(view.error)) == (drawn + 1, True)
            scene.broken = False
            await browser.next(lambda: setattr(view.params, "shade", 1.0))
            assert view.error == ""
            assert browser.colour()[0] == pytest.approx(255, abs=2)
            assert (await stage.go(browser, 0.1))["time"] > 0, "and time runs again"

        play(performance)

    def test_of_the_first_picture_rises_in_the_cell_and_leaves_nothing(self, play):
        async def performance(stage):
            scene = Lamp()
            scene.broken = True
            with pytest.raises(ValueError, match="the lamp"):
                stage.preview(scene)
            assert scene.released == 1
            with pytest.raises(nbpipe.SceneError, match="nonsense"):
                stage.preview("void mainImage(out vec4 c, in vec2 p) { nonsense; }")

        play(performance)


class TestEvents:
    def test_they_come_before_the_picture_in_order_to_the_scene_and_to_handlers(self, play):
        async def performance(stage):
            view, browser = await stage.show(scene := Lamp())
            heard = []

            @view.add_event_handler("pointer_down", "pointer_up", order=1)
            def late(event):
                heard.append(("late", event["type"]))

            view.add_event_handler(lambda event: heard.append(("all", event["type"])), "*")
            events = [pointer("pointer_down", 10), pointer("pointer_move", 40), pointer("pointer_move", 80)]
            await browser.next(lambda: browser.say("events", events=[*events, pointer("pointer_up", 80)]))
            assert browser.colour()[2] == pytest.approx(127, abs=3), "the picture shows where the pointer is"
            kinds = ["pointer_down", "pointer_move", "pointer_up"]
            assert [event["type"] for event in scene.heard[1:]] == kinds
            assert heard == [
                ("all", kinds[0]),
                ("late", kinds[0]),
                ("all", kinds[1]),
                ("all", kinds[2]),
                ("late", kinds[2]),
            ]
            view.remove_event_handler(late)
            heard.clear()
            await browser.next(lambda: browser.say("events", events=[pointer("pointer_down", 0)]))
            assert heard == [("all", "pointer_down")]

        play(performance)

    def test_a_browser_cannot_tell_what_happens_to_the_view(self, play):
        """Such a resize would mislead `Mouse` and `OrbitCamera` for good, and a close would end nothing."""

        async def performance(stage):
            view, browser = await stage.show(scene := Lamp())
            size = {"width": 65000, "height": 9, "pwidth": 65000, "pheight": 9, "ratio": 1}
            forged = [{"type": kind, "timestamp": 1.0, **size} for kind in ("resize", "show", "hide", "close")]
            events = [*forged, pointer("pointer_down", 80)]
            await browser.next(lambda: [browser.say("events", events=[event]) for event in events])
            assert [event["type"] for event in scene.heard[1:]] == ["pointer_down"]
            assert browser.colour()[2] == pytest.approx(127, abs=3), "in the middle of the picture's true width"
            assert view.ignored == len(forged)

        play(performance)

    def test_they_tell_when_nobody_sees_the_picture_and_when_somebody_does_again(self, play):
        async def performance(stage):
            view, browser = await stage.show(scene := Lamp(), playing=True)
            handled = []
            view.add_event_handler(lambda event: handled.append(event["type"]), "show", "hide")

            @view.add_event_handler("hide")
            def dim(_):
                view.params.shade = 0.25

            assert [event["type"] for event in scene.heard] == ["resize"], "it begins as one that is seen"
            drawn = scene.drawn
            for _ in range(2):
                browser.say("events", events=[pointer("pointer_up", 80, buttons=())])
                browser.say("look", visible=False)
                await turns()
            told = [event["type"] for event in scene.heard[1:]]
            assert (told, handled) == (["pointer_up", "hide"], ["hide"]), "at once, once, and after what came before"
            assert scene.drawn == drawn, "and nothing is drawn for it"
            await browser.next(lambda: browser.say("look", visible=True))
            assert [event["type"] for event in scene.heard[3:]] == ["pointer_up", "show"]
            assert handled == ["hide", "show"]
            assert browser.colour()[0] == pytest.approx(64, abs=2)

        play(performance)

    def test_one_that_answers_no_more_sees_nothing(self, play):
        async def performance(stage):
            view, browser = await stage.show(scene := Lamp(), playing=True)
            browser.view = SimpleNamespace(_handle_msg=lambda message: None)
            for _ in range(20):
                stage.now += 0.2
                view.session.wake()
                await turns()
            assert [event["type"] for event in scene.heard] == ["resize", "hide"]

        play(performance)

    def test_an_error_on_hide_is_shown(self, play):
        async def performance(stage):
            view, browser = await stage.show(Lamp())
            view.add_event_handler(lambda _: 1 / 0, "hide")
            browser.say("look", visible=False)
            await browser.until(lambda: view.error)
            assert view.error.startswith("ZeroDivisionError")
            await browser.next(lambda: browser.say("look", visible=True))
            assert view.error == ""

        play(performance)

    def test_a_handlers_error_is_shown_and_costs_nobody_else_an_event(self, play):
        async def performance(stage):
            view, browser = await stage.show(scene := Lamp())

            @view.add_event_handler("pointer_down")
            def broken(event):
                raise RuntimeError("no hands")

            browser.say("events", events=[pointer("pointer_down", 10), pointer("pointer_up", 10, buttons=())])
            await browser.until(lambda: view.error)
            assert view.error.startswith("RuntimeError: no hands\n")
            assert [event["type"] for event in scene.heard[1:]] == ["pointer_down", "pointer_up"], "no button hangs"
            view.remove_event_handler(broken)
            await browser.next(lambda: browser.say("events", events=[pointer("pointer_down", 20)]))
            assert view.error == ""

        play(performance)
