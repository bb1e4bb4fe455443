"""The kernel extension, ``%load_ext nbpipe``: ``%%shader``, ``%record`` and ``%nbpipe``.

Words in, calls of `nbpipe.preview` and `nbpipe.record` out. Owns what those words mean, how an error reads in a cell
(nbpipe's own words and the cell's own line, without a traceback through nbpipe). Knows no GL. Render thread.
"""

from __future__ import annotations

import argparse
import contextlib
import keyword
import os
import shlex
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from IPython.core.error import UsageError

from nbpipe.cli import add_recording_options, recording_options, size_in
from nbpipe.errors import NbpipeError
from nbpipe.notebook import cell
from nbpipe.notebook.kept import Kept, Shown
from nbpipe.notebook.preview import Preview
from nbpipe.notebook.widget import Recording
from nbpipe.preview import begin
from nbpipe.record import record
from nbpipe.scene.clock import checked_seconds
from nbpipe.scene.frame import frame_rate
from nbpipe.scene.shader import Shader
from nbpipe.scene.take import Take

_UNNAMED = "shader"
_REFUSALS = (TypeError, ValueError, OSError)

_SHADER = """\
Play the GLSL of this cell live: Shadertoy's mainImage, or a whole fragment shader.

The live widget becomes the variable NAME, for waves.params.speed = 2, waves.time and waves.record("waves.mp4").

Run the cell again, and the same widget goes on with the new code: at its time, with what you have changed of its
parameters, and in its size and at its rate unless the line names others. While the code does not compile, the last
picture plays on, and the error names line and column of the cell.
"""
_SHADER_EXAMPLES = """\
examples:
  %%shader waves
  %%shader waves --size 1280x720 --fps 30
  %%shader waves --record waves.mp4 --duration 5
"""
_RECORD = """\
Record a scene to a video file, and show it while it renders.

SCENE is a name or an expression of this notebook: whatever nbpipe.record takes, or a live widget, which is recorded
as it is now: parameters, size, length and take. The result is the recording: rec = %record waves out.mp4

The line is read as by a shell, so what has blanks or quotes in it stands in quotes; {name} puts in a value.
"""
_RECORD_EXAMPLES = """\
examples:
  %record waves out.mp4
  %record "Lagoon(lamps=5)" "my videos/lagoon.webm" --size 1920x1080 --frames 300
  %record lagoon {folder}/lagoon.mp4 --take view.take
"""
_NBPIPE = """\
%%shader [NAME]         play the GLSL of this cell live        %%shader? says more
%record SCENE [FILE]    record a scene to a video file         %record? says more
%nbpipe doctor          try out what recording needs here, and say what works
"""


def load(shell: Any) -> None:
    """Give nbpipe's magics to an IPython shell."""
    _loaded[shell] = Magics(shell)


def unload(shell: Any) -> None:
    """Take them away again, and end what ``%%shader`` plays."""
    _loaded.pop(shell).close()


class Magics:
    """The magics of one IPython shell, from `load` to `unload`."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._kept = Kept()
        shell.register_magic_function(self.shader, "cell")
        shell.register_magic_function(self.record, "line")
        shell.register_magic_function(self.nbpipe, "line")
        shell.events.register("post_run_cell", self._kept.end_unclaimed)

    def close(self) -> None:
        """Take the magics from the shell, and end the previews."""
        self._shell.events.unregister("post_run_cell", self._kept.end_unclaimed)
        for kind, name in (("cell", "shader"), ("line", "record"), ("line", "nbpipe")):
            del self._shell.magics_manager.magics[kind][name]
        self._kept.close()

    def shader(self, line: str, code: str) -> None:
        """Play GLSL live; a person is shown the help of `_SHADER_PARSER`."""
        options = _parsed(_SHADER_PARSER, line)
        if options is None:
            return
        name = self._checked_name(options.name)
        chosen = {key: value for key in ("size", "fps", "duration") if (value := getattr(options, key)) is not None}
        kept = self._kept.claim(name)
        if kept is not None and options.samples not in {None, kept.samples}:
            kept.view.close()
            kept = None
        with self._in_short():
            if kept is None:
                samples = options.samples or 0
                view, picture = begin(_CellShader(code, name), samples=samples, **chosen)
                self._kept.keep(name, Shown(view, samples), known=options.name is not None)
                view.display_here()
                view.leave_poster(picture)
            else:
                view = kept.view
                self._kept.keep(name, kept, known=options.name is not None)
                _go_on(view, name, code, chosen)
            self._shell.push({name: view})
            if options.record is not None:
                length = {"duration": options.duration} if options.duration is not None else {}
                view.record(os.path.expanduser(options.record), **length).wait()

    def record(self, line: str) -> Recording | None:
        """Record a scene; a person is shown the help of `_RECORD_PARSER`."""
        options = _parsed(_RECORD_PARSER, line)
        if options is None:
            return None
        chosen = recording_options(options)
        scene = self._value(options.scene)
        if options.take is not None:
            chosen["take"] = take = self._value(options.take)
            if not isinstance(take, Take):
                msg = f"--take must be what a live widget has recorded, such as view.take, not {take!r}"
                raise UsageError(msg)
        path = os.path.expanduser(options.file)
        with self._in_short():
            if not isinstance(scene, Preview):
                return record(scene, path, **chosen)
            recording = scene.record(path, **chosen)
            recording.wait()
            return recording

    def nbpipe(self, line: str) -> None:
        """``%nbpipe doctor`` tries out what recording needs here; ``%nbpipe`` lists nbpipe's magics."""
        word = line.strip()
        if word in {"", "-h", "--help"}:
            sys.stdout.write(_NBPIPE)
        elif word == "doctor":
            from nbpipe.doctor import examine

            sys.stdout.write(f"{examine()}\n")
        else:
            msg = f"%nbpipe knows no {word!r}; write %nbpipe doctor, or %nbpipe alone for what there is"
            raise UsageError(msg)

    def _checked_name(self, name: str | None) -> str:
        """Return the name of the variable for a widget: the one given, or one that takes nothing from the person."""
        if name is None:
            taken = self._shell.user_ns.get(_UNNAMED)
            if taken is not None and not isinstance(taken, Preview):
                msg = (
                    f"a %%shader without a name becomes the variable {_UNNAMED!r}, and you have a "
                    f"{type(taken).__name__} of that name; give this one another: %%shader waves"
                )
                raise UsageError(msg)
            return _UNNAMED
        if not name.isidentifier() or keyword.iskeyword(name):
            msg = f"the widget becomes a variable, so NAME must be a Python name such as waves, not {name!r}"
            raise UsageError(msg)
        return name

    def _value(self, expression: str) -> Any:
        """Return what `expression` is in the person's notebook."""
        try:
            return self._shell.ev(expression)
        except Exception as error:
            *_, (innermost, _) = traceback.walk_tb(error.__traceback__)
            if innermost.f_code.co_filename != "<string>" and not isinstance(error, SyntaxError):
                raise  # from the person's own code, which the expression calls
            msg = (
                f"{expression!r} must be a name or an expression of this notebook ({type(error).__name__}: {error}); "
                "quote arguments that contain spaces or quotes"
            )
            raise UsageError(msg) from None

    @contextlib.contextmanager
    def _in_short(self) -> Iterator[None]:
        """Show errors of nbpipe's without a traceback, and a refused argument as wrong usage."""
        try:
            yield
        except NbpipeError as error:
            words = self._shell.InteractiveTB.get_exception_only(type(error), error)
            vars(error)["_render_traceback_"] = lambda: words  # IPython's protocol for errors that show themselves
            raise
        except _REFUSALS as error:
            frames = traceback.walk_tb(error.__traceback__)
            if not all(frame.f_globals.get("__name__", "").startswith("nbpipe.") for frame, _ in frames):
                raise  # from the scene's own code
            raise UsageError(str(error)) from None


class _CellShader(Shader):
    """The shader of a cell: it has a name, and its errors count the lines as the cell does."""

    def __init__(self, code: str, name: str) -> None:
        whole, body = cell.cell_code(), code.rstrip()
        above = whole.rpartition(body)[0] if body and body in whole else "%%shader\n"
        super().__init__(code, first_line=above.count("\n") + 1)
        self.name = name


def _go_on(view: Preview, name: str, code: str, chosen: dict[str, Any]) -> None:
    """Show the preview in this cell too, with the new code, or with the old and why the new one cannot be."""
    try:
        view.replace(_CellShader(code, name))
        view.fps = float(chosen.get("fps", view.fps))
        view.duration = chosen.get("duration", view.duration)
        _resize(view, chosen.get("size", view.size))
        picture = view.session.poster()
    except Exception as error:
        view.session.refuse(error)
        view.display_here()
        raise
    view.display_here()
    view.leave_poster(picture)


def _resize(view: Preview, size: tuple[int, int]) -> None:
    view.size = size
    if view.size != size:
        raise ValueError(view.error)


class _HelpShown(Exception):
    """The line asked for help, and has got it."""


class _Parser(argparse.ArgumentParser):
    """Reads the line of a magic, where a program would end."""

    def error(self, message: str) -> NoReturn:
        """Raise IPython's own error for wrong usage."""
        msg = f"{message} ({self.prog}? says what there is)"
        raise UsageError(msg)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:  # noqa: ARG002  as argparse has it
        """Go back to the magic."""
        raise _HelpShown


def _parsed(parser: _Parser, line: str) -> argparse.Namespace | None:
    """Return the options of a line; ``None`` when it asked for help."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        msg = f"{parser.prog}: {error} in {line.strip()!r}; unbalanced quotes"
        raise UsageError(msg) from None
    try:
        return parser.parse_args(words)
    except _HelpShown:
        return None


def _parser(prog: str, words: str, examples: str) -> _Parser:
    as_it_is = argparse.RawDescriptionHelpFormatter
    return _Parser(prog=prog, description=words, epilog=examples, formatter_class=as_it_is)


def _shader_parser() -> _Parser:
    parser = _parser("%%shader", _SHADER, _SHADER_EXAMPLES)
    parser.add_argument("name", nargs="?", metavar="NAME", help=f"variable for the widget (default: {_UNNAMED})")
    parser.add_argument("--size", type=size_in, metavar="WxH", help="width and height in pixels (default: 640x360)")
    parser.add_argument("--fps", type=_typed(frame_rate), metavar="RATE", help="pictures per second (default: 60)")
    parser.add_argument("--duration", type=_typed(_seconds), metavar="SECONDS", help="of the time line (default: 10)")
    parser.add_argument("--samples", type=int, metavar="N", help="samples per pixel; another number begins anew")
    parser.add_argument("--record", metavar="FILE", help="record it, too; when the cell ends, the file is whole")
    return parser


def _record_parser() -> _Parser:
    parser = _parser("%record", _RECORD, _RECORD_EXAMPLES)
    parser.add_argument("scene", metavar="SCENE", help="what to record; see above")
    parser.add_argument(
        "file", metavar="FILE", nargs="?", default="recording.mp4", help="where to (default: recording.mp4)"
    )
    add_recording_options(parser)
    parser.add_argument("--take", metavar="TAKE", help="replay what was done in a live widget: view.take")
    return parser


def _seconds(text: str) -> float:
    return checked_seconds("duration", float(text))


def _typed(check: Callable[[str], object]) -> Callable[[str], object]:
    """Let argparse show the words of `check`, which it would replace by its own."""

    def typed(text: str) -> object:
        try:
            return check(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return typed


_loaded: dict[Any, Magics] = {}  # by shell
_SHADER_PARSER, _RECORD_PARSER = _shader_parser(), _record_parser()
Magics.shader.__doc__, Magics.record.__doc__ = _SHADER_PARSER.format_help(), _RECORD_PARSER.format_help()
