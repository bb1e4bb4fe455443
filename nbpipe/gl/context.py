"""The OpenGL context: the user's own, or the EGL context that each thread is given once.

Owns the rule that everything of GL happens on the thread that owns the context. A `Context` is the place where
one recording works: it checks the thread and, when other code made a context of its own current in between,
makes ours current and theirs again afterwards. Knows nothing of scenes, slots or video.

A thread that asks for no context of its own gets ours: the same one for all that it draws, because a second one costs
memory and shares nothing, and another one than other threads have, because a context is current on one thread at a
time. (A server that runs each visitor's notebook on a thread of one process, as `marimo run` does, draws for all.)
That of the main thread lasts as long as the process; those of others end with their threads.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import moderngl

from nbpipe.errors import NoOpenGL, WrongThread
from nbpipe.gl import enums
from nbpipe.gl._calls import Calls, calls
from nbpipe.gl.turns import GLState, Turns, is_released

_INSTALL = "apt-get install libegl1 libgl1-mesa-dri"

# Mesa's rasterisers on the processor, as they name themselves in GL_RENDERER.
_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "swiftshader")


class _Own(threading.local):
    """The own context of the calling thread, once it has asked for one."""

    kept: _OwnContext | None = None


class _OwnContext:
    """Ends a context with its thread: dropped with the thread's locals, by that thread, as its last act."""

    def __init__(self, where: Context) -> None:
        self.where = where
        self._here = os.getpid(), threading.get_ident()

    def __del__(self) -> None:
        # A forked child drops what its parent's threads had; there it must touch nothing of the GL.
        if not self.where.lasting and self._here == (os.getpid(), threading.get_ident()):
            self.where.end()


_own = _Own()
# By the id of what they hold, and not a set: one that grows on another thread cannot be looked through.
_all: weakref.WeakValueDictionary[int, Context] = weakref.WeakValueDictionary()

_handles: weakref.WeakKeyDictionary[moderngl.Context, int | None] = weakref.WeakKeyDictionary()  # EGL's, once asked


class Context:
    """A context and the thread it belongs to.

    Attributes
    ----------
    ctx : moderngl.Context
    ours : bool
        Whether it is a thread's own, made here, and not the user's.
    lasting : bool
        Whether it is there until the process ends, because nobody will release it.
    renderer : str
        What draws, in the driver's own words.
    software : bool
        Whether the processor draws, as with Mesa's llvmpipe.
    largest : int
        The largest width or height of a picture in pixels.
    """

    def __init__(self, ctx: moderngl.Context, *, ours: bool = False) -> None:
        self.ctx = ctx
        self.ours = ours
        self._pid = os.getpid()
        self._thread = threading.current_thread()
        self.lasting = ours and self._thread is threading.main_thread()
        self._gl = calls()
        self._later: deque[Callable[[], object]] = deque()  # the one thing that any thread may touch
        self._depth = 0
        found = self._gl.current()
        try:
            self._current = _made_current(ctx, found)
            self._turns = Turns(ctx, ours=ours)
            info: dict[str, Any] = ctx.info
        finally:
            self._gl.make_current(found)
        self.renderer = str(info["GL_RENDERER"])
        self.software = self.renderer.lower().startswith(_SOFTWARE)
        self.largest = min(info["GL_MAX_TEXTURE_SIZE"], *info["GL_MAX_VIEWPORT_DIMS"])

    def end(self) -> None:
        """Release our own context, which nothing may use any more. Owning thread."""
        if self._gl.current()[0] == self._current[0]:
            self._gl.make_current((None, self._current[1], None, None))
        self.ctx.release()

    @property
    def here(self) -> bool:
        """Whether it belongs to the calling thread."""
        return self._thread is threading.current_thread()

    @property
    def usable(self) -> bool:
        """Whether `context` may return it again: a user's own may have been released, or moved to another thread."""
        return self.ours or (self.here and not is_released(self.ctx))

    @property
    def ended(self) -> bool:
        """Whether nothing can be drawn in it any more: it was released, its thread has ended, or this is a fork."""
        return is_released(self.ctx) or not self._thread.is_alive() or os.getpid() != self._pid

    def check_thread(self) -> None:
        """Raise `WrongThread` unless called on the owning thread of the owning process."""
        if os.getpid() != self._pid:
            msg = "this process was forked from one that already uses OpenGL; start it with 'spawn' instead"
            raise WrongThread(msg)
        if not self.here:
            theirs, ours = self._thread.name, threading.current_thread().name
            there = (
                "make this call there"
                if self._thread.is_alive()
                else "that thread has ended; keep one thread for all drawing"
            )
            msg = (
                f"the OpenGL context belongs to thread {theirs!r} and cannot be used on {ours!r}; "
                f"{there}, or pass a context made on this thread as ctx="
            )
            raise WrongThread(msg)

    @contextlib.contextmanager
    def current(self, state: GLState | None = None) -> Iterator[None]:
        """Run the block with this context current, and leave the one that was so before current afterwards.

        With a `state` it is that scene's turn, until the block of another one begins.
        """
        self.check_thread()
        found = self._gl.current()
        self.ensure()
        bound = self.ctx.fbo
        before = self._turns.now
        self._depth += 1
        try:
            if state is not None:
                self._turns.begin(state)
            yield
        finally:
            self._depth -= 1
            try:
                self._end_turn(state, before)
            finally:
                if self.ctx.fbo is not bound and not is_released(self.ctx):
                    self._bind(bound)
                if found[0] != self._gl.current()[0]:
                    self._gl.make_current(found)
                self._run_later()

    def _bind(self, framebuffer: moderngl.Framebuffer | None) -> None:
        """Let the user's own drawing go on where it was, or nowhere if there was nothing, or what is released by now.

        moderngl would bind again the name of what a scene has drawn in, and which is gone, whenever one is made.
        """
        if framebuffer is None or isinstance(framebuffer.mglo, moderngl.InvalidObject):
            framebuffer = self.ctx.detect_framebuffer(0)
        framebuffer.use()

    def _end_turn(self, state: GLState | None, before: GLState | None) -> None:
        if state is None:
            return
        if not self._depth:
            self._turns.end()
        elif before is not None:  # inside the block of a scene that goes on
            self._turns.begin(before)

    def ensure(self) -> None:
        """Make this context current again, after user code that may have made another one so."""
        # A context that is not EGL's cannot be seen or switched from here; it is the user's to keep current.
        if self._current[0] is not None and self._gl.current()[0] != self._current[0]:
            self._gl.make_current(self._current)

    def state(self) -> GLState:
        """Return what a new scene hands to `current`."""
        return self._turns.state()

    def later(self, job: Callable[[], object]) -> None:
        """Run `job` on the owning thread, when nothing is under way here: now or as soon as that is so. Any thread.

        For what Python may do at any moment, such as freeing what was dropped in a cycle.
        """
        self._later.append(job)
        with contextlib.suppress(WrongThread):
            self.check_thread()
            self._run_later()

    def _run_later(self) -> None:
        while self._later and not self._depth:
            self._later.popleft()()

    def collect(self) -> None:
        """Free the GL objects that Python has dropped, on whatever thread that was; our own context only."""
        while self.ours and self.ctx.objects:
            dropped = self.ctx.objects.popleft()
            # moderngl 5.13 lists what was released by hand here as well, emptied; its own gc() trips over it.
            if hasattr(dropped, "release"):
                dropped.release()


def context(ctx: moderngl.Context | None = None) -> Context:
    """Return the place to work: around `ctx`, or around this thread's own context.

    Parameters
    ----------
    ctx : moderngl.Context, optional
        The user's own; it must be current on the calling thread.

    Raises
    ------
    TypeError, ValueError
        `ctx` is none, or has been released.
    NoOpenGL
        No context can be made; the text names the package that is missing.
    WrongThread
        `ctx` is the own one of another thread, or this process was forked from one that had made one here.
    """
    if ctx is not None and not isinstance(ctx, moderngl.Context):
        msg = f"ctx must be a moderngl.Context, such as moderngl.create_context(standalone=True) returns, not {ctx!r}"
        raise TypeError(msg)
    if ctx is not None:
        if is_released(ctx):
            msg = "this moderngl context has been released; pass one that is in use, or none for nbpipe's own"
            raise ValueError(msg)
        where = _all.get(id(ctx))  # the one that other scenes have, so that they take turns
        if where is None or not where.usable:
            where = _all[id(ctx)] = Context(ctx)
    else:
        where = _own.kept.where if _own.kept is not None else None
        if where is None or is_released(where.ctx):  # a scene may have released it
            where = _new()
    where.check_thread()
    return where


def is_current(ctx: moderngl.Context) -> bool:
    """Whether `ctx` is current on the calling thread; True of one that is not EGL's, too: it cannot be seen."""
    if is_released(ctx):
        return False
    gl = calls()
    found = gl.current()
    if ctx not in _handles:
        try:
            _handles[ctx] = _made_current(ctx, found)[0]
        except WrongThread:
            return False
        finally:
            gl.make_current(found if found[0] else (None, gl.current()[1], None, None))
    return _handles[ctx] in (None, found[0])


def _made_current(ctx: moderngl.Context, found: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """Make `ctx` current instead of what was `found` so, and return what `Calls.current` now does.

    moderngl (5.13, with glcontext 3.1) says nothing where it cannot, and remembers what a GL without a context has
    told it: no renderer, no size. And its own way back would leave nothing current.

    Raises
    ------
    WrongThread
        It is current on another thread.
    """
    gl = calls()
    if found[0] is not None:
        gl.make_current((None, found[1], None, None))  # so that it shows whether another one comes
    ctx.__enter__()  # type: ignore[no-untyped-call]
    now = gl.current()
    if now[0] is None and not gl.integer(enums.MAJOR_VERSION):
        msg = (
            f"this moderngl context is current on another thread than {threading.current_thread().name!r}; make this "
            "call there, or pass a context made on this thread as ctx="
        )
        raise WrongThread(msg)
    return now


def _new() -> Context:
    gl = _loaded()
    found = gl.current()
    where = Context(_create(), ours=True)
    gl.make_current(found)
    _own.kept = _OwnContext(where)
    _all[id(where.ctx)] = where
    return where


def _loaded() -> Calls:
    try:
        return calls()
    except OSError as error:
        msg = f"libEGL is not on this machine ({error}). On Debian and Ubuntu: {_INSTALL}"
        raise NoOpenGL(msg) from None


def _create() -> moderngl.Context:
    try:
        # The names with .1, because the plain ones come only with the -dev packages.
        settings: dict[str, Any] = {"backend": "egl", "libgl": "libGL.so.1", "libegl": "libEGL.so.1"}
        ctx = moderngl.create_context(standalone=True, require=330, **settings)
    except Exception as error:
        msg = (
            f"EGL is here but gave no OpenGL 3.3 context ({error}). Without a GPU it needs Mesa: {_INSTALL}. "
            "With an NVIDIA GPU in a container, NVIDIA_DRIVER_CAPABILITIES must contain 'graphics'."
        )
        raise NoOpenGL(msg) from error
    # Objects that Python collects on some other thread wait here until this one frees them (Context.collect).
    ctx.gc_mode = "context_gc"
    return ctx
