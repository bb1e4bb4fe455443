"""What a scene lets a person change: found in GLSL and in annotations, checked from Python, mended from a browser."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
from typing import Annotated, ClassVar, Final, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nbpipe
from nbpipe.scene.adapters import adapt
from nbpipe.scene.parameters import Color, Parameter, Range, apply, parameters
from nbpipe.scene.shader import Shader

IMAGE = "void mainImage(out vec4 c, in vec2 p) { c = vec4(1); }"


def of(declarations, **uniforms):
    return parameters(Shader(f"{declarations}\n{IMAGE}", **uniforms))


def only(declarations, **uniforms):
    (parameter,) = of(declarations, **uniforms).values()
    return parameter


def numbers(parameter):
    return parameter.kind, parameter.value, parameter.minimum, parameter.maximum, parameter.step


class TestUniforms:
    @pytest.mark.parametrize(
        ("declaration", "kind", "value"),
        [
            ("uniform float a = 0.5;", "float", 0.5),
            ("uniform float a = .5f;", "float", 0.5),
            ("uniform float a = -1.;", "float", -1.0),
            ("uniform float a=1e-2;", "float", 0.01),
            ("uniform float a = 1;", "float", 1.0),
            ("uniform float a = 1.0 / 4.0;", "float", 0.25),
            ("uniform float a = 2.0 * (3.0 - 1.0);", "float", 4.0),
            ("#define PI 3.25 // nearly\nuniform float a = 2.0 * PI;", "float", 6.5),
            ("#define HALF (0.5)\nconst float Q = HALF / 2.0;\nuniform float a = Q;", "float", 0.25),
            ("uniform int a = 7 / 2;", "int", 3),
            ("uniform float a = 7 / 2;", "float", 3.0),
            ("uniform int a = -3;", "int", -3),
            ("uniform bool a = true;", "bool", True),
            ("uniform bool a;", "bool", False),
            ("uniform vec2 a = vec2(1, 2.5);", "vector", (1.0, 2.5)),
            ("uniform vec3 a = vec3(0.5);", "vector", (0.5, 0.5, 0.5)),
            ("uniform vec4 a = vec4(vec2(1.0), .5, 2.0 * 2.0);", "vector", (1.0, 1.0, 0.5, 4.0)),
            ("uniform vec3 a = vec3(1, 2, 3) * 0.5;", "vector", (0.5, 1.0, 1.5)),
            ("uniform highp float a = 0.5;", "float", 0.5),
            ("layout(location = 3) uniform float a = 0.5;", "float", 0.5),
            ("uniform\n  float\n  a\n  =\n  0.5\n  ;", "float", 0.5),
            ("uniform /* @range(8, 9) is not on this line */ \n float a /* = 3.0 */ = 0.5;", "float", 0.5),
        ],
    )
    def test_types_and_initialisers(self, declaration, kind, value):
        parameter = only(declaration)
        assert (parameter.name, parameter.kind, parameter.value) == ("a", kind, value)
        assert type(parameter.value) is type(value)

    def test_several_on_a_line_in_their_order(self):
        found = of("uniform float b = 2.0, a, c = 0.5; uniform int n = 3;")
        assert {name: each.value for name, each in found.items()} == {"b": 2.0, "a": 0.0, "c": 0.5, "n": 3}
        assert list(found) == ["b", "a", "c", "n"]

    @pytest.mark.parametrize(
        "declaration",
        [
            "// uniform float a;",
            "/* uniform float a; */",
            "/*\nuniform float a;\n*/",
            "// a line that goes on \\\nuniform float a;",
            "uniform sampler2D a;",
            "uniform float a[3];",
            "uniform float[3] a;",
            "uniform mat4 a;",
            "uniform Block { float a; };",
            "uniform float a; // @hidden",
            "// @hidden\nuniform float a;",
            "uniform vec3 iResolution; uniform float iTime; uniform vec4 iMouse; uniform int iFrame; uniform vec4 iDate;",
            "float a;",
        ],
    )
    def test_what_is_none(self, declaration):
        assert of(declaration) == {}

    def test_a_value_that_only_the_compiler_knows_is_left_to_it(self):
        assert of("uniform float a = sin(1.0);") == {}
        assert only("uniform float a = sin(1.0);", a=2).value == 2.0

    @pytest.mark.parametrize("text", ["(" * 5000, "1" * 400, "1e999", "1.0/0.0", "A", "-" * 150 + "1", "2.0 2.0"])
    def test_an_initialiser_that_is_none_costs_nobody_anything(self, text):
        assert len(of(f"#define A B\n#define B A\nuniform float x = {text};\nuniform float y;")) in {1, 2}

    def test_without_a_range_the_sliders_are_those_of_interact(self):
        assert numbers(only("uniform float a;")) == ("float", 0.0, 0.0, 1.0, 0.01)
        assert numbers(only("uniform float a = 2.0;")) == ("float", 2.0, -2.0, 6.0, 0.01)
        assert numbers(only("uniform float a = -2.0;")) == ("float", -2.0, -6.0, 2.0, 0.01)
        assert numbers(only("uniform int a;")) == ("int", 0, 0, 10, 1)
        assert numbers(only("uniform int a = 4;")) == ("int", 4, -4, 12, 1)
        assert numbers(only("uniform vec2 a = vec2(2, -1);")) == ("vector", (2.0, -1.0), -3.0, 6.0, 0.01)

    def test_a_range(self):
        assert numbers(only("uniform float a; // @range(0, 2)")) == ("float", 1.0, 0.0, 2.0, 0.01)
        assert numbers(only("uniform float a = 0.1; // @range(0, 2, 0.25)")) == ("float", 0.1, 0.0, 2.0, 0.25)
        assert numbers(only("uniform int a; // @range(1, 8)")) == ("int", 4, 1, 8, 1)
        assert numbers(only("uniform vec2 a; /* @range(-1, 1) */")) == ("vector", (0.0, 0.0), -1.0, 1.0, 0.01)

    def test_a_start_beyond_the_range_was_meant(self):
        assert numbers(only("uniform float a = 5.0; // @range(0, 2)"))[1:4] == (5.0, 0.0, 5.0)
        assert numbers(only("uniform float a; // @range(0, 2)", a=-1))[1:4] == (-1.0, -1.0, 2.0)

    def test_a_hint_stands_on_the_line_or_alone_above_it(self):
        above = of("// @range(0, 2)\nuniform float a = 1.0; // @label(Wave speed)\nuniform float b = 1.0;")
        assert (above["a"].maximum, above["a"].label) == (2.0, "Wave speed")
        assert (above["b"].maximum, above["b"].label) == (3.0, "B"), "the hints of a line with code are its own"

    def test_colours(self):
        assert numbers(only("uniform vec3 a = vec3(1, .5, 0); // @color"))[:4] == ("color", (1.0, 0.5, 0.0), 0.0, 1.0)
        assert only("uniform vec4 a; // @color").value == (1.0, 1.0, 1.0, 1.0)
        assert only("uniform vec3 skyColor;").kind == "color"
        assert only("uniform vec3 colour;").value == (1.0, 1.0, 1.0)
        assert only("uniform vec3 colorOffset; // @range(-1, 1)").kind == "vector"
        assert only("uniform vec2 colors;").kind == "vector"

    def test_options(self):
        speed = only("uniform float speed = 4.0; // @options(slow=1, fast = 4)")
        assert (speed.kind, speed.value, speed.options) == ("choice", 4.0, (("slow", 1.0), ("fast", 4.0)))
        steps = only("uniform int steps; // @options(16, 64)")
        assert (steps.value, steps.options) == (16, (("16", 16), ("64", 64)))
        assert type(steps.value) is int

    @pytest.mark.parametrize(
        ("declaration", "hint"),
        [
            ("uniform float a; // @range(2, 0)", "@range(2, 0)"),
            ("uniform float a; // @range(0)", "@range(0)"),
            ("uniform float a; // @range", "@range"),
            ("uniform float a; // @range(0, 1, 2, 3)", "@range"),
            ("uniform float a; // @range(low, high)", "@range"),
            ("uniform float a; // @range(0, inf)", "@range"),
            ("uniform float a; // @range(0, 1, 0)", "@range"),
            ("uniform int a; // @range(0.2, 0.8)", "whole number"),
            ("uniform float a; // @options(slow, fast)", "@options"),
            ("uniform bool a; // @options(1, 2)", "@options"),
            ("uniform int a; // @options(1.5)", "@options"),
            ("uniform float a = 3.0; // @options(1, 2)", "must be one of 1.0, 2.0, not 3.0"),
        ],
    )
    def test_a_hint_that_makes_no_sense_is_shown_in_its_line(self, declaration, hint):
        with pytest.raises(nbpipe.SceneError) as caught:
            Shader(f"\n{declaration}\n{IMAGE}", first_line=2)
        assert hint.partition("(")[0] in str(caught.value)
        assert str(caught.value).startswith("line 3: ")
        assert str(caught.value).endswith("\n    " + declaration)

    def test_other_words_after_an_at_are_left_alone(self):
        assert only("uniform float a = 1.0; // @author me @see(https://x)").maximum == 3.0

    @pytest.mark.parametrize(
        ("name", "text"),
        [("u_speed", "Speed"), ("waveSpeed", "Wave speed"), ("wave_speed", "Wave speed"), ("fov", "Fov")],
    )
    def test_names_become_words(self, name, text):
        assert only(f"uniform float {name};").label == text

    def test_what_python_gave_comes_first(self):
        shader = Shader("uniform float speed = 1.0; uniform vec2 at; uniform int n;" + IMAGE, speed=2, at=[1, 2])
        found = parameters(shader)
        assert (found["speed"].value, found["at"].value, found["n"].value) == (2.0, (1.0, 2.0), 0)
        assert found["speed"].maximum == 6.0

    def test_setting_shows_and_keeps_the_range(self):
        shader = Shader("uniform float speed = 1.0;" + IMAGE)
        apply(shader, "speed", 2.5)
        assert numbers(parameters(shader)["speed"])[:4] == ("float", 2.5, -1.0, 3.0)
        shader.uniforms["speed"] = 100
        assert numbers(parameters(shader)["speed"])[:4] == ("float", 100.0, -1.0, 100.0)

    def test_a_value_of_the_wrong_kind_is_left_for_the_driver_to_name(self):
        assert only("uniform float speed = 1.0;", speed="fast").value == 1.0

    @given(st.text("uniform flavec23=,;()[]{}/*\\\n .@range1-", max_size=200))
    def test_any_text_is_read(self, text):
        try:
            assert all(isinstance(each, Parameter) for each in of(text).values())
        except nbpipe.SceneError as error:
            assert "@range" in str(error) or "mainImage" in str(error)  # noqa: PT017


class Mode(enum.Enum):
    SOFT_LIGHT = "soft"
    HARD = "hard"


class Base:
    speed: Annotated[float, Range(0, 2)] = 1
    hidden = 3.0

    def render(self, frame):
        pass


class Scene(Base):
    count: Annotated[int, Range(1, 64)] = 8
    level: float
    on: bool = True
    mode: Mode = Mode.HARD
    quality: Literal["low", "high"] = "low"
    power: Literal[1, 2, 4] = 2
    tint: Annotated[tuple[float, float, float], Color] = (1, 0.5, 0)
    at: tuple[float, float] = (0.0, 2.0)
    plain: int = 5
    never: float
    shared: ClassVar[float] = 1.0
    fixed: Final = 3.0
    name: str = "scene"
    maybe: float | None = None
    gone: NotThere = 1  # noqa: F821
    many: tuple[float, ...] = (1.0, 2.0)
    whole: tuple[int, int] = (1, 2)
    wrong: float = "fast"
    truth: int = True
    _private: float = 1.0

    def __init__(self):
        self.level = 0.5


class TestAttributes:
    def test_annotated_attributes_become_controls(self):
        found = parameters(Scene())
        assert {name: each.kind for name, each in found.items()} == {
            "speed": "float",
            "count": "int",
            "level": "float",
            "on": "bool",
            "mode": "choice",
            "quality": "choice",
            "power": "choice",
            "tint": "color",
            "at": "vector",
            "plain": "int",
        }
        assert numbers(found["speed"]) == ("float", 1.0, 0.0, 2.0, 0.01)
        assert numbers(found["count"]) == ("int", 8, 1, 64, 1)
        assert numbers(found["level"])[1:4] == (0.5, -0.5, 1.5)
        assert found["mode"].options == (("Soft light", Mode.SOFT_LIGHT), ("Hard", Mode.HARD))
        assert found["tint"].value == (1.0, 0.5, 0.0)
        assert numbers(found["at"])[1:4] == ((0.0, 2.0), -2.0, 6.0)

    def test_setting_sets_the_attribute(self):
        scene = Scene()
        apply(scene, "speed", 1.5)
        assert (scene.speed, Scene.speed, parameters(scene)["speed"].value) == (1.5, 1, 1.5)

    def test_a_dataclass(self):
        @dataclasses.dataclass(slots=True)
        class Waves:
            speed: "float" = 1.0  # noqa: UP037
            steps: "list[int]" = dataclasses.field(default_factory=list)  # noqa: UP037
            extra: dataclasses.InitVar[int] = 3

        assert list(parameters(Waves(speed=3.0))) == ["speed"]
        assert parameters(Waves(speed=3.0))["speed"].value == 3.0

    def test_numbers_of_numpy_are_numbers(self):
        scene = Scene()
        scene.level, scene.tint = np.float32(0.25), np.array([1.0, 0.0, 0.5])
        found = parameters(scene)
        assert type(found["level"].value) is float
        assert found["tint"].value == (1.0, 0.0, 0.5)

    def test_a_range_without_a_whole_number_is_refused(self):
        class Never:
            n: "Annotated[int, Range(0.2, 0.8)]" = 0  # noqa: UP037

        with pytest.raises(ValueError, match=r"n is a whole number, and there is none from 0\.2 to 0\.8"):
            parameters(Never())

    def test_numbers_at_the_end_of_the_floats(self):
        class Far:
            far: float = 1e308
            seed: int = 2**1024  # beyond it

        assert {name: (each.minimum, each.maximum) for name, each in parameters(Far()).items()} == {
            "far": (-1e308, 1e308)
        }

    @pytest.mark.parametrize("scene", [adapt(lambda frame: None), adapt(iter(())), "text", None, 3, object()])
    def test_other_things_have_none(self, scene):
        assert parameters(scene) == {}


FLOAT = Parameter("speed", "float", "Speed", 1.0, 0.0, 2.0, 0.01)
INT = Parameter("count", "int", "Count", 1, 0, 10, 1)
BOOL = Parameter("on", "bool", "On", value=True)
TINT = Parameter("tint", "color", "Tint", (1.0, 1.0, 1.0), 0.0, 1.0, 0.01)
MODE = Parameter("mode", "choice", "Mode", Mode.HARD, options=(("Soft", Mode.SOFT_LIGHT), ("Hard", Mode.HARD)))
POWER = Parameter("power", "choice", "Power", 2.0, options=(("1", 1.0), ("2", 2.0)))
ALL = [FLOAT, INT, BOOL, TINT, MODE, POWER]


class TestValues:
    @pytest.mark.parametrize(
        ("parameter", "value", "expected"),
        [
            (FLOAT, 1, 1.0),
            (FLOAT, np.float64(0.5), 0.5),
            (INT, np.int64(3), 3),
            (BOOL, np.True_, True),
            (TINT, [0, 0.5, 1], (0.0, 0.5, 1.0)),
            (MODE, Mode.SOFT_LIGHT, Mode.SOFT_LIGHT),
            (POWER, 1, 1.0),
        ],
    )
    def test_python_may_set(self, parameter, value, expected):
        found = parameter.checked(value)
        assert (found, type(found)) == (expected, type(expected))

    @pytest.mark.parametrize(
        ("parameter", "value", "error"),
        [
            (FLOAT, True, TypeError),
            (FLOAT, "1", TypeError),
            (FLOAT, None, TypeError),
            (FLOAT, math.nan, ValueError),
            (FLOAT, math.inf, ValueError),
            (FLOAT, 10**400, ValueError),
            (FLOAT, 2.1, ValueError),
            (INT, 1.5, TypeError),
            (INT, False, TypeError),
            (INT, 11, ValueError),
            (BOOL, 1, TypeError),
            (TINT, (1, 1), ValueError),
            (TINT, "red", TypeError),
            (TINT, 1.0, TypeError),
            (TINT, (1, 1, math.nan), ValueError),
            (TINT, (1, 1, 2), ValueError),
            (MODE, "hard", ValueError),
            (MODE, np.zeros(3), ValueError),
            (POWER, True, ValueError),
            (POWER, 3, ValueError),
        ],
    )
    def test_python_is_told_what_is_wrong(self, parameter, value, error):
        with pytest.raises(error, match=f"^{parameter.name} must "):
            parameter.checked(value)

    @pytest.mark.parametrize(
        ("parameter", "value", "expected"),
        [
            (FLOAT, 3, 2.0),
            (FLOAT, -(10**400), 0.0),
            (FLOAT, math.inf, 2.0),
            (FLOAT, math.nan, None),
            (FLOAT, True, None),
            (FLOAT, "1", None),
            (INT, 2.6, 3),
            (INT, 99, 10),
            (BOOL, False, False),
            (BOOL, 0, None),
            (TINT, [2, 0.5, -1], (1.0, 0.5, 0.0)),
            (TINT, [1, 1], None),
            (TINT, [1, 1, math.nan], None),
            (TINT, [1, 1, [1]], None),
            (MODE, 0, Mode.SOFT_LIGHT),
            (MODE, 2, None),
            (MODE, -1, None),
            (MODE, True, None),
            (MODE, "Hard", None),
        ],
    )
    def test_a_browser_is_mended(self, parameter, value, expected):
        found = parameter.clamped(value)
        assert (found, type(found)) == (expected, type(expected))

    @given(
        st.sampled_from(ALL),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**400),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
        ),
    )
    def test_whatever_a_browser_sends_is_a_value_or_nothing(self, parameter, raw):
        found = parameter.clamped(raw)
        assert found is None or parameter.checked(found) == found

    def test_what_a_browser_gets_is_json(self):
        specs = [parameter.spec(parameter.value) for parameter in ALL]
        assert json.loads(json.dumps(specs, allow_nan=False)) == specs
        assert specs[0] == {
            "name": "speed",
            "kind": "float",
            "label": "Speed",
            "value": 1.0,
            "min": 0.0,
            "max": 2.0,
            "step": 0.01,
            "options": [],
        }
        assert (specs[3]["value"], specs[4]["value"], specs[4]["options"]) == ([1.0, 1.0, 1.0], 1, ["Soft", "Hard"])

    @pytest.mark.parametrize("parameter", ALL, ids=lambda parameter: parameter.name)
    def test_a_file_gives_back_what_was_written(self, parameter):
        assert parameter.decoded(json.loads(json.dumps(parameter.encoded(parameter.value)))) == parameter.value


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((1, 0), ValueError),
        ((1, 1), ValueError),
        ((0, math.inf), ValueError),
        ((math.nan, 1), ValueError),
        ((0, 10**400), ValueError),
        ((0, 1, 0), ValueError),
        ((0, "1"), TypeError),
        ((False, 1), TypeError),
    ],
)
def test_a_range_is_two_numbers_in_order(arguments, error):
    with pytest.raises(error, match="must be"):
        Range(*arguments)
