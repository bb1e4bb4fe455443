"""The orbit camera, through the picture it gives: what is where, and which way it goes when it is dragged."""

from __future__ import annotations

import json
import math

import moderngl
import numpy as np
import pytest

import nbpipe
from nbpipe.scene.camera import OrbitCamera

SIZE = (160, 90)


@pytest.fixture
def seen(ctx):
    """Draw one point of the world; return its place in the picture (x right, y down, 0 to 1), or None."""
    ctx.detect_framebuffer(0).use()
    fbo = ctx.simple_framebuffer(SIZE)
    ctx.enable_only(moderngl.NOTHING)
    program = ctx.program(
        vertex_shader="""#version 330
            uniform mat4 view, projection, both;
            uniform vec3 place;
            uniform bool separate;
            void main() {
                gl_Position = separate ? projection * (view * vec4(place, 1)) : both * vec4(place, 1);
            }""",
        fragment_shader="#version 330\nout vec4 c; void main() { c = vec4(1); }",
    )
    points = ctx.vertex_array(program, [])

    def seen(camera, place, *, separate=False):
        fbo.use()
        fbo.clear()
        program["place"] = tuple(place)
        program["separate"] = separate
        program["view"].write(camera.view.tobytes())
        program["projection"].write(camera.projection(SIZE[0] / SIZE[1]).tobytes())
        program["both"].write(camera.view_projection(SIZE[0] / SIZE[1]))
        points.render(moderngl.POINTS, vertices=1)
        picture = np.frombuffer(fbo.read(components=1), np.uint8).reshape(SIZE[1], SIZE[0])[::-1]
        rows, columns = np.nonzero(picture)
        if not len(rows):
            return None
        return (columns[0] + 0.5) / SIZE[0], (rows[0] + 0.5) / SIZE[1]

    yield seen
    ctx.detect_framebuffer(0).use()
    for made in (points, program, *fbo.color_attachments, fbo.depth_attachment, fbo):
        made.release()


def near(found, expected):
    return found is not None and np.allclose(found, expected, atol=1.01 / SIZE[1])


def event(kind, x=80.0, y=45.0, *, button=1, modifiers=(), **fields):
    buttons = () if kind == "pointer_up" else (button,)
    return {"type": kind, "x": x, "y": y, "button": button, "buttons": buttons, "modifiers": modifiers} | fields


def told(camera, size=SIZE):
    camera.on_event({"type": "resize", "width": size[0], "height": size[1]})
    return camera


def drag(camera, dx, dy, *, size=SIZE, steps=4, **fields):
    x, y = size[0] / 2, size[1] / 2
    camera.on_event(event("pointer_down", x, y, **fields))
    for step in range(1, steps + 1):
        camera.on_event(event("pointer_move", x + dx * step / steps, y + dy * step / steps, **fields))
    camera.on_event(event("pointer_up", x + dx, y + dy, **fields))


@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize(
    "camera",
    [
        OrbitCamera(),
        OrbitCamera(target=(1, -2, 3), distance=7, azimuth=130, elevation=-50, fov=20),
        OrbitCamera(elevation=90),
        OrbitCamera(elevation=-90, azimuth=-179),
    ],
)
def test_the_target_is_in_the_middle(seen, camera, separate):
    assert near(seen(camera, camera.target, separate=separate), (0.5, 0.5))


def test_right_handed_with_y_up(seen):
    camera = OrbitCamera(elevation=0, fov=90, distance=1)
    assert near(seen(camera, (0, 0.5, 0)), (0.5, 0.25))
    assert near(seen(camera, (0.5, 0, 0)), (0.5 + 0.25 * 90 / 160, 0.5))
    assert np.allclose(camera.position, (0, 0, 1))
    assert seen(camera, (0, 0, 2)) is None, "it is behind"
    east = OrbitCamera(elevation=0, azimuth=90, distance=2)
    assert np.allclose(east.position, (2, 0, 0), atol=1e-6)
    above = OrbitCamera(elevation=90, distance=2)
    assert np.allclose(above.position, (0, 2, 0), atol=1e-6)


def test_what_is_too_near_or_too_far_is_not_seen(seen):
    camera = OrbitCamera(elevation=0, distance=5, near=1, far=10)
    for z, expected in [(4.1, False), (3.9, True), (-4.9, True), (-5.1, False)]:
        assert (seen(camera, (0, 0, z)) is not None) is expected


def test_matrices_are_ready_for_the_gl():
    camera = OrbitCamera()
    for matrix in (camera.view, camera.projection(1.5), camera.view_projection(1.5)):
        assert matrix.dtype == np.float32
        assert matrix.shape == (4, 4)
        assert matrix.flags.c_contiguous
    assert camera.position.dtype == np.float32


class TestDragging:
    def test_what_is_in_front_follows_the_pointer(self, seen):
        front = (0, 0, 1)
        for dx, dy in [(20, 0), (-20, 0), (0, 12), (0, -12)]:
            camera = told(OrbitCamera(elevation=0))
            before = seen(camera, front)
            drag(camera, dx, dy)
            after = seen(camera, front)
            assert np.sign(np.round(np.subtract(after, before), 2)).tolist() == np.sign((dx, dy)).tolist()
            assert near(seen(camera, (0, 0, 0)), (0.5, 0.5))
            assert camera.distance == 4.0

    def test_the_height_of_the_picture_is_half_a_turn(self):
        camera = told(OrbitCamera(elevation=0))
        drag(camera, 45, 0)
        assert camera.azimuth == pytest.approx(-90)
        drag(camera, 0, 22.5)
        assert camera.elevation == pytest.approx(45)

    def test_it_does_not_go_over_the_pole(self, seen):
        camera = told(OrbitCamera(azimuth=30))
        drag(camera, 0, 500)
        assert camera.elevation == 90
        assert near(seen(camera, (0, 0, 0)), (0.5, 0.5))
        drag(camera, 0, -10)
        assert camera.elevation == pytest.approx(70)

    def test_it_goes_round_and_round_without_growing(self):
        camera = told(OrbitCamera())
        drag(camera, 90 * 100, 0, steps=400)
        assert abs(camera.azimuth) <= 180

    @pytest.mark.parametrize("fields", [{"button": 2}, {"button": 1, "modifiers": ("Shift",)}])
    def test_panning_keeps_the_point_under_the_pointer(self, seen, fields):
        camera = told(OrbitCamera(azimuth=40, elevation=35, target=(1, 2, 3)))
        drag(camera, 40, -18, **fields)
        assert near(seen(camera, (1, 2, 3)), (0.75, 0.3))
        assert (camera.azimuth, camera.elevation) == (40, 35)

    def test_another_picture_size_is_the_same_drag(self):
        cameras = [told(OrbitCamera(), (160 * n, 90 * n)) for n in (1, 2, 12)]
        for n, camera in zip((1, 2, 12), cameras, strict=True):
            for fields in ({"button": 1}, {"button": 2}):
                drag(camera, 30 * n, 20 * n, size=(160 * n, 90 * n), **fields)
        assert cameras[0].state == cameras[1].state
        assert np.allclose(cameras[0].view, cameras[2].view)

    def test_moving_without_a_button_does_nothing(self):
        camera = told(OrbitCamera())
        before = camera.state
        camera.on_event(event("pointer_move", 3, 4))
        camera.on_event(event("pointer_down", button=3))
        camera.on_event(event("pointer_move", 50, 40, button=3))
        assert camera.state == before

    def test_a_button_that_was_let_go_unseen_ends_the_drag(self):
        camera = told(OrbitCamera())
        before = camera.state
        camera.on_event(event("pointer_down"))
        camera.on_event(event("pointer_move", 50, 40) | {"buttons": ()})
        camera.on_event(event("pointer_move", 90, 80) | {"buttons": ()})
        assert camera.state == before


class TestZooming:
    def test_the_wheel_goes_near_and_far(self):
        camera = OrbitCamera(distance=4)
        camera.on_event(event("wheel", dx=0, dy=400))
        assert camera.distance == 8, "down is out"
        camera.on_event(event("wheel", dx=0, dy=-800))
        assert camera.distance == 2
        camera.on_event(event("wheel", dx=400, dy=0))
        assert camera.distance == 4

    def test_parts_of_a_turn_are_a_whole_one(self):
        one, many = OrbitCamera(), OrbitCamera()
        one.on_event(event("wheel", dx=0, dy=100))
        for _ in range(10):
            many.on_event(event("wheel", dx=0, dy=10))
        assert one.distance == pytest.approx(many.distance)

    def test_it_stays_between_near_and_far(self):
        camera = OrbitCamera(near=0.5, far=50)
        for dy, expected in [(1e5, 50), (-1e5, 3.125), (-1e5, 0.5), (-1e300, 0.5)]:
            camera.on_event(event("wheel", dx=0, dy=dy))
            assert camera.distance == expected

    def test_a_double_click_goes_home(self):
        camera = told(OrbitCamera(target=(1, 2, 3), azimuth=50))
        home = camera.state
        drag(camera, 20, 20)
        drag(camera, 20, 20, button=2)
        camera.on_event(event("wheel", dx=0, dy=100))
        assert camera.state != home
        camera.on_event(event("double_click"))
        assert camera.state == home


def test_other_events_are_none_of_its_business():
    camera = OrbitCamera()
    before = camera.state
    for kind in ("key_down", "show", "focus_in", "pointer_enter", "char"):
        camera.on_event({"type": kind, "timestamp": 0.0})
    assert camera.state == before


def test_its_state_survives_a_file():
    camera = told(OrbitCamera(target=(1, 2, 3), distance=2, azimuth=10, elevation=-5, fov=60, near=0.1, far=10))
    drag(camera, 7, 9)
    other = OrbitCamera()
    other.state = json.loads(json.dumps(camera.state, allow_nan=False))
    assert (other.view == camera.view).all()
    assert (other.projection(2) == camera.projection(2)).all()


@pytest.mark.parametrize(
    ("argument", "error", "message"),
    [
        ({"distance": 0}, ValueError, "distance must lie between 0 and inf, not be 0.0"),
        ({"distance": "4"}, TypeError, "distance must be a number, not '4'"),
        ({"distance": True}, TypeError, "distance must be a number"),
        ({"azimuth": math.nan}, ValueError, "azimuth must be finite, not nan"),
        ({"elevation": 10**400}, ValueError, "elevation must be finite"),
        ({"elevation": 91}, ValueError, "elevation must lie between -90 and 90"),
        ({"fov": 180}, ValueError, "fov must lie between 0 and 180"),
        ({"near": 10, "far": 1}, ValueError, "near must lie between 0 and far"),
        ({"target": (0, 0)}, TypeError, "target must be three numbers"),
        ({"target": "abc"}, TypeError, "target must be three numbers"),
        ({"target": (0, 0, None)}, TypeError, "target must be a number, not None"),
    ],
)
def test_a_wrong_argument_is_named(argument, error, message):
    with pytest.raises(error) as caught:
        OrbitCamera(**argument)
    assert str(caught.value).startswith(message)


def test_a_state_that_is_none_is_refused():
    camera = OrbitCamera()
    for state in (None, {}, [], camera.state | {"roll": 1}):
        with pytest.raises(ValueError, match="the state of a camera has target, distance"):
            camera.state = state


def test_a_scene_that_is_recorded_with_it(ctx):
    class Point:
        def __init__(self):
            self.camera = OrbitCamera(target=(1, 1, 1))

        def setup(self, ctx):
            self.program = ctx.program(
                vertex_shader="#version 330\nuniform mat4 camera; void main() { gl_Position = camera * vec4(1); }",
                fragment_shader="#version 330\nout vec4 c; void main() { c = vec4(1); }",
            )
            self.points = ctx.vertex_array(self.program, [])

        def release(self):
            self.points.release()
            self.program.release()

        def render(self, frame):
            frame.fbo.clear()
            self.program["camera"].write(self.camera.view_projection(frame.aspect))
            self.points.render(moderngl.POINTS, vertices=1)

    (picture,) = nbpipe.frames(Point(), size=(65, 33), frames=1)
    assert np.argwhere(picture[..., 0]).tolist() == [[16, 32]]
