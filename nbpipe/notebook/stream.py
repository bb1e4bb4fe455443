"""The stream of thumbnails to the browser: what is due, and how much may be under way.

Owns the flow control. The newest picture wins and the export never waits: a picture that cannot be sent now is
not made at all. Pictures go as binary custom messages, never as synced traits, which would end up in the saved
notebook. `due` and `offer` are called on the render thread; `heard` and `ack` may come from any thread, so they
only set plain attributes. Knows no widget: it is given a function that sends.
"""

from __future__ import annotations

import time
from collections import deque

import numpy as np

from nbpipe.notebook.pictures import Send, jpeg

_FASTEST = 1 / 15  # seconds between pictures: enough to see motion, and far below what an export needs
_UNHEARD = 1 / 4  # the same where no answer can come (a blocking cell on ipykernel 6): nothing tells of a slow line
_IN_FLIGHT = 4  # a round trip through JupyterLab takes about 70 ms, so 15 a second need one to two; 4 absorb jitter
_GIVEN_UP = 2.0  # seconds without an answer after which a browser counts as gone …
_PROBE = 1.0  # … and is sent one picture a second, to notice when it comes back
QUALITY = 85  # of JPEG


class Middle:
    """The one picture that stands for a whole video: its middle, or the last that was made if it ended sooner.

    Parameters
    ----------
    frames : int or None
        How many the video will have.

    Attributes
    ----------
    jpeg : bytes
        The picture; empty until there is one.
    found : bool
        Whether it is the middle, and no other will be looked at.
    """

    def __init__(self, frames: int | None) -> None:
        self.jpeg = b""
        self.found = False
        self._middle = frames // 2 if frames else None

    def is_at(self, index: int) -> bool:
        """Whether it is the picture of frame `index`, or of one before that was not made."""
        return self._middle is not None and not self.found and index >= self._middle

    def take(self, jpeg: bytes, index: int) -> None:
        """Look at the picture of frame `index`."""
        if not self.found:
            self.jpeg = jpeg
            self.found = self.is_at(index)


class ThumbnailStream:
    """Sends thumbnails of one recording.

    Parameters
    ----------
    send : callable
        Takes a message and its buffers.
    frames : int or None
        How many frames the recording will have.

    Attributes
    ----------
    middle : Middle
        The picture that becomes the poster.
    """

    def __init__(self, send: Send, frames: int | None) -> None:
        self.middle = Middle(frames)
        self._send = send
        self._last = frames - 1 if frames else -1
        self._sent: deque[int] = deque(maxlen=64)
        self._sent_at = -1e9
        self._acked = -1
        self._answered_at: float | None = None

    def heard(self) -> None:
        """Note that a browser is there and its messages arrive."""
        self._answered_at = time.monotonic()

    def ack(self, index: object) -> None:
        """Note that the picture of frame `index` was shown. Anything but a frame that was sent is ignored."""
        if type(index) is int and index in self._sent:
            self._acked = max(self._acked, index)
            self.heard()

    def due(self, index: int) -> bool:
        """Whether a picture of frame `index` should be made, if there is time for it."""
        if index == self._last:
            return True
        waited = time.monotonic() - self._sent_at
        if self._answered_at is None:
            return waited >= _UNHEARD
        if sum(sent > self._acked for sent in list(self._sent)) < _IN_FLIGHT:
            return waited >= _FASTEST
        return time.monotonic() - self._answered_at >= _GIVEN_UP and waited >= _PROBE

    def keeps(self, index: int) -> bool:
        """Whether it becomes the poster."""
        return self.middle.is_at(index)

    def offer(self, picture: np.ndarray, index: int) -> None:
        """Compress a picture (height, width, 3 or 4) and send it."""
        height, width = picture.shape[:2]
        data = jpeg(picture, QUALITY)
        self.middle.take(data, index)
        self._sent.append(index)
        self._sent_at = time.monotonic()
        message: dict[str, object] = {
            "type": "frame",
            "index": index,
            "width": width,
            "height": height,
            "mime": "image/jpeg",
        }
        self._send(message, [data])
