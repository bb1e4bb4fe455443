"""A scene that paints each frame's number into the picture, and the reader that finds it again.

The number stands as 16 black or white blocks in a band at the top and once more at the bottom, so that a frame
that was lost, repeated, out of order, upside down or torn gives itself away. Between the bands lie five plain
colours, in the order of `COLOURS`.
"""

from __future__ import annotations

from pathlib import Path

import av
import moderngl
import numpy as np

BITS = 16
COLOURS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "white": (255,) * 3,
    "grey": (128,) * 3,
}

VERTEX = """#version 330
void main() {
    vec2 p = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2);
    gl_Position = vec4(p * 2.0 - 1.0, 0.0, 1.0);
}
"""
FRAGMENT = """#version 330
uniform int number;
uniform vec2 size;
uniform vec3 colours[5];
out vec4 colour;
void main() {
    vec2 p = gl_FragCoord.xy / size;
    int column = int(p.x * 16.0);
    bool top = p.y >= 0.75, bottom = p.y < 0.25;
    // The bottom band runs the other way, so that a picture turned by 180 degrees is not taken for an upright one.
    int bit = top ? column : 15 - column;
    colour = vec4(top || bottom ? vec3((number >> bit) & 1) : colours[int(p.x * 5.0)], 1.0);
}
"""


class Watermark:
    """Draws ``frame.index``; `times` keeps what the clock said."""

    def __init__(self, ctx: moderngl.Context | None = None) -> None:
        if ctx is not None:
            self.ctx = ctx
        self.times: list[float] = []
        self.released = False

    def setup(self, ctx: moderngl.Context) -> None:
        self.program = ctx.program(vertex_shader=VERTEX, fragment_shader=FRAGMENT)
        self.program["colours"] = [tuple(c / 255 for c in colour) for colour in COLOURS.values()]
        self.vertices = ctx.vertex_array(self.program, [])

    def render(self, frame) -> None:
        self.times.append(frame.time)
        self.program["number"] = frame.index
        self.program["size"] = frame.size
        self.vertices.render(moderngl.TRIANGLES, vertices=3)

    def release(self) -> None:
        self.released = True
        self.vertices.release()
        self.program.release()


def painted(number: int, width: int, height: int, channels: int = 3) -> np.ndarray:
    """Return what `Watermark` draws, as an array with the top row first."""
    y = (np.arange(height)[::-1, None] + 0.5) / height
    x = (np.arange(width)[None, :] + 0.5) / width
    column = (x * BITS).astype(int)
    bits = (number >> np.where(y >= 0.75, column, BITS - 1 - column)) & 1
    colours = np.array(list(COLOURS.values()), np.uint8)[(x * 5).astype(int)]
    inner = (y >= 0.25) & (y < 0.75)
    picture = np.where(inner[..., None], colours, (bits * 255).astype(np.uint8)[..., None])
    alpha = np.full((height, width, channels - 3), 255, np.uint8)
    return np.concatenate([picture, alpha], axis=-1)


def luma(frame: av.VideoFrame) -> np.ndarray:
    """Return the Y plane of a decoded frame (or a plain sum of RGB), height by width."""
    if frame.format.name.startswith("yuv"):
        plane = frame.planes[0]
        return np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
    return frame.to_ndarray(format="rgb24").mean(axis=2)


def number_in(picture: np.ndarray) -> int:
    """Return the number painted in a picture of luma, having checked that both bands agree."""
    height, width = picture.shape
    columns = ((np.arange(BITS) + 0.5) * width / BITS).astype(int)
    top = picture[height // 8, columns] > 127
    bottom = picture[height - 1 - height // 8, columns][::-1] > 127
    numbers = [int(sum(1 << i for i in range(BITS) if band[i])) for band in (top, bottom)]
    assert numbers[0] == numbers[1], f"torn: {numbers[0]} at the top, {numbers[1]} at the bottom"
    return numbers[0]


def numbers(path: str | Path) -> list[int]:
    """Decode a video and return the number in each of its frames."""
    with av.open(str(path)) as video:
        return [number_in(luma(frame)) for frame in video.decode(video=0)]


def rgb_bt709(frame: av.VideoFrame) -> np.ndarray:
    """Decode limited-range yuv420p as BT.709 by the formulas of ITU-R BT.709-6, in floating point."""
    y, u, v = (
        np.frombuffer(p, np.uint8).reshape(p.height, p.line_size)[:, : p.width].astype(float) for p in frame.planes
    )
    u, v = (plane.repeat(2, 0).repeat(2, 1)[: y.shape[0], : y.shape[1]] for plane in (u, v))
    y, u, v = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
    return 255 * np.stack([y + 1.5748 * v, y - 0.187324 * u - 0.468124 * v, y + 1.8556 * u], axis=-1)
