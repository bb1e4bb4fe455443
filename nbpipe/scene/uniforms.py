"""Which uniforms of a shader a person may change, and what the comments beside them ask for.

``uniform float speed = 1.0; // @range(0, 4) @label(Wave speed)`` is a slider. The hints are ``@range(0, 4)``, with a
step as third if you like, ``@color``, ``@options(1, 2, 4)`` or ``@options(slow=1, fast=4)``, ``@label(…)`` and
``@hidden``; other words after an @ are left alone. They stand on the line of the declaration, or on a line of nothing
else above it.
Pure functions of the source; any thread.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from nbpipe.errors import SceneError
from nbpipe.scene.glsl import Declaration, pointed
from nbpipe.scene.parameter import Kind, Parameter, Range, label, number

# What Shadertoy gives every shader, by its name: https://www.shadertoy.com/howto
INPUTS = {
    "iResolution": "uniform vec3 iResolution;",
    "iTime": "uniform float iTime;",
    "iTimeDelta": "uniform float iTimeDelta;",
    "iFrameRate": "uniform float iFrameRate;",
    "iFrame": "uniform int iFrame;",
    "iMouse": "uniform vec4 iMouse;",
    "iDate": "uniform vec4 iDate;",
    "iSampleRate": "uniform float iSampleRate;",
    "iChannelTime": "uniform float iChannelTime[4];",
    "iChannelResolution": "uniform vec3 iChannelResolution[4];",
    **{f"iChannel{unit}": f"uniform sampler2D iChannel{unit};" for unit in range(4)},
}

_HINT = re.compile(r"@(?P<word>\w+)(?:\s*\((?P<text>[^()]*)\))?")
_VECTORS = {"vec2": 2, "vec3": 3, "vec4": 4}
_NUMBERS: dict[str, Callable[[str], float]] = {"int": int, "float": float}
_COLOURFUL = re.compile("colou?r", re.IGNORECASE)
_COLOUR_TYPES = ("vec3", "vec4")


def uniform_parameters(
    found: list[Declaration], given: Mapping[str, object], source: str, first_line: int
) -> dict[str, Parameter]:
    """Return the parameters among the declarations of `source`, in their order.

    One starts with what is `given` for it; else with its initialiser; else in the middle of its ``@range``, with the
    first of its ``@options``, a colour with white, and anything else with GLSL's own 0. Where the initialiser is more
    than this reader understands, the uniform keeps what GLSL makes of it, and is no parameter unless it is given.

    Raises
    ------
    SceneError
        A hint cannot be understood; the text shows its line.
    """
    parameters = {}
    for declaration in found:
        name = declaration.name
        if name in INPUTS or declaration.array:
            continue
        hints = {hint["word"]: hint["text"] for hint in _HINT.finditer(declaration.comment)}
        if "hidden" in hints:
            continue
        try:
            parameter = _parameter(declaration, hints, given)
        except ValueError as error:
            raise SceneError(pointed(source, declaration.line, None, str(error), first_line)) from None
        if parameter is not None:
            parameters[name] = parameter
    return parameters


def _parameter(
    declaration: Declaration, hints: Mapping[str, str | None], given: Mapping[str, object]
) -> Parameter | None:
    kind = _kind(declaration, hints)
    if kind is None:
        return None
    name, title = declaration.name, hints.get("label") or label(declaration.name)
    limits = _limits(hints["range"]) if "range" in hints else None
    options = _options(hints["options"], kind) if "options" in hints else ()
    start: Any = declaration.value
    if start is None:
        start = _start(declaration.type, limits, options, coloured=kind == "color")
    shape = Parameter(name, "choice" if options else kind, title, start, options=options)
    known = declaration.value is not None or not declaration.initialised
    if name in given:
        try:
            start, known = shape.typed(given[name]), True
        except (TypeError, ValueError):
            if options:
                raise
            # else the shader says so, when the driver refuses it
    if not known:
        return None
    if shape.kind in {"bool", "choice"}:
        return replace(shape, value=shape.typed(start))
    return replace(number(name, kind, start, limits), label=title)


def _kind(declaration: Declaration, hints: Mapping[str, str | None]) -> Kind | None:
    match declaration.type:
        case "float" | "int" | "bool" as scalar:
            return scalar
        case "vec2" | "vec3" | "vec4" as vector:
            coloured = "color" in hints or ("range" not in hints and _COLOURFUL.search(declaration.name))
            return "color" if coloured and vector in _COLOUR_TYPES else "vector"
    return None


def _start(kind: str, limits: Range | None, options: tuple[tuple[str, float], ...], *, coloured: bool) -> object:
    """Return what a uniform starts with that nobody has given a value."""
    if kind == "bool":
        return False
    if options:
        return options[0][1]
    middle = 0.0 if limits is None else (limits.minimum + limits.maximum) / 2
    if kind == "int":
        return math.floor(middle)
    return middle if kind == "float" else (1.0 if coloured else middle,) * _VECTORS[kind]


def _limits(text: str | None) -> Range:
    try:
        return Range(*map(float, (text or "").split(",")))
    except (TypeError, ValueError):
        msg = f"@range needs the least and the greatest value, as in @range(0, 2), not ({text or ''})"
        raise ValueError(msg) from None


def _options(text: str | None, kind: Kind) -> tuple[tuple[str, float], ...]:
    options: list[tuple[str, float]] = []
    try:
        for part in (text or "").split(","):
            title, _, value = part.rpartition("=")
            options.append((title.strip() or value.strip(), _NUMBERS[kind](value)))
    except (KeyError, ValueError):
        msg = f"@options of a float or int needs numbers, as in @options(slow=1, fast=4), not ({text or ''})"
        raise ValueError(msg) from None
    return tuple(options)
