"""What the bytes of a frame mean, before and after FFmpeg. Pure; any thread."""

from __future__ import annotations

from dataclasses import dataclass

_RGB_PREFIXES = ("rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "pal8", "x2rgb", "x2bgr")
_ALPHA_PREFIXES = ("yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya8", "ya16")


@dataclass(frozen=True, slots=True)
class Layout:
    """How one frame lies in memory on its way into FFmpeg: 8 bits a channel, no gaps between rows.

    Attributes
    ----------
    size : tuple of int
        Width and height in pixels.
    channels : int
        3 for RGB, 4 for RGBA.
    bottom_up : bool
        Whether the first row is the bottom one, as the GL gives it, or the top one, as arrays have it.
    """

    size: tuple[int, int]
    channels: int
    bottom_up: bool

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        return self.size[0] * self.size[1] * self.channels


def has_alpha(pixel_format: str) -> bool:
    """Whether a video in this FFmpeg pixel format keeps transparency."""
    return pixel_format.startswith(_ALPHA_PREFIXES)


def is_rgb(pixel_format: str) -> bool:
    """Whether this FFmpeg pixel format stores RGB as it is, without a YUV matrix."""
    return pixel_format.startswith(_RGB_PREFIXES)


def padded(size: tuple[int, int], pixel_format: str) -> tuple[int, int]:
    """Return the size that a video in this pixel format must have to hold a picture of `size`.

    Formats with 4:2:0 chroma have one chroma sample for 2 × 2 pixels, 4:2:2 one for 2 × 1; an odd size is
    padded by one column or row.
    """
    width, height = size
    half_width = any(mark in pixel_format for mark in ("420", "422", "nv12", "nv16", "nv21", "p010", "p210"))
    half_height = any(mark in pixel_format for mark in ("420", "nv12", "nv21", "p010"))
    return width + (width % 2 if half_width else 0), height + (height % 2 if half_height else 0)


def input_format(layout: Layout, pixel_format: str) -> str:
    """Return FFmpeg's name for what goes into the pipe; a fourth channel is dropped unless the video keeps it."""
    if layout.channels == 3:  # noqa: PLR2004
        return "rgb24"
    return "rgba" if has_alpha(pixel_format) else "rgb0"
