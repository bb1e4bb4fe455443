"""The parameters of a scene, found from its own declarations: what becomes a slider, a box, a colour or a list.

Reads a shader's uniforms (`uniforms`) or the annotations of an object's class, and sets what a person chose. `Range`,
`Color` and `Parameter` are shown here too, where the rest of nbpipe takes them from. Setting belongs to the render
thread, so that no frame is drawn with half of a change.
"""

from __future__ import annotations

import enum
import inspect
import typing
from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args, get_origin

from nbpipe.scene.parameter import Color, Parameter, Range, label, number
from nbpipe.scene.scene import Adapted
from nbpipe.scene.shader import Shader

__all__ = ["Color", "Parameter", "Range", "apply", "parameters"]

_WIDTHS = (2, 3, 4)
_COLOUR_WIDTHS = (3, 4)


def parameters(scene: object) -> dict[str, Parameter]:
    """Return the parameters of `scene` by name, in the order of their declaration, with their present values.

    Of a `Shader`, its uniforms of the types float, int, bool and vec2 to vec4. Of another object, the public
    annotated attributes that have a value of their type: ``bool``, ``int``, ``float``, ``Literal[…]``, an
    ``enum.Enum``, ``tuple[float, float]`` to four floats, and ``Annotated`` forms of these with `Range` or `Color`.
    Anything else has none. Of a function object or a moderngl-window class, the attributes of what the person wrote.

    Raises
    ------
    ValueError
        A `Range` cannot be kept: none of its numbers is whole, and the attribute is an int.
    """
    if isinstance(scene, Shader):
        return scene.parameters()
    subject, framework = (scene.subject, scene.framework) if isinstance(scene, Adapted) else (scene, object)
    found = {}
    for name, hint in _annotations(type(subject)):
        if hasattr(framework, name):
            continue
        try:
            value = getattr(subject, name)
        except AttributeError:
            continue  # declared, and not set
        parameter = _attribute(name, hint, value)
        if parameter is not None:
            found[name] = parameter
    return found


def apply(scene: object, name: str, value: object) -> None:
    """Set parameter `name` of `scene` to `value`, which `Parameter.checked` or `clamped` has returned."""
    if isinstance(scene, Shader):
        scene.uniforms[name] = value
    elif isinstance(scene, Adapted):
        scene.choose(name, value)
    else:
        setattr(scene, name, value)


def _annotations(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield the public annotated names of a class and its bases, the bases' first, with what they mean.

    Each is resolved by itself, so that one that names what is not there (a type imported for the type checker alone)
    costs no other. Of a name that is annotated again the last counts, in the first's place.
    """
    hints: dict[str, Any] = {}
    for owner in reversed(kind.__mro__):
        for name, hint in inspect.get_annotations(owner).items():
            if name.startswith("_"):
                continue
            alone = type(owner.__name__, (), {"__annotations__": {name: hint}, "__module__": owner.__module__})
            try:
                hints[name] = typing.get_type_hints(alone, localns=dict(vars(owner)), include_extras=True)[name]
            except Exception:  # noqa: BLE001  an annotation is code of the user's, and this one says nothing to us
                hints.pop(name, None)
    yield from hints.items()


def _attribute(name: str, hint: Any, value: object) -> Parameter | None:
    """Return the parameter that an annotation and a value make; ``None`` where they make none."""
    extras: tuple[Any, ...] = ()
    if get_origin(hint) is Annotated:
        hint, *metadata = get_args(hint)
        extras = tuple(metadata)
    limits = next((extra for extra in extras if isinstance(extra, Range)), None)
    coloured = any(extra is Color or isinstance(extra, Color) for extra in extras)
    title = label(name)
    shape: Parameter
    if get_origin(hint) is Literal:
        shape = Parameter(name, "choice", title, value, options=tuple((str(one), one) for one in get_args(hint)))
    elif isinstance(hint, type) and issubclass(hint, enum.Enum):
        shape = Parameter(name, "choice", title, value, options=tuple((label(one.name.lower()), one) for one in hint))
    elif hint is bool:
        shape = Parameter(name, "bool", title, value)
    elif hint is int or hint is float:
        shape = Parameter(name, "int" if hint is int else "float", title, value)
    else:
        width = len(get_args(hint))
        if get_origin(hint) is not tuple or width not in _WIDTHS or set(get_args(hint)) != {float}:
            return None
        shape = Parameter(name, "color" if coloured and width in _COLOUR_WIDTHS else "vector", title, (0.0,) * width)
    try:
        start = shape.typed(value)
    except (TypeError, ValueError):
        return None
    if shape.kind in {"bool", "choice"}:
        return shape.starting(start)
    return number(name, shape.kind, start, limits)
