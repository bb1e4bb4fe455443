"""The protocol of a scene: what an object must offer to be recorded; and what scenes made of other things have.

A scene is drawn on the thread that called `nbpipe.record`, which owns the OpenGL context. This module knows
no other module of nbpipe but `frame`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from nbpipe.scene.frame import Frame


@runtime_checkable
class Scene(Protocol):
    """Anything with ``render(frame)``.

    Two more methods are called where they exist: ``setup(ctx)`` once before the first frame, with the
    `moderngl.Context` to make programs and buffers in, and ``release()`` once after the last, also when the
    recording failed (but not when ``setup`` itself did). An object that a preview plays while it is recorded is set up
    once for both, and released after both. A scene that already has a context of its own shows it as an attribute
    ``ctx``, and one that is made for a certain size as ``preferred_size`` (width, height), which counts where none is
    given.
    """

    def render(self, frame: Frame) -> object:
        """Draw `frame` into ``frame.fbo``; the return value is ignored."""


def picture_size_of(scene: Scene, given: tuple[int, int] | None, otherwise: tuple[int, int]) -> tuple[int, int]:
    """Return the size to draw `scene` at: the one that was `given`, else the one it prefers, else the other."""
    preferred: tuple[int, int] = getattr(scene, "preferred_size", otherwise)
    return given or preferred


class Adapted(ABC):
    """A scene made of something else that a person wrote, and whose attributes are what can be changed of the scene.

    Attributes
    ----------
    framework : type
        What the person's class inherits; the attributes that this has are its settings, and none of the scene's own.
    """

    framework: type = object

    @property
    @abstractmethod
    def subject(self) -> object:
        """What the person wrote."""

    def choose(self, name: str, value: object) -> None:
        """Set an attribute of what the person wrote."""
        setattr(self.subject, name, value)
