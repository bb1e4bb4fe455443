"""The bytes of a user's moderngl buffer, copied out at once.

A buffer of the user's may be released, orphaned or drawn into at any time, and its mapping goes with it; memory
that another thread is to read later must therefore be ours. The copy costs little: 1080p RGB takes
0.3 ms on a Zen 5 EPYC, and 1 ms on one of Zen 1.

On the thread where the buffer's context is current. Knows nothing of pipes or video.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import moderngl
import numpy as np

from nbpipe.gl import enums
from nbpipe.gl._calls import at_once, calls

# The type that moderngl.Buffer wraps, which moderngl does not export; it maps the buffer while a view of it lives.
_INNER = ("mgl", "Buffer")

# In larger pieces memcpy goes past the cache, where whoever takes them next would find them: a Zen 5 EPYC fed FFmpeg
# 1690 frames of 1080p a second this way, and 1450 in one piece.
_PIECE = 1 << 20

_mapping = threading.local()  # whether a buffer is mapped here now


class Released(ValueError):
    """A moderngl buffer has been released."""


def inner_buffer(data: object) -> Any | None:
    """Return the inner object of a moderngl buffer, however it is given; ``None`` for anything else.

    Arrays and views that show its mapping count: their memory goes with the buffer, which nobody can hold.

    Raises
    ------
    Released
        The buffer has been.
    """
    if isinstance(data, moderngl.Buffer):
        data = data.mglo
    while type(data) is memoryview or (isinstance(data, np.ndarray) and data.base is not None):
        data = data.obj if isinstance(data, memoryview) else data.base
    if type(data) is moderngl.InvalidObject:
        msg = "this moderngl buffer has been released; hand it over before you release it"
        raise Released(msg)
    return data if (type(data).__module__, type(data).__qualname__) == _INNER else None


def copy_out(inner: Any, into: memoryview) -> None:
    """Copy a buffer's bytes `into` memory of its size, without the GIL.

    Raises
    ------
    ValueError
        As `mapped`.
    """
    target = np.frombuffer(into, np.uint8)

    def copy(view: memoryview) -> None:
        source = np.frombuffer(view, np.uint8)
        try:
            for begin in range(0, len(source), _PIECE):
                np.copyto(target[begin : begin + _PIECE], source[begin : begin + _PIECE])
        finally:
            del source  # an interrupt's traceback would keep it, and with it the mapping

    mapped(inner, copy)


def mapped(inner: Any, use: Callable[[memoryview], None]) -> None:
    """Call ``use`` with a buffer's bytes, once the GL has written them; it may keep nothing of them.

    moderngl does not tell which context an inner object belongs to. The caller makes sure that it is the current one.

    Not a context manager, and the with statement is of a memoryview alone: an interrupt between the lines of one that
    is written in Python would leave the buffer mapped for as long as somebody keeps the exception, as IPython does.

    Raises
    ------
    ValueError
        The GL cannot map it: another context is current here, or it is mapped otherwise, or another one is.
    """
    if getattr(_mapping, "now", False):
        msg = (
            "another moderngl buffer is being copied on this thread: a signal handler or a destructor that comes in "
            "between cannot pipe one; note it, and do it afterwards"
        )
        raise ValueError(msg)
    gl = calls()
    gl.Finish()  # ctypes waits for the GPU without the GIL; moderngl, which maps below, with it
    try:
        _mapping.now = True
        name, _ = gl.array_buffer(partial(inner.write, b"", 0))
        with _map(inner) as whole:
            try:
                use(whole)
            finally:  # moderngl unmaps whichever is bound, and a signal handler may have written into another
                at_once(partial(gl.BindBuffer, enums.ARRAY_BUFFER, name), whole.release)
    finally:
        _mapping.now = False


def check_shown(inner: Any, begin: int, end: int) -> None:
    """Check that these addresses, which a user's own view shows, are where the GL has mapped the buffer now.

    The memory of a buffer that was released is gone, or another's, and to read it may end the process; and views keep
    no buffer alive, nor mapped, because moderngl unmaps whichever is bound when one of them dies.

    Raises
    ------
    ValueError
        They are not.
    """
    if begin == end:
        return
    gl = calls()
    _, where = gl.array_buffer(partial(inner.write, b"", 0))  # binds it, if the current context has one of its name
    gl.GetError()  # that there is none is no news for the program
    if where is None or not where <= begin <= end <= where + inner.size():
        msg = (
            "this array or memoryview shows a moderngl buffer that is not mapped there: it was released, or another "
            "view of one was, or its context is not current on this thread; pipe the buffer itself"
        )
        raise ValueError(msg)


def _map(inner: Any) -> memoryview:
    try:
        return memoryview(inner)
    except (BufferError, ValueError, moderngl.Error) as error:
        msg = (
            f"this moderngl buffer cannot be read ({error}); call on the thread where its context is current, and "
            "release what shows its memory before (memoryviews, arrays), or pipe that instead"
        )
        raise ValueError(msg) from error
