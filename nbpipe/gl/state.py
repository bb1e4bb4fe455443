"""The GL state of a context that outlives drawing, read and set again.

It is what moderngl can set and what `glEnable` switches, but for what belongs to a framebuffer of moderngl and is set
whenever that is used: viewport, scissor and masks. Of numbered points to bind to, it is the first `_POINTS` of each.

Render thread only, with the context current. Knows nothing of scenes or whose state it is (`turns`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import moderngl

from nbpipe.gl import enums
from nbpipe.gl._calls import calls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbpipe.gl._calls import Calls

    Found = Iterator[tuple[Any, Any]]  # where, and what is set there

# moderngl remembers which of these are on, so it has to be the one that switches them.
_FLAGS = {
    moderngl.BLEND: enums.BLEND,
    moderngl.DEPTH_TEST: enums.DEPTH_TEST,
    moderngl.CULL_FACE: enums.CULL_FACE,
    moderngl.RASTERIZER_DISCARD: enums.RASTERIZER_DISCARD,
    moderngl.PROGRAM_POINT_SIZE: enums.PROGRAM_POINT_SIZE,
}
# and these it tells again when it is asked.
_ATTRIBUTES = "wireframe", "front_face", "polygon_offset", "line_width", "point_size"
# This one it tells wrongly until it is set (moderngl 5.13).
_CULLED = {enums.FRONT: "front", enums.BACK: "back", enums.FRONT_AND_BACK: "front_and_back"}
# What else OpenGL 3.3 can switch on
_SWITCHES = (
    enums.LINE_SMOOTH,
    enums.POLYGON_SMOOTH,
    enums.STENCIL_TEST,
    enums.DITHER,
    enums.COLOR_LOGIC_OP,
    enums.POLYGON_OFFSET_POINT,
    enums.POLYGON_OFFSET_LINE,
    enums.POLYGON_OFFSET_FILL,
    enums.MULTISAMPLE,
    enums.SAMPLE_ALPHA_TO_COVERAGE,
    enums.SAMPLE_ALPHA_TO_ONE,
    enums.SAMPLE_COVERAGE,
    enums.SAMPLE_MASK,
    enums.FRAMEBUFFER_SRGB,
    enums.PRIMITIVE_RESTART,
    enums.TEXTURE_CUBE_MAP_SEAMLESS,
    enums.DEPTH_CLAMP,
    *range(enums.CLIP_DISTANCE0, enums.CLIP_DISTANCE0 + 8),
)
_OPENGL_4_0, _OPENGL_4_2, _OPENGL_4_3 = 400, 420, 430  # as moderngl's version_code has them
_SINCE = {enums.SAMPLE_SHADING: _OPENGL_4_0, enums.PRIMITIVE_RESTART_FIXED_INDEX: _OPENGL_4_3}
# A call, and what tells the values that it sets
_FUNCTIONS = {
    "BlendFuncSeparate": (
        enums.BLEND_SRC_RGB,
        enums.BLEND_DST_RGB,
        enums.BLEND_SRC_ALPHA,
        enums.BLEND_DST_ALPHA,
    ),
    "BlendEquationSeparate": (enums.BLEND_EQUATION_RGB, enums.BLEND_EQUATION_ALPHA),
    "DepthFunc": (enums.DEPTH_FUNC,),
    "ProvokingVertex": (enums.PROVOKING_VERTEX,),
}
_POINTS = 32  # of each kind are looked at; Mesa has 192 for images, and to ask for one takes 0.6 µs
# What a texture is bound to, and what tells which is
_TEXTURES = {
    enums.TEXTURE_2D: enums.TEXTURE_BINDING_2D,
    enums.TEXTURE_3D: enums.TEXTURE_BINDING_3D,
    enums.TEXTURE_2D_ARRAY: enums.TEXTURE_BINDING_2D_ARRAY,
    enums.TEXTURE_CUBE_MAP: enums.TEXTURE_BINDING_CUBE_MAP,
    enums.TEXTURE_2D_MULTISAMPLE: enums.TEXTURE_BINDING_2D_MULTISAMPLE,
}
# Points for buffers: how many there are, which is bound there, from where, how much of it
_BLOCKS = {
    enums.UNIFORM_BUFFER: (
        enums.MAX_UNIFORM_BUFFER_BINDINGS,
        enums.UNIFORM_BUFFER_BINDING,
        enums.UNIFORM_BUFFER_START,
        enums.UNIFORM_BUFFER_SIZE,
    ),
    enums.SHADER_STORAGE_BUFFER: (
        enums.MAX_SHADER_STORAGE_BUFFER_BINDINGS,
        enums.SHADER_STORAGE_BUFFER_BINDING,
        enums.SHADER_STORAGE_BUFFER_START,
        enums.SHADER_STORAGE_BUFFER_SIZE,
    ),
}
_IMAGE = (
    enums.IMAGE_BINDING_NAME,
    enums.IMAGE_BINDING_LEVEL,
    enums.IMAGE_BINDING_LAYERED,
    enums.IMAGE_BINDING_LAYER,
    enums.IMAGE_BINDING_ACCESS,
    enums.IMAGE_BINDING_FORMAT,
)
_NO_IMAGE = 0, 0, 0, 0, enums.READ_ONLY, enums.RGBA8


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
    yield "cull_face", _CULLED[gl.integer(enums.CULL_FACE_MODE)]


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
    yield "DepthRange", gl.two_floats(enums.DEPTH_RANGE)
    if ctx.version_code >= _OPENGL_4_0:
        yield "PatchParameteri", (enums.PATCH_VERTICES, gl.integer(enums.PATCH_VERTICES))


def _put_function(_ctx: moderngl.Context, gl: Calls, function: str, values: tuple[Any, ...]) -> None:
    getattr(gl, function)(*values)


def _textures(_ctx: moderngl.Context, gl: Calls) -> Found:
    active = gl.integer(enums.ACTIVE_TEXTURE)
    units = min(_POINTS, gl.integer(enums.MAX_TEXTURE_IMAGE_UNITS))  # of the fragment shader; other stages use the same
    try:
        for unit in range(units):
            gl.ActiveTexture(enums.TEXTURE0 + unit)
            for target, binding in _TEXTURES.items():
                if texture := gl.integer(binding):
                    yield (unit, target), texture
            if sampler := gl.integer(enums.SAMPLER_BINDING):
                yield (unit, None), sampler
    finally:
        gl.ActiveTexture(active)


def _put_texture(_ctx: moderngl.Context, gl: Calls, where: tuple[int, int | None], name: int | None) -> None:
    unit, target = where
    if target is None:
        gl.BindSampler(unit, name if name and gl.IsSampler(name) else 0)
        return
    active = gl.integer(enums.ACTIVE_TEXTURE)
    gl.ActiveTexture(enums.TEXTURE0 + unit)
    gl.BindTexture(target, name if name and gl.IsTexture(name) else 0)
    gl.ActiveTexture(active)


def _blocks(ctx: moderngl.Context, gl: Calls) -> Found:
    for target, (count, *parts) in _BLOCKS.items():
        if target == enums.UNIFORM_BUFFER or ctx.version_code >= _OPENGL_4_3:
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
        for unit in range(min(_POINTS, gl.integer(enums.MAX_IMAGE_UNITS))):
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
