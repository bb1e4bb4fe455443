"""The cell that a widget is shown in: what is displayed there, and which cell it is.

Knows two kinds of cells, Jupyter's and marimo's; the rest of nbpipe knows neither. Imports IPython only inside its
functions, because a script has none, and marimo not at all: where its cells run, somebody has. Render thread.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from nbpipe.notebook.film import Film
from nbpipe.notebook.poster import OUTPUTS, Bundle, outputs

_log = logging.getLogger("nbpipe")


def in_notebook() -> bool:
    """Whether this code runs in a cell of a Jupyter kernel."""
    return _kernel() is not None


def in_marimo() -> bool:
    """Whether this code runs in a cell of marimo."""
    return _marimo() is not None


def can_show() -> bool:
    """Whether this code runs where widgets are shown: in a cell of a Jupyter kernel or of marimo."""
    return in_notebook() or in_marimo()


def cell_id() -> str | None:
    """Return what the notebook calls the cell that runs; ``None`` where it does not tell, or where there is none."""
    name = _request().get("metadata", {}).get("cellId")
    return name if isinstance(name, str) else None


def cell_code() -> str:
    """Return the code of the cell that runs, as it was typed; nothing outside of a notebook."""
    return str(_request().get("content", {}).get("code", ""))


def current_cell() -> int | None:
    """Return the number of the cell that runs, ``None`` outside of IPython."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    return None if shell is None else int(shell.execution_count)


def running() -> Callable[[], contextlib.AbstractContextManager[None]]:
    """Return what makes the cell that runs now the running one again, for what is done in its name later.

    marimo makes widgets in a running cell only; what is printed appears there, too. Jupyter does without.
    """
    marimo = _marimo_runtime()
    if marimo is None or marimo.cell_id is None:
        return contextlib.nullcontext
    return functools.partial(marimo.with_cell_id, marimo.cell_id)


def show(widget: object, bundle: dict[str, object], metadata: dict[str, object]) -> None:
    """Display a widget in the running cell; `bundle` and its `metadata` are how Jupyter knows it."""
    marimo = _marimo()
    if marimo is not None:
        marimo.output.append(widget)  # what the cell's last line gives takes its place, so it is not shown twice
        return
    from IPython.display import display

    display(bundle, metadata=metadata, raw=True)


class Place:
    """A place in the saved notebook for what it shows without a kernel: in the cell where it is first used.

    It is an output beside the widget's, because a frontend that cannot load a widget shows nothing else of the widget's
    output. A marimo notebook is a program and holds no outputs, so nothing is left there.
    """

    def __init__(self) -> None:
        self._name = uuid.uuid4().hex
        self._taken: set[str] = set()

    def reserve(self) -> None:
        """Begin to use it, for a poster that will be left while another cell runs."""
        self._put({part: {} for part in OUTPUTS})

    def leave(self, jpeg: bytes, text: str, film: Film | None = None) -> str:
        """Leave a picture, a line of text and, if it is small enough, the file of a film, instead of what was there.

        Returns the mark by which the live widget finds them, to hide them; empty if nothing was left.
        """
        if in_marimo():
            return ""
        mark, bundles = outputs(jpeg, text, film.clip() if film else None)
        self._put(bundles)
        return mark

    def _put(self, bundles: Mapping[str, Bundle]) -> None:
        if in_marimo():
            return
        from IPython.display import display, update_display

        for part, bundle in bundles.items():
            if part in self._taken:
                update_display(bundle, raw=True, display_id=f"{self._name}-{part}")
            else:
                self._taken.add(part)  # first: an interrupt may come between, and then it is all put anew
                display(bundle, raw=True, display_id=f"{self._name}-{part}")


# What the last execution of each cell has left at work, as functions that end it.
_left: dict[str, list[Callable[[], object]]] = {}


def leave_to_rerun(end: Callable[[], object]) -> None:
    """Call `end` when the cell that runs now is run again, before its code: what it shows then will be new.

    In marimo also when the cell is deleted.
    """
    marimo = _marimo_runtime()
    if marimo is not None:
        marimo.cell_lifecycle_registry.add(_Left(end))
    cell = cell_id()
    if cell is not None:
        if not _left:
            _kernel().shell.events.register("pre_run_cell", _end_left)
        _left.setdefault(cell, []).append(end)


def end_quietly(end: Callable[[], object]) -> None:
    """Call `end`, and note in the log what it raises: what comes after it must not fail for it."""
    try:
        end()
    except Exception:  # noqa: BLE001  as said
        _log.exception("nbpipe: an error while ending what a cell had left at work was ignored")


def _end_left(info: Any) -> None:
    for end in _left.pop(getattr(info, "cell_id", None) or "", []):
        end_quietly(end)
    if not _left:
        _kernel().shell.events.unregister("pre_run_cell", _end_left)


class _Left:
    """What a cell of marimo has left at work, in the form of its ``CellLifecycleItem``."""

    def __init__(self, end: Callable[[], object]) -> None:
        self._end = end

    def create(self, _: object) -> None:
        """Do nothing: it is at work already."""

    def dispose(self, context: object, deletion: bool) -> bool:  # noqa: ARG002, FBT001  marimo gives them
        """End it; whether that is done with."""
        end_quietly(self._end)
        return True


def _marimo() -> Any:
    """Return marimo, if it is its cells that run here."""
    marimo = sys.modules.get("marimo")
    return marimo if marimo is not None and marimo.running_in_notebook() else None


def _marimo_runtime() -> Any:
    """Return what marimo knows of the cell that runs.

    There is no public way to it. Without it, in some later marimo, widgets still show and play; the Record button of a
    preview does not work, and what a cell has left ends with the session.
    """
    with contextlib.suppress(AttributeError):
        return None if (marimo := _marimo()) is None else marimo._runtime.context.get_context()  # noqa: SLF001
    return None


def _kernel() -> Any:
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return None
    return getattr(get_ipython(), "kernel", None)


def _request() -> dict[str, Any]:
    """Return the message that asked for the cell that runs."""
    kernel = _kernel()
    return {} if kernel is None else dict(kernel.get_parent("shell"))
