"""The packer: a picture becomes the bytes of a video frame on the GPU, before it is read back.

A frame in 4:2:0 has 1.5 bytes a pixel where RGBA has 4, so converting first makes reading back, the pipe and
FFmpeg's own work smaller by as much. One pass of a fragment shader writes, into a framebuffer of the packer's
own, exactly the bytes that go down the pipe: planes one after the other, top row first.

    texel of the target     0            1            2
    byte of the frame       0  1  2  3   4  5  6  7   8  9 …      (16-bit samples: low byte first)

The target is RGBA8, because that is the one format which every GL 3.3 draws to and reads back as it is stored:
byte i of what glReadPixels gives is byte i of the frame. A plane need not end where a texel does, so a shader
finds the first of its samples by division and walks on from there, over the ends of rows and planes.

Colours are BT.709 in limited range, and `gray` is its luma. Where 2 × 2 pixels share a sample of chroma it lies
level with the left column, between the rows: what players assume of H.264 that does not say. So it is
[1 2 1]/4 across and the mean of two rows, with the picture's edges repeated; the same repetition pads an odd size
to an even one. `tests/bt709.py` says it once more, in float64; samples differ from it by half a step and less
than 0.001, which is what fp32 costs. When dithering, samples are rounded up from thresholds that differ, as in the
native loop (`native/src/convert_kernel.hpp`).

Render thread only, with the context current. Knows pixel formats by FFmpeg's names; knows nothing of stages,
slots or FFmpeg.
"""

from __future__ import annotations

import moderngl

from nbpipe.errors import SceneError
from nbpipe.gl import enums
from nbpipe.gl._calls import calls

# What lies in each plane, and how many pixels across, and down, share one of its samples.
_Planes = tuple[tuple[str, int], ...]
_PLANAR: _Planes = (("Y", 1), ("U", 2), ("V", 2))
_SEMIPLANAR: _Planes = (("Y", 1), ("UV", 2))
PLANES: dict[str, _Planes] = {
    "yuv420p": _PLANAR,
    "nv12": _SEMIPLANAR,
    "yuv444p": (("Y", 1), ("U", 1), ("V", 1)),
    "yuv420p10le": _PLANAR,
    "p010le": _SEMIPLANAR,
    "gray": (("Y", 1),),
    "rgb24": (("RGB", 1),),
    "rgba": (("RGBA", 1),),
}
_SHIFT = {"yuv420p10le": 0, "p010le": 6}  # formats of ten bits in two bytes, and where in them the bits begin

# ITU-R BT.709-6, items 3.2 to 3.4. What an 8-bit sample is of red, green, blue and alpha in 0…1, and at zero.
_KR, _KB = 0.2126, 0.0722
_KG = 1 - _KR - _KB
_CB, _CR = 224 / (2 * (1 - _KB)), 224 / (2 * (1 - _KR))
_WEIGHTS = {
    "Y": (219 * _KR, 219 * _KG, 219 * _KB, 0.0, 16.0),
    "U": (-_CB * _KR, -_CB * _KG, 112.0, 0.0, 128.0),
    "V": (112.0, -_CR * _KG, -_CR * _KB, 0.0, 128.0),
    "R": (255.0, 0.0, 0.0, 0.0, 0.0),
    "G": (0.0, 255.0, 0.0, 0.0, 0.0),
    "B": (0.0, 0.0, 255.0, 0.0, 0.0),
    "A": (0.0, 0.0, 0.0, 255.0, 0.0),
}

# One triangle that holds the whole target.
_VERTICES = """
#version 330
void main() {
    gl_Position = vec4(gl_VertexID == 1 ? 3 : -1, gl_VertexID == 2 ? 3 : -1, 0, 1);
}
"""

_CONSTANTS = """
#version 330
struct Plane {{
    int row, rows;   // samples in a row, and how many rows
    int components;  // of which a row holds one sample after the other
    int first;       // which of all components comes first
    int span;        // pixels across, and down, that share a sample
}};
const ivec2 SIZE = ivec2({size[0]}, {size[1]});
const int TARGET_WIDTH = {width};
const int SAMPLE_BYTES = {sample_bytes};
const int SHIFT = {shift};
const bool DITHERED = {dithered};
const int LAST = {last};
const Plane PLANES[] = Plane[]({planes});
const vec4 WEIGHTS[] = vec4[]({weights});
const float ZEROS[] = float[]({zeros});
"""

_FRAGMENTS = """
uniform sampler2D picture;
out vec4 texel;

vec4 pixel(int x, int y) {
    ivec2 at = clamp(ivec2(x, y), ivec2(0), SIZE - 1);
    return clamp(texelFetch(picture, ivec2(at.x, SIZE.y - 1 - at.y), 0), 0.0, 1.0);
}

vec4 colour(int x, int y, int span) {
    if (span == 1)
        return pixel(x, y);
    vec4 sum = vec4(0.0);
    for (int row = 2 * y; row < 2 * y + 2; ++row)
        sum += pixel(2 * x - 1, row) + 2.0 * pixel(2 * x, row) + pixel(2 * x + 1, row);
    return sum / 8.0;
}

float threshold(int x, int y) {
    if (!DITHERED)
        return 0.5;
    int rank = 0; // among the 64: the bits of x ^ y and of y in turns, the last ones first
    for (int bit = 0; bit < 3; ++bit)
        rank |= ((x ^ y) >> bit & 1) << (5 - 2 * bit) | (y >> bit & 1) << (4 - 2 * bit);
    return (float(rank) + 0.5) / 64.0;
}

int value(Plane plane, int column, int row) {
    int x = column / plane.components;
    int component = plane.first + column % plane.components;
    float exact = dot(WEIGHTS[component], colour(x, row, plane.span)) + ZEROS[component];
    return int(floor(exact + threshold(min(x, SIZE.x - 1), row))) << SHIFT; // a column that pads repeats the last
}

void main() {
    int before = (int(gl_FragCoord.y) * TARGET_WIDTH + int(gl_FragCoord.x)) * (4 / SAMPLE_BYTES);
    int plane = 0;
    for (; plane < LAST && before >= PLANES[plane].row * PLANES[plane].rows; ++plane)
        before -= PLANES[plane].row * PLANES[plane].rows;
    int column = before % PLANES[plane].row;
    int row = before / PLANES[plane].row;
    ivec4 bytes;
    for (int k = 0; k < 4; k += SAMPLE_BYTES) {
        int found = value(PLANES[plane], column, row);
        bytes[k] = found & 255;
        if (SAMPLE_BYTES == 2)
            bytes[k + 1] = found >> 8;
        if (++column == PLANES[plane].row) {
            column = 0;
            if (++row == PLANES[plane].rows && plane < LAST) {
                row = 0;
                ++plane;
            }
        }
    }
    texel = vec4(bytes) / 255.0;
}
"""


class Packer:
    """Converts pictures of one size into one pixel format.

    Parameters
    ----------
    ctx : moderngl.Context
    size : tuple of int
        Width and height of the pictures in pixels.
    pixel_format : str
        One of `PLANES`, which are named as FFmpeg does.
    direct : bool
        Whether the pictures are framebuffers of our own, made around a texture that shaders see as it is stored.
        Others are copied first, because shaders do not see what glReadPixels reads of sRGB and renderbuffers.
    dither : bool
        Whether samples are rounded up and down in turns, and not to the nearest.

    Attributes
    ----------
    frame_bytes : int
        Bytes of one frame. They come first in what is read back.
    packed_bytes : int
        Bytes that are read back: less than one row of the target more than a frame has.
    """

    def __init__(
        self,
        ctx: moderngl.Context,
        size: tuple[int, int],
        pixel_format: str,
        *,
        direct: bool = False,
        dither: bool = False,
    ) -> None:
        self._gl = calls()
        self._size = size
        sample_bytes = 2 if pixel_format in _SHIFT else 1
        planes = _planes(size, PLANES[pixel_format])
        self.frame_bytes = sample_bytes * sum(row * rows for row, rows, *_ in planes)
        limit = min(self._gl.integer(enums.MAX_TEXTURE_SIZE), *self._gl.integers(enums.MAX_VIEWPORT_DIMS)[:2])
        target = target_size(self.frame_bytes, sample_bytes * planes[0][0], limit)
        self.packed_bytes = 4 * target[0] * target[1]
        components = [_WEIGHTS[name] for names, _ in PLANES[pixel_format] for name in names]
        scale = 4.0 if pixel_format in _SHIFT else 1.0  # a step of ten bits is a quarter of one of eight
        constants = _CONSTANTS.format(
            size=size,
            width=target[0],
            sample_bytes=sample_bytes,
            shift=_SHIFT.get(pixel_format, 0),
            dithered=str(dither).lower(),
            last=len(planes) - 1,
            planes=", ".join(f"Plane{plane}" for plane in planes),
            weights=", ".join(f"vec4{tuple(scale * weight for weight in weights)}" for *weights, _ in components),
            zeros=", ".join(str(scale * zero) for *_, zero in components),
        )
        self._made: list[moderngl.Texture | moderngl.Framebuffer | moderngl.Program | moderngl.VertexArray] = []
        try:
            self._program = ctx.program(vertex_shader=_VERTICES, fragment_shader=constants + _FRAGMENTS)
            self._made.append(self._program)
            self._vertices = ctx.vertex_array(self._program, [])
            self._made.append(self._vertices)
            self._target = self._framebuffer(ctx, target, "f1")
            # 16 bits hold all of 8 exactly, and of floats more than the finest format keeps.
            self._copy = None if direct else self._framebuffer(ctx, size, "nu2")
        except BaseException:
            self.release()
            raise

    def _framebuffer(self, ctx: moderngl.Context, size: tuple[int, int], dtype: str) -> moderngl.Framebuffer:
        colour = ctx.texture(size, 4, dtype=dtype)
        self._made.append(colour)
        fbo = ctx.framebuffer([colour])
        self._made.append(fbo)
        return fbo

    def pack(self, source: moderngl.Framebuffer) -> moderngl.Framebuffer:
        """Convert a picture, and return what to read for it: RGBA of 8 bits, in the order of its rows.

        It is the same framebuffer each time; the next call overwrites it, in the GL's own order of things.

        Raises
        ------
        SceneError
            The picture has no colours.
        """
        gl = self._gl
        with gl.preserved(), gl.taking_pictures("the GL refused to convert a picture"):
            if self._copy is not None:
                if source.color_attachments == ():  # the GL would not mind, and show the picture before once more
                    msg = "the framebuffer has no colour attachment"
                    raise SceneError(msg)
                gl.blit(source.glo, self._size, self._copy.glo, (0, 0, *self._size))
                source = self._copy
            with gl.drawing(self._target.glo, self._target.size), gl.sampling(source.color_attachments[0].glo):
                gl.UseProgram(self._program.glo)
                gl.BindVertexArray(self._vertices.glo)
                gl.DrawArrays(enums.TRIANGLES, 0, 3)
        return self._target

    def release(self) -> None:
        """Free everything. Again does nothing."""
        while self._made:
            self._made.pop().release()


def target_size(frame_bytes: int, row_bytes: int, limit: int) -> tuple[int, int]:
    """Return width and height, at most `limit`, of the framebuffer of 4 bytes a texel that holds a frame.

    Its rows are as long as those of the first plane where that fits: nothing is left over then at the sizes that
    videos have, and what is drawn together was seen together.
    """
    texels = -(-frame_bytes // 4)
    height = min(limit, -(-texels // -(-row_bytes // 4)))
    width = -(-texels // height)
    return width, -(-texels // width)


def _planes(size: tuple[int, int], planes: _Planes) -> list[tuple[int, int, int, int, int]]:
    """Return each plane as the shader's `Plane`."""
    most = max(span for _, span in planes)
    width, height = (-(-pixels // most) * most for pixels in size)
    found = []
    first = 0
    for names, span in planes:
        found.append((width // span * len(names), height // span, len(names), first, span))
        first += len(names)
    return found
