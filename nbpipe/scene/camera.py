"""A camera that goes round what it looks at, by hand.

Owns where it stands and what the pointer is doing to it. Pure arithmetic in OpenGL's conventions: right-handed, y up,
looking along -z at rest, depths from -1 to 1. Events come on the render thread; knows no scene and no GL.
"""

from __future__ import annotations

import math
import numbers
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_LEFT, _RIGHT = 1, 2
_HALF_TURN = 180.0  # degrees, for a drag over the height of the picture
_NOTCHES = 400.0  # of a wheel, in its own unit, to twice the distance; a notch is about 100, and so 19 %
_FASTEST = 4.0  # doublings by one event
_DEFAULT_HEIGHT = 360.0  # of a picture whose size nobody has told

_STATE = ("target", "distance", "azimuth", "elevation", "fov", "near", "far")


class OrbitCamera:
    """Looks at a point from a distance; dragging goes round it.

    Dragging with the left button orbits: what is in front follows the pointer. The right button, or the left with
    Shift, pans: what lies at the target's distance stays under the pointer. The wheel zooms, and a double click
    goes home. Hand it the events of the scene::

        class Scene:
            def __init__(self):
                self.camera = nbpipe.OrbitCamera(distance=5)

            def on_event(self, event):
                self.camera.on_event(event)

            def render(self, frame):
                self.program["camera"].write(self.camera.view_projection(frame.aspect))

    Parameters
    ----------
    target : sequence of 3 floats
        What it looks at.
    distance : float
        From the target.
    azimuth, elevation : float
        Degrees round the y axis from +z towards +x, and above the horizon, -90 to 90.
    fov : float
        Degrees from the bottom of the picture to its top.
    near, far : float
        Distances between which things are seen; the camera stays that near to its target, too.

    Attributes
    ----------
    target : tuple of 3 floats
    distance, azimuth, elevation, fov, near, far : float
        As above; set them as you like.

    Raises
    ------
    TypeError, ValueError
        No finite numbers, or outside of what is said above.

    Notes
    -----
    Matrices are float32 arrays of shape (4, 4) in the order that GLSL's ``mat4`` has in memory, column after column,
    so that ``program["view"].write(camera.view)`` is right and ``view * position`` in GLSL is. As numpy sees it, each
    is the transpose of the matrix in a textbook: ``position @ camera.view``.
    """

    def __init__(
        self,
        *,
        target: Sequence[float] = (0.0, 0.0, 0.0),
        distance: float = 4.0,
        azimuth: float = 0.0,
        elevation: float = 20.0,
        fov: float = 45.0,
        near: float = 0.01,
        far: float = 1000.0,
    ) -> None:
        self.state = {
            "target": target,
            "distance": distance,
            "azimuth": azimuth,
            "elevation": elevation,
            "fov": fov,
            "near": near,
            "far": far,
        }
        self._home = self.state
        self._height = _DEFAULT_HEIGHT

    @property
    def state(self) -> dict[str, Any]:
        """Where it stands, as JSON has it: the parameters by their names. To be set again, which ends any drag."""
        return {name: getattr(self, name) if name != "target" else list(self.target) for name in _STATE}

    @state.setter
    def state(self, state: Mapping[str, Any]) -> None:
        checked = checked_state(state)
        self.target: tuple[float, float, float] = checked["target"]
        self.distance: float = checked["distance"]
        self.azimuth: float = checked["azimuth"]
        self.elevation: float = checked["elevation"]
        self.fov: float = checked["fov"]
        self.near: float = checked["near"]
        self.far: float = checked["far"]
        self._dragging = ""
        self._pointer = (0.0, 0.0)

    @property
    def position(self) -> np.ndarray:
        """Where the camera is: (3,) float32."""
        _, _, back = self._axes()
        return np.asarray(np.array(self.target) + self.distance * back, np.float32)

    @property
    def view(self) -> np.ndarray:
        """The matrix from the world to the camera: (4, 4) float32, to be written to a ``mat4``."""
        right, up, back = self._axes()
        eye = np.array(self.target) + self.distance * back
        matrix = np.identity(4)
        matrix[:3, :3] = np.column_stack((right, up, back))
        matrix[3, :3] = -eye @ matrix[:3, :3]
        return np.asarray(matrix, np.float32)

    def projection(self, aspect: float) -> np.ndarray:
        """Return the matrix from the camera to the picture: (4, 4) float32, to be written to a ``mat4``.

        Parameters
        ----------
        aspect : float
            Width divided by height: ``frame.aspect``.
        """
        tall = 1 / math.tan(math.radians(self.fov) / 2)
        depth = self.near - self.far
        matrix = np.zeros((4, 4), np.float32)
        matrix[0, 0] = tall / aspect
        matrix[1, 1] = tall
        matrix[2, 2] = (self.far + self.near) / depth
        matrix[2, 3] = -1
        matrix[3, 2] = 2 * self.far * self.near / depth
        return matrix

    def view_projection(self, aspect: float) -> np.ndarray:
        """Return both in one matrix: (4, 4) float32, ``projection * view`` in GLSL."""
        return np.asarray(self.view @ self.projection(aspect), np.float32)

    def home(self) -> None:
        """Go back to where it was made."""
        self.state = self._home

    def on_event(self, event: Mapping[str, Any]) -> None:
        """Follow an event of the renderview specification.

        A drag counts in parts of the picture's height, which the latest ``resize`` tells, so that a picture of
        another size is handled alike.
        """
        match event["type"]:
            case "resize":
                self._height = float(event["height"])
            case "pointer_down" if not self._dragging and event["button"] in {_LEFT, _RIGHT}:
                panning = event["button"] == _RIGHT or "Shift" in event["modifiers"]
                self._dragging = "pan" if panning else "orbit"
                self._pointer = (event["x"], event["y"])
            case "pointer_move" if self._dragging and not event["buttons"]:
                self._dragging = ""  # it was let go where nobody saw it
            case "pointer_move" if self._dragging:
                x, y = self._pointer
                self._pointer = (event["x"], event["y"])
                self._drag((event["x"] - x) / self._height, (event["y"] - y) / self._height)
            case "pointer_up" if not event["buttons"]:
                self._dragging = ""
            case "wheel":
                self._zoom(event["dy"] or event["dx"])  # with Shift, macOS turns one into the other
            case "double_click":
                self.home()

    def _axes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the camera's own x, y and z axes in the world; z leads from the target to the camera."""
        azimuth, elevation = math.radians(self.azimuth), math.radians(self.elevation)
        right = np.array((math.cos(azimuth), 0.0, -math.sin(azimuth)))
        back = np.array(
            (
                math.cos(elevation) * math.sin(azimuth),
                math.sin(elevation),
                math.cos(elevation) * math.cos(azimuth),
            )
        )
        return right, np.cross(back, right), back

    def _drag(self, right: float, down: float) -> None:
        """Follow a pointer that went by parts of the height."""
        if self._dragging == "orbit":
            self.azimuth = math.remainder(self.azimuth - _HALF_TURN * right, 360.0)
            self.elevation = min(max(self.elevation + _HALF_TURN * down, -90.0), 90.0)
            return
        height = 2 * self.distance * math.tan(math.radians(self.fov) / 2)  # of what is seen at the target
        x_axis, y_axis, _ = self._axes()
        x, y, z = np.array(self.target) - height * right * x_axis + height * down * y_axis
        self.target = (float(x), float(y), float(z))

    def _zoom(self, wheel: float) -> None:
        """Go away from the target, or to it for negative numbers, by the unit of a wheel."""
        doublings = min(max(wheel / _NOTCHES, -_FASTEST), _FASTEST)
        self.distance = min(max(self.distance * 2**doublings, self.near), self.far)


def checked_state(state: object) -> dict[str, Any]:
    """Return a state with the types that the camera's attributes have.

    Raises
    ------
    TypeError, ValueError
        It is none.
    """
    if not isinstance(state, Mapping) or set(state) != set(_STATE):
        msg = f"the state of a camera has {', '.join(_STATE)}, not {reprlib.repr(state)}"
        raise ValueError(msg)
    target = state["target"]
    if isinstance(target, (str, bytes)) or not isinstance(target, (Sequence, np.ndarray)) or len(target) != 3:  # noqa: PLR2004
        msg = f"target must be three numbers, not {reprlib.repr(target)}"
        raise TypeError(msg)
    checked: dict[str, Any] = {name: _finite(name, state[name]) for name in _STATE[1:]}
    checked["target"] = tuple(_finite("target", number) for number in target)
    if not 0 < checked["near"] < checked["far"]:
        msg = f"near must lie between 0 and far, not be {checked['near']!r} with far {checked['far']!r}"
        raise ValueError(msg)
    for name, low, high in (("distance", 0, math.inf), ("fov", 0, 180)):
        if not low < checked[name] < high:
            msg = f"{name} must lie between {low} and {high}, not be {checked[name]!r}"
            raise ValueError(msg)
    if not -90 <= checked["elevation"] <= 90:  # noqa: PLR2004
        msg = f"elevation must lie between -90 and 90 degrees, not be {checked['elevation']!r}"
        raise ValueError(msg)
    return checked


def _finite(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        msg = f"{name} must be a number, not {value!r}"
        raise TypeError(msg)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        msg = f"{name} must be finite, not {value!r}"
        raise ValueError(msg)
    return number
