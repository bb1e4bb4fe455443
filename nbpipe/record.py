"""`nbpipe.record`: where the parts meet. Start reading here.

Checks everything that can be checked first, in the order in which a person can mend it: arguments, the path,
FFmpeg and its options, and only then OpenGL and the scene. Then it begins a job (`job`) and makes it go on: to its
end in the calling cell, or in turns with the kernel's other work.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, SupportsIndex, Unpack, cast

from nbpipe.arguments import DEFAULT_SIZE, checked_samples, checked_size
from nbpipe.drive import Drive
from nbpipe.errors import folded
from nbpipe.gl.setups import context_for
from nbpipe.gl.source import SceneSource, Source, picture_source
from nbpipe.job import Job, reading
from nbpipe.notebook.cell import leave_to_rerun
from nbpipe.notebook.preview import Preview
from nbpipe.notebook.widget import Recording
from nbpipe.onlookers import ThumbnailSink
from nbpipe.progress import State
from nbpipe.scene.adapters import Pictures, adapt
from nbpipe.scene.frame import Rate, frame_count, frame_rate
from nbpipe.scene.replay import Replay
from nbpipe.scene.scene import picture_size_of
from nbpipe.scene.take import Take
from nbpipe.video.encoding import Wishes

if TYPE_CHECKING:
    import moderngl

DEFAULT_SECONDS = 5


@folded
def record(
    scene: object,
    path: str | os.PathLike[str] = "recording.mp4",
    *,
    size: tuple[int, int] | None = None,
    fps: Rate = 60,
    duration: float | Fraction | None = None,
    frames: SupportsIndex | None = None,
    samples: int = 0,
    ctx: moderngl.Context | None = None,
    codec: str | None = None,
    crf: float | None = None,
    preset: str | None = None,
    pixel_format: str | None = None,
    ffmpeg_params: Sequence[str] = (),
    conversion: str = "auto",
    dither: bool = False,
    take: Take | None = None,
    wait: bool = True,
    show: bool = True,
) -> Recording:
    """Record a scene to a video file, and show it while it renders.

    Parameters
    ----------
    scene : object
        One of: an object with ``render(frame)`` (and optionally ``setup(ctx)`` and ``release()``); a function
        of a `Frame`; GLSL as a string (Shadertoy's ``mainImage``, or a whole fragment shader); a moderngl-window
        ``WindowConfig`` class; an iterable of uint8 or uint16 arrays (height, width, 3 or 4) with the top row first,
        white being 255 or 65535, of moderngl textures, or of framebuffers.
    path : path-like
        Ends in .mp4, .m4v, .mov, .mkv or .webm. An older file of that name is replaced when the new one is whole.
    size : (int, int), optional
        Width and height in pixels; 1280 × 720, or that of the first picture of an iterable, or of the window that a
        `WindowConfig` asks for.
    fps : int, float, str or Fraction
        Frames per second, kept exactly: ``60``, ``"24000/1001"``, ``Fraction(25, 2)``; ``29.97`` is 30000/1001.
    duration : float, optional
        Seconds. Give this or `frames`; an iterable may go without both, other scenes then last 5 seconds.
    frames : int, optional
        Number of frames.
    samples : int
        Samples per pixel for anti-aliasing, for example 4.
    ctx : moderngl.Context, optional
        The context to draw in, current on this thread; else the scene's own ``ctx``, else nbpipe's.
    codec : str, optional
        An FFmpeg encoder such as ``"libx265"``; the file type decides otherwise (H.264; VP9 for .webm).
    crf : float, optional
        Quality: lower means better quality and a larger file. 20 for H.264.
    preset : str, optional
        The encoder's trade of speed for size, such as ``"ultrafast"`` or ``"slow"``.
    pixel_format : str, optional
        FFmpeg's name, such as ``"yuv420p10"`` for ten bits; ``"yuv420p"``, which plays everywhere, unless the codec
        has only others.
    ffmpeg_params : sequence of str
        Further FFmpeg options for the output, such as ``["-tune", "animation"]``.
    conversion : str
        Who turns RGB into the video's pixel format, BT.709 in limited range: ``"gpu"`` before it is read back,
        ``"cpu"`` as the picture is copied, or ``"ffmpeg"``; ``"auto"`` takes the first that can and that is fast here.
    dither : bool
        Draw in 16 bits a channel, and mix neighbouring shades by a fixed pattern where the video has none between, so
        that gradients show no bands; pictures that have 8 bits themselves gain less. H.265 keeps it at its usual
        quality, H.264 from ``crf=16`` downwards; an encoder that smooths more takes it away again.
    take : Take, optional
        A performance recorded in `nbpipe.preview`, replayed frame by frame: its parameters, its events and its clock.
        Decides the duration unless that is given.
    wait : bool
        False returns at once; the recording goes on between the kernel's other work, and ``await rec`` or
        ``rec.wait()`` finishes it. Without a running event loop it goes on in ``rec.wait()`` only. Running its cell
        again stops it first.
    show : bool
        Show the widget in a notebook, until its cell is run again, and the bar in a terminal.

    Returns
    -------
    Recording
        Its traits tell how it goes; ``stop() pause() resume() wait()`` steer it.

    Raises
    ------
    TypeError, ValueError, OSError
        An argument is wrong; nothing was drawn or written yet.
    FFmpegNotFound, NoOpenGL
        A part is missing; the text says how to get it.
    SceneError
        The scene is no scene, such as GLSL that does not compile.
    EncoderError
        FFmpeg failed.

    Examples
    --------
    >>> recording = nbpipe.record(scene, "out.mp4", size=(1920, 1080), fps=60, duration=5)
    >>> recording.state, recording.frames_written
    ('done', 300)
    """
    recording, drive = begin(
        scene,
        path,
        show=show,
        blocking=wait,
        size=size,
        fps=fps,
        duration=duration,
        frames=frames,
        samples=samples,
        ctx=ctx,
        codec=codec,
        crf=crf,
        preset=preset,
        pixel_format=pixel_format,
        ffmpeg_params=ffmpeg_params,
        conversion=conversion,
        dither=dither,
        take=take,
    )
    try:
        leave_to_rerun(lambda: _put_away(recording))  # first: how ever it ends, its widget is there
        if wait:
            drive.wait()
        else:
            drive.start()
    except BaseException:
        drive.leave()  # if an interrupt has struck where nobody was driving
        raise
    return recording


def conclude(recording: Recording | None) -> None:
    """Stop a recording that is still under way and wait for its file; why it failed stands in its ``error``."""
    if recording is not None and not State(recording.state).ended:
        recording.stop()
        with contextlib.suppress(Exception):
            recording.wait()


def _put_away(recording: Recording) -> None:
    """End a recording whose cell is run again, and close its widget; its traits can still be read."""
    conclude(recording)
    recording.detach()


class Options(Wishes, total=False):
    """What `record` takes beside the scene and the path; its own text says what each means."""

    size: tuple[int, int] | None
    fps: Rate
    duration: float | Fraction | None
    frames: SupportsIndex | None
    samples: int
    ctx: moderngl.Context | None
    take: Take | None


def begin(
    scene: object,
    path: str | os.PathLike[str],
    *,
    show: bool,
    blocking: bool,
    sink: ThumbnailSink | None = None,
    **options: Unpack[Options],
) -> tuple[Recording, Drive]:
    """Do what `record` does up to the first frame; return the recording, with what makes it go on.

    `blocking`: whether it will end in the running cell. `sink`: what shows it, instead of a widget of its own.
    """
    rate = frame_rate(options.get("fps", 60))
    duration, take = options.get("duration"), options.get("take")
    count = frame_count(rate, duration, options.get("frames"))
    size = checked_size(options.get("size"))
    samples = checked_samples(options.get("samples", 0))
    if isinstance(scene, Preview):
        msg = "a preview is recorded by its own record(): view.record('video.mp4')"
        raise TypeError(msg)
    adapted = adapt(scene)
    if take is not None and not isinstance(take, Take):
        msg = f"take must be a nbpipe.Take, such as view.take of a preview, not {take!r}"
        raise TypeError(msg)
    if take is not None and isinstance(adapted, Pictures):
        msg = "take= replays what was done to a scene; an iterable of pictures cannot be replayed"
        raise TypeError(msg)
    wishes = {name: wish for name, wish in options.items() if name in Wishes.__annotations__}
    job = Job.for_file(path, rate, **cast("Wishes", wishes))
    source: Source
    if isinstance(adapted, Pictures):
        source = picture_source(adapted, size, reading(job.wanted))
    else:
        where = context_for(adapted, options.get("ctx"))
        size = picture_size_of(adapted, size, DEFAULT_SIZE)
        if take is not None:
            adapted = Replay(adapted, take)
        if count is None:
            count = frame_count(rate, DEFAULT_SECONDS if take is None else take.video_seconds(rate), None)
        source = SceneSource(adapted, where, size, rate, count, samples, reading(job.wanted), alone=True)
    return job.begin(source, count, show=show, blocking=blocking, sink=sink)
