"""The GL state of a context that outlives drawing, read and set again.

It is what moderngl can set and what `glEnable` switches, but for what belongs to a framebuffer of moderngl and is set
whenever that is used: viewport, scissor and masks. Of numbered points to bind to, it is the first `_POINTS` of each.

Render thread only, with the context current. Knows nothing of scenes or whose state it is (`turns`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import moderngl

from nbpipe.gl._calls import ACTIVE_TEXTURE, FRAMEBUFFER_SRGB, SAMPLER_BINDING, TEXTURE0, calls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbpipe.gl._calls import Calls

    Found = Iterator[tuple[Any, Any]]  # where, and what is set there

# moderngl remembers which of these are on, so it has to be the one that switches them: its name, and the registry's.
_FLAGS = {
    moderngl.BLEND: 0x0BE2,
    moderngl.DEPTH_TEST: 0x0B71,
    moderngl.CULL_FACE: 0x0B44,
    moderngl.RASTERIZER_DISCARD: 0x8C89,
    moderngl.PROGRAM_POINT_SIZE: 0x8642,
}
# and these it tells again when it is asked.
_ATTRIBUTES = "wireframe", "front_face", "polygon_offset", "line_width", "point_size"
# This one it tells wrongly until it is set (moderngl 5.13): the registry's name, and that of its values.
_CULL_FACE_MODE, _CULLED = 0x0B45, {0x0404: "front", 0x0405: "back", 0x0408: "front_and_back"}
# What else OpenGL 3.3 can switch on: smooth lines and polygons, stencil test, dithering, logic operations, polygon
# offset (3), samples (5), sRGB, restarted primitives, seamless cubes, depth clamp, the eight clip distances.
_SWITCHES = (
    *(0x0B20, 0x0B41, 0x0B90, 0x0BD0, 0x0BF2),
    *(0x2A01, 0x2A02, 0x8037),
    *(0x809D, 0x809E, 0x809F, 0x80A0, 0x8E51),
    *(FRAMEBUFFER_SRGB, 0x8F9D, 0x884F, 0x864F),
    *range(0x3000, 0x3008),
)
_SINCE = {0x8C36: 400, 0x8D69: 430}  # shading of samples, restarts at the highest index: since OpenGL 4.0 and 4.3
# A call, and what tells the values that it sets
_FUNCTIONS = {
    "BlendFuncSeparate": (0x80C9, 0x80C8, 0x80CB, 0x80CA),
    "BlendEquationSeparate": (0x8009, 0x883D),
    "DepthFunc": (0x0B74,),
    "ProvokingVertex": (0x8E4F,),
}
_OPENGL_4_0, _OPENGL_4_2, _OPENGL_4_3 = 400, 420, 430  # as moderngl's version_code has them
_PATCH_VERTICES, _DEPTH_RANGE = 0x8E72, 0x0B70
# TEXTURE_2D, _3D, _2D_ARRAY, _CUBE_MAP and _2D_MULTISAMPLE, and what tells the one that is bound
_TEXTURES = {0x0DE1: 0x8069, 0x806F: 0x806A, 0x8C1A: 0x8C1D, 0x8513: 0x8514, 0x9100: 0x9104}
_MAX_TEXTURE_IMAGE_UNITS = 0x8872
_POINTS = 32  # of each kind are looked at; Mesa has 192 for images, and to ask for one takes 0.6 µs
# UNIFORM_BUFFER and SHADER_STORAGE_BUFFER: how many, which is bound, from where, how much
_UNIFORM_BUFFER, _STORAGE_BUFFER = 0x8A11, 0x90D2
_BLOCKS = {_UNIFORM_BUFFER: (0x8A2F, 0x8A28, 0x8A29, 0x8A2A), _STORAGE_BUFFER: (0x90DD, 0x90D3, 0x90D4, 0x90D5)}
_MAX_IMAGE_UNITS = 0x8F38
_IMAGE = 0x8F3A, 0x8F3B, 0x8F3C, 0x8F3D, 0x8F3E, 0x906E  # BINDING_NAME, _LEVEL, _LAYERED, _LAYER, _ACCESS, _FORMAT
_NO_IMAGE = 0, 0, 0, 0, 0x88B8, 0x8058  # READ_ONLY, RGBA8


Values = tuple[dict[Any, Any], ...]  # for each of `_ASPECTS`: where → what is set there


def noted(ctx: moderngl.Context) -> Values:
    """Return what is set on `ctx`."""
    gl = calls()
    return tuple(dict(find(ctx, gl)) for find, _ in _ASPECTS)


def bring_back(ctx: moderngl.Context, values: Values, found: Values) -> None:
    """Set on `ctx`, where `noted` has just `found` something else, the `values` of earlier."""
    gl = calls()
    for (_, put), old, now in zip(_ASPECTS, values, found, strict=True):
        for where in old.keys() | now.keys():
            if old.get(where) != now.get(where):
                put(ctx, gl, where, old.get(where))


def merged(values: Values, before: Values, after: Values) -> Values:
    """Return `values` with what is other `after` than it was `before`."""
    return tuple(
        {where: value for where, value in old.items() if where in now or where not in was}
        | {where: value for where, value in now.items() if where not in was or was[where] != value}
        for old, was, now in zip(values, before, after, strict=True)
    )


# Below, what is bound nowhere is not found, and put as None. What was deleted meanwhile is not bound again: core
# profiles refuse it.


def _flags(_ctx: moderngl.Context, gl: Calls) -> Found:
    yield None, sum(flag for flag, switch in _FLAGS.items() if gl.IsEnabled(switch))


def _put_flags(ctx: moderngl.Context, _gl: Calls, _where: None, flags: int) -> None:
    ctx.enable_only(flags)


def _attributes(ctx: moderngl.Context, gl: Calls) -> Found:
    for name in _ATTRIBUTES:
        yield name, getattr(ctx, name)
    yield "cull_face", _CULLED[gl.integer(_CULL_FACE_MODE)]


def _put_attribute(ctx: moderngl.Context, _gl: Calls, name: str, value: object) -> None:
    setattr(ctx, name, value)


def _switches(ctx: moderngl.Context, gl: Calls) -> Found:
    for switch in (*_SWITCHES, *(newer for newer, version in _SINCE.items() if ctx.version_code >= version)):
        yield switch, gl.IsEnabled(switch)


def _put_switch(_ctx: moderngl.Context, gl: Calls, switch: int, on: bool) -> None:  # noqa: FBT001
    (gl.Enable if on else gl.Disable)(switch)


def _functions(ctx: moderngl.Context, gl: Calls) -> Found:
    for function, parts in _FUNCTIONS.items():
        yield function, tuple(map(gl.integer, parts))
    yield "DepthRange", gl.two_floats(_DEPTH_RANGE)
    if ctx.version_code >= _OPENGL_4_0:
        yield "PatchParameteri", (_PATCH_VERTICES, gl.integer(_PATCH_VERTICES))


def _put_function(_ctx: moderngl.Context, gl: Calls, function: str, values: tuple[Any, ...]) -> None:
    getattr(gl, function)(*values)


def _textures(_ctx: moderngl.Context, gl: Calls) -> Found:
    active = gl.integer(ACTIVE_TEXTURE)
    units = min(_POINTS, gl.integer(_MAX_TEXTURE_IMAGE_UNITS))  # of the fragment shader; other stages use the same
    try:
        for unit in range(units):
            gl.ActiveTexture(TEXTURE0 + unit)
            for target, binding in _TEXTURES.items():
                if texture := gl.integer(binding):
                    yield (unit, target), texture
            if sampler := gl.integer(SAMPLER_BINDING):
                yield (unit, None), sampler
    finally:
        gl.ActiveTexture(active)


def _put_texture(_ctx: moderngl.Context, gl: Calls, where: tuple[int, int | None], name: int | None) -> None:
    unit, target = where
    if target is None:
        gl.BindSampler(unit, name if name and gl.IsSampler(name) else 0)
        return
    active = gl.integer(ACTIVE_TEXTURE)
    gl.ActiveTexture(TEXTURE0 + unit)
    gl.BindTexture(target, name if name and gl.IsTexture(name) else 0)
    gl.ActiveTexture(active)


def _blocks(ctx: moderngl.Context, gl: Calls) -> Found:
    for target, (count, *parts) in _BLOCKS.items():
        if target == _UNIFORM_BUFFER or ctx.version_code >= _OPENGL_4_3:
            for index in range(min(_POINTS, gl.integer(count))):
                if gl.integer_at(parts[0], index):
                    yield (target, index), tuple(gl.integer_at(part, index) for part in parts)


def _put_block(_ctx: moderngl.Context, gl: Calls, where: tuple[int, int], part: tuple[int, int, int] | None) -> None:
    buffer, start, size = part or (0, 0, 0)
    if buffer and size and gl.IsBuffer(buffer):
        gl.BindBufferRange(*where, buffer, start, size)
    else:
        gl.BindBufferBase(*where, buffer if buffer and gl.IsBuffer(buffer) else 0)


def _images(ctx: moderngl.Context, gl: Calls) -> Found:
    if ctx.version_code >= _OPENGL_4_2:
        for unit in range(min(_POINTS, gl.integer(_MAX_IMAGE_UNITS))):
            if gl.integer_at(_IMAGE[0], unit):
                yield unit, tuple(gl.integer_at(part, unit) for part in _IMAGE)


def _put_image(_ctx: moderngl.Context, gl: Calls, unit: int, image: tuple[int, ...] | None) -> None:
    gl.BindImageTexture(unit, *(image if image and gl.IsTexture(image[0]) else _NO_IMAGE))


_ASPECTS: tuple[tuple[Any, Any], ...] = (
    (_flags, _put_flags),
    (_attributes, _put_attribute),
    (_switches, _put_switch),
    (_functions, _put_function),
    (_textures, _put_texture),
    (_blocks, _put_block),
    (_images, _put_image),
)
