"""GLSL as a scene: Shadertoy's ``mainImage``, or a whole fragment shader.

Owns one program and one full-screen triangle, made in ``setup`` on the render thread, and the `Mouse` that
``on_event`` moves there. The user's source is compiled with ``#line 1`` before it and blanks for its comments, so that
the compiler counts the user's own lines and columns; its message is then read back and shown with the place it means.
Knows moderngl and `Frame`; nothing of readback or video.
"""

from __future__ import annotations

import datetime as dt
import re
import reprlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import moderngl
import numpy as np

from nbpipe.errors import SceneError
from nbpipe.scene.glsl import declarations, pointed, split_lines, without_comments
from nbpipe.scene.mouse import Mouse
from nbpipe.scene.parameter import Parameter
from nbpipe.scene.uniforms import INPUTS, uniform_parameters

if TYPE_CHECKING:
    from nbpipe.scene.frame import Frame

# Three vertices, of which the screen is the middle: no vertex buffer, and no diagonal seam as with two triangles.
_VERTEX = """#version {version}
void main() {{
    vec2 corner = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2);
    gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}}
"""

_CHANNELS = ("iChannel0", "iChannel1", "iChannel2", "iChannel3")
_SHADERTOY_TAIL = """
out vec4 nbpipe_color;
void main() {
    vec4 color = vec4(0.0, 0.0, 0.0, 1.0);
    mainImage(color, gl_FragCoord.xy);
    nbpipe_color = vec4(color.rgb, 1.0);
}
"""

_MAIN_IMAGE = re.compile(r"\bvoid\s+mainImage\s*\(")
_MAIN = re.compile(r"\bvoid\s+main\s*\(")
_VERSION = re.compile(r"^[ \t]*#[ \t]*version[ \t]+(?P<version>\d+(?:[ \t]+\w+)?)", re.MULTILINE)
_OURS = "330 core"
_PRECISION = "precision highp float; precision highp int; precision highp sampler2D;\n"  # GLSL ES has no default
# Where Mesa ("0:3(12): error: …"), NVIDIA ("0(3) : error C1008: …") and Apple and AMD ("ERROR: 0:3: …") name the line,
# and Mesa the column.
_DIAGNOSTIC = re.compile(
    r"^(?:ERROR:\s*|WARNING:\s*)?0[:(](?P<line>\d+)\)?(?:\((?P<column>\d+)\))?\s*:\s*(?P<text>.*)$", re.MULTILINE
)


class Shader:
    """A fragment shader that fills the picture, as a scene.

    Parameters
    ----------
    source : str
        GLSL with Shadertoy's ``void mainImage(out vec4 fragColor, in vec2 fragCoord)``, or a whole fragment
        shader with its own ``main``. Without a ``#version`` line it is GLSL 3.30 core. In both kinds the
        inputs ``iTime iTimeDelta iFrame iFrameRate iResolution iMouse iDate`` are set where they are used.
    date : datetime.datetime, optional
        What ``iDate`` shows in the first frame; afterwards it advances with the video's own time. The moment
        of ``setup`` unless given.
    first_line : int
        The number that the first line of `source` has for the reader of an error: 2 for a notebook cell that
        begins with its magic.
    **uniforms
        Values for the shader's own uniforms: numbers, tuples, and for samplers such as ``iChannel0`` a
        `moderngl.Texture` or a uint8 array of shape (H, W), (H, W, 3) or (H, W, 4) whose row 0 is the top.

    Attributes
    ----------
    source : str
    uniforms : dict
        The values given; a change shows in the next frame. An array is looked at when it is another array.
    mouse : Mouse
        What ``iMouse`` shows; `on_event` moves it.

    Raises
    ------
    TypeError, SceneError
        `source` is no string, or has neither ``mainImage`` nor ``main``; or a hint beside a uniform (see
        `parameters`) cannot be understood.

    Notes
    -----
    A uniform that is declared and has no value starts as its control would: with its own initialiser; else in the
    middle of its ``// @range(0, 2)``, with the first of its ``// @options(1, 2)``, a colour with white; else with 0.
    So a recording shows what a preview does.
    """

    def __init__(
        self, source: str, *, date: dt.datetime | None = None, first_line: int = 1, **uniforms: object
    ) -> None:
        if not isinstance(source, str):
            msg = f"source must be a string of GLSL, not {type(source).__name__}"
            raise TypeError(msg)
        self.source = source
        self.uniforms: dict[str, object] = uniforms
        self.mouse = Mouse()
        self._date = date
        self._first_line = first_line
        self._glsl = _complete(source)
        found = declarations(source)
        self._declared = {*INPUTS, *(declaration.name for declaration in found)}
        self._parameters = uniform_parameters(found, uniforms, source, first_line)
        self._made: list[Any] = []

    def parameters(self) -> dict[str, Parameter]:
        """Return the uniforms that a person may change, with their present values; see `nbpipe.scene.uniforms`."""
        return {name: self._present(name, parameter) for name, parameter in self._parameters.items()}

    def setup(self, ctx: moderngl.Context) -> None:
        """Compile. Raises `SceneError` with the user's own line numbers."""
        try:
            self._program = ctx.program(vertex_shader=_vertex(self._glsl), fragment_shader=self._glsl)
        except moderngl.Error as error:
            raise SceneError(_explain(str(error), self.source, self._first_line)) from None
        self._vertices = ctx.vertex_array(self._program, [])
        self._made = [self._program, self._vertices]
        self._start = self._date or dt.datetime.now()  # noqa: DTZ005  iDate is the wall clock of the viewer
        self._textures: dict[str, moderngl.Texture] = {}
        self._shown: dict[str, object] = {}
        self.mouse.forget_size()
        try:
            self._set_all(ctx)
            self._check_samplers()
        except BaseException:
            self.release()
            raise

    def on_event(self, event: Mapping[str, Any]) -> None:
        """Let the pointer move ``iMouse``; `event` is one of the renderview specification's."""
        self.mouse.on_event(event)

    def render(self, frame: Frame) -> None:
        """Fill ``frame.fbo``. Raises `SceneError` when a uniform was given what it cannot take."""
        self._set_all(frame.ctx)
        now = self._start + dt.timedelta(seconds=frame.time)
        seconds = (now - now.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
        self._set("iTime", frame.time)
        self._set("iTimeDelta", frame.dt)
        self._set("iFrame", frame.index)
        self._set("iFrameRate", float(frame.fps))
        self._set("iResolution", (*map(float, frame.size), 1.0))
        self._set("iMouse", self.mouse.uniform(frame.size))
        self._set("iDate", (float(now.year), now.month - 1.0, float(now.day), seconds))
        self._set("iSampleRate", 44100.0)
        self._set_array("iChannelTime", [frame.time] * 4)
        self._set_array("iChannelResolution", [self._resolution(name) for name in _CHANNELS])
        for unit, texture in enumerate(self._textures.values()):
            texture.use(unit)
        self._vertices.render(moderngl.TRIANGLES, vertices=3)

    def release(self) -> None:
        """Free the program and the textures made from arrays."""
        for made in reversed(self._made):
            made.release()
        self._made = []

    def _check_samplers(self) -> None:
        # One that was never given would read black, without a word.
        for name in self._program:
            if name not in self.uniforms and _is_sampler(self._program[name]):
                msg = f"the shader reads {name!r}, which was not given: nbpipe.Shader(source, {name}=array)"
                raise SceneError(msg)

    def _set(self, name: str, value: object) -> None:
        # A uniform that the compiler found unused is not there; vec2 iResolution is a common home-made variant.
        uniform: Any = self._program.get(name, None)
        if uniform is not None and name not in self.uniforms:
            dimension = uniform.dimension
            uniform.value = value[:dimension] if isinstance(value, tuple) and dimension > 1 else value

    def _set_array(self, name: str, values: Sequence[object]) -> None:
        # The compiler may have cut an array down to the part that is used.
        uniform: Any = self._program.get(name, None)
        if uniform is not None and name not in self.uniforms:
            used = values[: uniform.array_length]
            uniform.value = used if len(used) > 1 else used[0]

    def _set_all(self, ctx: moderngl.Context) -> None:
        """Show the values that changed since the frame before; lists may have changed within, and cost 1 µs."""
        starts = {name: parameter.value for name, parameter in self._parameters.items()}
        for name, value in {**starts, **self.uniforms}.items():
            if name not in self._shown or self._shown[name] is not value or isinstance(value, list):
                self._set_own(ctx, name, value)
                self._shown[name] = value

    def _set_own(self, ctx: moderngl.Context, name: str, value: object) -> None:
        uniform: Any = self._program.get(name, None)
        if uniform is None:
            if re.split(r"[.\[]", name)[0] in self._declared:
                return  # the compiler found it unused, which it may be for a moment while someone types
            known = ", ".join(sorted(name for name in self._program if not name.startswith("gl_"))) or "none"
            msg = f"the shader uses no uniform {name!r} (it uses: {known})"
            raise SceneError(msg)
        if _is_sampler(uniform):
            self._set_texture(ctx, name, uniform, value)
            return
        if isinstance(value, np.ndarray) and uniform.array_length == 1:
            value = value.ravel()  # a matrix, in the order that GLSL has in memory, as `OrbitCamera` gives it
        try:
            uniform.value = value
        except Exception as error:
            takes = "a number" if uniform.dimension == 1 else f"{uniform.dimension} numbers"
            each = f", for each of its {uniform.array_length} elements" if uniform.array_length > 1 else ""
            msg = f"uniform {name!r} cannot take {reprlib.repr(value)} ({error}); it takes {takes}{each}"
            raise SceneError(msg) from error

    def _set_texture(self, ctx: moderngl.Context, name: str, uniform: Any, value: object) -> None:
        if isinstance(value, moderngl.Texture):
            texture = value
        elif isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim in (2, 3):
            height, width = value.shape[:2]
            components = 1 if value.ndim == 2 else value.shape[2]  # noqa: PLR2004
            upright = np.ascontiguousarray(value[::-1])  # GL's row 0 is the bottom
            texture = ctx.texture((width, height), components, upright, alignment=1)
            self._made.append(texture)
        else:
            got = f"an array of shape {value.shape} and dtype {value.dtype}" if isinstance(value, np.ndarray) else value
            msg = (
                f"{name!r} needs a moderngl.Texture or a uint8 array (H, W) or (H, W, 3 or 4), not {reprlib.repr(got)}"
            )
            raise SceneError(msg)
        before = self._textures.get(name)
        self._textures[name] = texture
        if before is not None and before in self._made:
            self._made.remove(before)
            before.release()
        uniform.value = list(self._textures).index(name)

    def _resolution(self, channel: str) -> tuple[float, ...]:
        texture = self._textures.get(channel)
        return (0.0, 0.0, 0.0) if texture is None else (*map(float, texture.size), 1.0)

    def _present(self, name: str, parameter: Parameter) -> Parameter:
        try:
            return parameter.starting(self.uniforms[name]) if name in self.uniforms else parameter
        except (TypeError, ValueError):  # `render` says so, in terms of the uniform
            return parameter


def _is_sampler(uniform: Any) -> bool:
    # GL_SAMPLER_1D … GL_SAMPLER_2D_RECT_SHADOW, and the arrays, buffers and integer kinds of OpenGL 3
    kind = getattr(uniform, "gl_type", 0)
    return 0x8B5D <= kind <= 0x8B64 or 0x8DC0 <= kind <= 0x8DD8  # noqa: PLR2004


def _complete(source: str) -> str:
    code = without_comments(source)
    stated = _VERSION.search(code)
    version = stated["version"] if stated else _OURS
    if version == "100":
        msg = (
            "GLSL ES 1.00 is too old for nbpipe: begin with '#version 300 es' or '#version 330 core', declare "
            "'out vec4 color;' for gl_FragColor, and call texture() for texture2D()"
        )
        raise SceneError(msg)
    if _MAIN.search(code):
        return code if stated else f"#version {_OURS}\n#line 1\n{code}"
    if not _MAIN_IMAGE.search(code):
        msg = (
            "this GLSL has no 'void mainImage(out vec4 fragColor, in vec2 fragCoord)' and no 'void main()': "
            "write one of the two, or, if this is the name of a file, pass its text: Path(…).read_text()"
        )
        raise SceneError(msg)
    # What makes a shader of Shadertoy's run elsewhere may have come along: a version, and the inputs' declarations.
    own = {found.name for found in declarations(source)}
    inputs = "\n".join(line for name, line in INPUTS.items() if name not in own)
    precision = _PRECISION if version.endswith("es") else ""
    code = _VERSION.sub("", code)
    return f"#version {version}\n{precision}{inputs}\n#line 1\n{code}{_SHADERTOY_TAIL}"


def _vertex(fragment: str) -> str:
    """Return the vertex shader for a whole fragment shader; GLSL ES links with its own version alone."""
    stated = _VERSION.search(fragment)
    return _VERTEX.format(version=stated["version"] if stated and stated["version"].endswith("es") else _OURS)


def _explain(log: str, source: str, first_line: int) -> str:
    lines = split_lines(without_comments(source))
    parts = ["the shader does not compile"]
    for found in _DIAGNOSTIC.finditer(log):
        line, column = int(found["line"]), None
        if found["column"] and line <= len(lines):
            column = _spread(lines[line - 1], int(found["column"]))
        part = pointed(source, line, column, found["text"].strip(), first_line)
        if part not in parts:  # Mesa says some twice
            parts.append(part)
    if len(parts) == 1:
        parts.append(log.strip())
    return "\n".join(parts)


def _spread(line: str, column: int) -> int:
    """Return the column of `line` that Mesa means: its preprocessor makes one blank of any number of them."""
    counted = 0
    for index, character in enumerate(line):
        counted += character not in " \t" or index == 0 or line[index - 1] not in " \t"
        if counted == column:
            return index + 1
    return len(line) + 1
