"""What counts as a scene, and as which kind when it could be several."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import nbpipe
from nbpipe.errors import SceneError
from nbpipe.gl.context import context
from nbpipe.scene.adapters import FunctionScene, Pictures, adapt
from nbpipe.scene.scene import Scene
from nbpipe.scene.shader import Shader

with warnings.catch_warnings():
    warnings.simplefilter("ignore", PendingDeprecationWarning)  # of PyGLM, about how moderngl-window imports it
    import moderngl_window

IMAGE = "void mainImage(out vec4 c, in vec2 p) { c = vec4(1); }"


class Everything:
    """Could be a scene, a function and an iterable."""

    def render(self, frame):
        pass

    def __call__(self, frame):
        pass

    def __iter__(self):
        return iter(())


class FunctionAndIterable:
    def __call__(self, frame):
        pass

    def __iter__(self):
        return iter(())


class GLSL(str):
    __slots__ = ()

    def render(self, frame):
        pass


class Window(moderngl_window.WindowConfig):
    def render(self, time, frametime):
        pass


def test_a_string_is_glsl_whatever_else_it_can():
    assert isinstance(adapt(IMAGE), Shader)
    assert isinstance(adapt(GLSL(IMAGE)), Shader)


def test_an_object_with_render_is_the_scene_itself_whatever_else_it_can():
    scene = Everything()
    assert adapt(scene) is scene


def test_a_function_comes_before_an_iterable():
    assert isinstance(adapt(FunctionAndIterable()), FunctionScene)


def test_a_function_is_given_each_frame():
    given = []
    adapt(given.append).render("the frame")
    assert given == ["the frame"]


@pytest.mark.parametrize("make", [list, iter, tuple, np.array], ids=["list", "iterator", "tuple", "one big array"])
def test_an_iterable_is_pictures(make):
    pictures = adapt(make([np.full((2, 3, 3), n, np.uint8) for n in range(3)]))
    assert isinstance(pictures, Pictures)
    assert pictures.first()[0, 0, 0] == 0
    assert [pictures.next()[0, 0, 0] for _ in range(3)] == [0, 1, 2], "looking ahead loses none"
    assert pictures.next() is None


def test_pictures_stay_what_they_are():
    pictures = Pictures([])
    assert adapt(pictures) is pictures


def test_a_class_is_not_taken_for_a_function():
    with pytest.raises(TypeError, match=r"Everything\(\)"):
        adapt(Everything)


@pytest.mark.parametrize("thing", [None, 3, b"bytes", bytearray(3), memoryview(b"x"), object()])
def test_anything_else_is_refused_with_the_kinds_in_order(thing):
    with pytest.raises(TypeError, match=r"GLSL string, an object with render.*, a function .* an iterable"):
        adapt(thing)


@pytest.mark.parametrize(("wrong", "name"), [("text", "str"), (None, "NoneType")])
def test_a_wrong_picture_is_counted_from_zero_even_after_looking_ahead(wrong, name):
    good = np.zeros((2, 3, 3), np.uint8)
    pictures = Pictures([good, good, wrong, good])
    pictures.first()
    pictures.next()
    pictures.next()
    with pytest.raises(SceneError, match=f"picture 2 is a {name}"):
        pictures.next()


def test_a_window_config_class_is_a_scene_of_its_own_each_time():
    one, two = adapt(Window), adapt(Window)
    assert isinstance(one, Scene)
    assert one is not two
    assert one.config_class is two.config_class is Window


def test_an_instance_of_a_window_config_is_refused_even_with_a_render_method():
    instance = Window.__new__(Window)
    with pytest.raises(TypeError, match=r"instance of the WindowConfig Window, .* pass the class: Window$"):
        adapt(instance)


def test_pictures_of_two_contexts_are_refused(ctx, own_context):
    """They may have one number in both, and then one would be shown for the other."""
    pictures = []
    for each, colour in ((ctx, (0, 0, 255, 255)), (own_context, (0, 255, 0, 255))):
        with context(each).current():
            pictures.append(each.texture((8, 8), 4, bytes(colour) * 64))
    with pytest.raises(SceneError, match="picture 1 is a Texture of another OpenGL context, expected one of the same"):
        nbpipe.record(pictures, "out.mp4")


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0, 4), (0, 0, 3)])
def test_an_array_without_pixels_is_refused(shape):
    with pytest.raises(SceneError, match="picture 0 is an array of shape"):
        nbpipe.record([np.zeros(shape, np.uint8)], "out.mp4")


def test_a_function_that_does_not_draw_is_refused():
    async def later():
        """Draw nothing."""

    for draw, what in ((lambda frame: np.zeros((8, 8, 3), np.uint8), "ndarray"), (lambda frame: later(), "coroutine")):
        with pytest.raises(SceneError, match=rf"gave a {what}; it must draw into frame.fbo.* iterator of arrays"):
            nbpipe.record(draw, "out.mp4", size=(64, 48), frames=2)


def test_a_function_whose_body_would_not_run_is_refused():
    async def later(frame):
        """Draw nothing."""

    def stepwise(frame):
        yield frame.fbo.clear(1)

    class Stepwise:
        def render(self, frame):
            yield frame.fbo.clear(1)

    for scene, name in ((later, "later"), (stepwise, "stepwise"), (Stepwise(), "render")):
        with pytest.raises(TypeError, match=rf"{name}\(frame\) has yield or async in it.* plain function that draws"):
            nbpipe.record(scene, "out.mp4", size=(64, 48), frames=2)
