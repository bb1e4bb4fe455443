"""Pictures as bytes for a browser: JPEG while things move, PNG for one that is to be exact. Any thread."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import simplejpeg
from PIL import Image

# zlib's fastest level: a third of the time of level 6, for a third more bytes
_PNG_LEVEL = 1

Send = Callable[[dict[str, object], list[bytes]], None]  # a message to the browser, and what goes with it


def jpeg(picture: np.ndarray, quality: int) -> bytes:
    """Return a picture (height, width, 3 or 4) of uint8 as JPEG; `quality` from 1 to 100."""
    data: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(picture),
        quality=quality,
        colorspace="RGB" if picture.shape[2] == 3 else "RGBX",  # noqa: PLR2004
    )
    return data


def png(picture: np.ndarray) -> bytes:
    """Return a picture (height, width, 3 or 4) of uint8 as PNG, without its alpha."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture[:, :, :3])).save(file, "PNG", compress_level=_PNG_LEVEL)
    return file.getvalue()


def shrunk(picture: np.ndarray, scale: float) -> np.ndarray:
    """Return a picture (height, width, 4) of uint8 at `scale` times its width and height; 1 returns it as it is.

    Colours do not depend on alpha, which nobody sees: most scenes clear it to 0, and Pillow makes black of that.
    """
    if scale == 1:
        return picture
    height, width = picture.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    image = Image.frombuffer("RGBX", (width, height), np.ascontiguousarray(picture), "raw", "RGBX", 0, 1)
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR))
