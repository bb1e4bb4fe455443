"""`WindowConfig` classes of moderngl-window, written as their documentation shows, run unchanged: looked at by pixels."""

from __future__ import annotations

import argparse
import base64
import json
import subprocess
import sys
import threading
import warnings
import weakref
from fractions import Fraction
from typing import Annotated

import av
import moderngl
import numpy as np
import pytest
from PIL import Image

import nbpipe
from nbpipe.errors import SceneError
from nbpipe.gl.context import context
from nbpipe.scene.adapters import adapt
from nbpipe.scene.parameters import apply, parameters
from nbpipe.scene.take import Entry

with warnings.catch_warnings():
    warnings.simplefilter("ignore", PendingDeprecationWarning)  # of PyGLM, about how moderngl-window imports it
    import moderngl_window
    from moderngl_window import geometry, resources
    from moderngl_window.conf import settings
    from moderngl_window.context.base import BaseKeys
    from moderngl_window.scene.camera import KeyboardCamera

    from nbpipe.scene.frame_window import FrameTimer, Keys

SIZE = (64, 36)  # 16:9, as a WindowConfig's viewport is unless it says otherwise
RED, GREEN, BLUE, BLACK, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0), (255, 255, 255)


def pictures(scene, frames=1, size=SIZE, fps=60, **options):
    return [picture[..., :3].copy() for picture in nbpipe.frames(scene, frames=frames, size=size, fps=fps, **options)]


def colour(picture, x=0.5, y=0.5):
    """The pixel at this part of the width and height, from the top left."""
    return tuple(int(n) for n in picture[int(y * picture.shape[0]), int(x * picture.shape[1])])


class Played:
    """A scene and the events that it gets before each frame, as a preview would send them."""

    def __init__(self, config, **events):
        self.scene = adapt(config)
        self.setup, self.release = self.scene.setup, self.scene.release
        self._events = {int(name.removeprefix("at")): of_frame for name, of_frame in events.items()}

    def render(self, frame):
        for event in self._events.get(frame.index, ()):
            self.scene.on_event(event)
        self.scene.render(frame)


def pointer(kind, x, y, *, button=0, buttons=(), modifiers=()):
    return {"type": f"pointer_{kind}", "x": x, "y": y, "button": button, "buttons": buttons, "modifiers": modifiers}


def key(name, kind="down", modifiers=()):
    return {"type": f"key_{kind}", "key": name, "modifiers": modifiers}


class Triangle(moderngl_window.WindowConfig):
    title = "Triangle"
    gl_version = (3, 3)
    clear_color = (0.0, 0.0, 1.0, 1.0)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.program = self.ctx.program(
            vertex_shader="#version 330\nin vec2 in_vert; void main() { gl_Position = vec4(in_vert, 0, 1); }",
            fragment_shader="#version 330\nuniform vec3 tint; out vec4 colour; void main() { colour = vec4(tint, 1); }",
        )
        corners = np.array([-1, -1, 1, -1, -1, 1], "f4")
        self.vao = self.ctx.vertex_array(self.program, self.ctx.buffer(corners), "in_vert")

    def on_render(self, time, frame_time):
        self.program["tint"] = (1.0, time * 4, 0.0)
        self.vao.render()


class Nothing(moderngl_window.WindowConfig):
    def on_render(self, time, frame_time):
        pass


def test_a_triangle_is_recorded_to_a_video():
    recording = nbpipe.record(Triangle, "out.mp4", size=(128, 72), fps=8, frames=3, show=False)
    assert recording.frames_written == 3
    with av.open("out.mp4") as video:
        shown = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    for index, picture in enumerate(shown):
        assert np.abs(np.subtract(colour(picture, 0.1, 0.9), (255, index * 127.5, 0))).max() < 12
        assert np.abs(np.subtract(colour(picture, 0.9, 0.1), BLUE)).max() < 12


def test_the_window_that_it_asks_for_is_the_size_unless_one_is_given():
    class Square(Triangle):
        window_size = (96, 64)

    recording = nbpipe.record(Square, "out.mp4", frames=1, show=False)
    with av.open("out.mp4") as video:
        assert (video.streams.video[0].width, video.streams.video[0].height) == (96, 64)
    assert recording.state == "done"
    assert next(nbpipe.frames(Square)).shape == (64, 96, 4)
    assert next(nbpipe.frames(Square, size=(32, 16))).shape == (16, 32, 4)


def test_it_draws_what_moderngl_windows_own_headless_window_draws(monkeypatch):
    ours = [picture.copy() for picture in nbpipe.frames(Triangle, size=SIZE, fps=8, frames=3)]
    context = {"standalone": True, "backend": "egl", "libgl": "libGL.so.1", "libegl": "libEGL.so.1"}
    create = moderngl.create_context
    monkeypatch.setattr(moderngl, "create_standalone_context", lambda require: create(require=require, **context))
    monkeypatch.setattr(moderngl_window, "setup_basic_logging", lambda level: None)
    monkeypatch.setattr(moderngl_window.ContextRefs, "WINDOW", None)
    monkeypatch.setattr(moderngl_window.ContextRefs, "CONTEXT", None)
    config = moderngl_window.create_window_config_instance(Triangle, args=["-wnd", "headless", "--size", "64x36"])
    for index in range(3):
        config.wnd.clear(*config.clear_color)
        config.wnd.use()
        config.wnd.render(index / 8, 1 / 8)
        theirs = np.frombuffer(config.wnd.fbo.read(components=4), np.uint8).reshape(ours[0].shape)
        assert np.array_equal(theirs[::-1], ours[index])
    config.wnd.destroy()


@pytest.fixture
def resource_dir(tmp_path):
    """Makes a directory with files of names that every project has."""

    def make(name, tint):
        folder = tmp_path / name
        folder.mkdir()
        Image.fromarray(np.array([[tint, tint], [WHITE, WHITE]], np.uint8)).save(folder / "picture.png")
        (folder / "show.glsl").write_text("""#version 330
            #if defined VERTEX_SHADER
            in vec3 in_position; in vec2 in_texcoord_0; out vec2 uv;
            void main() { gl_Position = vec4(in_position, 1.0); uv = in_texcoord_0; }
            #elif defined FRAGMENT_SHADER
            uniform sampler2D picture; in vec2 uv; out vec4 colour;
            void main() { colour = texture(picture, uv); }
            #endif
        """)
        return folder

    return make


def textured(folder, cycle=1):
    class Textured(moderngl_window.WindowConfig):
        resource_dir = folder

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.quad = geometry.quad_fs()
            self.program = self.load_program("show.glsl")
            self.load()

        def load(self):
            self.texture = self.load_texture_2d("picture.png")
            self.texture.filter = moderngl.NEAREST, moderngl.NEAREST

        def on_render(self, time, frame_time):
            self.load()
            self.texture.use()
            self.quad.render(self.program)

    return Textured


def test_programs_and_textures_come_from_the_resource_directory_and_the_top_of_a_picture_is_up(resource_dir):
    (picture,) = pictures(textured(resource_dir("mine", RED)))
    assert [colour(picture, y=0.25), colour(picture, y=0.75)] == [RED, WHITE]


def test_two_at_once_neither_see_each_others_directories_nor_windows(resource_dir):
    found = list(settings.TEXTURE_DIRS), moderngl_window.ContextRefs.WINDOW, context().ctx.screen, context().ctx.extra
    one = nbpipe.frames(textured(resource_dir("one", RED)), size=SIZE)
    two = nbpipe.frames(textured(resource_dir("two", GREEN)), size=SIZE)
    with one, two:
        for _ in range(4):
            assert colour(next(one), y=0.25)[:3] == RED
            assert colour(next(two), y=0.25)[:3] == GREEN
            now = settings.TEXTURE_DIRS, moderngl_window.ContextRefs.WINDOW, context().ctx.screen, context().ctx.extra
            assert now == found
    with pytest.raises(ValueError, match="No active window"):
        moderngl_window.window()


def test_a_directory_that_was_registered_before_is_searched(resource_dir, monkeypatch):
    monkeypatch.setattr(settings, "TEXTURE_DIRS", [])
    monkeypatch.setattr(settings, "PROGRAM_DIRS", [])
    folder = resource_dir("mine", BLUE)
    resources.register_texture_dir(folder)
    resources.register_program_dir(folder)
    (picture,) = pictures(textured(None))
    assert colour(picture, y=0.25) == BLUE


def test_a_model_is_loaded_and_drawn_with_the_programs_that_come_with_moderngl_window(tmp_path):
    corners = np.array([[-9, -9, 0], [9, -9, 0], [0, 9, 0]], "f4").tobytes()
    (tmp_path / "model.gltf").write_text(
        json.dumps(
            {
                "asset": {"version": "2.0"},
                "scene": 0,
                "scenes": [{"nodes": [0]}],
                "nodes": [{"mesh": 0}],
                "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
                "buffers": [
                    {
                        "byteLength": 42,
                        "uri": "data:application/octet-stream;base64,"
                        + base64.b64encode(corners + bytes([0, 0, 1, 0, 2, 0])).decode(),
                    }
                ],
                "bufferViews": [
                    {"buffer": 0, "byteOffset": 0, "byteLength": 36, "target": 34962},
                    {"buffer": 0, "byteOffset": 36, "byteLength": 6, "target": 34963},
                ],
                "accessors": [
                    {
                        "bufferView": 0,
                        "componentType": 5126,
                        "count": 3,
                        "type": "VEC3",
                        "min": [-9, -9, 0],
                        "max": [9, 9, 0],
                    },
                    {"bufferView": 1, "componentType": 5123, "count": 3, "type": "SCALAR"},
                ],
            }
        )
    )

    class Model(moderngl_window.WindowConfig):
        resource_dir = tmp_path

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.scene = self.load_scene("model.gltf")
            self.camera = KeyboardCamera(self.wnd.keys, aspect_ratio=self.wnd.aspect_ratio)
            self.camera.set_position(0, 0, 5)

        def on_render(self, time, frame_time):
            self.scene.draw(self.camera.projection.matrix, self.camera.matrix)

    (picture,) = pictures(Model)
    assert colour(picture) != BLACK
    assert context().ctx.extra is None, "moderngl-window's programs went with the scene"


class Hands(moderngl_window.WindowConfig):
    """Writes down what it is told, and shows a little of it."""

    seen: list = []  # noqa: RUF012  of the newest instance

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        type(self).seen = []
        self.red = self.green = 0.0

    def on_render(self, time, frame_time):
        self.wnd.clear(self.red, self.green, float(self.wnd.is_key_pressed(self.wnd.keys.SPACE)), 1.0)

    def on_mouse_position_event(self, x, y, dx, dy):
        self.seen.append(("move", x, y, dx, dy))

    def on_mouse_drag_event(self, x, y, dx, dy):
        self.seen.append(("drag", x, y, dx, dy, self.wnd.mouse_states.left))
        self.red += dx / self.wnd.width

    def on_mouse_press_event(self, x, y, button):
        self.seen.append(("press", x, y, button, self.wnd.mouse_states.right))

    def on_mouse_release_event(self, x, y, button):
        self.seen.append(("release", x, y, button, self.wnd.mouse_states.any))

    def on_mouse_scroll_event(self, x_offset, y_offset):
        self.seen.append(("scroll", x_offset, y_offset))

    def on_unicode_char_entered(self, char):
        self.seen.append(("char", char))

    def on_key_event(self, key, action, modifiers):
        self.seen.append(("key", key, action, modifiers.shift, modifiers.ctrl, modifiers.alt))
        if key == self.wnd.keys.G and action == self.wnd.keys.ACTION_PRESS and modifiers.shift:
            self.green = 1.0


def test_a_drag_and_keys_change_the_picture():
    shown = pictures(
        Played(
            Hands,
            at1=[
                pointer("move", 10, 9),
                pointer("down", 10, 9, button=1, buttons=(1,)),
                pointer("move", 74, 9, buttons=(1,)),
            ],
            at2=[pointer("up", 74, 9, button=1), pointer("move", 10, 9), key("G", modifiers=("Shift",))],
            at3=[key(" ")],
            at4=[key(" ", "up")],
        ),
        frames=5,
    )
    assert [colour(picture) for picture in shown] == [BLACK, RED, (255, 255, 0), WHITE, (255, 255, 0)]


def test_every_event_arrives_as_moderngl_window_describes_it():
    events = [
        pointer("move", 3.7, 4.2),
        pointer("move", 6, 2),
        pointer("down", 6, 2, button=2, buttons=(2,)),
        pointer("down", 6, 2, button=4, buttons=(2, 4)),  # "back", of which moderngl-window knows nothing
        pointer("up", 6, 2, button=2),
        pointer("down", 1, 1, button=1, buttons=(1,)),
        pointer("move", 9, 1, buttons=(1,)),
        pointer("move", 9, 5, buttons=()),  # it was let go outside the page
        pointer("leave", 9, 5),
        pointer("move", 60, 30),
        {"type": "wheel", "dx": 0.0, "dy": -200.0, "x": 1, "y": 1, "buttons": (), "modifiers": ()},
        {"type": "char", "data": "é", "input_type": "insertText", "is_composing": False, "repeat": False},
        {"type": "char", "data": None, "input_type": "deleteContentBackward"},
        key("Z", modifiers=("Control", "Shift")),
        key("z", "up", modifiers=("Alt",)),
        key("ArrowUp"),
        {"type": "focus_out"},
        {"type": "double_click", "x": 1, "y": 1},
        {"type": "what the future brings"},
    ]
    pictures(Played(Hands, at0=events))
    press, release = Keys.ACTION_PRESS, Keys.ACTION_RELEASE
    assert Hands.seen == [
        ("move", 3, 4, 0, 0),
        ("move", 6, 2, 3, -2),
        ("press", 6, 2, 2, True),
        ("release", 6, 2, 2, False),
        ("press", 1, 1, 1, False),
        ("drag", 9, 1, 8, 0, True),
        ("move", 9, 5, 0, 4),
        ("move", 60, 30, 0, 0),
        ("scroll", 0.0, 2.0),
        ("char", "é"),
        ("key", Keys.Z, press, True, True, False),
        ("key", Keys.Z, release, False, False, True),
        ("key", Keys.UP, press, False, False, False),
        ("key", Keys.UP, release, False, False, False),
    ]


def test_each_key_constant_is_a_key_of_its_own():
    names = [name for name in vars(BaseKeys) if name.isupper() and not name.startswith("ACTION")]
    constants = [getattr(Keys, name) for name in names]
    assert len(set(constants)) == len(names) > 80
    assert "undefined" not in constants


def test_escape_and_f11_belong_to_the_page_but_a_key_that_the_config_names_closes():
    class Quits(Hands):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.wnd.exit_key = self.wnd.keys.Q

    pictures(Played(Hands, at0=[key("Escape"), key("F11")]))
    with pytest.raises(SceneError, match="Quits closed its window before frame 1"):
        pictures(Played(Quits, at1=[key("q"), key("a")]), frames=3)
    assert [key for _, key, *_ in Quits.seen] == [Keys.Q], "what comes after the end goes nowhere"


def test_callbacks_that_a_config_chooses_for_itself_are_kept():
    class Chooses(Hands):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.wnd.mouse_scroll_event_func = self.zoom

        def zoom(self, x_offset, y_offset):
            self.seen.append(("zoom", x_offset, y_offset))

    pictures(Played(Chooses, at0=[{"type": "wheel", "dx": 100.0, "dy": 0.0}]))
    assert Chooses.seen == [("zoom", 1.0, 0.0)]


def test_drawing_goes_to_the_window_after_an_event_drew_elsewhere():
    class Picks(moderngl_window.WindowConfig):
        clear_color = None

        def on_mouse_press_event(self, x, y, button):
            self.ctx.simple_framebuffer((4, 4)).use()

        def on_render(self, time, frame_time):
            self.ctx.clear(1.0, 0.0, 0.0)

    (picture,) = pictures(Played(Picks, at0=[pointer("down", 1, 1, button=1, buttons=(1,))]))
    assert colour(picture) == RED


class Clockwork(moderngl_window.WindowConfig):
    """Shows how far the timer is, from the left, in a window whose size it is told."""

    times: list = []  # noqa: RUF012  of the newest instance
    aspect_ratio = None

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.sizes = []
        type(self).times = []

    def on_resize(self, width, height):
        self.sizes.append((width, height))
        assert (width, height) == self.wnd.size == self.wnd.buffer_size == self.wnd.viewport_size
        assert self.wnd.aspect_ratio == width / height

    def on_render(self, time, frame_time):
        assert self.ctx.screen is self.ctx.fbo is self.wnd.fbo
        self.times.append((time, frame_time, self.timer.time))
        width, height = self.sizes[-1]
        self.ctx.clear(1.0, 1.0, 1.0, viewport=(0, 0, round(width * self.timer.time), height))


@pytest.mark.parametrize("fps", [60, "24000/1001"])
def test_time_is_the_frames_own_exactly(fps):
    shown = pictures(Clockwork, frames=100, fps=fps)
    rate = Fraction(fps)
    assert Clockwork.times == [(float(n / rate), float(1 / rate), float(n / rate)) for n in range(100)]
    white = (shown[12] == 255).all(axis=2).any(axis=0).sum()
    assert white == round(SIZE[0] * float(12 / rate))


def test_a_config_may_pause_its_timer_and_set_it():
    class Stops(Clockwork):
        def on_render(self, time, frame_time):
            super().on_render(time, frame_time)
            if self.wnd.frames in (2, 4):
                self.timer.toggle_pause()
            if self.wnd.frames == 6:
                self.timer.time = 0.5

    pictures(Stops, frames=8, fps=8)
    assert Stops.times[:8] == [
        (0.0, 0.125, 0.0),
        (0.125, 0.125, 0.125),
        (0.25, 0.125, 0.25),
        (0.25, 0.0, 0.25),
        (0.25, 0.0, 0.25),
        (0.375, 0.125, 0.375),
        (0.5, 0.125, 0.5),
        (0.625, 0.125, 0.625),
    ]


def frame_at(ctx, size, time, index, samples=0):
    fbo = ctx.simple_framebuffer(size, samples=samples)
    ctx.error  # noqa: B018  moderngl binds again what was bound before: the canvas of a recording that has ended
    return nbpipe.Frame(ctx, fbo, time, index, None, Fraction(10), size)


def test_a_time_line_that_is_scrubbed_gives_the_time_that_went_by_and_never_less_than_none():
    timer = FrameTimer()
    elapsed = []
    for time in (0.0, 0.1, 5.0, 5.0, 1.0, 1.1):
        timer.follow(nbpipe.Frame(None, None, time, 0, None, Fraction(10), SIZE))
        elapsed.append(timer.next_frame()[1])
    assert elapsed == [0.1, 0.1, 4.9, 0.0, 0.0, 0.1]


def test_a_picture_that_is_resized_resizes_the_window(ctx):
    scene = adapt(Clockwork)
    scene.setup(ctx)
    for index, size in enumerate([(64, 36), (64, 36), (20, 40)]):
        frame = frame_at(ctx, size, index / 10, index)
        scene.render(frame)
        assert scene.config.wnd.fbo is frame.fbo
        assert frame.fbo.viewport == (0, 0, *size)
    assert scene.config.sizes == [(64, 36), (20, 40)]
    scene.release()


def test_the_window_tells_the_truth_about_what_is_drawn_into(ctx):
    class Looks(moderngl_window.WindowConfig):
        samples = 0
        cursor = False
        window_size = (512, 512)

        def on_render(self, time, frame_time):
            assert self.wnd.fbo is self.ctx.screen is self.ctx.fbo
            assert (self.wnd.samples, self.wnd.size, self.wnd.pixel_ratio) == (4, (48, 32), 1.0)
            assert (self.wnd.frames, self.wnd.gl_version, self.wnd.cursor) == (0, (3, 3), False)
            assert moderngl_window.window() is self.wnd
            assert moderngl_window.ctx() is self.ctx is self.wnd.ctx
            self.wnd.size, self.wnd.title, self.wnd.position = (1, 1), "new", (5, 5)
            self.wnd.cursor, self.wnd.mouse_exclusivity, self.wnd.vsync, self.wnd.fullscreen = True, True, True, True
            assert (self.wnd.size, self.wnd.title) == ((48, 32), "new")
            type(self).done = True

    scene = adapt(Looks)
    scene.setup(ctx)
    scene.render(frame_at(ctx, (48, 32), 0.0, 0, samples=4))
    scene.release()
    assert Looks.done


def test_a_fixed_aspect_ratio_leaves_borders_in_the_clear_colour():
    class Square(moderngl_window.WindowConfig):
        aspect_ratio = 1.0
        clear_color = (0.0, 1.0, 0.0, 1.0)

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.quad = geometry.quad_fs()
            self.program = self.ctx.program(
                vertex_shader="#version 330\nin vec3 in_position; void main() { gl_Position = vec4(in_position, 1); }",
                fragment_shader="#version 330\nout vec4 colour; void main() { colour = vec4(1, 0, 0, 1); }",
            )

        def on_render(self, time, frame_time):
            self.quad.render(self.program)

    for picture in pictures(Square, frames=2):
        columns = [colour(picture, x / 64) for x in range(64)]
        assert columns == [GREEN] * 14 + [RED] * 36 + [GREEN] * 14


def test_without_a_clear_colour_the_picture_before_stays():
    class Trail(moderngl_window.WindowConfig):
        clear_color = None
        aspect_ratio = None

        def on_render(self, time, frame_time):
            self.ctx.clear(1.0, 0.0, 0.0, viewport=(self.wnd.frames * 16, 0, 16, 36))

    assert [(picture == RED).all(axis=2).mean() for picture in pictures(Trail, frames=4)] == [0.25, 0.5, 0.75, 1.0]


def test_a_keyboard_camera_moves_by_the_time_of_the_video():
    class Walks(moderngl_window.WindowConfig):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.camera = KeyboardCamera(self.wnd.keys)
            self.places = []
            type(self).newest = self

        def on_key_event(self, key, action, modifiers):
            self.camera.key_input(key, action, modifiers)

        def on_render(self, time, frame_time):
            self.camera.matrix  # noqa: B018  reading it moves the camera
            self.places.append(self.camera.position.x)

    pictures(Played(Walks, at2=[key("d")], at4=[key("d", "up")]), frames=6, fps=10)
    assert np.allclose(Walks.newest.places, [0, 0, 1, 2, 2, 2]), "10 units a second, at 10 fps, for two frames"


def test_the_names_of_moderngl_window_2_still_work():
    class Old(moderngl_window.WindowConfig):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.blue = 0.0

        def render(self, time, frametime):
            self.ctx.clear(1.0, self.green, self.blue)

        def resize(self, width, height):
            self.green = width / 64

        def key_event(self, key, action, modifiers):
            self.blue = 1.0

        def on_mouse_press_event(self, x, y, button):
            self.blue = 0.0

        def mouse_press_event(self, only, me):
            raise AssertionError

    press = pointer("down", 1, 1, button=1, buttons=(1,))
    shown = pictures(Played(Old, at1=[key("a")], at2=[press]), frames=3)
    assert [colour(picture) for picture in shown] == [(255, 255, 0), WHITE, (255, 255, 0)]


def test_render_and_resize_of_a_config_with_on_render_are_its_own_business():
    class New(Nothing):
        def render(self, wrong, arguments, here):
            raise AssertionError

        resize = close = render

    pictures(New)


def test_the_command_line_of_the_notebook_is_not_read(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ipykernel_launcher.py", "-f", "/run/kernel.json", "--size", "3x3"])

    class Asks(Nothing):
        @classmethod
        def add_arguments(cls, parser):
            parser.add_argument("--level", type=int, default=7)

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            assert isinstance(self.argv, argparse.Namespace)
            assert (self.argv.level, self.argv.size) == (7, None)

    pictures(Asks)


def test_an_argument_without_a_default_is_named(capfd):
    class Asks(Nothing):
        @classmethod
        def add_arguments(cls, parser):
            parser.add_argument("model")

    with pytest.raises(SceneError, match=r"Asks.add_arguments must give every argument a default.*required: model"):
        nbpipe.frames(Asks, frames=1)
    assert capfd.readouterr().err == ""


def test_a_newer_gl_than_there_is_is_refused_before_anything_is_drawn(tmp_path):
    class Future(Nothing):
        gl_version = (9, 1)

    with pytest.raises(SceneError, match=r"Future.gl_version asks for OpenGL 9.1, and this context has \d\.\d;"):
        nbpipe.record(Future, "out.mp4", frames=1, show=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", ["__init__", "on_resize", "on_render", "on_key_event"])
def test_an_exception_rises_as_it_is_and_leaves_moderngl_window_as_it_was(where, tmp_path):
    def fail(self, *args, **kwargs):
        if where == "__init__":
            moderngl_window.WindowConfig.__init__(self, *args, **kwargs)
        error = ZeroDivisionError("mine")
        raise error

    before = moderngl_window.ContextRefs.WINDOW, settings.DATA_DIRS, list(settings.DATA_DIRS)
    wrong = type("Wrong", (Nothing,), {where: fail, "resource_dir": tmp_path})
    with pytest.raises(ZeroDivisionError, match=r"^mine$"):
        nbpipe.record(Played(wrong, at0=[key("a")]), "out.mp4", size=SIZE, frames=1, show=False)
    assert (moderngl_window.ContextRefs.WINDOW, settings.DATA_DIRS, list(settings.DATA_DIRS)) == before
    assert colour(pictures(Triangle)[0], 0.1, 0.9) == RED


def test_an_exception_of_on_close_rises_and_the_window_is_gone_all_the_same(ctx):
    class Sticks(Nothing):
        def on_close(self):
            raise ZeroDivisionError

    scene = adapt(Sticks)
    scene.setup(ctx)
    scene.render(frame_at(ctx, SIZE, 0.0, 0))
    with pytest.raises(ZeroDivisionError):
        scene.release()
    assert (scene.config, moderngl_window.ContextRefs.WINDOW) == (None, None)
    scene.release()


def test_on_close_is_called_once_and_the_instance_goes_at_once():
    class Ends(Triangle):
        closed: list = []  # noqa: RUF012  of every instance

        def on_close(self):
            self.closed.append(moderngl_window.window() is self.wnd)

    scene = adapt(Ends)
    kept = []

    def remember(frame):
        scene.render(frame)
        kept.append(weakref.ref(scene.config))

    wrapped = Played(Ends)
    wrapped.scene, wrapped.setup, wrapped.release, wrapped.render = scene, scene.setup, scene.release, remember
    pictures(wrapped, frames=2)
    assert Ends.closed == [True]
    assert kept[0]() is None, "no cycle keeps it and its GL objects until Python looks for cycles"


def test_a_window_that_closes_itself_ends_the_video_with_an_error_that_says_where():
    class Short(Nothing):
        closed = 0

        def on_render(self, time, frame_time):
            if self.wnd.frames == 2:
                self.wnd.close()

        def on_close(self):
            type(self).closed += 1

    got = []
    with pytest.raises(SceneError, match=r"Short closed its window before frame 3 was drawn; end there"):
        got.extend(nbpipe.frames(Short, size=SIZE, frames=9))
    assert Short.closed == 1


def test_a_close_that_the_config_takes_back_is_none():
    class Stays(Nothing):
        def on_render(self, time, frame_time):
            self.wnd.close()

        def on_close(self):
            self.wnd.is_closing = False

    assert len(pictures(Stays, frames=3)) == 3


def test_what_a_config_leaves_on_the_context_reaches_neither_its_picture_nor_the_next_scene():
    class Untidy(moderngl_window.WindowConfig):
        aspect_ratio = None

        def on_render(self, time, frame_time):
            self.ctx.clear(1.0, 0.0, 0.0)
            self.wnd.fbo.viewport = 3, 3, 5, 5
            self.wnd.fbo.scissor = 1, 1, 2, 2
            self.wnd.fbo.color_mask = False, False, False, False
            self.ctx.wireframe = True
            self.ctx.enable(moderngl.BLEND | moderngl.CULL_FACE | moderngl.DEPTH_TEST)
            self.ctx.blend_func = moderngl.ZERO, moderngl.ZERO
            self.ctx.framebuffer([self.ctx.texture((2, 2), 4)]).use()

    (first, _) = pictures(Untidy, frames=2, samples=4)
    assert (first == RED).all()
    image = "void mainImage(out vec4 c, in vec2 p) { c = vec4(0, 1, 0, 1); }"
    assert (pictures(image)[0] == GREEN).all()


def test_events_that_came_too_late_are_not_for_the_next_recording():
    scene = adapt(Hands)
    scene.on_event(key("a"))
    pictures(scene)
    assert Hands.seen == []


def test_one_scene_can_be_recorded_again():
    scene = adapt(Clockwork)
    for _ in range(2):
        pictures(scene, frames=3)
        assert Clockwork.times == [(n / 60, 1 / 60, n / 60) for n in range(3)]


def test_the_context_may_be_ones_own(own_context):
    screen = own_context.screen
    (picture,) = pictures(Triangle, ctx=own_context)
    assert [colour(picture, 0.1, 0.9), colour(picture, 0.9, 0.1)] == [RED, BLUE]
    assert own_context.screen is screen


def test_a_class_without_on_render_says_so():
    with pytest.raises(NotImplementedError, match="on_render"):
        pictures(moderngl_window.WindowConfig)


def test_scenes_on_two_threads_have_a_window_each():
    inside, ready, met, looked = [], threading.Barrier(2), threading.Event(), threading.Event()

    class Waits(moderngl_window.WindowConfig):
        def on_render(self, time, frame_time):
            inside.append(self)
            if len(inside) == 1:
                met.wait(0.2)  # for the other, which comes in between if it can
            met.set()
            if moderngl_window.window() is self.wnd and moderngl_window.ctx() is self.ctx:
                self.wnd.clear(0.0, 1.0, 0.0)
            if inside[0] is self:
                looked.set()
            looked.wait(0.2)

    def draw():
        context()
        ready.wait(60)
        shown.extend(pictures(Waits, frames=3))

    shown = []
    threads = [threading.Thread(target=draw) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [colour(picture) for picture in shown] == [GREEN] * 6
    assert moderngl_window.ContextRefs.WINDOW is None


class Painted(moderngl_window.WindowConfig):
    """Has what a person may change, beside what moderngl-window itself asks for."""

    title: str = "Painted"
    vsync: bool = False
    samples: int = 0
    red: Annotated[float, nbpipe.Range(0, 1)] = 0.0
    stripes: Annotated[int, nbpipe.Range(1, 8)] = 1
    bright: bool = True

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.built = [self.stripes] * self.stripes
        self.red = 0.5

    def on_render(self, time, frame_time):
        self.wnd.clear(self.red, len(self.built) / 8, float(self.bright))


def test_its_annotated_attributes_are_parameters_and_the_windows_are_not():
    scene = adapt(Painted)
    assert {name: each.kind for name, each in parameters(scene).items()} == {
        "red": "float",
        "stripes": "int",
        "bright": "bool",
    }
    (picture,) = pictures(scene)
    assert colour(picture) == (128, 32, 255)


def test_what_is_chosen_before_the_instance_is_there_counts_in_its_init_and_after_it():
    scene = adapt(Painted)
    apply(scene, "stripes", 8)
    apply(scene, "red", 1.0)
    apply(scene, "bright", False)  # noqa: FBT003
    for _ in range(2):  # each makes an instance of its own
        (picture,) = pictures(scene)
        assert colour(picture) == (255, 255, 0)
    assert {name: each.value for name, each in parameters(scene).items()} == {
        "red": 1.0,
        "stripes": 8,
        "bright": False,
    }


def test_a_take_turns_its_parameters(tmp_path):
    start = {"parameters": {"red": 0.0, "stripes": 8, "bright": False}, "cameras": {}, "mouse": []}
    turned = Entry("param", 0.5, {"name": "red", "value": 1.0})
    take = nbpipe.Take(duration=1.0, size=SIZE, start=start, entries=(turned,))
    nbpipe.record(Painted, tmp_path / "take.mp4", take=take, size=SIZE, fps=4, show=False)
    with av.open(str(tmp_path / "take.mp4")) as video:
        shown = [colour(frame.to_ndarray(format="rgb24")) for frame in video.decode(video=0)]
    assert [round(red / 255) for red, _, _ in shown] == [0, 0, 1, 1]
    assert all(green > 250 for _, green, _ in shown)


def test_moderngl_window_is_not_imported_for_other_scenes():
    program = (
        "import sys, nbpipe\n"
        "list(nbpipe.frames('void mainImage(out vec4 c, in vec2 p) { c = vec4(1); }', frames=1))\n"
        "list(nbpipe.frames(lambda frame: None, frames=1))\n"
        "sys.exit('moderngl_window' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
