"""Setups: a scene object is set up once, however many draw it at a time.

People preview a scene, and record the same object in the next cell; or they run the cell of a preview again. To call
``setup`` again would make everything twice, and the first ``release`` would take it from under whoever still draws. So
a setup is shared: the first user makes it, all draw with the GL state that it has left, and the last one releases it.
A recording has the scene to itself meanwhile, for a scene may count the frames that it draws; previews stand still.

Scenes are told apart as objects. Render thread only, with the context current. Knows nothing of what users draw into.
"""

from __future__ import annotations

import weakref
from typing import Any, Protocol

import moderngl

from nbpipe.errors import NbpipeError
from nbpipe.gl.context import Context, context
from nbpipe.scene.scene import Scene


class User(Protocol):
    """Whoever draws a scene that is set up.

    Attributes
    ----------
    alone : bool
        Whether nobody else may draw it meanwhile.
    """

    alone: bool

    def freed(self) -> None:
        """Go on drawing: nobody has the scene alone any more."""


class Setup:
    """One scene, set up in one context, until the last of its users leaves.

    Attributes
    ----------
    scene : Scene
    where : Context
    state : GLState
        What the scene has left set on the context.
    """

    def __init__(self, scene: Scene, where: Context) -> None:
        self.scene: Any = scene
        self.where = where
        self._users: weakref.WeakSet[User] = weakref.WeakSet()
        self.state = where.state()

    @property
    def in_use(self) -> bool:
        """Whether it is made, because somebody draws the scene."""
        return bool(self._users)

    @property
    def taken(self) -> bool:
        """Whether one of its users has it alone."""
        return any(user.alone for user in self._users)

    def join(self, user: User) -> None:
        """Let `user` draw it; the first one sets it up. Raises whatever ``setup`` raises."""
        if not self._users and hasattr(self.scene, "setup"):
            try:
                self.scene.setup(self.where.ctx)
            finally:
                self.where.ensure()
        self._users.add(user)
        _setups[id(self.scene), id(self.where)] = self

    def leave(self, user: User) -> None:
        """Note that `user` draws it no more; the last one releases it. Raises whatever ``release`` raises."""
        was_taken = self.taken
        self._users.discard(user)
        if self._users:
            if was_taken and not self.taken:
                for other in list(self._users):
                    other.freed()
        elif _setups.pop((id(self.scene), id(self.where)), None) is not None and hasattr(self.scene, "release"):
            try:
                self.scene.release()
            finally:
                self.where.ensure()


# By the ids of a scene and a context, which each setup keeps alive, as its users do it.
_setups: weakref.WeakValueDictionary[tuple[int, int], Setup] = weakref.WeakValueDictionary()


def context_for(scene: Scene, ctx: moderngl.Context | None) -> Context:
    """Return where to draw `scene`: in `ctx`, else in its own context, else where it is set up, else in the thread's.

    Raises as `context`.
    """
    own: moderngl.Context | None = getattr(scene, "ctx", None)
    if ctx is None and own is None:
        for setup in list(_setups.values()):
            if setup.scene is scene and setup.where.here and not setup.where.ended:
                return setup.where
    return context(ctx or own)


def setup_of(scene: Scene, where: Context) -> Setup:
    """Return the setup of `scene` in the context `where`: the one that is shared, or a new one.

    Raises
    ------
    NbpipeError
        The scene is set up in another context that is still in use.
    """
    found = _setups.get((id(scene), id(where)))
    if found is not None:
        return found
    if hasattr(scene, "setup") and any(
        other.scene is scene and not other.where.ended for other in list(_setups.values())
    ):
        msg = (
            f"this {type(scene).__name__} is being drawn in another OpenGL context, which has what its setup made: "
            "close its preview or end its recording first, or make another object of it"
        )
        raise NbpipeError(msg)
    return Setup(scene, where)
