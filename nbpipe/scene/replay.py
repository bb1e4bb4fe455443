"""A scene that performs a take: the same scene, with what was done to it done again at each frame's moment.

Frame n of a recording at some rate stands at n / fps seconds of the performance, so that two replays at one rate are
alike, and one at half the rate shows every second frame of the other. Render thread only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbpipe.scene.parameters import apply
from nbpipe.scene.state import decoded_parameters, set_parameters, set_scene_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    import moderngl

    from nbpipe.scene.events import Event
    from nbpipe.scene.frame import Frame
    from nbpipe.scene.scene import Scene
    from nbpipe.scene.take import Take


class Replay:
    """Plays `take` on `scene`; a scene itself.

    At its first frame the scene is where it was when the take began; whoever plays the take brings it back afterwards
    (`state.restorer`). It is told the take's time, and the number that a frame has then, as in a preview. Events go to
    ``scene.on_event`` alone: handlers of a view are not part of the scene.

    Parameters
    ----------
    scene : Scene
    take : Take

    Attributes
    ----------
    scene : Scene

    Raises
    ------
    SceneError
        The take sets a parameter that the scene has not, or to what it does not take.
    """

    def __init__(self, scene: Scene, take: Take) -> None:
        self.scene: Any = scene
        self._take = take
        decoded_parameters(scene, take.start["parameters"].items())
        settings = [entry.data for entry in take.entries if entry.kind == "param"]
        values = iter(decoded_parameters(scene, [(setting["name"], setting["value"]) for setting in settings]))
        self._steps = [(entry, next(values) if entry.kind == "param" else None) for entry in take.entries]
        self._next = 0  # of the steps
        self._shown = -1  # the frame before

    @property
    def ctx(self) -> moderngl.Context:
        """The scene's own context; `AttributeError` where it has none."""
        context: moderngl.Context = self.scene.ctx
        return context

    def prepare(self) -> None:
        """Give the scene the parameters that it had when the take began; to be called before its ``setup``."""
        set_parameters(self.scene, self._take.start["parameters"])

    def render(self, frame: Frame) -> None:
        """Do what was done up to the moment of `frame`, and draw it. `SceneError` when the scene lacks a camera."""
        moment = float(frame.index / frame.fps)
        if frame.index <= self._shown or self._shown < 0:
            self._rewind(frame)
        self._shown = frame.index
        while self._next < len(self._steps) and self._steps[self._next][0].at <= moment:
            entry, setting = self._steps[self._next]
            self._next += 1
            if setting is not None:
                apply(self.scene, *setting)
            elif entry.kind == "event":
                self._send(self._event(entry.data, frame.size))
        time = self._take.time_at(moment)
        self.scene.render(replace(frame, time=time, index=round(time * frame.fps)))

    def _rewind(self, frame: Frame) -> None:
        set_scene_state(self.scene, self._take.start)
        self._next = 0
        width, height = map(float, frame.size)
        size = {"width": width, "height": height, "pwidth": width, "pheight": height, "ratio": 1.0}
        self._send({"type": "resize", "timestamp": 0.0} | size)

    def _event(self, noted: Mapping[str, Any], size: tuple[int, int]) -> Event:
        """Return an event of the take for a picture of `size`."""
        event = self._in_pixels(noted, size)
        if "touches" in noted:
            event["touches"] = {name: self._in_pixels(touch, size) for name, touch in noted["touches"].items()}
        return event

    def _in_pixels(self, noted: Mapping[str, Any], size: tuple[int, int]) -> dict[str, Any]:
        """Return an event or a touch with its place, if it has one, as far from the middle as it was."""
        placed, aspect = dict(noted), self._take.size[0] / self._take.size[1]
        if "x" in placed:
            placed["x"] = size[0] / 2 + (placed["x"] - 0.5) * aspect * size[1]
        if "y" in placed:
            placed["y"] *= size[1]
        return placed

    def _send(self, event: Event) -> None:
        if hasattr(self.scene, "on_event"):
            self.scene.on_event(event)
