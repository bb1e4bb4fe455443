"""What the bytes of a frame mean, before and after FFmpeg. Pure; any thread."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RGB_PREFIXES = ("rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "x2rgb", "x2bgr")
_ALPHA_PREFIXES = ("yuva", "rgba", "bgra", "argb", "abgr", "gbrap")

# Pixels that share a sample of chroma, across and down, by what FFmpeg's names say.
_CHROMA = (
    (r"420|nv12|nv21|p01\d", 2, 2),
    (r"422|nv16|nv20|p21\d", 2, 1),
    (r"411", 4, 1),
    (r"410", 4, 4),
    (r"440", 1, 2),
)


# What pictures are before they are converted → channels, and bits in each.
RGB = {"rgb24": (3, 8), "rgba": (4, 8), "rgb48le": (3, 16), "rgba64le": (4, 16)}

# What nbpipe makes of them itself, on the GPU or on the processor; for the rest there is FFmpeg.
CONVERTIBLE = ("yuv420p", "nv12", "yuv444p", "yuv420p10le", "p010le", "gray", "rgb24", "rgba")


@dataclass(frozen=True, slots=True)
class Layout:
    """How one frame lies in memory, in a slot or in the pipe; no gaps between rows or planes.

    Attributes
    ----------
    size : tuple of int
        Width and height in pixels.
    pixel_format : str
        By FFmpeg's name: one of `RGB`, or the video's own for frames that are converted already.
    bottom_up : bool
        Whether the first row is the bottom one, as the GL gives it, or the top one, as arrays have it.
    """

    size: tuple[int, int]
    pixel_format: str
    bottom_up: bool


def has_alpha(pixel_format: str) -> bool:
    """Whether a video in this FFmpeg pixel format keeps transparency."""
    return pixel_format.startswith(_ALPHA_PREFIXES)


def is_rgb(pixel_format: str) -> bool:
    """Whether this FFmpeg pixel format stores RGB as it is, without a YUV matrix."""
    return pixel_format.startswith(_RGB_PREFIXES)


def is_gray(pixel_format: str) -> bool:
    """Whether this FFmpeg pixel format keeps brightness alone, in integers."""
    return re.fullmatch(r"gray(\d+le)?", pixel_format) is not None


def known(pixel_format: str) -> bool:
    """Whether nbpipe knows how colours are stored in this FFmpeg pixel format."""
    return (
        is_gray(pixel_format) or is_rgb(pixel_format) or re.match(r"yuva?4|nv\d|p[024]\d\d", pixel_format) is not None
    )


def is_deep(pixel_format: str) -> bool:
    """Whether a video in this FFmpeg pixel format tells more than 256 steps of a colour apart."""
    return re.search(r"(9|1[0-6]|32|48|64)(le|be)$", pixel_format) is not None


def sharing(pixel_format: str) -> tuple[int, int]:
    """Return how many pixels, across and down, share one sample of chroma: 1 and 1 where none do."""
    for mark, across, down in _CHROMA:
        if re.search(mark, pixel_format):
            return across, down
    return 1, 1


def padded(size: tuple[int, int], pixel_format: str) -> tuple[int, int]:
    """Return the size that a video in this pixel format must have to hold a picture of `size`.

    Where several pixels share one sample of chroma (4:2:0: 2 × 2 of them), width and height must be whole numbers
    of such groups; what is missing is padded.
    """
    (width, height), (across, down) = size, sharing(pixel_format)
    return width + -width % across, height + -height % down


def input_format(layout: Layout, pixel_format: str) -> str:
    """Return FFmpeg's name for what goes into the pipe; a fourth channel is dropped unless the video keeps it."""
    if layout.pixel_format == "rgba" and not has_alpha(pixel_format):
        return "rgb0"
    return layout.pixel_format
