"""Whose turn it is in a context: scenes that share one each find the GL state that they have left.

Previews and recordings that are alive at once draw alternately in their thread's one context, or in one of the user's.
A scene may switch and bind once, in its ``setup``, what all its frames use; what another one sets in between must not
show in them. So when another scene's turn comes, what the last one has set is noted, and what the next one had set is
brought back. A new scene begins with what a new context has.

A context of the user's is different in two ways: a new scene begins there with whatever is set, and what the user sets
between turns is meant for all of them. To tell that apart, what a turn leaves is noted too, while there are several.

A turn takes 0.2 ms (llvmpipe on a virtual core of 2026), in a context of the user's twice that, and a scene that is
alone has none. Render thread only, with the context current. Knows nothing of scenes.
"""

from __future__ import annotations

import weakref

import moderngl

from nbpipe.gl.state import Values, bring_back, merged, noted


def is_released(ctx: moderngl.Context) -> bool:
    """Whether somebody has released `ctx`, so that it cannot be asked for anything."""
    return isinstance(ctx.mglo, moderngl.InvalidObject)


class GLState:
    """What one scene has set on a context, while it is not its turn.

    Attributes
    ----------
    values : Values or None
        ``None`` of one that goes on from whatever is set.
    """

    def __init__(self, values: Values | None) -> None:
        self.values = values


class Turns:
    """The turns in one context.

    Parameters
    ----------
    ctx : moderngl.Context
    ours : bool
        Whether it is not the user's. It is as it was made.
    """

    def __init__(self, ctx: moderngl.Context, *, ours: bool) -> None:
        self._ctx = ctx
        self._fresh = noted(ctx) if ours else None
        self._states: weakref.WeakSet[GLState] = weakref.WeakSet()
        self._left: Values | None = None
        self.now: GLState | None = None

    def state(self) -> GLState:
        """Return that of a new scene."""
        made = GLState(self._fresh)
        self._states.add(made)
        return made

    def begin(self, state: GLState) -> None:
        """Let it be the turn of the scene with this `state`; again does nothing."""
        if (state is self.now and self._left is None) or is_released(self._ctx):
            return
        last, left = self.now, self._left
        if last is None and state.values is None:
            self.now = state
            return
        found = noted(self._ctx)
        if left is not None:
            for each in self._states:
                each.values = each.values and merged(each.values, left, found)
            self._left = None
        if state is last:
            return
        if last is not None:
            last.values = found
        self.now = None  # if the rest is interrupted
        if state.values is not None:
            bring_back(self._ctx, state.values, found)
        self.now = state

    def end(self) -> None:
        """Leave the context to its user until the next turn."""
        if self._fresh is None and len(self._states) > 1 and not is_released(self._ctx):
            self._left = noted(self._ctx)
