"""Trying an encoder out: whether it works here, and how long a frame takes it.

That FFmpeg lists an encoder says only that somebody has compiled it in; whether the hardware and the driver behind it
are there, only an attempt can tell. It goes through `Export`, as a recording does, or through `LiveEncoder`, as a
preview does. Render thread. Knows no GL.
"""

from __future__ import annotations

import select
import statistics
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from nbpipe.errors import EncoderError
from nbpipe.video.encoding import encoding
from nbpipe.video.export import Export, conversion
from nbpipe.video.ffmpeg import FFmpeg
from nbpipe.video.live import ENCODER, LiveEncoder
from nbpipe.video.pixels import Layout, known
from nbpipe.video.target import Target
from nbpipe.video.writer import Conversion

# What people ask for.
SOFTWARE = ("libx264", "libx265", "libsvtav1", "libvpx-vp9", "ffv1")
HARDWARE = ("h264_nvenc", "hevc_nvenc", "av1_nvenc", "h264_vaapi", "h264_qsv", "h264_videotoolbox")

SIZE = (1280, 720)
LIVE_SIZE = (640, 360)
LIMIT = 10.0  # seconds for one encoder

_FRAMES, _SECONDS = 30, 0.5  # at least so many, and so long: a graphics card's encoder takes a while to get ready
_AHEAD = 3  # frames that wait for the encoder
_SWAY = 256  # pixels
_LIVE_CRF = 25  # of a line that is fast enough


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of an attempt to encode.

    Attributes
    ----------
    encoder : str
    milliseconds : float or None
        Per frame of `SIZE`, with nbpipe's own defaults, converting it included; or from a live picture of
        `LIVE_SIZE` to its packet. ``None`` when it does not work.
    problem : str
        Why it does not, in a few words.
    """

    encoder: str
    milliseconds: float | None
    problem: str = ""


def attempt(ffmpeg: FFmpeg, encoder: str, folder: Path, limit: float = LIMIT) -> Trial | None:
    """Encode for a second or so, and for at most `limit` seconds; ``None`` if this FFmpeg has no such encoder.

    What it makes stays in `folder`, the process does not.
    """
    deadline = time.monotonic() + limit
    try:
        offered = ffmpeg.encoder(encoder).pixel_formats
    except ValueError:
        return None
    if offered and not any(map(known, offered)):
        return Trial(encoder, None, "takes pictures from the graphics card's memory alone, where nbpipe puts none")
    target = Target(folder / f"{encoder}.mkv")
    wanted = encoding(ffmpeg, target.path, codec=encoder)
    try:
        layout = Layout(SIZE, "rgba", bottom_up=True)
        native = conversion(layout, wanted)
        finished = layout if native is None else Layout(SIZE, wanted.pixel_format, bottom_up=False)
        export = Export(ffmpeg, wanted, finished, Fraction(60), target)
        try:
            seconds = _encode(export, native, deadline)
        finally:
            export.abandon()
    except (EncoderError, OSError) as error:
        return Trial(encoder, None, _reason(error, encoder))
    if seconds is None:
        return Trial(encoder, None, f"stopped after {limit:g} seconds, when it had made {export.encoded} frames")
    return Trial(encoder, seconds * 1e3)


def attempt_live(ffmpeg: FFmpeg, limit: float = LIMIT) -> Trial:
    """Encode some live pictures, one after the other, within `limit` seconds."""
    deadline = time.monotonic() + limit
    try:
        ffmpeg.encoder(ENCODER)
    except ValueError:
        return Trial(ENCODER, None, f"this FFmpeg has no {ENCODER}")
    try:
        coder = LiveEncoder(ffmpeg, LIVE_SIZE, 60.0, _LIVE_CRF)
        try:
            took = _live(coder, deadline)
        finally:
            coder.close()
    except OSError as error:
        return Trial(ENCODER, None, str(error))
    if took is None:
        return Trial(ENCODER, None, f"stopped after {limit:g} seconds")
    return Trial(ENCODER, took * 1e3)


def _live(coder: LiveEncoder, deadline: float) -> float | None:
    """Return the usual seconds from a moving picture to its packet, or ``None`` when time is up before."""
    width, height = LIVE_SIZE
    scenery = _scenery(width + _FRAMES, height)
    took = []
    for left in range(_FRAMES):
        begun = time.monotonic()
        coder.feed(scenery[:, left : left + width])
        while not list(coder.packets()):
            left_over = deadline - time.monotonic()
            if left_over <= 0:
                return None
            select.select([coder.fileno()], [], [], left_over)
        took.append(time.monotonic() - begun)
    return statistics.median(took)


def _encode(export: Export, native: Conversion | None, deadline: float) -> float | None:
    """Encode moving pictures to a verified end; return seconds per frame, or ``None`` when time is up before."""
    width, height = SIZE
    scenery = _scenery(width + _SWAY, height)
    submitted, begun = 0, time.monotonic()
    while submitted < _FRAMES or time.monotonic() < begun + _SECONDS:
        left = 4 * submitted % _SWAY
        picture = np.ascontiguousarray(scenery[:, left : left + width])
        frame = picture.data.cast("B")
        if native is not None:
            converted = memoryview(bytearray(native.target_bytes))
            native.convert(frame, converted)
            frame = converted
        submitted = export.submit(frame)
        while not export.wait(max(1, submitted - _AHEAD), 0.05):
            if time.monotonic() > deadline:
                return None
        if submitted == 1:
            begun = time.monotonic()  # FFmpeg itself has started by now, and has taken this one
    while not export.finish(0.05):
        if time.monotonic() > deadline:
            return None
    return (time.monotonic() - begun) / (submitted - 1)


def _scenery(width: int, height: int) -> np.ndarray:
    """Return waves with a little grain, RGBA: harder than a diagram, easier than a film."""
    across, down = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    waves = np.sin(across / 31 + np.sin(down / 23)) * np.cos(down / 61)
    grain = np.random.default_rng(0).normal(0, 2, (height, width)).astype(np.float32)
    luma = (128 + 100 * waves + grain).astype(np.uint8)
    return np.stack([luma, np.roll(luma, 40, 1), 255 - luma, np.full_like(luma, 255)], axis=2)


def _reason(error: Exception, encoder: str) -> str:
    """Return the encoder's own words where it has said any, else the last thing that FFmpeg, or nbpipe, has said."""
    said = error.stderr_tail.splitlines() if isinstance(error, EncoderError) else []
    own = [line.partition("] ")[2] for line in said if line.startswith(f"[{encoder} @")]
    return (own or said[-1:] or str(error).splitlines())[0].rstrip(".")
