"""Scenes that are alive at once share a context, and none of them sees what another has set on it."""

from __future__ import annotations

import gc

import moderngl
import numpy as np
import pytest

import nbpipe
from nbpipe.gl._calls import calls

VERTEX = """#version 430
uniform float depth;
void main() {
    vec2 corner = vec2[3](vec2(-1, -1), vec2(3, -1), vec2(-1, 3))[gl_VertexID];
    gl_Position = vec4(corner, depth, 1.0);
}
"""
FRAGMENT = """#version 430
layout(binding = 0) uniform sampler2D picture;
layout(binding = 1) uniform sampler3D solid;
layout(binding = 2) uniform sampler2DArray layers;
layout(binding = 3) uniform samplerCube around;
layout(std140, binding = 2) uniform Block { vec4 tint; };
layout(std430, binding = 3) buffer Store { vec4 more; };
layout(rgba8, binding = 1) readonly uniform image2D stored;
layout(location = 0) out vec4 colour;
void main() {
    colour = texture(picture, gl_FragCoord.xy / 24.0) + texture(solid, vec3(0.5)) + texture(layers, vec3(0.5, 0.5, 0))
        + texture(around, vec3(1, 0, 0)) + tint + more + imageLoad(stored, ivec2(0)) + gl_FragCoord.z * 0.25;
    colour.a = 0.5;
}
"""
PIXELS = bytes([250, 0, 0, 255, 0, 90, 0, 255, 0, 0, 160, 255, 60, 60, 60, 255])


class Drawing:
    """Draws one thing, with whatever `choose` has set in ``setup``."""

    def __init__(self, choose):
        self.choose, self.kept = choose, []

    def setup(self, ctx):
        self.program = ctx.program(VERTEX, FRAGMENT)
        self.array = ctx.vertex_array(self.program, [])
        self.kept.append(self.choose(ctx))

    def render(self, frame):
        frame.fbo.clear(0.2, 0.3, 0.4, 1.0)
        for depth in (0.2, 0.6):
            self.program["depth"] = depth
            self.array.render(vertices=3)


def texture(ctx, unit=0, pixels=PIXELS):
    made = ctx.texture((2, 2), 4, pixels)
    made.use(unit)
    return made


def sampler(ctx):
    made = ctx.sampler(repeat_x=False, repeat_y=False, filter=(moderngl.NEAREST, moderngl.NEAREST))
    made.use(0)
    return made, texture(ctx)


def several(ctx):
    made = ctx.texture3d((1, 1, 1), 4, PIXELS[:4]), ctx.texture_array((1, 1, 1), 4, PIXELS[4:8])
    made += (ctx.texture_cube((1, 1), 4, PIXELS[8:12] * 6),)
    for unit, each in enumerate(made, 1):
        each.use(unit)
    return made


def block(ctx, offset=0):
    made = ctx.buffer(np.array([0.5, 0.1, 0.0, 0.0] * 32, "f4"))
    made.bind_to_uniform_block(2, offset=offset, size=16)
    return made


def store(ctx):
    made = ctx.buffer(np.array([0.0, 0.4, 0.0, 0.0], "f4"))
    made.bind_to_storage_buffer(3)
    return made


def image(ctx):
    made = ctx.texture((1, 1), 4, PIXELS[:4])
    made.bind_to_image(1, read=True, write=False)
    return made


def set_to(**attributes):
    def choose(ctx):
        ctx.enable(attributes.get("enable", moderngl.NOTHING))
        for name, value in attributes.items():
            if name == "direct":
                ctx.enable_direct(value)
            elif name != "enable":
                setattr(ctx, name, value)

    return choose


def nothing(_ctx):
    """Set nothing."""


CASES = {
    "texture": texture,
    "sampler": sampler,
    "other kinds of textures": several,
    "uniform block": block,
    "part of a uniform block": lambda ctx: block(ctx, 256),
    "storage buffer": store,
    "image": image,
    "blending": set_to(enable=moderngl.BLEND),
    "blend function": set_to(enable=moderngl.BLEND, blend_func=moderngl.ADDITIVE_BLENDING),
    "blend equation": set_to(enable=moderngl.BLEND, blend_equation=moderngl.MIN),
    "depth test": set_to(enable=moderngl.DEPTH_TEST),
    "depth function": set_to(enable=moderngl.DEPTH_TEST, depth_func=">"),
    "depth range": set_to(depth_clamp_range=(0.0, 0.2)),
    "culling": set_to(enable=moderngl.CULL_FACE, cull_face="front_and_back"),
    "front face": set_to(enable=moderngl.CULL_FACE, front_face="cw"),
    "wireframe": set_to(wireframe=True),
    "discard": set_to(enable=moderngl.RASTERIZER_DISCARD),
    "logic": set_to(direct=0x0BF2),  # GL_COLOR_LOGIC_OP, whose COPY ignores blending
}
WITH = {"logic": set_to(enable=moderngl.BLEND)}  # what makes it show


def frames(scene, ctx=None):
    return nbpipe.frames(scene, size=(48, 32), frames=3, ctx=ctx)


def both(*choices):
    return lambda ctx: [choose(ctx) for choose in choices]


@pytest.mark.parametrize("case", CASES)
def test_what_a_scene_has_set_is_set_when_its_turn_comes_again(case):
    choose, plain = both(CASES[case], WITH.get(case, nothing)), WITH.get(case, nothing)
    alone = [np.array(frame) for frame in frames(Drawing(choose))]
    before = [np.array(frame) for frame in frames(Drawing(plain))]
    assert not np.array_equal(alone[0], before[0]), "it shows"
    beside = list(zip(frames(Drawing(choose)), frames(Drawing(plain)), strict=True))
    assert [np.array_equal(frame, one) for (frame, _), one in zip(beside, alone, strict=True)] == [True] * 3
    assert [np.array_equal(frame, one) for (_, frame), one in zip(beside, before, strict=True)] == [True] * 3


def coloured(red, green):
    return Drawing(lambda ctx: texture(ctx, 0, bytes([red, green, 0, 0] * 4)))


@pytest.mark.parametrize("whose", ["nbpipe's", "the user's"])
def test_each_has_its_own_texture_in_one_context(request, whose):
    ctx = request.getfixturevalue("own_context") if whose == "the user's" else None
    for one, other in zip(frames(coloured(200, 0), ctx), frames(coloured(0, 200), ctx), strict=True):
        assert (one[..., 0] > one[..., 1]).all()
        assert (other[..., 1] > other[..., 0]).all()


def test_in_the_users_context_a_scene_begins_with_what_the_user_has_set(own_context):
    kept = texture(own_context)
    alone = list(frames(Drawing(texture)))
    beside = list(zip(frames(Drawing(nothing), own_context), frames(coloured(0, 200), own_context), strict=True))
    assert kept.size == (2, 2)
    assert np.array_equal(np.array([frame for frame, _ in beside]), np.array(alone))


@pytest.mark.parametrize("whose", ["nbpipe's", "the user's"])
def test_a_scene_inside_a_scene_leaves_it_as_it_was(request, whose):
    ctx = request.getfixturevalue("own_context") if whose == "the user's" else None
    kept = []

    class Nested(Drawing):
        def render(self, frame):
            if frame.index == 0:
                kept.append(frames(coloured(0, 200), ctx))
                next(kept[0])
            elif frame.index == 1:
                kept.clear()  # one that is read half is ended here
            list(frames(Drawing(set_to(enable=moderngl.RASTERIZER_DISCARD)), ctx))
            super().render(frame)

    alone = [np.array(frame) for frame in frames(Drawing(texture))]
    assert np.array_equal(np.array(list(frames(Nested(texture), ctx))), np.array(alone))


def test_what_the_user_sets_between_turns_is_for_all_scenes_in_the_users_context(own_context):
    pictures = [texture(own_context, 0, bytes([number * 20, 0, 0, 0]) * 4) for number in range(8)]
    scenes = [nbpipe.frames(Drawing(nothing), size=(48, 32), frames=20, ctx=own_context) for _ in range(2)]
    shown = []
    for picture in pictures:
        picture.use(0)
        shown.append([next(scene)[..., 0].max() for scene in scenes])
    assert all(one == other for one, other in shown)
    assert shown[-1] > shown[0], "each follows what is bound"
    own_context.enable(moderngl.BLEND)
    next(scenes[0])
    with own_context:
        assert calls().IsEnabled(0x0BE2), "GL_BLEND"


def test_scenes_end_though_the_user_has_released_their_context():
    ctx = moderngl.create_context(standalone=True, backend="egl", libgl="libGL.so.1", libegl="libEGL.so.1")
    scenes = [frames(coloured(200, 0), ctx) for _ in range(2)]
    for scene in scenes:
        next(scene)
    ctx.release()
    for scene in scenes:
        scene.close()


def test_what_a_scene_has_released_is_not_missed(ctx):
    def brief(ctx):
        for made in (texture(ctx), block(ctx), store(ctx), image(ctx), *sampler(ctx)):
            made.release()

    beside = [frame for frame, _ in zip(frames(Drawing(brief)), frames(Drawing(several)), strict=True)]
    assert np.array_equal(np.array(beside), np.array(list(frames(Drawing(nothing)))))
    gc.collect()
    assert ctx.error == "GL_NO_ERROR"
