"""The errors a caller may want to catch by name, and how any error is shown to a person.

Bad arguments are plain ``TypeError`` and ``ValueError``. What nbpipe itself finds wrong later is an `NbpipeError`. What
a scene raises, and what the operating system says, rises as it is. Any thread; imports nothing of nbpipe.
"""

from __future__ import annotations

import asyncio
import functools
import re
import shlex
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

# By which a program leaves what it was doing: nothing is wrong with what it has done so far.
WAYS_OUT = (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError)

_FOLDED = {"nbpipe", "traitlets"}  # the second is between nbpipe and itself where a parameter is set
_CELL = re.compile(r"ipykernel_\d+[/\\]\d+\.py$")


class NbpipeError(Exception):
    """Base of all errors that nbpipe raises for reasons other than a bad argument."""


class NoOpenGL(NbpipeError):
    """No OpenGL context could be made here; the text names the missing piece."""


class WrongThread(NbpipeError):
    """Called on another thread, or in another process, than the one that a recording, preview or context belongs to."""


class SceneError(NbpipeError):
    """The scene gave something that is no picture: GLSL that does not compile, a wrong shape, too few frames."""


class FFmpegNotFound(NbpipeError):
    """There is no FFmpeg that can be run."""


class EncoderError(NbpipeError):
    """FFmpeg ended, or ended up, with anything but the frames it was given.

    Attributes
    ----------
    command : list of str
        The command line, program first.
    returncode : int or None
        Exit status; negative for a signal; ``None`` when FFmpeg had to be given up while running.
    stderr_tail : str
        The last lines FFmpeg wrote to its standard error.
    hint : str
        What to do next, in one sentence; empty when the cause is not a known one.
    summary : str
        What happened, the hint and FFmpeg's last line: enough for a widget, without the command.
    """

    def __init__(
        self, message: str, *, command: list[str], returncode: int | None, stderr_tail: str, hint: str = ""
    ) -> None:
        self.command = command
        self.returncode = returncode
        self.stderr_tail = stderr_tail
        self.hint = hint
        parts = [part for part in (message, hint) if part]
        self.summary = "\n".join([*parts, *stderr_tail.splitlines()[-1:]])
        if stderr_tail:
            parts.append("FFmpeg's last words:\n  " + stderr_tail.replace("\n", "\n  "))
        parts.append("Command: " + shlex.join(command))
        super().__init__("\n".join(parts))


def told(error: BaseException) -> str:
    """Return an exception as a person wants it: what it is, and where in the person's own code."""
    package, frames = __file__.removesuffix("errors.py"), traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not frame.filename.startswith(package)]
    lines = [f"  {_place(frame.filename)}, line {frame.lineno}: {frame.line or frame.name}" for frame in theirs]
    return "\n".join([f"{type(error).__name__}: {error}", *lines])


def folded(call: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Decorate what a person calls: of an error, IPython then shows the person's own code and little of nbpipe's.

    The frames are hidden and not gone: ``%debug`` and `traceback` have them.
    """

    @functools.wraps(call)
    def outermost(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        __tracebackhide__ = True
        try:
            return call(*args, **kwargs)
        except BaseException as error:
            fold(error)
            raise

    return outermost


def fold(error: BaseException) -> None:
    """Hide nbpipe's frames of `error`, as `folded` does, but for those that are running, as the caller's is.

    Such a frame must say so itself. What is written into its locals (before Python 3.13, into a copy that it keeps)
    would be a cycle of the frame and its error, with all that the scene has.
    """
    links: dict[int, BaseException] = {}
    link: BaseException | None = error
    while link is not None and id(link) not in links:  # a cause may be its own
        links[id(link)] = link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    running = {frame for frame, _ in traceback.walk_stack(sys._getframe(1))}  # noqa: SLF001  not its own: a cycle too
    for link in links.values():
        for frame, _ in traceback.walk_tb(link.__traceback__):
            ours = str(frame.f_globals.get("__name__")).partition(".")[0] in _FOLDED
            if ours and frame not in running:
                frame.f_locals["__tracebackhide__"] = True  # what IPython and pytest look for


def from_outside(trace: TracebackType | None, *besides: str) -> TracebackType | None:
    """Return a traceback from the first line on that is neither nbpipe's nor of modules `besides`, if there is one."""
    ours = tuple(f"{name}." for name in ("nbpipe", *besides))
    while trace is not None and f"{trace.tb_frame.f_globals.get('__name__', '')}.".startswith(ours):
        trace = trace.tb_next
    return trace


def _place(file: str) -> str:
    """Return what to call a file: ipykernel gives each cell the name of a temporary one, which is not there."""
    return "in a cell" if _CELL.search(file) else file
