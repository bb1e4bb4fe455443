"""Events on their way to a scene and to the handlers of its view, and those that only the view itself can tell.

`put` may be called on any thread; everything else belongs to the render thread. Knows no browser and draws nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from nbpipe.scene.events import Event, EventQueue, Handlers


class Mail:
    """The events of one view.

    Attributes
    ----------
    handlers : Handlers
        Whoever wants the events beside the scene.
    """

    def __init__(self) -> None:
        self.handlers = Handlers()
        self._events = EventQueue()
        self._seen: bool | None = None  # None: nobody has looked yet

    def put(self, event: Event) -> None:
        """Add an event, to be handed out with the next ones."""
        self._events.put(event)

    def tell(self, kind: str, **fields: float) -> None:
        """Add an event that has happened to the view now."""
        self.put({"type": kind, "timestamp": time.time(), **fields})

    def tell_size(self, size: tuple[int, int]) -> None:
        """Add that the view has this size in pixels."""
        width, height = size
        self.tell("resize", width=float(width), height=float(height), pwidth=width, pheight=height, ratio=1.0)

    def tell_seen(self, *, seen: bool) -> bool:
        """Add that somebody sees the view again, or nobody any more; whether that is news.

        A view is taken for shown until then, as the specification has it: its page is on the way.
        """
        if seen == bool(self._seen):
            return False
        first, self._seen = self._seen is None, seen
        if not first:
            self.tell("show" if seen else "hide")
        return not first

    def concerns(self, scene: object) -> bool:
        """Whether anybody would be given an event."""
        return hasattr(scene, "on_event") or bool(self.handlers)

    def hand_out(self, scene: object) -> None:
        """Hand out the events, all of them: a lost pointer_up would leave a scene dragging. Raises the first error."""
        on_event: Callable[[Event], Any] | None = getattr(scene, "on_event", None)
        errors = []
        for event in self._events.take():
            try:
                if on_event is not None:
                    on_event(event)
                self.handlers.emit(event)
            except Exception as error:  # noqa: BLE001  it rises below
                errors.append(error)
        if errors:
            raise errors[0]
