"""`nbpipe.preview`: a scene that plays live in a cell.

Checks what can be checked, draws the first picture, so that an error of the scene rises in the cell, and then leaves
the scene to a session on the kernel's event loop. Render thread.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, SupportsIndex

from nbpipe.arguments import checked_samples, checked_size
from nbpipe.errors import NbpipeError, folded
from nbpipe.gl.setups import context_for
from nbpipe.notebook import cell
from nbpipe.notebook.preview import Preview
from nbpipe.player import Player
from nbpipe.scene.adapters import playable
from nbpipe.scene.clock import checked_seconds
from nbpipe.scene.frame import Rate, frame_rate
from nbpipe.scene.scene import picture_size_of
from nbpipe.session import Session, poster

if TYPE_CHECKING:
    import moderngl

DEFAULT_SIZE = (640, 360)


@folded
def preview(
    scene: object,
    *,
    size: tuple[int, int] | None = None,
    fps: Rate = 60,
    duration: float = 10.0,
    samples: SupportsIndex = 0,
    ctx: moderngl.Context | None = None,
    show: bool = True,
) -> Preview:
    """Play a scene live in the cell, with its parameters as controls, and a Record button.

    The scene is drawn between the kernel's other work, as often as somebody sees it, and not at all while nobody does.

    Parameters
    ----------
    scene : object
        As for `nbpipe.record`, but for iterables, which cannot be played twice. Its parameters become controls: a
        `Shader`'s uniforms, with hints such as ``// @range(0, 2)``; the annotated attributes of an object or of a
        ``WindowConfig``, such as ``speed: Annotated[float, nbpipe.Range(0, 2)] = 1``. Its ``on_event(event)``, if it
        has one, gets the events of https://pygfx.org/renderview/.
    size : (int, int)
        Width and height of the picture in pixels: by default 640 × 360, or what the scene prefers, as a
        ``WindowConfig`` does with its ``window_size``.
    fps : int, float, str or Fraction
        Pictures per second that are wanted, and frames per second of what the Record button makes.
    duration : float
        Length of the time line in seconds.
    samples : int
        Samples per pixel for anti-aliasing, for example 4.
    ctx : moderngl.Context, optional
        The context to draw in, current on this thread; else the scene's own ``ctx``, else nbpipe's.
    show : bool
        Show the widget in this cell; else it is shown where it is a cell's last line.

    Returns
    -------
    Preview
        Its traits can be set, observed and linked.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong.
    NoOpenGL
        A part is missing; the text says how to get it.
    NbpipeError
        There is no event loop, as in a script, and so nobody to play for.
    Exception
        What the scene raises for its first picture, such as `SceneError` for GLSL that does not compile.

    Examples
    --------
    >>> view = nbpipe.preview(scene)
    >>> view.time, view.params.speed = 3.0, 2.0
    """
    view, picture = begin(scene, size=size, fps=fps, duration=duration, samples=samples, ctx=ctx)
    if cell.can_show():
        if show:
            view.display_here()
            view.leave_poster(picture)
        cell.leave_to_rerun(view.close)
    return view


def begin(
    scene: object,
    *,
    size: tuple[int, int] | None = None,
    fps: Rate = 60,
    duration: float = 10.0,
    samples: SupportsIndex = 0,
    ctx: moderngl.Context | None = None,
) -> tuple[Preview, bytes]:
    """Do what `preview` does up to showing it; return the widget, with a JPEG of its first picture."""
    rate = frame_rate(fps)
    given = checked_size(size)
    length = checked_seconds("duration", duration)
    multisamples = checked_samples(samples)
    adapted = playable(scene)
    dimensions = picture_size_of(adapted, given, DEFAULT_SIZE)
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        msg = "nbpipe.preview plays in a notebook, whose kernel has an event loop; in a script use nbpipe.record"
        raise NbpipeError(msg) from None
    player = Player(adapted, context_for(adapted, ctx), dimensions, rate, length, multisamples)
    try:
        picture = poster(player)
    except BaseException:
        player.close()
        raise
    return Session(player, multisamples, loop).view, picture
