"""The finished file on its way to the browser: chunk by chunk for playing and Download, whole for the saved notebook.

The browser asks for each chunk by its offset, so one is under way at most, and no URL, server or path is
needed: it works wherever the widget's messages do. Any thread. Knows no widget.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

_CHUNK = 1 << 20  # bytes in one message: 64 for a file of the largest size, each below what any proxy cuts
_AT_ONCE = 64  # chunks: the largest file; and in each second. A page asks for one when it has the one before
_PLAYABLE = 64 << 20  # bytes; a browser keeps the whole file in memory to play it
# Bytes of a file that a saved notebook holds itself: the README's first two seconds of 1280x720 take 0.44 MB. In base64
# they are a third more, and all of that is written with each save, and read before the page shows.
_CLIP = 1 << 20
_MIME = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
}
_EVERYWHERE = ("video/mp4", "video/webm")  # the others play here and there

Answer = tuple[dict[str, object], list[bytes]]


class Film:
    """One finished file, as it was when it was finished. Raises `OSError` if it is not there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._made = os.stat(path)
        self._credit, self._credited = float(_AT_ONCE), time.monotonic()

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._made.st_size

    def offer(self) -> dict[str, object]:
        """Return what the browser is told of it."""
        mime = _MIME[self._path.suffix.lower()]
        return {"bytes": self.size, "mime": mime, "playable": self.size <= _PLAYABLE}

    def chunk(self, offset: object) -> Answer | None:
        """Return the answer to a request for the chunk at `offset`; ``None`` to one of no sense, or too many."""
        if type(offset) is not int or not 0 <= offset < self.size <= _PLAYABLE or not self._affords():
            return None
        try:
            with self._path.open("rb") as file:
                if _identity(os.fstat(file.fileno())) != _identity(self._made):
                    return _refusal(f"{self._path.name} is no longer the file that was recorded here")
                file.seek(offset)
                return {"type": "video", "offset": offset, "total": self.size}, [file.read(_CHUNK)]
        except OSError as error:
            return _refusal(f"{self._path.name} cannot be read: {error.strerror}")

    def clip(self) -> tuple[str, bytes] | None:
        """Return its type and all its bytes, if a saved notebook may hold them and it is still the same file."""
        mime = _MIME[self._path.suffix.lower()]
        if self.size > _CLIP or mime not in _EVERYWHERE:
            return None
        with contextlib.suppress(OSError), self._path.open("rb") as file:
            if _identity(os.fstat(file.fileno())) == _identity(self._made):
                data = file.read(_CLIP)
                return (mime, data) if len(data) == self.size else None
        return None

    def _affords(self) -> bool:
        """Whether one more chunk can be sent now: what nobody reads as fast as it is sent would fill the memory."""
        now = time.monotonic()
        self._credit = min(self._credit + (now - self._credited) * _AT_ONCE, _AT_ONCE)
        self._credited = now
        affords = self._credit >= 1
        self._credit -= affords
        return affords


def _identity(file: os.stat_result) -> tuple[int, int, int]:
    return file.st_ino, file.st_size, file.st_mtime_ns


def _refusal(words: str) -> Answer:
    return {"type": "video", "error": words}, []
