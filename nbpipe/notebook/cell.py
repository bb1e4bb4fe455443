"""The cell that a recording is shown in: what is displayed there, and which cell it is.

Imports IPython only inside its functions: a script has none. Render thread.
"""

from __future__ import annotations

import base64
import logging
import uuid
from collections.abc import Callable
from typing import Any

_log = logging.getLogger("nbpipe")

_MARK = 64  # characters of a poster's base64 by which the live widget finds it in the page


def in_notebook() -> bool:
    """Whether this code runs in a cell of a Jupyter kernel."""
    return _kernel() is not None


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


def show(bundle: dict[str, object]) -> None:
    """Display a MIME bundle as it is."""
    from IPython.display import display

    display(bundle, raw=True)


def reserve() -> str:
    """Reserve a place in the running cell for the poster of a recording that will end in another one."""
    from IPython.display import display

    place = uuid.uuid4().hex
    display({}, raw=True, display_id=place)
    return place


def leave_poster(jpeg: bytes, text: str, place: str | None) -> str:
    """Put a picture and a line of text into the saved notebook, for readers without a kernel.

    They are an output of their own, because a frontend that cannot load a widget shows nothing else of the
    widget's output; in the running cell, or where `place` was reserved. Returns the mark by which the live widget
    finds the picture, to hide it.
    """
    from IPython.display import display, update_display

    poster = base64.b64encode(jpeg).decode()
    bundle = {"image/jpeg": poster, "text/plain": text}
    if place is None:
        display(bundle, raw=True)
    else:
        update_display(bundle, raw=True, display_id=place)
    return poster[-_MARK:]


# What the last execution of each cell has left at work, as functions that end it.
_left: dict[str, list[Callable[[], object]]] = {}


def leave_to_rerun(end: Callable[[], object]) -> None:
    """Call `end` when the cell that runs now is run again, before its code: what it shows then will be new."""
    cell = cell_id()
    if cell is not None:
        if not _left:
            _kernel().shell.events.register("pre_run_cell", _end_left)
        _left.setdefault(cell, []).append(end)


def _end_left(info: Any) -> None:
    for end in _left.pop(getattr(info, "cell_id", None) or "", []):
        try:
            end()
        except Exception:  # noqa: BLE001  the new execution must not fail for the old one
            _log.exception("nbpipe: an error while ending what this cell had left at work was ignored")
    if not _left:
        _kernel().shell.events.unregister("pre_run_cell", _end_left)


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
