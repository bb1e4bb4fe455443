"""A moderngl-window `WindowConfig` class as a scene: it runs here as it does under moderngl-window's own functions.

Owns one instance of the class and its `FrameWindow`, and the state that moderngl-window keeps once per process
(the active window, the resource directories): each scene has its own, in place only while its code runs, so that
several neither see nor disturb each other, also on several threads. Render thread only. moderngl-window is optional, so
this is imported by `adapt` alone, when it is given such a class. Knows nothing of readback, video or notebooks.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import threading
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import moderngl_window
from moderngl_window.conf import settings
from moderngl_window.context.base import WindowConfig
from moderngl_window.scene import camera

from nbpipe.errors import SceneError
from nbpipe.scene.frame_window import FrameTimer, FrameWindow
from nbpipe.scene.scene import Adapted

if TYPE_CHECKING:
    import moderngl

    from nbpipe.scene.frame import Frame

_places = threading.RLock()  # there is one of each in a process, so scenes on several threads draw one after another
_DIRECTORIES = ("DATA_DIRS", "PROGRAM_DIRS", "SCENE_DIRS", "TEXTURE_DIRS")

# The callbacks by the names they had in moderngl-window 2; since 3 each begins with on_.
_CALLBACKS = (
    "render",
    "resize",
    "close",
    "iconify",
    "key_event",
    "mouse_position_event",
    "mouse_drag_event",
    "mouse_scroll_event",
    "mouse_press_event",
    "mouse_release_event",
    "unicode_char_entered",
    "files_dropped_event",
)


class WindowScene(Adapted):
    """Draws a `WindowConfig` class.

    The class is instantiated for the first frame, whose size the window has from the beginning; `on_resize` follows at
    once, as from moderngl-window's default window. Its context is the recording's, whatever ``init_mgl_context``
    says, and the command line is not read: ``argv`` holds the defaults of ``add_arguments``. Events wait for the
    next frame. What a person chooses for an attribute is there before ``__init__``, which may build something by it,
    and again after it.

    Parameters
    ----------
    config_class : type of WindowConfig

    Attributes
    ----------
    config_class : type of WindowConfig
    config : WindowConfig or None
        The instance, from the first frame on.
    name : str
    preferred_size : tuple of int
        The class's ``window_size``.
    """

    framework = WindowConfig

    def __init__(self, config_class: type[WindowConfig]) -> None:
        self.config_class = config_class
        self.name = config_class.__name__
        self.preferred_size: tuple[int, int] = config_class.window_size
        self.config: WindowConfig | None = None
        self._window: FrameWindow | None = None
        self._events: deque[dict[str, Any]] = deque()
        self._state: dict[tuple[object, str], object] = {}
        self._chosen: dict[str, object] = {}

    @property
    def subject(self) -> WindowConfig:
        """The instance; where there is none yet, one that only has what its class and the person give it."""
        return self.config or self._blank()

    def choose(self, name: str, value: object) -> None:
        """Set an attribute, of this instance and the next one."""
        self._chosen[name] = value
        if self.config is not None:
            setattr(self.config, name, value)

    def setup(self, ctx: moderngl.Context) -> None:
        """Check what the class asks for.

        Raises
        ------
        SceneError
            It needs a newer OpenGL than `ctx` is, or has arguments without a default.
        """
        major, minor = self.config_class.gl_version
        if major * 100 + minor * 10 > ctx.version_code:
            msg = (
                f"{self.config_class.__name__}.gl_version asks for OpenGL {major}.{minor}, and this context has "
                f"{ctx.version_code // 100}.{ctx.version_code // 10 % 10}; ask for less, or pass a context as ctx="
            )
            raise SceneError(msg)
        self._events.clear()  # of a recording before this one
        self.config_class.argv = _default_arguments(self.config_class)

    def render(self, frame: Frame) -> None:
        """Deliver the events that have come, and draw."""
        window = self._window or self._open(frame)
        self._state[frame.ctx, "_screen"] = frame.fbo
        with self._own_state():
            window.follow(frame)
            while self._events and not window.is_closing:
                window.deliver(self._events.popleft())
            if window.is_closing:
                msg = (
                    f"{self.config_class.__name__} closed its window before frame {frame.index} was drawn; end there, "
                    "or do not call wnd.close()"
                )
                raise SceneError(msg)
            time, elapsed = window.timer.next_frame()
            assert self.config is not None
            if self.config.clear_color is not None:
                window.clear(*self.config.clear_color)
            window.use()
            window.render(time, elapsed)
            window.swap_buffers()

    def on_event(self, event: dict[str, Any]) -> None:
        """Note an event of the renderview specification, with pixels of the picture, for the next frame."""
        self._events.append(event)

    def release(self) -> None:
        """Close the window, which calls ``on_close``, and let go of the instance and what it has made."""
        window, self._window = self._window, None
        if window is None:
            return
        try:
            if not window.is_closing:
                with self._own_state():
                    window.close()
        finally:
            window.destroy()
            self.config = None
            self._state = {}

    def _open(self, frame: Frame) -> FrameWindow:
        window = FrameWindow(self.config_class, frame)
        self._state = {
            (moderngl_window.ContextRefs, "WINDOW"): window,
            (moderngl_window.ContextRefs, "CONTEXT"): frame.ctx,
            # Its cameras move by the wall clock, of which a video knows nothing.
            (camera, "time"): _Clock(window.timer),
            # Where it keeps the programs that it draws models with.
            (frame.ctx, "extra"): {} if frame.ctx.extra is None else frame.ctx.extra,
            # What a window's context calls its screen; one without a window has none. moderngl has no setter for it.
            (frame.ctx, "_screen"): frame.fbo,
            **{(settings, name): list(getattr(settings, name)) for name in _DIRECTORIES},
        }
        with self._own_state():
            config = self._blank()
            config.__init__(ctx=frame.ctx, wnd=window, timer=window.timer)  # type: ignore[misc]
            self._choose_again(config)
            window.belong_to(config)
            _assign_old_names(config, window)
            self.config, self._window = config, window
            window.resize(*frame.size)
        return window

    def _blank(self) -> WindowConfig:
        config = self.config_class.__new__(self.config_class)
        self._choose_again(config)
        return config

    def _choose_again(self, config: WindowConfig) -> None:
        for name, value in self._chosen.items():
            setattr(config, name, value)

    @contextlib.contextmanager
    def _own_state(self) -> Iterator[None]:
        """Put the scene's own state in the places of moderngl-window's in the block; what it changes, it keeps."""
        with _places:
            found = {(owner, name): getattr(owner, name) for owner, name in self._state}
            _put(self._state)
            try:
                yield
            finally:
                self._state = {(owner, name): getattr(owner, name) for owner, name in found}
                _put(found)


class _Clock:
    """What `KeyboardCamera` takes for the module ``time``."""

    def __init__(self, timer: FrameTimer) -> None:
        self._timer = timer

    def time(self) -> float:
        """Return the seconds of the video, which go on while the config has paused its timer."""
        return self._timer.now


def _begin_anew() -> None:
    global _places  # noqa: PLW0603  a thread of the parent may hold it, which is not there in the child
    _places = threading.RLock()


def _put(state: dict[tuple[object, str], object]) -> None:
    for (owner, name), value in state.items():
        setattr(owner, name, value)


def _default_arguments(config_class: type[WindowConfig]) -> argparse.Namespace:
    """Return what parsing an empty command line gives: that of a notebook's kernel is not meant for the class."""
    parser = moderngl_window.create_parser()
    config_class.add_arguments(parser)
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return parser.parse_args([])
    except SystemExit:
        why = complaint.getvalue().strip().rpartition("error: ")[2]
        msg = f"{config_class.__name__}.add_arguments must give every argument a default, for there is no command line"
        raise SceneError(f"{msg}: {why}") from None


def _assign_old_names(config: WindowConfig, window: FrameWindow) -> None:
    """Call a class that was written for moderngl-window 2 by the names it has: one with render, and no on_render."""
    if not hasattr(config, "render") or type(config).on_render is not WindowConfig.on_render:
        return
    for name in _CALLBACKS:
        inherited = getattr(type(config), f"on_{name}") is getattr(WindowConfig, f"on_{name}")
        old = getattr(config, name, None)
        if inherited and old is not None:
            setattr(window, f"{name}_func", old)


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_begin_anew)
