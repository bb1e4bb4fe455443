"""The cell that a recording is shown in: what is displayed there, and which cell it is.

The only module that imports IPython, and only inside its functions: a script has none. Render thread.
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
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return False
    return getattr(get_ipython(), "kernel", None) is not None


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
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return
    cell = kernel.get_parent("shell").get("metadata", {}).get("cellId")
    if isinstance(cell, str):
        if not _left:
            shell.events.register("pre_run_cell", _end_left)
        _left.setdefault(cell, []).append(end)


def _end_left(info: Any) -> None:
    for end in _left.pop(getattr(info, "cell_id", None) or "", []):
        try:
            end()
        except Exception:  # noqa: BLE001  the new execution must not fail for the old one
            _log.exception("nbpipe: an error while ending what this cell had left at work was ignored")
    if not _left:
        from IPython.core.getipython import get_ipython

        shell: Any = get_ipython()
        shell.events.unregister("pre_run_cell", _end_left)
