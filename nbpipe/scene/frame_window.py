"""The window, the keys and the timer that a moderngl-window `WindowConfig` finds when nbpipe draws it.

`FrameWindow` opens nothing: its framebuffer is that of the frame being drawn, its events come from a browser, and
`FrameTimer` is told the time by the frame, so that a recording is the same however long each frame took. Render
thread only. Imports moderngl-window, which is optional: only `nbpipe.scene.window` imports this. Knows `Frame`;
nothing of how scenes are set up, of readback or of notebooks.
"""

from __future__ import annotations

import math
import string
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moderngl_window.context.base import BaseKeys, BaseWindow, WindowConfig
from moderngl_window.context.base.window import dummy_func
from moderngl_window.timers import BaseTimer

if TYPE_CHECKING:
    import moderngl

    from nbpipe.scene.frame import Frame

_NOTCH = 100.0  # pixels of a browser's wheel event per notch of the wheel, which moderngl-window counts as 1


class Keys(BaseKeys):
    """The names that browsers give to keys, under the names that moderngl-window gives them.

    Letters are those of the key, whether shift is held or not. A browser names no side of the keyboard: what it calls
    Shift is ``LEFT_SHIFT``, and digits of the number pad are those above the letters. A key that has no constant here
    comes as what it types, such as ``"é"``.
    """


for _name, _key in {
    "ESCAPE": "Escape",
    "SPACE": " ",
    "ENTER": "Enter",
    "PAGE_UP": "PageUp",
    "PAGE_DOWN": "PageDown",
    "LEFT": "ArrowLeft",
    "RIGHT": "ArrowRight",
    "UP": "ArrowUp",
    "DOWN": "ArrowDown",
    "LEFT_SHIFT": "Shift",
    "RIGHT_SHIFT": "ShiftRight",
    "LEFT_CTRL": "Control",
    "TAB": "Tab",
    "COMMA": ",",
    "MINUS": "-",
    "PERIOD": ".",
    "SLASH": "/",
    "SEMICOLON": ";",
    "EQUAL": "=",
    "LEFT_BRACKET": "[",
    "RIGHT_BRACKET": "]",
    "BACKSLASH": "\\",
    "BACKSPACE": "Backspace",
    "INSERT": "Insert",
    "DELETE": "Delete",
    "HOME": "Home",
    "END": "End",
    "CAPS_LOCK": "CapsLock",
    **{f"F{number}": f"F{number}" for number in range(1, 13)},
    **{f"NUMBER_{digit}": digit for digit in string.digits},
    **{f"NUMPAD_{digit}": f"Numpad{digit}" for digit in string.digits},
    **{letter.upper(): letter for letter in string.ascii_lowercase},
}.items():
    setattr(Keys, _name, _key)


class FrameTimer(BaseTimer):
    """A timer whose time is that of the frame being drawn, until the config pauses or sets it.

    Attributes
    ----------
    now : float
        Seconds of the video, which go on while the config has paused its time.
    """

    def __init__(self) -> None:
        self.now = self._step = self._fps = 0.0
        self._offset = 0.0
        self._paused_at: float | None = None
        self._last: float | None = None

    def follow(self, frame: Frame) -> None:
        """Take the time of `frame`."""
        self.now, self._step, self._fps = frame.time, frame.dt, float(frame.fps)

    @property
    def is_paused(self) -> bool:
        """Whether the config has paused it."""
        return self._paused_at is not None

    @property
    def is_running(self) -> bool:
        """Whether it is not paused."""
        return self._paused_at is None

    @property
    def time(self) -> float:
        """Seconds; can be set to move along the time line."""
        return self.now - self._offset if self._paused_at is None else self._paused_at

    @time.setter
    def time(self, value: float) -> None:
        if self._paused_at is None:
            self._offset = self.now - max(value, 0.0)
        else:
            self._paused_at = max(value, 0.0)

    @property
    def fps(self) -> float:
        """Frames per second of the video."""
        return self._fps

    @property
    def fps_average(self) -> float:
        """The same."""
        return self._fps

    def next_frame(self) -> tuple[float, float]:
        """Return the time of this frame and the seconds since the frame before, never less than 0."""
        time = self.time
        elapsed = self._step if self._last is None else time - self._last
        self._last = time
        # The difference of two rounded times is a hair off what the rate says.
        return time, self._step if math.isclose(elapsed, self._step, rel_tol=1e-6) else max(elapsed, 0.0)

    def start(self) -> None:
        """Go on after a pause."""
        if self._paused_at is not None:
            self._offset = self.now - self._paused_at
            self._paused_at = None

    def pause(self) -> None:
        """Let time stand still."""
        self._paused_at = self.time

    def toggle_pause(self) -> None:
        """Pause, or go on."""
        if self.is_paused:
            self.start()
        else:
            self.pause()

    def stop(self) -> tuple[float, float]:
        """Return the time, and how much of the video has gone by."""
        return self.time, self.now


class FrameWindow(BaseWindow):
    """A window whose picture is the frame being drawn.

    It has the size of the frame, whatever the config asks for, and no key of its own: what closes a program or makes
    it full-screen elsewhere (Escape, F11) belongs to the page it is shown in.

    Parameters
    ----------
    config_class : type of WindowConfig
        Says how the window is to be.
    frame : Frame
        The first one.

    Attributes
    ----------
    timer : FrameTimer
        Tells the time of the frame.
    """

    name = "nbpipe"
    keys = Keys

    def __init__(self, config_class: type[WindowConfig], frame: Frame) -> None:
        super().__init__(
            title=config_class.title,
            gl_version=config_class.gl_version,
            size=frame.size,
            resizable=config_class.resizable,
            visible=config_class.visible,
            vsync=config_class.vsync,
            aspect_ratio=config_class.aspect_ratio,
            samples=frame.fbo.samples,
            cursor=config_class.cursor,
        )
        self.exit_key = self.fullscreen_key = None
        self.timer = FrameTimer()
        self.timer.follow(frame)
        self._ctx = frame.ctx
        self._canvas = frame.fbo
        self._pointer: tuple[int, int] | None = None
        self.set_default_viewport()

    @property
    def fbo(self) -> moderngl.Framebuffer:
        """The framebuffer of the frame."""
        return self._canvas

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frame in pixels; setting it has no effect."""
        return self._width, self._height

    @size.setter
    def size(self, value: tuple[int, int]) -> None:
        """Do as a window manager does that does not grant a size."""

    def use(self) -> None:
        """Bind the framebuffer of the frame."""
        self._canvas.use()

    def swap_buffers(self) -> None:
        """Count the frame; nbpipe takes it from here."""
        self._frames += 1

    def follow(self, frame: Frame) -> None:
        """Be the window of `frame`; tell the config if its size has changed."""
        self.timer.follow(frame)
        if frame.fbo is self._canvas:
            return
        self._canvas = frame.fbo
        resized = frame.size != self.size
        self._width, self._height = self._buffer_width, self._buffer_height = frame.size
        self.set_default_viewport()
        if resized:
            self.resize(*frame.size)

    def belong_to(self, config: WindowConfig) -> None:
        """Note whose window this is. Setting `config` would take back the callbacks that its ``__init__`` chose."""
        self._config = weakref.ref(config)

    def deliver(self, event: dict[str, Any]) -> None:
        """Call what the config has for an event of the renderview specification; others are ignored."""
        modifiers = event.get("modifiers", ())
        self._modifiers.shift = "Shift" in modifiers
        self._modifiers.ctrl = "Control" in modifiers
        self._modifiers.alt = "Alt" in modifiers
        match event["type"]:
            case "pointer_move":
                self._move(event)
            case "pointer_down" | "pointer_up":
                self._press(event)
            case "pointer_leave":
                self._pointer = None  # where it comes back it has not been dragged to
            case "wheel":
                self.mouse_scroll_event_func(event["dx"] / _NOTCH, -event["dy"] / _NOTCH)
            case "key_down" | "key_up" as kind:
                self._key(_constant(event["key"]), pressed=kind == "key_down")
            case "focus_out":  # where a key is let go now, this window is not told
                for key in [key for key, pressed in self._key_pressed_map.items() if pressed]:
                    self._key(key, pressed=False)
            case "char":
                for char in event.get("data") or "":
                    self.unicode_char_entered_func(char)

    def destroy(self) -> None:
        """Let go of the config, so that its GL objects are not kept by a cycle through here."""
        for name in [name for name in vars(self) if name.endswith("_func")]:
            setattr(self, name, dummy_func)

    def _move(self, event: dict[str, Any]) -> None:
        x, y = int(event["x"]), int(event["y"])
        last_x, last_y = self._pointer or (x, y)
        self._pointer = x, y
        if "buttons" in event:  # one that was let go outside the page is up here as well
            for button in (self.mouse.left, self.mouse.right, self.mouse.middle):
                self._handle_mouse_button_state_change(button, button in event["buttons"])
        moved = self.mouse_drag_event_func if self.mouse_states.any else self.mouse_position_event_func
        moved(x, y, x - last_x, y - last_y)

    def _press(self, event: dict[str, Any]) -> None:
        button = event["button"]
        if button not in (self.mouse.left, self.mouse.right, self.mouse.middle):
            return
        x, y = self._pointer = int(event["x"]), int(event["y"])
        pressed = event["type"] == "pointer_down"
        self._handle_mouse_button_state_change(button, pressed)
        (self.mouse_press_event_func if pressed else self.mouse_release_event_func)(x, y, button)

    def _key(self, key: str | int, *, pressed: bool) -> None:
        if pressed and self.exit_key is not None and key == self.exit_key:
            self.close()
        self._key_pressed_map[key] = pressed
        self.key_event_func(key, self.keys.ACTION_PRESS if pressed else self.keys.ACTION_RELEASE, self._modifiers)

    def _set_icon(self, icon_path: Path) -> None:
        """Have none."""

    def _set_fullscreen(self, value: bool) -> None:  # noqa: FBT001  the base class calls it so
        """Stay as it is."""

    def _set_vsync(self, value: bool) -> None:  # noqa: FBT001  the base class calls it so
        """Wait for nothing."""


def _constant(key: str) -> str:
    """Return which of `Keys` a browser's name of a key means: shift makes other letters of it."""
    return key.lower() if len(key) == 1 else key
