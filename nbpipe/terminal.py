"""The progress bar of a recording in a terminal. Render thread only; draws nothing where there is no terminal."""

from __future__ import annotations

import sys

from tqdm import tqdm

from nbpipe.progress import Progress


class _Bar(tqdm):  # type: ignore[misc]
    monitor_interval = 0  # no thread that watches for stalls: the pipeline reports ten times a second


class TerminalBar:
    """A tqdm bar that follows a recording to its end."""

    def __init__(self, name: str, frames: int | None) -> None:
        # None: silent when standard error is a file or a pipe. A daemon has none at all.
        silent = None if sys.stderr is not None else True
        self._bar = _Bar(total=frames, desc=name, unit=" frames", disable=silent, dynamic_ncols=True)

    def update(self, progress: Progress) -> None:
        """Show a snapshot."""
        self._bar.n = progress.frame
        self._bar.set_postfix_str(progress.state.value, refresh=False)
        self._bar.refresh()
        if progress.state.ended:
            self._bar.close()
