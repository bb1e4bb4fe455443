"""Record GPU scenes from a notebook cell to a correct video file. See `record`."""

from importlib.metadata import version
from typing import Any

from nbpipe.errors import EncoderError, FFmpegNotFound, NbpipeError, NoOpenGL, SceneError, WrongThread
from nbpipe.notebook.preview import Preview
from nbpipe.notebook.widget import Recording
from nbpipe.pipe import close, done, pipe, sync
from nbpipe.preview import preview
from nbpipe.pull import frames
from nbpipe.push import Video, open  # noqa: A004  named as the built-in it resembles
from nbpipe.record import record
from nbpipe.scene.camera import OrbitCamera
from nbpipe.scene.frame import Frame
from nbpipe.scene.parameters import Color, Range
from nbpipe.scene.shader import Shader
from nbpipe.scene.take import Take
from nbpipe.video.ffmpeg import ffmpeg_environment

__version__ = version("nbpipe-gl")

__all__ = [
    "Color",
    "EncoderError",
    "FFmpegNotFound",
    "Frame",
    "NbpipeError",
    "NoOpenGL",
    "OrbitCamera",
    "Preview",
    "Range",
    "Recording",
    "SceneError",
    "Shader",
    "Take",
    "Video",
    "WrongThread",
    "__version__",
    "close",
    "done",
    "ffmpeg_environment",
    "frames",
    "open",
    "pipe",
    "preview",
    "record",
    "sync",
]


def load_ipython_extension(ipython: Any) -> None:
    """Give ``%%shader``, ``%record`` and ``%nbpipe`` to an IPython shell: ``%load_ext nbpipe``."""
    from nbpipe import magics  # only here, because it needs IPython

    magics.load(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """Take them away again: ``%unload_ext nbpipe``."""
    from nbpipe import magics

    magics.unload(ipython)
