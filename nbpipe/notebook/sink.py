"""The pictures of a recording that is made out of a preview, on their way to where the live ones were.

Owns how often one is shown, and which one the saved notebook keeps. Knows no widget. Render thread.
"""

from __future__ import annotations

import time

import numpy as np

from nbpipe.notebook.live import LiveStream
from nbpipe.notebook.pictures import jpeg
from nbpipe.notebook.stream import QUALITY, Middle

_FPS = 15.0  # pictures per second that the widget shows of a recording


class RecordingSink:
    """Shows the pictures of a recording where the live ones were.

    Parameters
    ----------
    stream : LiveStream
    fps : float
        Frames per second of the recording.

    Attributes
    ----------
    middle : Middle
        The picture that becomes the poster.
    """

    def __init__(self, stream: LiveStream, fps: float) -> None:
        self.middle = Middle(None)
        self._stream, self._fps = stream, fps
        self._next = 0.0

    def due(self, _: int) -> bool:
        """Whether a picture is wanted, if there is time for it. Asking sends on what the encoder has ready."""
        return self._stream.ready() and time.monotonic() >= self._next

    def keeps(self, index: int) -> bool:
        """Whether it becomes the poster."""
        return self.middle.is_at(index)

    def offer(self, picture: np.ndarray, index: int) -> None:
        """Look at it, and send it if it can be sent now."""
        if not self.middle.found:
            self.middle.take(jpeg(picture, QUALITY), index)
        if self.due(index):
            self._next = time.monotonic() + 1 / _FPS
            self._stream.offer(picture, index / self._fps, index, moving=True, awaited=None, fps=_FPS)
