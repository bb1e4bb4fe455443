"""Packing: every byte as BT.709 wants it, whatever state a scene left, and that state is put back."""

from __future__ import annotations

import ctypes

import moderngl
import numpy as np
import pytest
from bt709 import dithered, reference
from hypothesis import given, settings
from hypothesis import strategies as st

import nbpipe
from nbpipe.gl import _calls, enums
from nbpipe.gl.context import context
from nbpipe.gl.packer import PLANES, Packer, target_size

SIZES = [(1, 1), (2, 1), (1, 2), (2, 2), (3, 5), (4, 3), (5, 4), (16, 8), (16, 13), (17, 12), (17, 13)]
SIZES += [(641, 5), (1919, 3), (1920, 1080)]


class Objects(list):
    """What a test has made; released last made first, as framebuffers come after what they hold."""

    def add(self, made):
        self.append(made)
        return made

    def release(self):
        while self:
            self.pop().release()


@pytest.fixture
def objects(ctx):
    made = Objects()
    yield made
    made.release()


def read(fbo):
    """What one glReadPixels gives of a framebuffer, with the state of `preserved`."""
    calls, pixels = _calls.calls(), np.empty(fbo.width * fbo.height * 4, np.uint8)
    with calls.preserved(), calls.reading(fbo.glo):
        calls.ReadPixels(0, 0, *fbo.size, enums.RGBA, enums.UNSIGNED_BYTE, pixels.ctypes.data)
    return pixels


def drawn(objects, ctx, picture, dtype="f1", **options):
    """A framebuffer with this picture, which has its top row first."""
    height, width = picture.shape[:2]
    texture = ctx.texture((width, height), 4, picture[::-1].tobytes(), dtype=dtype, alignment=1, **options)
    objects.add(texture)
    return objects.add(ctx.framebuffer([texture]))


def noise(size, dtype=np.uint8):
    """Random colours, and both ends of the scale among them."""
    picture = np.random.default_rng(size).integers(0, 256, (size[1], size[0], 4))
    picture[np.random.default_rng(1).random(picture.shape) < 0.1] = 0
    picture[np.random.default_rng(2).random(picture.shape) < 0.1] = 255
    return (picture * (np.iinfo(dtype).max // 255)).astype(dtype)


def samples(raw, pixel_format):
    """The samples of a frame's bytes, in the units of `reference`."""
    if pixel_format not in {"yuv420p10le", "p010le"}:
        return raw.astype(int)
    words = raw.view("<u2").astype(int)
    if pixel_format == "yuv420p10le":
        return words
    assert not (words & 63).any(), "the six lowest bits are nothing"
    return words >> 6


def assert_right(raw, picture, pixel_format, slack=1e-3):
    """Each sample is the nearest to the exact value."""
    exact = np.concatenate([plane.ravel() for plane in reference(picture, pixel_format)])
    got = samples(raw, pixel_format)
    assert got.shape == exact.shape
    assert np.abs(got - exact).max() <= 0.5 + slack


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("pixel_format", PLANES)
def test_every_byte_is_the_nearest_to_what_the_standard_says(ctx, objects, pixel_format, size):
    picture = noise(size)
    packer = objects.add(Packer(ctx, size, pixel_format, direct=True))
    raw = read(packer.pack(drawn(objects, ctx, picture)))
    assert len(raw) == packer.packed_bytes
    assert_right(raw[: packer.frame_bytes], picture, pixel_format)
    if size[0] % 4 == 0 and size[1] % 2 == 0:
        assert packer.frame_bytes == packer.packed_bytes, "nothing is read back in vain"


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("dtype", ["nu2", "f2", "f4"])
@pytest.mark.parametrize("pixel_format", PLANES)
def test_deep_pictures_keep_their_depth(ctx, objects, pixel_format, dtype, direct):
    size = 33, 17
    exact = np.random.default_rng(3).random((17, 33, 4))
    stored = (exact * 65535).round().astype("u2") if dtype == "nu2" else exact.astype(dtype)
    packer = objects.add(Packer(ctx, size, pixel_format, direct=direct))
    raw = read(packer.pack(drawn(objects, ctx, stored, dtype)))
    values = stored if dtype == "nu2" else (stored.astype(float) * 65535).round().astype("u2")
    # 0.02: the copy and the reference are both of 16 bits, half a step of which is 0.0067 of ten bits.
    assert_right(raw[: packer.frame_bytes], values, pixel_format, slack=0.02)


@pytest.mark.parametrize("size", [(1, 1), (16, 13), (17, 12), (641, 5)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("pixel_format", PLANES)
def test_dithered_samples_are_what_the_pattern_makes_of_the_exact_ones(ctx, objects, pixel_format, size):
    picture = noise(size, np.uint16) + np.random.default_rng(4).integers(0, 256, (size[1], size[0], 4)).astype("u2")
    picture[noise(size) == 255] = 65535
    packer = objects.add(Packer(ctx, size, pixel_format, direct=True, dither=True))
    raw = read(packer.pack(drawn(objects, ctx, picture, "nu2")))[: packer.frame_bytes]
    slack = 1e-3
    planes = reference(picture, pixel_format)
    lower, upper = (
        np.concatenate([p.ravel() for p in dithered([q + d for q in planes], size[0])]) for d in (-slack, slack)
    )
    made = samples(raw, pixel_format)
    assert made.shape == lower.shape
    assert np.all((lower <= made) & (made <= upper))


@pytest.mark.parametrize("direct", [False, True])
def test_what_is_brighter_than_white_is_white_before_neighbours_are_mixed(ctx, objects, direct):
    values = np.array([[-np.inf, -1, 0, 0.2, 1, 2, np.inf]], "f2").repeat(4).reshape(1, 7, 4)
    values[..., 2] = values[:, ::-1, 2]
    packer = objects.add(Packer(ctx, (7, 1), "yuv420p", direct=direct))
    raw = read(packer.pack(drawn(objects, ctx, values, "f2")))
    clamped = (values.astype(float).clip(0, 1) * 65535).round().astype("u2")
    assert_right(raw[: packer.frame_bytes], clamped, "yuv420p", slack=0.02)


@pytest.mark.parametrize("kind", ["renderbuffer", "sRGB", "one channel", "two attachments"])
def test_a_users_picture_is_packed_as_it_would_be_read(ctx, objects, kind):
    picture = noise((16, 8))
    if kind == "renderbuffer":
        fbo = objects.add(ctx.framebuffer([objects.add(ctx.renderbuffer((16, 8), 4))]))
        ctx.copy_framebuffer(fbo, drawn(objects, ctx, picture))
    elif kind == "sRGB":
        fbo = drawn(objects, ctx, picture, internal_format=0x8C43)
    elif kind == "one channel":
        texture = objects.add(ctx.texture((16, 8), 1, picture[::-1, :, 0].tobytes(), alignment=1))
        fbo = objects.add(ctx.framebuffer([texture]))
    else:
        textures = [objects.add(ctx.texture((16, 8), 4, data)) for data in (picture[::-1].tobytes(), bytes(512))]
        fbo = objects.add(ctx.framebuffer(textures))
    packer = objects.add(Packer(ctx, (16, 8), "rgba"))
    assert np.array_equal(read(packer.pack(fbo)).reshape(8, 16, 4)[::-1].ravel(), read(fbo))


def test_pictures_in_turns_are_each_packed_as_themselves(ctx, objects):
    packer = objects.add(Packer(ctx, (16, 8), "rgba", direct=True))
    pictures = [noise((16, 8)) ^ shade for shade in (0, 85, 170)]
    fbos = [drawn(objects, ctx, picture) for picture in pictures]
    for fbo, picture in zip(fbos * 2, pictures * 2, strict=True):
        assert np.array_equal(read(packer.pack(fbo)), picture.ravel())
        assert packer.pack(fbo) is packer.pack(fbo)


@pytest.mark.parametrize("kind", ["integers", "depth"])
def test_a_picture_without_colours_is_refused(ctx, objects, kind):
    packer = objects.add(Packer(ctx, (8, 8), "nv12"))
    if kind == "integers":
        fbo = objects.add(ctx.framebuffer([objects.add(ctx.texture((8, 8), 4, dtype="u4"))]))
    else:
        fbo = objects.add(ctx.framebuffer([], objects.add(ctx.depth_texture((8, 8)))))
    with pytest.raises(nbpipe.SceneError, match=r"8-bit or floating-point colour format|no colour attachment"):
        packer.pack(fbo)


def test_an_error_that_the_scene_left_is_not_the_pictures(ctx, objects):
    packer = objects.add(Packer(ctx, (8, 8), "nv12"))
    fbo = drawn(objects, ctx, noise((8, 8)))
    _calls.calls().Enable(0xFFFF)
    packer.pack(fbo)


@pytest.mark.parametrize(("swizzle", "filtered"), [("BGR1", "LINEAR"), ("RGBA", "LINEAR_MIPMAP_LINEAR")])
def test_how_a_scene_looks_at_its_canvas_is_not_how_it_is_packed(ctx, objects, swizzle, filtered):
    picture = noise((16, 8))
    packer = objects.add(Packer(ctx, (16, 8), "rgba", direct=True))
    fbo = drawn(objects, ctx, picture)
    texture = fbo.color_attachments[0]
    texture.swizzle, texture.filter = swizzle, (getattr(moderngl, filtered), moderngl.LINEAR)
    assert np.array_equal(read(packer.pack(fbo)), picture.ravel())
    assert texture.swizzle == swizzle


# What a scene can leave behind, as (what the GL has it under, how it is set, how it is undone).
SWITCHES = {
    "smooth": 0x0B41,
    "cull": 0x0B44,
    "depth": 0x0B71,
    "stencil": 0x0B90,
    "dither": 0x0BD0,
    "blend": 0x0BE2,
    "logic": 0x0BF2,
    "scissor": 0x0C11,
    "offset": 0x8037,
    "alpha to coverage": 0x809E,
    "coverage": 0x80A0,
    "mask": 0x8E51,
    "discard": 0x8C89,
    "sRGB": 0x8DB9,
    **{f"clip {i}": 0x3000 + i for i in range(8)},
}
VALUES = {
    "viewport": (0x0BA2, 4),
    "mask": (0x0C23, 4),
    "polygons": (0x0B40, 1),
    "program": (0x8B8D, 1),
    "vertices": (0x85B5, 1),
    "unit": (0x84E0, 1),
    "texture": (0x8069, 1),
    "sampler": (0x8919, 1),
    "draw": (enums.DRAW_FRAMEBUFFER_BINDING, 1),
    "read": (enums.READ_FRAMEBUFFER_BINDING, 1),
    "buffer": (enums.PIXEL_PACK_BUFFER_BINDING, 1),
    "array buffer": (0x8894, 1),
}
FLAGS = [name for name in SWITCHES if name != "dither"]
DIRTS = [
    *FLAGS,
    "viewport",
    "colour mask",
    "wireframe",
    "program",
    "vertices",
    "texture",
    "unit",
    "sampler",
    "framebuffer",
]


class Scene:
    """What dirties the state, and the objects that it does so with."""

    def __init__(self, ctx, objects):
        self.calls = _calls.calls()
        add = objects.add
        self.logic_op = ctypes.CFUNCTYPE(None, ctypes.c_uint)(self.calls._egl.eglGetProcAddress(b"glLogicOp"))
        self.fbo = drawn(objects, ctx, noise((8, 8)))
        self.ctx, self.texture, self.sampler = ctx, add(ctx.texture((2, 2), 4)), add(ctx.sampler())
        self.sampler.filter = moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR
        self.program = add(
            ctx.program(
                vertex_shader="#version 330\nvoid main() { gl_Position = vec4(0); }",
                fragment_shader="#version 330\nout vec4 c; void main() { c = vec4(1); }",
            )
        )
        self.vertices = add(ctx.vertex_array(self.program, []))

    def dirty(self, dirts):
        ways = {
            "logic": self.erase,
            "viewport": lambda: self.calls.Viewport(1, 2, 3, 4),
            "colour mask": lambda: self.calls.ColorMaski(0, 1, 0, 1, 0),
            "wireframe": lambda: setattr(self.ctx, "wireframe", True),
            "program": lambda: self.calls.UseProgram(self.program.glo),
            "vertices": lambda: self.calls.BindVertexArray(self.vertices.glo),
            "texture": lambda: self.texture.use(0),
            "sampler": lambda: self.sampler.use(0),
            "unit": lambda: self.calls.ActiveTexture(0x84C0 + 5),
            "framebuffer": self.fbo.use,
        }
        for name in dirts:
            ways.get(name, lambda name=name: self.calls.Enable(SWITCHES[name]))()

    def erase(self):
        self.logic_op(0x1501)  # GL_CLEAR
        self.calls.Enable(SWITCHES["logic"])

    def state(self):
        calls = self.calls
        unit = calls.integer(0x84E0)
        found = {name: calls.integers(number)[:count] for name, (number, count) in VALUES.items()}
        calls.ActiveTexture(0x84C0)
        found["unit 0"] = [calls.integer(0x8069), calls.integer(0x8919)]
        calls.ActiveTexture(unit)
        return found | {"on": {name for name, switch in SWITCHES.items() if calls.IsEnabled(switch)}}

    def clean(self):
        calls = self.calls
        for name, switch in SWITCHES.items():
            (calls.Enable if name == "dither" else calls.Disable)(switch)
        calls.ColorMaski(0, 1, 1, 1, 1)
        self.logic_op(0x1503)  # GL_COPY
        self.ctx.wireframe = False
        calls.UseProgram(0)
        calls.BindVertexArray(0)
        calls.BindSampler(0, 0)
        calls.ActiveTexture(0x84C0)
        calls.BindTexture(0x0DE1, 0)


def let_nothing_through(ctx):
    """Choose, for each test and for blending, what leaves nothing of a picture where it is on."""
    ctx.depth_func = "!="
    ctx.cull_face = "front_and_back"
    ctx.blend_func = moderngl.ZERO, moderngl.ZERO


@pytest.fixture
def scene(ctx, objects):
    made = Scene(ctx, objects)
    yield made
    made.clean()
    ctx.detect_framebuffer(0).use()
    ctx.depth_func, ctx.cull_face, ctx.blend_func = "<", "back", moderngl.DEFAULT_BLENDING


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("dirts", [*([name] for name in DIRTS), DIRTS], ids=lambda dirts: "+".join(dirts[:2]))
def test_no_state_of_a_scene_changes_the_frame_nor_the_frame_the_state(ctx, objects, scene, dirts, direct):
    picture = noise((16, 8))
    source = drawn(objects, ctx, picture)
    packer = objects.add(Packer(ctx, (16, 8), "yuv420p", direct=direct))
    let_nothing_through(ctx)
    scene.dirty(dirts)
    before, bound = scene.state(), ctx.fbo
    target = packer.pack(source)
    assert scene.state() == before
    assert ctx.fbo is bound
    scene.clean()
    assert_right(read(target)[: packer.frame_bytes], picture, "yuv420p")


def test_a_program_that_was_released_while_it_was_current_is_not_missed(ctx, objects, scene):
    picture = noise((16, 8))
    packer = objects.add(Packer(ctx, (16, 8), "rgba", direct=True))
    scene.dirty({"program"})
    scene.vertices.release()
    scene.program.release()
    assert np.array_equal(read(packer.pack(drawn(objects, ctx, picture))), picture.ravel())
    assert ctx.error == "GL_NO_ERROR"


def test_a_scene_draws_on_as_if_nothing_had_been_packed(ctx, objects, scene):
    """moderngl remembers what it has switched and bound: none of it may have become untrue."""
    packer = objects.add(Packer(ctx, (8, 8), "nv12", direct=True))
    program = ctx.program(
        vertex_shader="""
            #version 330
            void main() { gl_Position = vec4(gl_VertexID == 1 ? 3 : -1, gl_VertexID == 2 ? 3 : -1, 0, 1); }
        """,
        fragment_shader="""
            #version 330
            uniform sampler2D look;
            out vec4 c;
            void main() { c = vec4(texelFetch(look, ivec2(0), 0).rgb * 0.5, 0.5); }
        """,
    )
    vertices = objects.add(ctx.vertex_array(objects.add(program), []))
    canvas = objects.add(ctx.framebuffer([objects.add(ctx.texture((8, 8), 4))]))
    texture = objects.add(ctx.texture((1, 1), 4, b"\xff\xff\xff\xff"))
    texture.use(0)
    canvas.use()
    canvas.clear()
    ctx.enable_only(moderngl.BLEND)
    ctx.blend_func = moderngl.ONE, moderngl.ONE
    try:
        for shade in (128, 255, 255):
            vertices.render(moderngl.TRIANGLES, 3)
            packer.pack(canvas)
            assert (read(canvas).reshape(-1, 4)[:, :3] == shade).all()
    finally:
        ctx.enable_only(moderngl.NOTHING)


def test_an_interrupt_inside_puts_the_state_back_as_well(ctx, objects, scene):
    scene.dirty(DIRTS)
    before = scene.state()
    calls = _calls.calls()
    with pytest.raises(KeyboardInterrupt), calls.preserved(), calls.drawing(scene.fbo.glo, (8, 8)):
        raise KeyboardInterrupt
    assert scene.state() == before


def test_releasing_again_does_nothing(ctx):
    packer = Packer(ctx, (8, 8), "yuv444p")
    packer.release()
    packer.release()


def test_what_shaders_store_in_a_picture_counts_as_drawn(ctx, objects):
    if ctx.version_code < 430:
        pytest.skip("no compute shaders here")
    packer = objects.add(Packer(ctx, (16, 16), "rgba", direct=True))
    texture = objects.add(ctx.texture((16, 16), 4))
    fbo = objects.add(ctx.framebuffer([texture]))
    compute = ctx.compute_shader("""
        #version 430
        layout(local_size_x = 16, local_size_y = 16) in;
        layout(rgba8, binding = 0) writeonly uniform image2D picture;
        uniform float shade;
        void main() { imageStore(picture, ivec2(gl_GlobalInvocationID.xy), vec4(shade)); }
    """)
    objects.add(compute)
    for shade in (51, 102, 255):
        texture.bind_to_image(0, read=False, write=True)
        compute["shade"] = shade / 255
        compute.run()
        assert (read(packer.pack(fbo)) == shade).all()


@settings(max_examples=40)
@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    pixel_format=st.sampled_from(list(PLANES)),
    direct=st.booleans(),
)
def test_any_size_at_all(size, pixel_format, direct):
    with context().current():
        ctx, objects = context().ctx, Objects()
        try:
            picture = noise(size)
            packer = objects.add(Packer(ctx, size, pixel_format, direct=direct))
            raw = read(packer.pack(drawn(objects, ctx, picture)))
            assert_right(raw[: packer.frame_bytes], picture, pixel_format)
        finally:
            objects.release()


@given(st.integers(1, 16384), st.integers(1, 16384), st.sampled_from([1, 1.5, 2, 3, 4]))
def test_the_target_is_no_larger_than_the_gl_has_and_wastes_less_than_a_row(width, height, bytes_a_pixel):
    frame, row = int(width * height * bytes_a_pixel), max(1, int(width * bytes_a_pixel))
    across, down = target_size(frame, row, 16384)
    assert max(across, down) <= 16384
    assert 4 * across * (down - 1) < frame <= 4 * across * down
