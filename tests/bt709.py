"""BT.709 in float64, straight from the standard: what every conversion of ours is compared with.

ITU-R BT.709-6, items 3.2 to 3.4 (matrix, quantisation), and Rec. H.264 Annex E for where samples of chroma lie:
`left`, which players assume of an untagged file: level with every second column of luma, between two rows.
"""

from __future__ import annotations

import numpy as np

KR, KB = 0.2126, 0.0722
KG = 1 - KR - KB


def reference(picture: np.ndarray, pixel_format: str) -> list[np.ndarray]:
    """Return the planes of `picture` in this FFmpeg pixel format, as they come in memory and before rounding.

    `picture` is (height, width, 3 or 4) of uint8 or uint16, top row first. Values are in units of the format's
    own samples (0–255, or 0–1023 for ten bits, also for p010, which stores them times 64).
    """
    if pixel_format in {"rgb24", "rgba"}:
        channels = 3 if pixel_format == "rgb24" else 4
        return [picture[..., :channels] / (np.iinfo(picture.dtype).max / 255)]
    if pixel_format.startswith("yuva"):
        opaque = pixel_format.replace("yuva", "yuv")
        most = 1023 if "10" in pixel_format else 255
        return [*reference(picture, opaque), _whole(picture[..., 3] * (most / np.iinfo(picture.dtype).max), 2)]
    step = 4 if pixel_format in {"yuv420p10le", "p010le", "yuv422p10le", "yuv444p10le"} else 1
    red, green, blue = np.moveaxis(picture[..., :3] / np.iinfo(picture.dtype).max, -1, 0)
    luma = KR * red + KG * green + KB * blue
    chroma = [(blue - luma) / (2 * (1 - KB)), (red - luma) / (2 * (1 - KR))]
    planes = [(16 + 219 * luma) * step]
    if pixel_format == "gray":
        return planes
    samples = [(128 + 224 * plane) * step for plane in chroma]
    if pixel_format in {"yuv444p", "yuv444p10le"}:
        return planes + samples
    rows = 1 if pixel_format.startswith("yuv422p") else 2
    planes = [_whole(planes[0], rows)]
    samples = [_halved(_whole(plane, rows), rows) for plane in samples]
    return [*planes, np.stack(samples, axis=-1)] if pixel_format in {"nv12", "p010le"} else planes + samples


def _whole(plane: np.ndarray, rows: int) -> np.ndarray:
    """Repeat the last row and column where they have no partner."""
    return np.pad(plane, [(0, plane.shape[0] % rows), (0, plane.shape[1] % 2)], mode="edge")


def _halved(plane: np.ndarray, rows: int) -> np.ndarray:
    wide = np.pad(plane, [(0, 0), (1, 1)], mode="edge")
    across = (wide[:, :-2:2] + 2 * wide[:, 1:-1:2] + wide[:, 2::2]) / 4
    return sum(across[row::rows] for row in range(rows)) / rows


def dithered(planes: list[np.ndarray], width: int, ends: tuple[float, float] = (0, 1)) -> list[np.ndarray]:
    """Return exact planes of a picture as ordered dithering rounds them: by 8 × 8 thresholds between `ends` (Bayer, 1973).

    A column that pads the picture has the thresholds of the last one.
    """
    ranks = np.zeros((1, 1), int)
    for _ in range(3):
        ranks = np.block([[4 * ranks, 4 * ranks + 2], [4 * ranks + 3, 4 * ranks + 1]])
    rounded = []
    for plane in planes:
        rows, columns = (np.arange(count) for count in plane.shape[:2])
        thresholds = np.clip((ranks[np.ix_(rows % 8, np.minimum(columns, width - 1) % 8)] + 0.5) / 64, *ends)
        rounded.append(np.floor(plane + thresholds.reshape(thresholds.shape + (1,) * (plane.ndim - 2))))
    return rounded
