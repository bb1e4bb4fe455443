"""What every widget of nbpipe has in common: the kernel owns its state, and its messages reach a busy kernel.

A browser may look at each trait and set none; what it has to say comes as messages. What is no message at all must not
show in the person's cell, which is where ipywidgets prints what a malformed one raises. Both hold for the widget's
layout too, which has a comm of its own. Display belongs to the render thread.

How messages get here while a cell blocks: JupyterLab 4.4 and later sends those of widgets to a subshell, a
second thread of ipykernel 7. But ipykernel 7.4 sends a comm's messages to the shell that published on it last,
which for a widget at work is the busy main one. `_stay_on_subshell` opts the comm out of that. On ipykernel
6 nothing can arrive before the cell ends; a browser whose hello stays without an answer says so.

What a browser has said before it hears that a widget is closed finds no comm any more, and `comm` would warn of that in
whatever cell runs then. `_Hushed` takes it and says nothing.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
from comm import get_comm_manager
from comm.base_comm import BaseComm

from nbpipe.notebook import cell

STATIC = Path(__file__).parent.parent / "static"

_STATES = 0.1  # seconds between two answers to those who ask for the whole state, which holds the widget's program
_LATEST = 100  # closed widgets whose browsers may still say something
_closed: deque[_Hushed] = deque()


class _Hushed(BaseComm):
    """What the kernel has in place of the comm of a closed widget: it hears, and does nothing."""

    def __init__(self, comm_id: str) -> None:
        # Not the target of widgets: a page that is reloaded would ask it for its state, and wait.
        super().__init__("nbpipe.closed", comm_id=comm_id, primary=False)
        get_comm_manager().register_comm(self)

    def publish_msg(self, *_: object, **__: object) -> None:
        """Say nothing, to nobody."""


def _hush(comm_id: str) -> None:
    _closed.append(_Hushed(comm_id))
    if len(_closed) > _LATEST:
        with contextlib.suppress(KeyError):  # a browser has closed it too
            get_comm_manager().unregister_comm(_closed.popleft())


class _Guarded(ipywidgets.Widget):  # type: ignore[misc]  # it has no types
    """A widget that no message from a browser can change, or bring to print an error.

    Parameters
    ----------
    alone : bool
        It does without a frontend, as in a script, and opens no comm: one that is closed again at once leaves
        "Failed to initialize model" in the page's console.
    **state
        Its traits.
    """

    _told_state = 0.0

    def __init__(self, *, alone: bool = False, **state: object) -> None:
        self._alone = alone
        super().__init__(**state)

    def open(self) -> None:
        """Open the comm."""
        if not self._alone:
            super().open()

    def close(self) -> None:
        """Close the comm; again does nothing."""
        comm = self.comm
        super().close()
        if comm is not None:
            _hush(comm.comm_id)

    def set_state(self, sync_data: dict[str, object]) -> None:
        """Ignore what a browser wants to set: every trait belongs to the kernel."""

    def _handle_msg(self, msg: dict[str, Any]) -> None:
        """Take a message of any form from a browser; one that is not ours goes on as ``None``. Any thread."""
        data = msg["content"].get("data")
        method = data.get("method") if isinstance(data, dict) else None
        if method != "request_state":
            self._handle_custom_msg(data.get("content") if method == "custom" else None, msg.get("buffers", []))
        elif time.monotonic() - self._told_state > _STATES:
            self._told_state = time.monotonic()
            self.send_state()


class _GuardedLayout(_Guarded, ipywidgets.Layout):  # type: ignore[misc]  # as above
    """The room that a widget takes in a page, which has a comm of its own."""


class KernelWidget(_Guarded, anywidget.AnyWidget):
    """A widget whose traits are written by the kernel alone."""

    _shown_in: int | None = None

    def __init__(self, *, alone: bool = False, **state: object) -> None:
        super().__init__(alone=alone, **{"layout": _GuardedLayout(alone=alone), **state})

    def open(self) -> None:
        """Open the comm, and keep its messages away from a busy main thread."""
        super().open()
        _stay_on_subshell(self.comm)

    def detach(self) -> None:
        """Do without a frontend from now on; ipywidgets keeps every widget that has one for ever."""
        self.layout.close()
        self.close()

    def display_here(self) -> None:
        """Display the widget in the running cell; that it is the cell's last line too does not show it twice."""
        cell.show(self, *self._bundle())
        self._shown_in = cell.current_cell()

    def _ipython_display_(self) -> None:
        """Display another view, unless this is the cell that shows one already."""
        if cell.current_cell() != self._shown_in:
            cell.show(self, *self._bundle())

    def _bundle(self) -> tuple[dict[str, object], dict[str, object]]:
        """Return how Jupyter knows the widget, and metadata: Colab finds in it what can show a widget of others.

        Of a closed one only the text is left.
        """
        data, metadata = ({}, {}) if self.comm is None else self._repr_mimebundle_() or ({}, {})
        return data | {"text/plain": str(self)}, metadata


def _stay_on_subshell(comm: Any) -> None:
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda _data, default: default  # noqa: SLF001  there is no public way
