"""What the live widget asks of the session that plays its scene, and what the player tells that.

Render thread, except `wake`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from nbpipe.notebook.widget import Recording


class LiveSession(Protocol):
    """Plays one scene."""

    def wake(self) -> None:
        """Attend to the inbox soon. Any thread."""

    def play(self, playing: bool) -> None:  # noqa: FBT001  it is a trait's value
        """Run or stand still."""

    def pace(self, speed: float, fps: float, duration: float, *, loop: bool) -> None:
        """Run like this from now on."""

    def seek(self, time: float) -> None:
        """Go to `time` in seconds."""

    def step(self, by: int) -> None:
        """Go on by frames, and stand still."""

    def resize(self, size: tuple[int, int]) -> None:
        """Draw at another size."""

    def apply(self, name: str, value: object) -> None:
        """Give the scene a parameter."""

    def event(self, raw: object) -> bool:
        """Take an event that a browser sent; whether it is one."""

    def rejoin(self, *, lost: int | None = None) -> None:
        """Begin anew for a browser that has joined, or whose decoder has failed, given picture `lost` last."""

    def take(self, on: bool) -> None:  # noqa: FBT001  it is a trait's value
        """Begin or end a take."""

    def check_rate(self, fps: float) -> None:
        """Raise `ValueError` for what is no frame rate."""

    def checked_take(self, take: object) -> object:
        """Return what can be replayed. Raises `TypeError` for anything else but ``None``."""

    def replace(self, scene: object) -> None:
        """Play another scene."""

    def refuse(self, error: Exception) -> None:
        """Show why another scene could not replace this one, until one does."""

    def poster(self) -> bytes:
        """Return the present picture as a JPEG."""

    @property
    def handlers(self) -> Any:
        """Whom events are given to beside the scene."""

    def record(self, path: object, options: Mapping[str, Any]) -> Recording:
        """Record what is played."""

    def ask_record(self) -> None:
        """Do so because a person in a browser wants it; what goes wrong is shown there."""

    def close(self) -> None:
        """End."""


class PlayerListener(Protocol):
    """Whom a player tells how it goes: the session."""

    def attend(self) -> None:
        """Do what browsers have asked for since the last call."""

    def moved(self, time: float, frame: int) -> None:
        """Take note of the picture that was drawn."""

    def failed(self, words: str) -> None:
        """Show what went wrong in the scene; an empty text when all is well again."""

    def freed(self) -> None:
        """Take note that the scene is no longer being recorded."""
