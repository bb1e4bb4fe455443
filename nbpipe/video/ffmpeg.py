"""The FFmpeg program: finding it, and asking what it can do.

Called on any thread. Knows no GL, no scene, no notebook, and nothing of how FFmpeg is kept at work (`process`).
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import subprocess
from dataclasses import dataclass

import imageio_ffmpeg

from nbpipe.errors import FFmpegNotFound

VARIABLES = ("NBPIPE_FFMPEG", "IMAGEIO_FFMPEG_EXE")  # of the environment; the first that is set names FFmpeg
_PROBE_SECONDS = 20  # 9 ms here; the first start of a cold 80 MB program on a network disk takes seconds
# FFmpeg takes and frees a packet of megabytes for each raw frame. By default glibc maps each one anew, and the
# system clears its pages: 290 to 790 page faults a 1080p RGB frame, at 300 to 500 frames a second; with the memory
# kept 60, at 1000. One arena, because those of threads hold 64 MiB, which is two 4K frames: 110 → 160 a second.
_KEEP_MEMORY = ":".join(
    f"glibc.malloc.{name}={value}"
    for name, value in {
        "mmap_threshold": 1 << 30,
        "trim_threshold": 1 << 32,
        "arena_max": 1,
        "top_pad": 1 << 26,
    }.items()
)


@dataclass(frozen=True, slots=True)
class Encoder:
    """What one of FFmpeg's encoders takes: its pixel formats and the names of its options."""

    name: str
    pixel_formats: tuple[str, ...]
    options: frozenset[str]


@dataclass(frozen=True, slots=True)
class FFmpeg:
    """An FFmpeg program that was seen to run.

    Attributes
    ----------
    path : str
        Absolute.
    version : str
    hybrid_mp4 : bool
        Whether it can write MP4 that stays playable when it is killed and ends as an ordinary file.
    """

    path: str
    version: str
    hybrid_mp4: bool

    def encoder(self, name: str) -> Encoder:
        """Return what the encoder `name` takes. Raises `ValueError` when it has none of that name for pictures."""
        text = _help_on(self.path, name)
        if not re.match(rf"Encoder {re.escape(name)} ", text):
            msg = (
                f"codec {name!r} is not in this FFmpeg ({self.path}); "
                f"see what it has with: {self.path} -hide_banner -encoders"
            )
            raise ValueError(msg)
        if "Supported sample formats" in text:
            msg = f"codec {name!r} encodes sound; name one for pictures, such as 'libx264'"
            raise ValueError(msg)
        formats = re.search(r"Supported pixel formats: (.+)", text)
        options = re.findall(r"^\s+-([A-Za-z][\w-]*)", text, re.MULTILINE)
        return Encoder(name, tuple(formats[1].split()) if formats else (), frozenset(options))


@functools.lru_cache(maxsize=32)  # 10 to 20 ms each time, in every recording
def _help_on(path: str, encoder: str) -> str:
    return _ask(path, "-h", f"encoder={encoder}")


def find_ffmpeg() -> FFmpeg:
    """Find FFmpeg: ``NBPIPE_FFMPEG``, else ``IMAGEIO_FFMPEG_EXE``, else the one that imageio-ffmpeg brings.

    Raises
    ------
    FFmpegNotFound
        What was named cannot be run, or there is none; the text says which, and the way out.
    """
    for variable in VARIABLES:
        named = os.environ.get(variable)
        if named:
            found = shutil.which(named)
            if found is None:
                msg = f"{variable} names {named!r}, which is not a program that can be run; correct it or unset it"
                raise FFmpegNotFound(msg)
            return _inspect(os.path.abspath(found), os.stat(found).st_mtime_ns)
    found = None
    with contextlib.suppress(RuntimeError):
        found = shutil.which(imageio_ffmpeg.get_ffmpeg_exe())
    if found is None:
        msg = "no FFmpeg here: pip install imageio-ffmpeg, or set NBPIPE_FFMPEG to the path of one"
        raise FFmpegNotFound(msg)
    return _inspect(os.path.abspath(found), os.stat(found).st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _inspect(path: str, _changed: int) -> FFmpeg:
    _help_on.cache_clear()  # of another program that stood there before
    text = _ask(path, "-version")
    version = re.match(r"ffmpeg version (\S+)", text)
    if version is None:
        msg = f"{path} ran, but is no FFmpeg; set NBPIPE_FFMPEG to the path of one"
        raise FFmpegNotFound(msg)
    return FFmpeg(path, version[1], "hybrid_fragmented" in _ask(path, "-h", "muxer=mp4"))


def _ask(path: str, *question: str) -> str:
    try:
        answer = subprocess.run(
            [path, "-hide_banner", *question],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            env=ffmpeg_environment(),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        msg = f"{path} could not be run ({error}); set NBPIPE_FFMPEG to the path of an FFmpeg"
        raise FFmpegNotFound(msg) from error
    return answer.stdout.decode(errors="replace")


def ffmpeg_environment() -> dict[str, str]:
    """Return this process's environment as FFmpeg should be started with it.

    With it FFmpeg keeps the memory of a frame for the next one instead of asking the system for each, which for
    raw frames takes longer than to read them. A program that starts its own FFmpeg passes it as ``env=``. It
    works where FFmpeg uses glibc, and does nothing elsewhere.
    """
    # FFREPORT would make FFmpeg write a log file wherever it points.
    kept = {k: v for k, v in os.environ.items() if k != "FFREPORT" and not k.startswith("AV_LOG_")}
    return {"GLIBC_TUNABLES": _KEEP_MEMORY} | kept
