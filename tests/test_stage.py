"""Framebuffers and reading back: right whatever state a scene left, and that state is put back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from watermark import Watermark

import nbpipe
from nbpipe.gl import _calls, enums
from nbpipe.gl.context import context
from nbpipe.gl.memory import HostMemory
from nbpipe.gl.stage import Stage, thumbnail_size
from nbpipe.video.writer import Conversion

PACK = {
    0x0D05: st.sampled_from([1, 2, 4, 8]),  # alignment
    0x0D02: st.integers(0, 5000),  # row length
    0x0D03: st.integers(0, 5000),  # skipped rows
    0x0D04: st.integers(0, 5000),  # skipped pixels
    0x0D00: st.integers(0, 1),  # swapped bytes
    0x0D01: st.integers(0, 1),  # lowest bit first
}
PACK_DEFAULTS = {0x0D05: 4, 0x0D02: 0, 0x0D03: 0, 0x0D04: 0, 0x0D00: 0, 0x0D01: 0}
SWITCHES = (enums.SCISSOR_TEST, enums.FRAMEBUFFER_SRGB)

STATES = st.fixed_dictionaries(
    {
        "pack": st.fixed_dictionaries(PACK),
        "buffer": st.booleans(),
        "on": st.sets(st.sampled_from(SWITCHES)),
        "read": st.integers(0, 2),
        "draw": st.integers(0, 2),
    }
)


class State:
    """A handful of objects to bind, and the state that binds them."""

    def __init__(self, ctx):
        self.calls = _calls.calls()
        self.fbos = [ctx.simple_framebuffer((8, 8)) for _ in range(2)]
        self.buffer = ctx.buffer(reserve=64)

    def set(self, wanted):
        names = [0, *(fbo.glo for fbo in self.fbos)]
        for name, value in wanted["pack"].items():
            self.calls.PixelStorei(name, value)
        self.calls.BindBuffer(enums.PIXEL_PACK_BUFFER, self.buffer.glo if wanted["buffer"] else 0)
        for switch in SWITCHES:
            (self.calls.Enable if switch in wanted["on"] else self.calls.Disable)(switch)
        self.calls.BindFramebuffer(enums.READ_FRAMEBUFFER, names[wanted["read"]])
        self.calls.BindFramebuffer(enums.DRAW_FRAMEBUFFER, names[wanted["draw"]])

    def get(self):
        integer = self.calls.integer
        bound = [integer(name) for name in (enums.READ_FRAMEBUFFER_BINDING, enums.DRAW_FRAMEBUFFER_BINDING)]
        names = [0, *(fbo.glo for fbo in self.fbos)]
        return {
            "pack": {name: integer(name) for name in PACK},
            "buffer": integer(enums.PIXEL_PACK_BUFFER_BINDING) == self.buffer.glo,
            "on": {switch for switch in SWITCHES if self.calls.IsEnabled(switch)},
            "read": names.index(bound[0]),
            "draw": names.index(bound[1]),
        }

    def release(self):
        self.set({"pack": PACK_DEFAULTS, "buffer": False, "on": set(), "read": 0, "draw": 0})
        for fbo in self.fbos:
            fbo.release()
        self.buffer.release()


@settings(max_examples=200)
@given(before=STATES, inside=STATES)
def test_any_state_of_a_scene_comes_back_whatever_happens_inside(before, inside):
    state = State(context().ctx)
    try:
        state.set(before)
        with _calls.calls().preserved():
            found = state.get()
            assert found["pack"] == {**PACK_DEFAULTS, 0x0D05: 1}
            assert (found["buffer"], found["on"]) == (False, set())
            state.calls.BindFramebuffer(enums.READ_FRAMEBUFFER, state.fbos[inside["read"] - 1].glo)
            state.calls.BindFramebuffer(enums.DRAW_FRAMEBUFFER, state.fbos[inside["draw"] - 1].glo)
            state.calls.BindBuffer(enums.PIXEL_PACK_BUFFER, state.buffer.glo)
        assert state.get() == before
        with pytest.raises(ZeroDivisionError), _calls.calls().preserved():
            raise ZeroDivisionError
        assert state.get() == before
    finally:
        state.release()


@settings(max_examples=100)
@given(before=STATES, size=st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_a_picture_is_read_the_same_in_any_state(before, size):
    ctx = context().ctx
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    texture = ctx.texture(size, 4, pixels, alignment=1)
    state, stage, memory = State(ctx), Stage(ctx, size, size), HostMemory(pixels.nbytes)
    fbo = stage.wrap(texture)
    try:
        state.set(before)
        stage.read(fbo, memory)
        assert bytes(memory.view) == pixels.tobytes()
        stage.shrink(fbo)
        assert np.array_equal(stage.thumbnail(10), pixels[::-1])
        converted = bytearray(pixels.nbytes)
        with stage.read_pixels(fbo, "uint8") as how:
            Conversion(size, 4, 8, bottom_up=True, target="rgba").read(*how, bytearray(pixels[:2].nbytes), converted)
        assert converted == pixels[::-1].tobytes()
        assert state.get() == before
    finally:
        state.release()
        stage.release()
        texture.release()


@pytest.fixture
def stage(ctx):
    stages = []

    def make(size, small=(1, 1)):
        stages.append(Stage(ctx, size, small))
        return stages[-1]

    yield make
    for stage in stages:
        stage.release()


def read(stage, fbo):
    memory = HostMemory(stage.size[0] * stage.size[1] * 4)
    stage.read(fbo, memory)
    return np.frombuffer(memory.view, np.uint8).reshape(stage.size[1], stage.size[0], 4)


def test_textures_in_turns_are_each_read_as_themselves(ctx, stage):
    one = stage((8, 8))
    textures = [ctx.texture((8, 8), 4, bytes([shade]) * 256) for shade in (10, 20, 30)]
    for texture, shade in zip(textures * 2, (10, 20, 30) * 2, strict=True):
        assert (read(one, one.wrap(texture)) == shade).all()
    for texture in textures:
        texture.release()


def test_a_texture_that_is_redrawn_is_read_anew(ctx, stage):
    one, texture = stage((8, 8)), ctx.texture((8, 8), 4)
    for shade in (1, 2, 3):
        texture.write(bytes([shade]) * 256)
        assert (read(one, one.wrap(texture)) == shade).all()
    texture.release()


def test_a_framebuffer_is_taken_as_it_is_whatever_it_chose_to_read(ctx, stage):
    one = stage((8, 8))
    fbo = ctx.framebuffer([ctx.texture((8, 8), 4, bytes([shade]) * 256) for shade in (10, 20)])
    assert one.wrap(fbo) is fbo
    calls = _calls.calls()
    with calls.preserved():
        calls.BindFramebuffer(enums.READ_FRAMEBUFFER, fbo.glo)
        calls.ReadBuffer(enums.COLOR_ATTACHMENT0 + 1)
    assert (read(one, fbo) == 10).all()
    with calls.preserved():
        calls.BindFramebuffer(enums.READ_FRAMEBUFFER, fbo.glo)
        assert calls.integer(enums.READ_BUFFER) == enums.COLOR_ATTACHMENT0 + 1
    for attachment in fbo.color_attachments:
        attachment.release()
    fbo.release()


@pytest.mark.parametrize("kind", ["texture", "framebuffer"])
def test_several_samples_are_refused_with_the_way_out(ctx, kind, tmp_path):
    ctx.detect_framebuffer(0).use()  # moderngl would go back to one that was released
    texture = ctx.texture((64, 64), 4, samples=4)
    fbo = ctx.framebuffer([texture])
    with pytest.raises(nbpipe.SceneError, match=r"several samples .* resolve it first \(ctx.copy_framebuffer\)"):
        nbpipe.record([fbo if kind == "framebuffer" else texture], "out.mp4")
    assert list(tmp_path.iterdir()) == []
    fbo.release()
    texture.release()


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "u4", "i4", "depth"])
def test_a_picture_without_colours_is_refused_and_no_old_one_is_shown_for_it(ctx, dtype, tmp_path):
    good = ctx.texture((64, 64), 4, b"\xff" * 64 * 64 * 4)
    bad = ctx.depth_texture((64, 64)) if dtype == "depth" else ctx.texture((64, 64), 4, dtype=dtype)
    with pytest.raises(nbpipe.SceneError, match=r"8-bit or floating-point colour format|cannot be read as colours"):
        nbpipe.record([good, bad, good], "out.mp4")
    assert not (tmp_path / "out.mp4").exists()
    bad.release()
    good.release()


@pytest.mark.parametrize("dtype", ["f2", "f4"])
def test_float_pictures_are_clamped(ctx, stage, dtype):
    values = np.array([-np.inf, -1, 0, 0.2, 1, 2, np.inf], dtype)
    texture = ctx.texture((len(values), 1), 4, values.repeat(4), dtype=dtype, alignment=1)
    one = stage((len(values), 1))
    assert read(one, one.wrap(texture))[0, :, 0].tolist() == [0, 0, 0, 51, 255, 255, 255]
    texture.release()


def test_a_texture_of_one_channel_is_shown_in_red(ctx, stage):
    texture = ctx.texture((1, 1), 1, b"\x40")
    one = stage((1, 1))
    assert read(one, one.wrap(texture)).tolist() == [[[0x40, 0, 0, 255]]]
    texture.release()


@pytest.mark.parametrize("small", [(64, 48), (32, 24), (7, 5)])
def test_a_thumbnail_is_upright_and_small(ctx, stage, small):
    one = stage((64, 48), small)
    rows = np.repeat(np.linspace(255, 0, 48).astype(np.uint8), 64 * 4)  # bright at the bottom
    texture = ctx.texture((64, 48), 4, rows)
    assert one.thumbnail() is None, "none was begun"
    one.shrink(one.wrap(texture))
    thumbnail = one.thumbnail(10)
    assert thumbnail.shape == (small[1], small[0], 4)
    assert (np.diff(thumbnail[:, 0, 0].astype(int)) > 0).all(), "dark at the top"
    assert one.thumbnail(10) is None, "it is handed out once"
    texture.release()


@pytest.mark.parametrize(
    ("size", "small"),
    [
        ((640, 480), (640, 480)),
        ((320, 200), (320, 200)),
        ((1280, 720), (640, 360)),
        ((1080, 1920), (270, 480)),
        ((1, 16384), (1, 480)),
        ((16384, 1), (640, 1)),
    ],
)
def test_a_thumbnail_fits_a_notebook(size, small):
    assert thumbnail_size(size) == small


@given(st.tuples(st.integers(1, 16384), st.integers(1, 16384)))
def test_a_thumbnail_is_never_nothing_and_never_larger(size):
    width, height = thumbnail_size(size)
    assert 1 <= width <= min(640, size[0])
    assert 1 <= height <= min(480, size[1])


@pytest.mark.parametrize("size", [(1, 16384), (16384, 1)])
def test_the_thinnest_pictures_can_be_looked_at(ctx, stage, size):
    one = stage(size, thumbnail_size(size))
    canvas = one.canvas(0)
    canvas.clear(1, 1, 1, 1)
    one.shrink(canvas)
    assert (one.thumbnail(10) == 255).all()


def test_a_canvas_begins_black_and_keeps_the_frame_before():
    seen = []

    def draw(frame):
        seen.append(frame.fbo.read((0, 0, 1, 1)))
        frame.fbo.clear(1, 0, 0)

    nbpipe.record(draw, "out.mp4", size=(64, 64), frames=2)
    assert seen == [b"\0\0\0", b"\xff\0\0"]


def test_the_users_framebuffer_is_bound_again_afterwards(own_context, tmp_path):
    with own_context:
        fbo = own_context.simple_framebuffer((8, 8))
        fbo.use()
        nbpipe.record(Watermark(), "out.mp4", size=(64, 64), frames=2, ctx=own_context)
        assert own_context.fbo is fbo
        own_context.simple_framebuffer((4, 4))
        assert own_context.error == "GL_NO_ERROR"
        own_context.clear(1, 1, 1)
        assert fbo.read((0, 0, 1, 1)) == b"\xff\xff\xff"
