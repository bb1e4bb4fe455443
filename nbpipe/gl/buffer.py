"""The bytes of a user's moderngl buffer, copied out at once.

A buffer of the user's may be released, orphaned or drawn into at any time, and its mapping goes with it; memory
that another thread is to read later must therefore be ours. The copy costs next to nothing: 1080p RGB takes
0.3 ms on another core than FFmpeg's, which then finds it in the processor's cache, and reads lent arrays no faster.

On the thread where the buffer's context is current. Knows nothing of pipes or video.
"""

from __future__ import annotations

import threading
from typing import Any

import moderngl
import numpy as np

from nbpipe.gl._calls import calls

# The type that moderngl.Buffer wraps, which moderngl does not export; it maps the buffer while a view of it lives.
_INNER = ("mgl", "Buffer")

# In larger pieces memcpy goes past the cache. 1080p frames through `nbpipe.pipe`: 1690 a second instead of 1450.
_PIECE = 1 << 20

_mapping = threading.local()  # whether a buffer is mapped here now


def inner_buffer(data: object) -> Any | None:
    """Return the inner object of a moderngl buffer, however it is given; ``None`` for anything else.

    Raises
    ------
    ValueError
        The buffer has been released.
    """
    if isinstance(data, moderngl.Buffer):
        data = data.mglo
    elif type(data) is memoryview:
        data = data.obj
    if type(data) is moderngl.InvalidObject:
        msg = "this moderngl buffer has been released; hand it over before you release it"
        raise ValueError(msg)
    return data if (type(data).__module__, type(data).__qualname__) == _INNER else None


def copy_out(inner: Any, view: memoryview | None, into: memoryview) -> None:
    """Copy a buffer's bytes `into` memory of its size, without the GIL where it takes time.

    `view` is the user's own view of the buffer, if that is what he gave: it is mapped already, and its size counts.

    Raises
    ------
    ValueError
        The GL cannot map it: another context is current here, or it is mapped otherwise, or another one is.
    """
    target = np.frombuffer(into, np.uint8)
    if view is not None:
        _copy(view if view.c_contiguous else np.ascontiguousarray(view).data, target)
        return
    if getattr(_mapping, "now", False):
        msg = (
            "another moderngl buffer is being copied on this thread: a signal handler or a destructor that comes in "
            "between cannot pipe one; note it, and do it afterwards"
        )
        raise ValueError(msg)
    calls().Finish()  # ctypes waits for the GPU without the GIL; moderngl, which maps in the next line, with it
    try:
        _mapping.now = True
        with _mapped(inner) as mapped:  # released before another is bound: moderngl unmaps whichever is by then
            _copy(mapped, target)
    finally:
        _mapping.now = False


def _mapped(inner: Any) -> memoryview:
    try:
        return memoryview(inner)
    except (BufferError, ValueError, moderngl.Error) as error:
        msg = f"this moderngl buffer cannot be read ({error}); call on the thread where its context is current"
        raise ValueError(msg) from error


def _copy(data: bytes | memoryview, target: np.ndarray) -> None:
    source = np.frombuffer(data, np.uint8)
    try:
        for begin in range(0, len(source), _PIECE):
            np.copyto(target[begin : begin + _PIECE], source[begin : begin + _PIECE])
    finally:
        del source  # an interrupt's traceback would keep it, and with it the mapping
