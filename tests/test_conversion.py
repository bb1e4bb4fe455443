"""Whoever converts the colours, the GPU, the native loop or FFmpeg: the video shows the picture."""

from __future__ import annotations

import itertools
import signal
import time
from types import SimpleNamespace

import av
import numpy as np
import pytest
from bt709 import reference
from watermark import Watermark, numbers

import nbpipe
from nbpipe.gl import converter
from nbpipe.gl.context import context
from nbpipe.gl.ring import SLOTS
from nbpipe.progress import Meter
from nbpipe.video.pixels import CONVERTIBLE

SOON = 5e-5  # seconds, less than it takes to write any picture

# A lossless way to keep each format in a file that says what it is.
CODECS = {"nv12": "rawvideo", "p010le": "rawvideo", "rgb24": "png", "rgba": "png"}


class Painting:
    """A scene that shows a picture, pixel by pixel."""

    def __init__(self, picture):
        self.picture = picture

    def setup(self, ctx):
        height, width = self.picture.shape[:2]
        dtype = {"uint8": "f1", "uint16": "nu2"}[self.picture.dtype.name]
        self.texture = ctx.texture((width, height), 4, self.picture[::-1].tobytes(), dtype=dtype)
        self.program = ctx.program(
            vertex_shader="""
                #version 330
                void main() { gl_Position = vec4(gl_VertexID == 1 ? 3 : -1, gl_VertexID == 2 ? 3 : -1, 0, 1); }
            """,
            fragment_shader="""
                #version 330
                uniform sampler2D picture; out vec4 colour;
                void main() { colour = texelFetch(picture, ivec2(gl_FragCoord.xy), 0); }
            """,
        )
        self.triangle = ctx.vertex_array(self.program, [])

    def render(self, frame):
        self.texture.use()
        self.triangle.render(vertices=3)

    def release(self):
        for made in (self.triangle, self.program, self.texture):
            made.release()


def painted(size, dtype=np.uint8, seed=0):
    shape = (size[1], size[0], 4)
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def planes(path, pixel_format, size):
    """Return the samples of the first frame, plane by plane, in units of the format's depth."""
    with av.open(path) as video:
        if pixel_format == "p010le":  # raw in this file, under a name that decoders take for another format
            y, uv = reference(painted(size), pixel_format)
            samples = np.frombuffer(bytes(next(video.demux(video=0))), np.uint16) / 64
            return [samples[: y.size].reshape(y.shape), samples[y.size :].reshape(uv.shape)]
        frame = next(video.decode(video=0))
    assert frame.format.name == pixel_format
    wide = np.uint16 if pixel_format.endswith("10le") else np.uint8
    found = []
    for plane, expected in zip(frame.planes, reference(painted(size), pixel_format), strict=True):
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: expected.shape[0]]
        samples = np.ascontiguousarray(rows[:, : expected[0].size * wide().itemsize]).view(wide)
        found.append(samples.reshape(expected.shape).astype(float))
    return found


def record(scene, pixel_format, conversion, **more):
    codec = CODECS.get(pixel_format, "ffv1")
    if codec == "rawvideo":
        more["ffmpeg_params"] = ["-allow_raw_vfw", "1"]
    return nbpipe.record(
        scene, "out.mkv", **{"frames": 2} | more, codec=codec, pixel_format=pixel_format, conversion=conversion
    )


@pytest.mark.parametrize("size", [(64, 32), (5, 3), (1, 1), (641, 37)])
@pytest.mark.parametrize("conversion", ["gpu", "cpu"])
@pytest.mark.parametrize("pixel_format", CONVERTIBLE)
def test_a_scene_arrives_within_one_step_of_the_standard(pixel_format, conversion, size):
    record(Painting(painted(size)), pixel_format, conversion, size=size)
    for found, exact in zip(planes("out.mkv", pixel_format, size), reference(painted(size), pixel_format), strict=True):
        assert np.abs(found - exact).max() <= 1


@pytest.mark.parametrize("size", [(700, 1001), (5, 3), (9000, 5)])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "p010le", "gray"])
def test_pictures_of_several_bands_are_whole(pixel_format, size, monkeypatch):
    monkeypatch.setattr(converter, "BAND", 1 << 18)
    picture = painted(size, np.uint16 if pixel_format == "p010le" else np.uint8)
    record(Painting(picture), pixel_format, "cpu", size=size)
    for found, exact in zip(planes("out.mkv", pixel_format, size), reference(picture, pixel_format), strict=True):
        assert np.abs(found - exact).max() <= 1


def test_a_texture_that_a_signal_handler_changes_is_read_whole(own_context, monkeypatch):
    monkeypatch.setattr(converter, "BAND", 1 << 12)  # four rows
    texture = own_context.texture((256, 256), 4)
    shades = itertools.cycle(range(0, 256, 15))
    writing, changed = None, set()

    def change(*_):
        texture.write(bytes([next(shades)]) * (256 * 256 * 4))
        if writing is not None:
            changed.add(writing)
            signal.setitimer(signal.ITIMER_REAL, SOON)  # once more, when this one has ended

    before = signal.signal(signal.SIGALRM, change)
    try:
        with nbpipe.open("out.mkv", codec="ffv1", pixel_format="gray", conversion="cpu", show=False) as video:
            for number in range(60):
                writing = number
                signal.setitimer(signal.ITIMER_REAL, SOON)
                video.write(texture)
                writing = None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(changed) > 20, "pictures while they were taken"
    with av.open("out.mkv") as file:
        pictures = [frame.to_ndarray() for frame in file.decode(video=0)]
    assert len(pictures) == 60
    assert [number for number, picture in enumerate(pictures) if np.ptp(picture)] == []


@pytest.mark.parametrize("size", [(64, 32), (5, 3)])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "p010le"])
def test_where_a_gpu_is_not_to_convert_a_picture_comes_in_its_own_time(pixel_format, size, monkeypatch):
    """This GL is taken for one: slots of pixel buffers, each converted when its fence has passed."""
    monkeypatch.setattr(context(), "software", False)
    picture = painted(size, np.uint16 if pixel_format == "p010le" else np.uint8)
    recording = record(Painting(picture), pixel_format, "cpu", size=size, frames=9)
    assert recording.encoder.endswith("converted by nbpipe")
    for found, exact in zip(planes("out.mkv", pixel_format, size), reference(picture, pixel_format), strict=True):
        assert np.abs(found - exact).max() <= 1


def test_where_a_gpu_is_not_to_convert_each_frame_comes_once_in_order(monkeypatch):
    monkeypatch.setattr(context(), "software", False)
    record(Watermark(), "yuv420p", "cpu", size=(320, 180), frames=40)
    assert numbers("out.mkv") == list(range(40))


@pytest.mark.parametrize("conversion", ["gpu", "cpu", "ffmpeg"])
@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "p010le"])
def test_ten_bits_of_video_come_from_more_than_eight_of_the_scene(pixel_format, conversion):
    size = (64, 32)
    picture = painted(size, np.uint16)
    record(Painting(picture), pixel_format, conversion, size=size)
    found, exact = planes("out.mkv", pixel_format, size), reference(picture, pixel_format)
    assert max(np.abs(got - plane).max() for got, plane in zip(found, exact, strict=True)) <= 1
    assert len(np.unique(np.round(found[0]) % 4)) == 4


@pytest.mark.parametrize("size", [(64, 32), (37, 21), (5, 3), (9, 2), (2, 1), (1, 1)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(
    "pixel_format",
    ["yuv420p", "nv12", "yuv422p", "yuv444p", "yuv420p10le", "p010le", "yuv422p10le", "yuv444p10le", "gray"],
)
def test_what_ffmpeg_converts_is_within_one_step_of_the_standard(pixel_format, channels, dtype, size):
    picture = painted(size, dtype)[..., :channels]
    record([picture] * 2, pixel_format, "ffmpeg")
    for found, exact in zip(planes("out.mkv", pixel_format, size), reference(picture, pixel_format), strict=True):
        assert np.abs(found - exact).max() <= 1


@pytest.mark.parametrize("pixel_format", ["rgb24", "bgr0", "gbrp", "bgra"])
def test_sixteen_bits_of_rgb_become_the_nearest_eight(pixel_format):
    steps = np.arange(256, dtype=np.uint16).reshape(16, 16, 1) * np.full(4, 257, np.uint16)
    codec = "libx264rgb" if pixel_format == "gbrp" else CODECS.get(pixel_format, "ffv1")
    chosen = {"pixel_format": "bgr24", "crf": 0} if pixel_format == "gbrp" else {"pixel_format": pixel_format}
    nbpipe.record([steps] * 2, "out.mkv", codec=codec, **chosen)
    with av.open("out.mkv") as video:
        shown = next(video.decode(video=0)).to_ndarray(format="rgba" if pixel_format == "bgra" else "rgb24")
    assert (shown == np.arange(256).reshape(16, 16, 1)).all()


@pytest.mark.parametrize("size", [(64, 32), (37, 21), (5, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("pixel_format", ["yuva420p", "yuva420p10le"])
def test_transparency_arrives_and_opaque_is_opaque(pixel_format, dtype, size):
    picture = painted(size, dtype)
    picture[0, :, 3] = np.iinfo(dtype).max
    record([picture] * 2, pixel_format, "auto")
    found, exact = planes("out.mkv", pixel_format, size), reference(picture, pixel_format)
    assert max(np.abs(got - plane).max() for got, plane in zip(found[:3], exact[:3], strict=True)) <= 1
    assert np.abs(found[3] - exact[3]).max() <= 1.5, "FFmpeg makes ten bits of eight by repeating the first two"
    assert (found[3][0] == exact[3][0]).all(), "opaque is opaque"


@pytest.mark.parametrize("lying", [lambda p: p[::-1], lambda p: p[:, ::-1], np.asfortranarray], ids=["up", "left", "f"])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "gray"])
def test_arrays_whose_bytes_do_not_lie_one_after_the_other_arrive_whole(lying, pixel_format, monkeypatch):
    monkeypatch.setattr(converter, "BAND", 1 << 12)
    size = 37, 121
    picture = lying(painted(size))
    record([picture] * 2, pixel_format, "auto")
    for found, exact in zip(planes("out.mkv", pixel_format, size), reference(picture, pixel_format), strict=True):
        assert np.abs(found - exact).max() <= 1


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("conversion", ["auto", "cpu"])
def test_arrays_arrive_within_one_step_of_the_standard(conversion, channels):
    size = (37, 21)
    picture = painted(size)[..., :channels]
    record([picture] * 2, "yuv420p", conversion)
    for found, exact in zip(planes("out.mkv", "yuv420p", size), reference(picture, "yuv420p"), strict=True):
        assert np.abs(found - exact).max() <= 1


@pytest.mark.parametrize("size", [(64, 32), (37, 21)])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("conversion", ["auto", "cpu", "ffmpeg"])
@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "p010le"])
def test_ten_bits_of_video_come_from_more_than_eight_of_arrays(pixel_format, conversion, channels, size):
    picture = painted(size, np.uint16)[..., :channels]
    record([picture] * 2, pixel_format, conversion)
    found, exact = planes("out.mkv", pixel_format, size), reference(picture, pixel_format)
    assert max(np.abs(got - plane).max() for got, plane in zip(found, exact, strict=True)) <= 1
    counts = np.unique(np.round(found[0]) % 4, return_counts=True)[1]
    assert len(counts) == 4
    assert counts.min() > found[0].size / 8, "as many of each as there must be where all ten bits are used"


@pytest.mark.parametrize(
    ("pixel_format", "channels"), [("yuv420p", 3), ("yuv420p", 4), ("yuv444p", 3), ("rgb24", 3), ("rgba", 4)]
)
@pytest.mark.parametrize("size", [(64, 32), (37, 21)])
def test_eight_bits_of_video_come_from_sixteen_of_arrays(pixel_format, channels, size):
    picture = painted(size, np.uint16)[..., :channels]
    record([picture] * 2, pixel_format, "auto")
    for found, exact in zip(planes("out.mkv", pixel_format, size), reference(picture, pixel_format), strict=True):
        assert np.abs(found - exact).max() <= 1


@pytest.mark.parametrize("conversion", ["auto", "cpu", "gpu"])
@pytest.mark.parametrize("kind", ["texture", "framebuffer"])
def test_the_users_own_pictures_arrive_within_one_step_of_the_standard(kind, conversion, own_context):
    size = (38, 22)
    picture = painted(size)
    texture = own_context.texture(size, 4, picture[::-1].tobytes())
    given = texture if kind == "texture" else own_context.framebuffer([texture])
    record([given] * 2, "yuv420p", conversion)
    for found, exact in zip(planes("out.mkv", "yuv420p", size), reference(picture, "yuv420p"), strict=True):
        assert np.abs(found - exact).max() <= 1


@pytest.mark.parametrize(
    ("conversion", "pixel_format", "said"),
    [
        ("auto", "yuv420p", "by a shader" if not context().software else "by nbpipe"),
        ("gpu", "yuv420p", "by a shader"),
        ("cpu", "yuv420p", "by nbpipe"),
        ("ffmpeg", "yuv420p", "by FFmpeg"),
        ("auto", "yuv422p", "by FFmpeg"),
        ("gpu", "rgba", "by a shader"),
        ("cpu", "rgba", "by nbpipe"),
        ("ffmpeg", "rgb24", "by FFmpeg"),
    ],
)
def test_who_converts_is_said(conversion, pixel_format, said):
    recording = record(Painting(painted((8, 8))), pixel_format, conversion, size=(8, 8))
    assert recording.encoder.endswith(f"converted {said}")


@pytest.mark.parametrize("conversion", ["auto", "cpu", "ffmpeg"])
def test_what_has_the_videos_format_already_is_said_to_be_not_converted(conversion):
    assert record([painted((8, 8))[..., :3]] * 2, "rgb24", conversion).encoder.endswith(", not converted")


@pytest.mark.parametrize(
    ("frames", "pace", "limit"), [(60, 1, "encoding"), (SLOTS, 1e6, "converting"), (SLOTS, 1e-6, "rendering")]
)
def test_what_limits_a_recording_is_named(frames, pace, limit, monkeypatch):
    """No more frames than slots wait for nothing; a clock that goes fast while converting makes that the slow part."""
    monkeypatch.setattr(converter, "time", SimpleNamespace(monotonic=lambda: time.monotonic() * pace))
    monkeypatch.setattr(Meter, "_CLEAR", 0)
    noise = [painted((640, 360), seed=seed) for seed in (0, 1)]
    recording = record(itertools.cycle(noise), "yuv420p", "cpu", frames=frames)
    assert recording.bottleneck == limit


@pytest.mark.parametrize(
    ("scene", "options", "words"),
    [
        (
            Painting(painted((8, 8))),
            {"conversion": "magic"},
            "conversion must be one of 'auto', 'gpu', 'cpu', 'ffmpeg'",
        ),
        (Painting(painted((8, 8))), {"conversion": None}, "conversion must be one of"),
        (Painting(painted((8, 8))), {"conversion": "gpu", "pixel_format": "yuv422p"}, "leave it to 'ffmpeg' or 'auto'"),
        ([painted((8, 8))], {"conversion": "gpu"}, "for scenes, textures and framebuffers"),
        (
            [painted((8, 8))],
            {"conversion": "gpu", "codec": "png", "pixel_format": "rgb24"},
            "for scenes, textures and framebuffers",
        ),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(scene, options, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        nbpipe.record(scene, "out.mkv", frames=1, **{"codec": "ffv1", "pixel_format": "yuv420p"} | options)
    assert list(tmp_path.iterdir()) == []
