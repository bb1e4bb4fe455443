"""One scene object, drawn by several at a time: previewed and recorded, previewed twice, recorded twice."""

from __future__ import annotations

import asyncio
import threading
from typing import Annotated

import av
import moderngl
import numpy as np
import pytest
from stage import SIZE, Lamp, play
from watermark import rgb_bt709

import nbpipe
from nbpipe.gl.context import context

__all__ = ["play"]  # a fixture

GLSL = """
uniform float red = 1.0; // @range(0, 1)
void mainImage(out vec4 colour, in vec2 at) { colour = vec4(red, 0.0, 0.0, 1.0); }
"""


VERTEX = """#version 330
void main() { gl_Position = vec4(gl_VertexID == 1 ? 3 : -1, gl_VertexID == 2 ? 3 : -1, 0, 1); }
"""
FRAGMENT = """#version 330
uniform float b; out vec4 colour;
void main() { colour = vec4(0, 0, b, 1); }
"""


class Quad:
    """A scene whose picture needs what its ``setup`` has made."""

    blue: Annotated[float, nbpipe.Range(0, 1)] = 1.0

    def __init__(self):
        self.calls, self.drawn = [], []

    def setup(self, ctx):
        self.calls.append("setup")
        self.program = ctx.program(VERTEX, FRAGMENT)
        self.array = ctx.vertex_array(self.program, [])

    def render(self, frame):
        self.drawn.append(frame.frames)
        self.program["b"] = self.blue
        self.array.render(moderngl.TRIANGLES, 3)

    def release(self):
        self.calls.append("release")
        self.array.release()
        self.program.release()


def colours(path):
    """Return the colour of each frame of a video, 0 or 1 each."""
    with av.open(str(path)) as video:
        return [tuple(np.median(rgb_bt709(frame), axis=(0, 1)).round(-2) // 200) for frame in video.decode(video=0)]


def record(scene, path, **options):
    return nbpipe.record(scene, path, size=SIZE, show=False, **({"frames": 4} | options))


def test_a_preview_goes_on_when_its_scene_was_recorded(play):
    async def performance(stage):
        shader = nbpipe.Shader(GLSL)
        view, browser = await stage.show(shader)
        assert colours(record(shader, "red.mp4").path) == [(1, 0, 0)] * 4
        await browser.next(lambda: setattr(view.params, "red", 0.0))
        assert browser.colour()[0] < 10
        assert view.error == ""
        assert colours(record(shader, "black.mp4").path) == [(0, 0, 0)] * 4

    play(performance)


def test_a_scene_is_set_up_once_and_released_after_the_last_that_draws_it(play):
    async def performance(stage):
        scene = Quad()
        first, _ = await stage.show(scene)
        second, browser = await stage.show(scene)
        assert colours(record(scene, "blue.mp4").path) == [(0, 0, 1)] * 4
        first.close()
        assert scene.calls == ["setup"]
        await browser.next(lambda: setattr(second.params, "blue", 0.0))
        assert browser.colour()[2] < 10
        second.close()
        assert scene.calls == ["setup", "release"]
        assert colours(record(scene, "again.mp4").path) == [(0, 0, 0)] * 4
        assert scene.calls == ["setup", "release"] * 2

    play(performance)


def test_a_recording_goes_on_when_the_preview_of_its_scene_is_closed(play):
    async def performance(stage):
        scene = Quad()
        view, _ = await stage.show(scene)
        recording = record(scene, "blue.mp4", wait=False)
        view.close()
        assert scene.calls == ["setup"]
        await recording
        assert colours(recording.path) == [(0, 0, 1)] * 4
        assert scene.calls == ["setup", "release"]

    play(performance)


def test_a_preview_stands_still_while_its_scene_is_recorded_between_cells(play):
    async def performance(stage):
        scene = Quad()
        view, browser = await stage.show(scene, playing=True)
        recording = record(scene, "blue.mp4", frames=30, wait=False)
        view.params.blue = 0.0
        while recording.state in ("pending", "recording", "finishing"):
            stage.now += 0.1
            view.session.wake()
            await asyncio.sleep(0)
        first = scene.drawn.index(30)
        assert scene.drawn[first : first + 30] == [30] * 30, "none for the preview"
        assert colours(recording.path) == [(0, 0, 1)] * 30, "what was set meanwhile comes afterwards"
        await stage.go(browser, 0.1)
        assert browser.colour()[2] < 10

    play(performance)


def test_a_take_is_replayed_beside_the_preview_that_made_it(play):
    async def performance(stage):
        view, browser = await stage.show(scene := Lamp(), playing=True, fps=8)
        view.taking = True
        stage.now += 0.25
        await browser.next(lambda: setattr(view.params, "shade", 1.0))
        stage.now += 0.25
        view.taking = False
        view.params.shade = 0.0
        recording = record(scene, "take.mp4", take=view.take, fps=8, frames=None)
        assert [colour[0] for colour in colours(recording.path)] == [0, 0, 1, 1]
        assert (scene.shade, scene.released) == (0.0, 0)

    play(performance)


def test_frames_leave_a_preview_playing(play):
    async def performance(stage):
        scene = Quad()
        _, browser = await stage.show(scene, playing=True)
        frames = nbpipe.frames(scene, size=SIZE, frames=3)
        assert next(frames)[0, 0, 2] == 255
        await stage.go(browser, 0.1)
        frames.close()
        assert scene.calls == ["setup"]

    play(performance)


def test_it_is_recorded_in_the_context_of_the_preview(play, own_context):
    async def performance(stage):
        scene = Quad()
        await stage.show(scene, ctx=own_context)
        assert colours(record(scene, "blue.mp4").path) == [(0, 0, 1)] * 4

    play(performance)


def test_two_recordings_of_one_scene_at_a_time():
    scene = Quad()
    first = record(scene, "first.mp4", wait=False)
    second = record(scene, "second.mp4", wait=False)
    for recording in (first, second):
        recording.wait()
        assert colours(recording.path) == [(0, 0, 1)] * 4
    assert scene.calls == ["setup", "release"]


def test_another_context_is_refused_while_it_is_drawn(own_context):
    scene = Quad()
    frames = nbpipe.frames(scene, size=SIZE, frames=3)
    with pytest.raises(nbpipe.NbpipeError, match="this Quad is being drawn in another OpenGL context"):
        record(scene, "blue.mp4", ctx=own_context)
    assert next(frames)[0, 0, 2] == 255
    frames.close()
    record(scene, "blue.mp4", ctx=own_context)
    assert scene.calls == ["setup", "release"] * 2


def test_another_thread_is_refused_only_as_long_as_the_scene_is_drawn():
    scene, raised = Quad(), []

    def elsewhere():
        try:
            record(scene, "elsewhere.mp4")
        except nbpipe.NbpipeError as error:
            raised.append(error)

    def on_a_thread():
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()

    frames = nbpipe.frames(scene, size=SIZE, frames=3)
    on_a_thread()
    assert len(raised) == 1
    frames.close()
    on_a_thread()
    assert len(raised) == 1
    assert colours("elsewhere.mp4") == [(0, 0, 1)] * 4


def test_a_scene_without_setup_may_be_drawn_on_two_threads():
    lamp = Lamp()
    lamp.width = 1.0
    frames = nbpipe.frames(lamp, size=SIZE, frames=3)
    thread = threading.Thread(target=record, args=(lamp, "lamp.mp4"))
    thread.start()
    thread.join()
    assert len(list(frames)) == 3
    assert len(colours("lamp.mp4")) == 4


def test_a_setup_that_fails_is_done_again():
    class Failing(Quad):
        def setup(self, ctx):
            super().setup(ctx)
            if len(self.calls) == 1:
                raise RuntimeError("not yet")

    scene = Failing()
    with pytest.raises(RuntimeError, match="not yet"):
        record(scene, "blue.mp4")
    record(scene, "blue.mp4")
    assert scene.calls == ["setup", "setup", "release"]


def test_a_scene_is_set_up_anew_where_its_context_was_released():
    scene = Quad()
    ctx = moderngl.create_context(standalone=True, backend="egl", libgl="libGL.so.1", libegl="libEGL.so.1")
    frames = nbpipe.frames(scene, size=SIZE, frames=3, ctx=ctx)
    ctx.release()
    record(scene, "blue.mp4")
    assert scene.calls[:2] == ["setup", "setup"]
    assert context().here
    frames.close()
