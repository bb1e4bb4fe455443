"""What kind of video is wanted, and the FFmpeg command line that makes it.

`encoding` checks a person's wishes against what this FFmpeg can do, before any frame; `argv` is a pure
function of the result. Starts no process itself and touches no file. Any thread.

Colour: what a scene draws is taken as sRGB-encoded RGB. It is converted with the BT.709 matrix to limited
range, before the pipe where we can, and tagged as such in full (matrix, primaries, transfer, range), because a
player must guess what is not tagged and guesses by size. FFmpeg's own default is BT.601 without a tag: green 255
then reads back as 215.
"""

from __future__ import annotations

import numbers
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from nbpipe.video.options import checked_options
from nbpipe.video.pixels import (
    CONVERTIBLE,
    Layout,
    has_alpha,
    input_format,
    is_deep,
    is_gray,
    is_rgb,
    known,
    padded,
    sharing,
)

if TYPE_CHECKING:
    from nbpipe.video.ffmpeg import Encoder, FFmpeg

# File name ending → FFmpeg's muxer and the encoder used unless one is named.
CONTAINERS = {
    ".mp4": ("mp4", "libx264"),
    ".m4v": ("mp4", "libx264"),
    ".mov": ("mov", "libx264"),
    ".mkv": ("matroska", "libx264"),
    ".webm": ("webm", "libvpx-vp9"),
}

# What people call a format → the encoder that is asked for.
ALIASES = {"h264": "libx264", "hevc": "libx265", "h265": "libx265", "vp9": "libvpx-vp9", "av1": "libsvtav1"}

# Values used where the encoder has the option and the person said nothing. x264's 20 is visually lossless for
# most scenes; VP9's scale differs (its own guide recommends 31 for 1080p).
_DEFAULT_CRF = {"libx264": 20, "libx265": 22, "libvpx-vp9": 31, "libsvtav1": 30}
_DEFAULT_PRESET = {"libx264": "medium", "libx265": "medium"}

_X26_PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)
_X26 = frozenset(("libx264", "libx264rgb", "libx265"))  # whose presets these are, and whose crf ends at 51

# What a container does not hold, which FFmpeg says only when it has a frame → what to do.
_MISFITS = (
    ("webm", r"(?!.*(vp8|vp9|vpx|av1))", "a .webm holds VP9 and AV1; choose another ending, such as .mp4 or .mkv"),
    ("mp4", r"prores", "ProRes is kept in a .mov or a .mkv; choose one of these endings"),
)

# Who turns RGB into the video's pixel format: the GPU before it is read back, a native loop as it is copied, or
# FFmpeg. By default the first of them that can.
CONVERSIONS = ("auto", "gpu", "cpu", "ffmpeg")

# Decoders take these for BT.601, whatever the file says: green 255 comes out as (19, 255, 8), measured.
_NOT_BT709 = frozenset(("libvpx", "mjpeg"))

# Area, and samples of chroma where players look for them ("left", H.264 Annex E), make the scaler's filter the one of
# the native loop: [1 2 1]/4 across, and the mean of two rows. Bicubic is up to 51 of 255 from it on noise.
_TO_BT709 = (
    "scale=out_color_matrix=bt709:out_range=tv:flags=area+accurate_rnd+full_chroma_int+full_chroma_inp"
    ":out_h_chr_pos=0:out_v_chr_pos=128"
)
# To the scaler, 16 bits of RGB are 255 times 256 at white; handed 65535, it makes 943 of 1023 of that, and not 940,
# and half of the 8-bit steps come out one too high.
_WHITE = "lutrgb=" + ":".join(f"{channel}=val*65280/65535" for channel in "rgb")
_OPAQUE = ":a=val*65280/65535"
_TAGS_YUV = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
_TAGS_RGB = "setparams=colorspace=gbr:color_primaries=bt709:color_trc=iec61966-2-1:range=pc"


@dataclass(frozen=True, slots=True)
class Encoding:
    """A checked description of the video to make; `encoding` makes it.

    Attributes
    ----------
    muxer, codec, pixel_format : str
        By FFmpeg's names.
    crf : float or None
    preset : str or None
    ffmpeg_params : tuple of str
        Further output options, appended last.
    crash_safe : tuple of str
        The options that keep a file playable whose making is cut off.
    conversion : str
        One of `CONVERSIONS`.
    dither : bool
        Whether neighbouring samples are rounded up and down in turns, so that gradients show no bands.
    """

    muxer: str
    codec: str
    pixel_format: str
    crf: float | None
    preset: str | None
    ffmpeg_params: tuple[str, ...]
    crash_safe: tuple[str, ...]
    conversion: str
    dither: bool

    def converts(self, by: str) -> bool:
        """Whether ``"gpu"`` or ``"cpu"`` may convert. By default both may; the GPU does where there is one."""
        return self.conversion == by or (self.conversion == "auto" and self.pixel_format in CONVERTIBLE)

    def __str__(self) -> str:
        parts = [self.codec]
        if self.crf is not None:
            parts.append(f"crf {self.crf:g}")
        if self.preset is not None:
            parts.append(self.preset)
        return ", ".join([*parts, self.pixel_format, *self.ffmpeg_params])


class Wishes(TypedDict, total=False):
    """What `encoding` takes of a person; `nbpipe.record` says what each means."""

    codec: str | None
    crf: float | None
    preset: str | None
    pixel_format: str | None
    ffmpeg_params: Sequence[str]
    conversion: str
    dither: bool


def encoding(
    ffmpeg: FFmpeg,
    path: Path,
    *,
    codec: str | None = None,
    crf: float | None = None,
    preset: str | None = None,
    pixel_format: str | None = None,
    ffmpeg_params: Sequence[str] = (),
    conversion: str = "auto",
    dither: bool = False,
) -> Encoding:
    """Check what is wanted against what `ffmpeg` has.

    Raises
    ------
    TypeError, ValueError
        An option that is unknown, or that this encoder does not take; the text lists what is allowed.
    """
    if path.suffix.lower() not in CONTAINERS:
        msg = f"path must end in {', '.join(CONTAINERS)}, not {path.name!r}"
        raise ValueError(msg)
    muxer, default_codec = CONTAINERS[path.suffix.lower()]
    for name, value in (("codec", codec), ("preset", preset), ("pixel_format", pixel_format)):
        if value is not None and (not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_.-]+", value)):
            msg = f"{name} must be a name that FFmpeg knows, not {value!r}"
            raise TypeError(msg) if not isinstance(value, str) else ValueError(msg)
    codec = ALIASES.get(codec or default_codec, codec or default_codec)
    encoder = ffmpeg.encoder(codec)
    _check_fit(path, muxer, codec, preset)

    pixel_format = _pixel_format(encoder, pixel_format)
    for name, wish in (("crf", crf), ("preset", preset)):
        if wish is not None and name not in encoder.options:
            msg = f"{codec} has no {name} option; leave {name}= out and use ffmpeg_params=[…] for its own options"
            raise ValueError(msg)
    if crf is None:
        crf = _DEFAULT_CRF.get(codec)
    elif isinstance(crf, bool) or not isinstance(crf, numbers.Real) or not 0 <= crf <= (51 if codec in _X26 else 63):
        msg = f"crf must be a number from 0 (best) to 51 (63 for VP9 and AV1), not {crf!r}"
        raise ValueError(msg)
    return Encoding(
        muxer=muxer,
        codec=codec,
        pixel_format=pixel_format,
        crf=None if crf is None else float(crf),
        preset=preset or _DEFAULT_PRESET.get(codec),
        ffmpeg_params=checked_options(ffmpeg_params),
        crash_safe=_crash_safe(ffmpeg, muxer),
        conversion=_conversion(conversion, pixel_format),
        dither=_dither(dither, conversion, pixel_format, encoder),
    )


def _check_fit(path: Path, muxer: str, codec: str, preset: str | None) -> None:
    for container, misfit, remedy in _MISFITS:
        if muxer == container and re.match(misfit, codec):
            msg = f"{path.name!r} cannot hold what {codec} makes: {remedy}"
            raise ValueError(msg)
    if codec in _X26 and preset is not None and preset not in _X26_PRESETS:
        msg = f"preset must be one of {', '.join(_X26_PRESETS)}, not {preset!r}"
        raise ValueError(msg)


def _conversion(wish: object, pixel_format: str) -> str:
    if wish not in CONVERSIONS:
        msg = f"conversion must be one of {', '.join(map(repr, CONVERSIONS))}, not {wish!r}"
        raise ValueError(msg)
    if wish in {"gpu", "cpu"} and pixel_format not in CONVERTIBLE:
        msg = f"conversion={wish!r} makes {', '.join(CONVERTIBLE)}; for {pixel_format} leave it to 'ffmpeg' or 'auto'"
        raise ValueError(msg)
    return str(wish)


def _dither(wish: object, conversion: str, pixel_format: str, encoder: Encoder) -> bool:
    if not isinstance(wish, (bool, np.bool_)):
        msg = f"dither must be True or False, not {wish!r}"
        raise TypeError(msg)
    if wish and pixel_format not in CONVERTIBLE:
        taken = [name for name in CONVERTIBLE if name in encoder.pixel_formats]
        remedy = f"choose pixel_format= {', '.join(taken)}, or leave it out" if taken else "leave it out"
        msg = f"dither=True makes {', '.join(CONVERTIBLE)}, and {encoder.name} is to get {pixel_format}: {remedy}"
        raise ValueError(msg)
    if wish and conversion == "ffmpeg":
        msg = "dither=True is what nbpipe's own conversion does; leave conversion='ffmpeg' out"
        raise ValueError(msg)
    return bool(wish)


def _pixel_format(encoder: Encoder, wish: str | None) -> str:
    offered = encoder.pixel_formats
    if encoder.name in _NOT_BT709:
        msg = (
            f"codec {encoder.name!r} cannot say which colours it holds, and players would show others; use another one"
        )
        raise ValueError(msg)
    if wish is None:
        return "yuv420p" if "yuv420p" in offered or not offered else next(filter(known, offered), offered[0])
    if f"{wish}le" in (*offered, *CONVERTIBLE):  # as FFmpeg takes the names of deep formats, too
        wish = f"{wish}le"
    if offered and wish not in offered:
        some = ", ".join(offered[:12]) + (" …" if len(offered) > 12 else "")  # noqa: PLR2004
        msg = f"pixel_format must be one that {encoder.name} takes ({some}), not {wish!r}"
        raise ValueError(msg)
    if not known(wish):
        msg = f"nbpipe does not know how to convert to pixel_format {wish!r}; use a yuv, rgb or gray one"
        raise ValueError(msg)
    return wish


def argv(program: str, wanted: Encoding, layout: Layout, fps: Fraction, target: Path) -> list[str]:
    """Return FFmpeg's command line: raw frames from standard input, progress to standard output, a video."""
    rate = f"{fps.numerator}/{fps.denominator}"
    width, height = layout.size
    options = ["-c:v", wanted.codec]
    if wanted.crf is not None:
        options += ["-crf", f"{wanted.crf:g}"]
        if wanted.codec == "libvpx-vp9":
            options += ["-b:v", "0", "-row-mt", "1"]  # without a bitrate of 0 its crf is only an upper limit
    if wanted.preset is not None:
        options += ["-preset", wanted.preset]
    if wanted.codec == "libx265" and wanted.muxer in ("mp4", "mov"):
        options += ["-tag:v", "hvc1"]  # Apple's players refuse the default tag hev1
    return [
        program,
        *("-hide_banner", "-nostats", "-loglevel", "warning", "-y"),
        *("-progress", "pipe:1", "-stats_period", "0.2"),
        *("-protocol_whitelist", "pipe,fd,file"),
        *("-f", "rawvideo", "-pixel_format", input_format(layout, wanted.pixel_format)),
        *("-video_size", f"{width}x{height}", "-framerate", rate, "-i", "pipe:0"),
        *("-vf", filters(layout, wanted.pixel_format)),
        *options,
        # Else its time base is that of a rate that it guesses, wrongly at some above 101 or below 5 a second.
        *("-fps_mode", "passthrough", "-enc_time_base", f"{fps.denominator}/{fps.numerator}"),
        *wanted.ffmpeg_params,
        *wanted.crash_safe,
        # 'file:' and an absolute path: no name is ever taken for an option, a protocol or a pattern.
        *("-protocol_whitelist", "file", "-f", wanted.muxer, f"file:{target}"),
    ]


def filters(layout: Layout, pixel_format: str) -> str:
    """Return the filter chain: upright, padded, converted, tagged."""
    chain = ["vflip"] if layout.bottom_up else []
    if layout.pixel_format == pixel_format:
        return ",".join([*chain, _TAGS_RGB if is_rgb(pixel_format) else _TAGS_YUV])
    if is_deep(layout.pixel_format) and not (is_rgb(pixel_format) and is_deep(pixel_format)):
        # Before the format changes: lutrgb takes planar RGB with alpha of 16 bits for one of 12.
        chain.append(_WHITE + (_OPAQUE if has_alpha(pixel_format) and not is_deep(pixel_format) else ""))
    width, height = padded(layout.size, pixel_format)
    right, bottom = width - layout.size[0], height - layout.size[1]
    across, _ = sharing(pixel_format)
    # The scaler weighs what is beyond the left edge as if it were not there, where the edge should be repeated; and of
    # two columns or rows alone it makes chroma that is up to 70 steps off. It gets more, which are cut off again.
    left = across if across > 1 else 0
    right += left if width == left else 0
    top = left if height == left else 0
    if left or right or bottom:
        # The columns and rows at the edges are repeated, so that no dark edge appears; that filter works on planes.
        # Of 8 bits, opaque would become 1020 of 1023 in a video of ten bits, where it did not go through 16.
        deep = is_deep(layout.pixel_format) or (has_alpha(pixel_format) and is_deep(pixel_format))
        planes = ("gbrap" if has_alpha(pixel_format) else "gbrp") + ("16le" if deep else "")
        chain += [f"format={planes}", f"pad={left + layout.size[0] + right}:{top + height}:{left}:{top}"]
        chain += [f"fillborders=left={left}:right={right}:top={top}:bottom={bottom}:mode=smear"]
    if is_gray(pixel_format):
        # FFmpeg's own conversion to gray is BT.601 and full range; the Y plane of BT.709 is what is wanted.
        chain += [_TO_BT709, f"format={pixel_format.replace('gray', 'yuv444p')}", "extractplanes=y", _TAGS_YUV]
    elif is_rgb(pixel_format):
        chain += [f"format={pixel_format}", _TAGS_RGB]
    else:
        chain += [
            _TO_BT709,
            f"format={pixel_format}",
            *([f"crop={width}:{height}:{left}:{top}"] if left else []),
            _TAGS_YUV,
        ]
    return ",".join(chain)


def _crash_safe(ffmpeg: FFmpeg, muxer: str) -> tuple[str, ...]:
    # Killed half-way, an ordinary MP4 holds no playable frame at all; written in fragments of half a second it
    # loses at most that. The hybrid kind becomes an ordinary MP4 when it is closed well (FFmpeg 7.1 and later).
    #
    # B-frames delay the picture, and something must make up for it, or the first frame is shown two frames late
    # (1/30 s at 60 fps). That is usually an edit list (+delay_moov). But in the hybrid kind FFmpeg 9.0 writes it a
    # frame short when a fragment ends inside a group of B-frames, and players then drop the last frame (151 frames
    # at 60 fps). Offsets that may be negative need no edit list.
    if muxer not in ("mp4", "mov"):
        return ("-flush_packets", "1")
    hybrid, fragments = "+hybrid_fragmented+negative_cts_offsets", "+frag_keyframe+default_base_moof+delay_moov"
    flags = hybrid if ffmpeg.hybrid_mp4 else fragments
    return ("-movflags", flags, "-frag_duration", "500000", "-flush_packets", "1")
