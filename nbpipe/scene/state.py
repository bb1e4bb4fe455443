"""All that a person can change in a scene by playing with it: its parameters, its cameras, and a shader's mouse.

Taken and given back as what JSON has, so that a take can begin where its performance began, and a scene that was
replayed can go on where it was. Render thread only.
"""

from __future__ import annotations

import contextlib
import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any

from nbpipe.errors import SceneError
from nbpipe.scene.camera import OrbitCamera
from nbpipe.scene.parameters import apply, parameters
from nbpipe.scene.scene import Adapted
from nbpipe.scene.shader import Shader

_OTHER = "record the scene that the take was made with"


def cameras(scene: object) -> dict[str, OrbitCamera]:
    """Return the cameras among the attributes of a scene, by their names."""
    found = {}
    subject = scene.subject if isinstance(scene, Adapted) else scene
    for name, value in inspect.getmembers_static(subject):
        # an attribute of __slots__ shows its descriptor, which runs no code of the user's
        camera = getattr(subject, name, None) if isinstance(value, types.MemberDescriptorType) else value
        if isinstance(camera, OrbitCamera):
            found[name] = camera
    return found


def scene_state(scene: object) -> dict[str, Any]:
    """Return the state of `scene`: ``parameters``, ``cameras`` and ``mouse``."""
    return {
        "parameters": {name: each.encoded(each.value) for name, each in parameters(scene).items()},
        "cameras": {name: camera.state for name, camera in cameras(scene).items()},
        "mouse": scene.mouse.state if isinstance(scene, Shader) else [],
    }


def set_scene_state(scene: object, state: Mapping[str, Any]) -> None:
    """Bring `scene` into a state of `scene_state`.

    Raises
    ------
    SceneError
        The scene has no such parameter or camera.
    """
    set_parameters(scene, state["parameters"])
    found = cameras(scene)
    for name, camera in state["cameras"].items():
        if name not in found:
            msg = f"the take moves the camera {name!r}, and this scene has {_names(found)}; {_OTHER}"
            raise SceneError(msg)
        found[name].state = camera
    if isinstance(scene, Shader):
        scene.mouse.state = state["mouse"]


def restorer(scene: object) -> Callable[[], None]:
    """Return what brings `scene` back into the state that it is in now, whatever it has set itself meanwhile.

    What of that raises, a setter of the scene's own, does so when all the rest is done.
    """
    values = {name: parameter.value for name, parameter in parameters(scene).items()}
    views = {name: camera.state for name, camera in cameras(scene).items()}
    mouse = scene.mouse.state if isinstance(scene, Shader) else []

    def restore() -> None:
        found = cameras(scene)
        with contextlib.ExitStack() as rest:
            for name, value in reversed(values.items()):
                rest.callback(apply, scene, name, value)
            for name in views.keys() & found.keys():
                found[name].state = views[name]
            if isinstance(scene, Shader):
                scene.mouse.state = mouse

    return restore


def set_parameters(scene: object, values: Mapping[str, Any]) -> None:
    """Set the parameters of `scene` to `values`, which are encoded.

    Raises
    ------
    SceneError
        The scene has none of that name, or it takes no such value.
    """
    for name, value in decoded_parameters(scene, values.items()):
        apply(scene, name, value)


def decoded_parameters(scene: object, pairs: Any) -> list[tuple[str, Any]]:
    """Return pairs of a name and an encoded value with the values decoded; raise as `set_parameters`."""
    known = parameters(scene)
    found = []
    for name, value in pairs:
        if name not in known:
            msg = f"the take sets the parameter {name!r}, and this scene has {_names(known)}; {_OTHER}"
            raise SceneError(msg)
        try:
            found.append((name, known[name].decoded(value)))
        except (TypeError, ValueError) as error:
            msg = f"the take does not fit this scene: {error}"
            raise SceneError(msg) from None
    return found


def _names(found: Mapping[str, object]) -> str:
    return ", ".join(found) or "none"
