"""Dithering: a gradient that is too fine for the video's steps shows no bands, whoever converts and encodes it."""

from __future__ import annotations

import av
import numpy as np
import pytest

import nbpipe

SIZE = 640, 96
DARK, LIGHT = 0.02, 0.04  # of a gradient from left to right, in 4.4 steps of luma
GRADIENT = f"""
void mainImage(out vec4 colour, in vec2 at) {{
    colour = vec4(vec3(mix({DARK}, {LIGHT}, at.x / iResolution.x)), 1);
}}
"""
EXACT = np.broadcast_to(DARK + (LIGHT - DARK) * (np.arange(SIZE[0]) + 0.5) / SIZE[0], SIZE[::-1])


def gray_pixels(dtype):
    """The gradient as (height, width, 4), opaque."""
    return np.dstack([EXACT] * 3 + [np.ones_like(EXACT)]).astype(dtype)


def luma(path="out.mkv"):
    """Of every frame of the video, in its own steps."""
    with av.open(path) as video:
        return np.stack([frame.to_ndarray()[: SIZE[1]] for frame in video.decode()]).astype(float)


def bands(shown, step=1.0):
    """How far squares of pixels are from what they should show on average, in steps: their root mean square."""
    squares = (shown - step * (16 + 219 * EXACT)).reshape(-1, SIZE[1] // 16, 16, SIZE[0] // 16, 16).mean((2, 4))
    return np.sqrt(np.mean(squares**2))


def recorded(scene=GRADIENT, **options):
    options = {"codec": "ffv1", "pixel_format": "yuv420p", "frames": 2, "size": SIZE, "show": False} | options
    return nbpipe.record(scene, "out.mkv", **options)


@pytest.mark.parametrize("conversion", ["gpu", "cpu"])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "gray", "yuv420p10le"])
def test_a_gradient_of_a_shader_has_no_bands(conversion, pixel_format):
    step = 4 if "10" in pixel_format else 1
    recorded(pixel_format=pixel_format, conversion=conversion)
    assert bands(luma(), step) > 0.1, "they are there without it"
    recording = recorded(pixel_format=pixel_format, conversion=conversion, dither=True)
    shown = luma()
    assert bands(shown, step) < 0.02
    assert np.abs(shown - step * (16 + 219 * EXACT)).max() < 1.05, "one of the two steps around it"
    assert np.array_equal(shown[0], shown[1]), "what stands still stands still"
    assert "converted and dithered by " in recording.encoder


def test_the_shader_and_the_loop_make_the_same_pattern_at_odd_sizes_too():
    pictures = []
    for conversion in ("gpu", "cpu"):
        recorded(size=(SIZE[0] + 1, 95), conversion=conversion, dither=True)
        with av.open("out.mkv") as video:
            pictures.append(next(video.decode(video=0)).to_ndarray().astype(int))
    differences = np.abs(pictures[0] - pictures[1])
    assert differences.max() <= 1
    assert np.mean(differences > 0) < 0.005, "where a value is as good as a threshold"
    assert np.mean(differences[:96, -1] > 0) < 0.1, "the column that pads"


def test_a_truth_of_numpy_is_one():
    assert "dithered" in recorded(dither=np.True_).encoder


def test_what_is_not_converted_is_not_dithered():
    picture = np.zeros((8, 8, 3), np.uint8)
    recording = recorded([picture], codec="png", pixel_format="rgb24", dither=True, size=None, frames=1)
    assert recording.encoder.endswith("rgb24, not converted")


def test_samples_and_a_depth_buffer_make_no_difference():
    def scene(frame):
        frame.fbo.clear()
        for column in range(0, SIZE[0], 4):
            shade = EXACT[0, column : column + 4].mean()
            frame.fbo.clear(shade, shade, shade, 1.0, viewport=(column, 0, 4, SIZE[1]))

    recorded(scene, samples=4, dither=True)
    assert bands(luma()) < 0.05


@pytest.mark.parametrize(
    ("kind", "conversion"),
    [("array", "cpu"), ("texture", "cpu"), ("texture", "gpu"), ("framebuffer", "cpu"), ("framebuffer", "gpu")],
)
def test_pictures_of_more_than_eight_bits_show_what_they_have(kind, conversion, own_context):
    picture = gray_pixels(float)
    if kind == "array":
        given = (picture * 65535).round().astype(np.uint16)
    else:
        texture = own_context.texture(SIZE, 4, picture[::-1].astype(np.float16).tobytes(), dtype="f2")
        given = texture if kind == "texture" else own_context.framebuffer([texture])
    for dither, most in ((False, 1.0), (True, 0.03)):
        how = {"pixel_format": "yuv420p", "conversion": conversion, "dither": dither}
        with nbpipe.open("out.mkv", codec="ffv1", **how, show=False) as video:
            video.write(given)
        assert most - 0.8 < bands(luma()) < most


def test_a_buffer_of_eight_bits_is_taken_too(own_context):
    picture = (gray_pixels(float)[::-1] * 255).round().astype(np.uint8)
    with nbpipe.open("out.mkv", SIZE, codec="ffv1", pixel_format="yuv420p", dither=True, show=False) as video:
        video.write(own_context.buffer(picture.tobytes()))
    assert np.abs(luma()[0][::-1] - (16 + picture[..., 0] * (219 / 255))).max() < 1.02


@pytest.mark.parametrize("options", [{"codec": "libx265"}, {"codec": "libx264", "crf": 16}])
def test_encoders_keep_it_at_the_quality_that_the_documentation_names(options):
    def error(dither):
        recorded(**options, frames=30, dither=dither)
        return bands(luma())

    assert error(dither=True) < 0.6 * error(dither=False)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"dither": 1}, TypeError, "dither must be True or False, not 1"),
        ({"dither": "bayer"}, TypeError, "dither must be True or False"),
        (
            {"dither": True, "pixel_format": "yuv422p"},
            ValueError,
            "ffv1 is to get yuv422p: choose pixel_format= yuv420p, .*gray, or leave it out",
        ),
        ({"dither": True, "codec": "prores_ks", "pixel_format": None}, ValueError, "yuv422p10le: leave it out"),
        ({"dither": True, "conversion": "ffmpeg"}, ValueError, "leave conversion='ffmpeg' out"),
    ],
)
def test_what_cannot_be_dithered_is_refused(options, error, words, tmp_path):
    with pytest.raises(error, match=words):
        recorded(**options)
    assert list(tmp_path.iterdir()) == []
