"""The live widgets of ``%%shader``, kept while their cells are run again.

When a cell is run again, what it has left is set aside before its code. The code claims it and shows it anew, or else
it ends after the code; but a run that failed, with a slip in its first line perhaps, leaves it for the next one.
Knows cells by their ids and widgets by their names; nothing of GLSL. Render thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbpipe.notebook import cell
from nbpipe.notebook.preview import Preview

_Key = tuple[str | None, str]  # of a cell, and of a widget in it


@dataclass(frozen=True, slots=True)
class Shown:
    """A preview that ``%%shader`` has shown, and the samples per pixel it began with."""

    view: Preview
    samples: int


class Kept:
    """The previews of ``%%shader``, by cell and name."""

    def __init__(self) -> None:
        self._shown: dict[_Key, Shown] = {}
        self._aside: dict[_Key, Shown] = {}

    def claim(self, name: str) -> Shown | None:
        """Return what the running cell has shown under `name`, or under the name that it had before."""
        key = cell.cell_id(), name
        shown = self._shown.pop(key, None) or self._aside.pop(key, None)
        if shown is None and self._aside:
            shown = self._aside.popitem()[1]
        return shown if shown is not None and shown.view.comm is not None else None  # the person may have closed it

    def keep(self, name: str, shown: Shown, *, known: bool) -> None:
        """Note what the running cell shows; `known`: the name was given, and so tells which one it is by itself."""
        if known or cell.cell_id() is not None:
            self._keep((cell.cell_id(), name), shown)

    def end_unclaimed(self, result: Any) -> None:
        """End what was set aside, now that the cell has run."""
        while self._aside:
            key, shown = self._aside.popitem()
            if result is not None and result.success:
                cell.end_quietly(shown.view.close)
            else:
                self._keep(key, shown)

    def close(self) -> None:
        """End them all, also those after one that fails."""
        while self._shown:
            cell.end_quietly(self._shown.popitem()[1].view.close)

    def _keep(self, key: _Key, shown: Shown) -> None:
        self._shown[key] = shown
        cell.leave_to_rerun(lambda: self._set_aside(key))

    def _set_aside(self, key: _Key) -> None:
        if key in self._shown:
            self._aside[key] = self._shown.pop(key)
