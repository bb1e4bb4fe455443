"""The cell that a recording is shown in: what is displayed there, and which cell it is.

The only module that imports IPython, and only inside its functions: a script has none. Render thread.
"""

from __future__ import annotations

import base64
import uuid

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
