"""Reading GLSL as text: which uniforms it declares, with which values and comments, and where a message points.

Pure functions of the source, for any thread. What a comment means is the business of `uniforms`; whether the code
compiles is the driver's.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

Number = bool | int | float
Literal = Number | tuple[Number, ...]

# A backslash joins the next line to this one before comments are looked for.
_COMMENT = re.compile(r"//(?:\\(?:\r\n|\r|\n)|[^\r\n])*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_NEWLINE = re.compile(r"\r\n|\r|\n")
_UNIFORM = re.compile(r"\buniform\s+(?:(?:lowp|mediump|highp)\s+)?(?P<type>\w+)\b(?P<names>[^;{]*);")
_DECLARATOR = re.compile(r"\s*(?P<name>[A-Za-z_]\w*)\s*(?P<array>\[[^\]]*\])?\s*(?:=(?P<value>.*))?", re.DOTALL)
_CONSTANT = re.compile(
    r"^[ \t]*#[ \t]*define[ \t]+(?P<macro>[A-Za-z_]\w*)[ \t]+(?P<text>[^\r\n]+)"
    r"|\bconst\s+(?:(?:lowp|mediump|highp)\s+)?\w+\s+(?P<name>[A-Za-z_]\w*)\s*=(?P<value>[^;]*);",
    re.MULTILINE,
)
_SUFFIX = re.compile(r"(?<=[\d.])(?:lf|LF|[fFuU])\b")
_LONGEST = 200  # characters of an initialiser that are looked at: parsing must not recurse without end
_DEEPEST = 8  # constants that stand for constants
_TAB = 4

_WIDTHS = {"vec2": 2, "vec3": 3, "vec4": 4}
_SCALARS: dict[str, Callable[[Number], Number]] = {"float": float, "int": int, "bool": bool}
_OPERATORS: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda a, b: int(a / b) if isinstance(a, int) and isinstance(b, int) else a / b,
}


@dataclass(frozen=True, slots=True)
class Declaration:
    """One uniform of a source.

    Attributes
    ----------
    type : str
        As written: ``float``, ``vec3``, ``sampler2D`` …
    name : str
    array : bool
    initialised : bool
        Whether a ``=`` follows.
    value : bool, int, float, tuple or None
        What the initialiser comes to: one number, or as many as the type has; ``None`` where there is none, or where
        it is made of more than literals, constants and arithmetic.
    comment : str
        What the comments on its line say, and those on a line of nothing else directly above.
    line : int
        The line of its name, from 1.
    """

    type: str
    name: str
    array: bool
    initialised: bool
    value: Literal | None
    comment: str
    line: int


def without_comments(source: str) -> str:
    """Return `source` with blanks for its comments: every other character stays in its line and column."""
    return _COMMENT.sub(lambda found: re.sub(r"[^\r\n]", " ", found[0]), source)


def split_lines(source: str) -> list[str]:
    """Return the lines as a GLSL compiler counts them: form feeds and the like end none."""
    return _NEWLINE.split(source)


def declarations(source: str) -> list[Declaration]:
    """Return the uniforms that `source` declares outside of blocks, in their order, each name once."""
    code = without_comments(source)
    lines = list(zip(split_lines(source), split_lines(code), strict=True))
    constants = {"true": "True", "false": "False"} | {
        found["macro"] or found["name"]: found["text"] or found["value"] or "" for found in _CONSTANT.finditer(code)
    }
    found: dict[str, Declaration] = {}
    for uniform in _UNIFORM.finditer(code):
        names = uniform["names"]
        arrays = names.lstrip().startswith("[")  # in "float[3] a, b" both are
        begin = names.find("]") + 1 if arrays else 0
        for start, end in _between_commas(names, begin):
            declarator = _DECLARATOR.fullmatch(names, start, end)
            if declarator is None:
                continue
            line = 1 + len(_NEWLINE.findall(code, 0, uniform.start("names") + declarator.start("name")))
            declaration = Declaration(
                type=uniform["type"],
                name=declarator["name"],
                array=arrays or declarator["array"] is not None,
                initialised=declarator["value"] is not None,
                value=_value(uniform["type"], declarator["value"], constants),
                comment=_comment(lines, line),
                line=line,
            )
            found.setdefault(declaration.name, declaration)
    return list(found.values())


def pointed(source: str, line: int, column: int | None, text: str, first_line: int) -> str:
    """Return `text` with the place it is about, and under it that line of `source` with a caret.

    Parameters
    ----------
    source : str
    line : int
        Counted from 1 in `source`; one beyond its end is where a compiler misses what closes an earlier one.
    column : int or None
        Counted from 1 in characters, a tab being one.
    text : str
    first_line : int
        The number that the first line of `source` has for the reader.
    """
    lines = split_lines(source)
    if line > len(lines):
        last = len(split_lines(source.rstrip())) + first_line - 1
        return f"after line {last}, the last: {text}; perhaps a }}, ) or ; is missing"
    place = f"line {line + first_line - 1}" + (f", column {column}" if column else "")
    code = lines[line - 1]
    shown = code.expandtabs(_TAB)
    margin = len(shown) - len(shown.lstrip())
    parts = [f"{place}: {text}", "    " + shown.strip()]
    if column and column <= len(code) + 1:
        caret = len(code[: column - 1].expandtabs(_TAB)) - margin
        parts.append(" " * (4 + max(caret, 0)) + "^")
    return "\n".join(parts)


def _comment(lines: list[tuple[str, str]], line: int) -> str:
    """Return what comments say of `line`; `lines` are pairs of the source and the same without its comments."""

    def of(number: int) -> str:
        source, code = lines[number - 1]
        return "".join(s if c == " " else " " for s, c in zip(source, code, strict=True)).strip()

    above = of(line - 1) if line > 1 and not lines[line - 2][1].strip() else ""
    return f"{above} {of(line)}".strip()


def _between_commas(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Yield where the parts of ``a = vec2(1, 2), b`` begin and end."""
    depth = 0
    for index in range(start, len(text)):
        character = text[index]
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            yield start, index
            start = index + 1
    yield start, len(text)


def _value(kind: str, text: str | None, constants: Mapping[str, str]) -> Literal | None:
    """Return what the initialiser `text` of a uniform of the type `kind` comes to, if that can be told."""
    if text is None or (kind not in _SCALARS and kind not in _WIDTHS):
        return None
    try:
        numbers = _evaluated(text, constants, _DEEPEST)
        if len(numbers) != _WIDTHS.get(kind, 1) or not all(map(math.isfinite, numbers)):
            return None
        return _SCALARS[kind](numbers[0]) if kind in _SCALARS else numbers
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError):
        return None


def _evaluated(text: str, constants: Mapping[str, str], depth: int) -> tuple[Number, ...]:
    """Return the numbers of a constant expression; raise `ValueError` where it is more than this reader knows.

    Python's own parser reads it: GLSL's literals, names, calls and arithmetic are Python's but for their suffixes.
    """
    if len(text) > _LONGEST or depth == 0:
        raise ValueError(text)

    def of(node: ast.expr) -> tuple[Number, ...]:
        match node:
            case ast.Constant(value=bool() | int() | float() as number):
                return (number,)
            case ast.Name(id=name) if name in constants:
                return _evaluated(constants[name], constants, depth - 1)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return tuple(-number for number in of(operand))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                pairs = _paired(of(left), of(right))
                return tuple(_OPERATORS[type(op)](a, b) for a, b in pairs)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return _constructed(name, [number for argument in args for number in of(argument)])
        raise ValueError(text)

    return of(ast.parse(_SUFFIX.sub("", text).strip(), mode="eval").body)


def _constructed(name: str, numbers: list[Number]) -> tuple[Number, ...]:
    """Return ``int(…)`` or ``vec3(…)``, where one number fills all places."""
    if name in _SCALARS and len(numbers) == 1:
        return (_SCALARS[name](numbers[0]),)
    if name in _WIDTHS and len(numbers) in {1, _WIDTHS[name]}:
        return tuple(map(float, numbers * (_WIDTHS[name] // len(numbers))))
    raise ValueError(name)


def _paired(left: tuple[Number, ...], right: tuple[Number, ...]) -> Iterator[tuple[Number, Number]]:
    """Return the operands of each place: a number meets all numbers of a vector."""
    width = max(len(left), len(right))
    return zip(left * (width // len(left)), right * (width // len(right)), strict=True)
