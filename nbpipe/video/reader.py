"""Who reads a pipe, and whether its pages may be lent to him.

Lent pages (``native/src/pipe_io.hpp``) are the caller's own memory until the reader has *copied* them. FFmpeg does.
A program that passes pages on unread, as ``pv`` does with splice(2), would show later what has been written
into them by then. So `nbpipe.pipe` lends pages only to a child of this process that is FFmpeg; what nbpipe has started
itself is taken for it. Linux only; any thread.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator


def copies_what_it_reads(fd: int) -> bool:
    """Whether `fd` is a pipe, and FFmpeg alone of this process's children has its other end."""
    try:
        pipe = os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return False
    if not pipe.startswith("pipe:"):
        return False
    readers = [child for child in _children() if _reads(child, pipe)]
    return bool(readers) and all(map(_is_ffmpeg, readers))


def _children() -> Iterator[str]:
    with contextlib.suppress(OSError):
        for thread in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{thread}/children", encoding="ascii") as file:
                yield from file.read().split()


def _is_ffmpeg(process: str) -> bool:
    try:
        return os.path.basename(os.readlink(f"/proc/{process}/exe")).startswith("ffmpeg")
    except OSError:
        return False


def _reads(process: str, pipe: str) -> bool:
    with contextlib.suppress(OSError):
        folder = f"/proc/{process}/fd"
        for number in os.listdir(folder):
            with contextlib.suppress(OSError):
                # Both ends have the same name; the link's own mode tells them apart.
                if os.readlink(f"{folder}/{number}") == pipe and os.lstat(f"{folder}/{number}").st_mode & stat.S_IRUSR:
                    return True
    return False
