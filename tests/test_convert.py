"""The native conversion against the standard in float64 (`bt709.py`): every format, depth, order and odd size."""

from __future__ import annotations

import ctypes
import itertools
import threading
from typing import Any

import numpy as np
import pytest
from bt709 import dithered, reference
from hypothesis import given, settings
from hypothesis import strategies as st

from nbpipe._native import Conversion
from nbpipe.gl.packer import PLANES
from nbpipe.video.pixels import CONVERTIBLE

FORMATS = ["yuv420p", "nv12", "yuv444p", "yuv420p10le", "p010le", "gray", "rgb24", "rgba"]
SOURCES = [*itertools.product([3, 4], [8, 16], [False, True])]
"""Channels, bits, bottom_up."""


def picture_of(size: tuple[int, int], channels: int, bits: int, seed: int) -> np.ndarray:
    """Random pixels with runs of the extremes, which is where sums are largest."""
    random = np.random.default_rng(seed)
    dtype, top = (np.uint8, 255) if bits == 8 else (np.uint16, 65535)
    pixels = random.integers(0, top, (size[1], size[0], channels), dtype, endpoint=True)
    extreme = random.integers(0, 4, pixels.shape)
    pixels[extreme == 0] = 0
    pixels[extreme == 1] = top
    return pixels


def converted(picture: np.ndarray, pixel_format: str, *, bottom_up: bool, dither: bool = False) -> np.ndarray:
    """All planes in one row, in the units of `reference`."""
    height, width, channels = picture.shape
    conversion = Conversion((width, height), channels, picture.itemsize * 8, bottom_up, pixel_format, dither)
    target = np.empty(conversion.target_bytes, np.uint8)
    conversion.convert(np.ascontiguousarray(picture[::-1] if bottom_up else picture), target)
    if pixel_format in {"yuv420p10le", "p010le"}:
        target = target.view("<u2")
    if pixel_format == "p010le":
        assert not np.any(target & 63)
        target >>= 6
    return target


def exact(picture: np.ndarray, pixel_format: str) -> list[np.ndarray]:
    if pixel_format == "rgba" and picture.shape[2] == 3:
        picture = np.dstack([picture, np.full(picture.shape[:2], np.iinfo(picture.dtype).max, picture.dtype)])
    return reference(picture, pixel_format)


def expected(picture: np.ndarray, pixel_format: str) -> np.ndarray:
    return np.concatenate([plane.ravel() for plane in exact(picture, pixel_format)])


def error(picture: np.ndarray, pixel_format: str, *, bottom_up: bool) -> float:
    made, meant = converted(picture, pixel_format, bottom_up=bottom_up), expected(picture, pixel_format)
    assert made.shape == meant.shape
    return float(np.abs(made - meant).max())


# 0.5 is the rounding to whole samples itself; ten bits are four times as fine, and so is what is left of it.
BOUND = {
    **dict.fromkeys(FORMATS, 0.52),
    **dict.fromkeys(["yuv420p10le", "p010le"], 0.55),
    **dict.fromkeys(["rgb24", "rgba"], 0.5),
}


def test_all_three_tables_name_the_same_formats():
    assert set(FORMATS) == set(PLANES) == set(CONVERTIBLE)


@pytest.mark.parametrize("pixel_format", FORMATS)
@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    source=st.sampled_from(SOURCES),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=150)
def test_every_sample_is_what_the_standard_says(pixel_format, size, source, seed):
    channels, bits, bottom_up = source
    assert error(picture_of(size, channels, bits, seed), pixel_format, bottom_up=bottom_up) <= BOUND[pixel_format]


@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize("size", [(1919, 3), (1920, 2), (1, 1081), (961, 1), (481, 5), (480, 4), (479, 3)])
def test_sizes_around_the_pieces_of_the_loops(size, pixel_format):
    for channels, bits, bottom_up in SOURCES:
        picture = picture_of(size, channels, bits, seed=1)
        assert error(picture, pixel_format, bottom_up=bottom_up) <= BOUND[pixel_format]


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_every_small_size(pixel_format):
    for width, height in itertools.product(range(1, 9), repeat=2):
        for channels, bits, bottom_up in SOURCES:
            picture = picture_of((width, height), channels, bits, seed=width)
            assert error(picture, pixel_format, bottom_up=bottom_up) <= BOUND[pixel_format]


@pytest.mark.parametrize("pixel_format", ["yuv420p", "nv12", "yuv444p"])
def test_grays_have_no_colour(pixel_format):
    picture = np.repeat(np.arange(256, dtype=np.uint8), 12).reshape(32, 32, 3)
    samples = converted(picture, pixel_format, bottom_up=False)
    assert (samples[0], samples[1023]) == (16, 235)
    assert set(samples[1024:]) == {128}


def test_sixteen_bits_are_rounded_to_eight():
    values = np.arange(65536, dtype=np.uint16)
    picture = np.repeat(values, 3).reshape(256, 256, 3)
    assert np.array_equal(converted(picture, "rgb24", bottom_up=False)[::3], np.rint(values / 257))


@pytest.mark.parametrize("pixel_format", FORMATS)
@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    source=st.sampled_from(SOURCES),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_dithered_sample_is_one_of_the_two_around_what_the_standard_says(pixel_format, size, source, seed):
    channels, bits, bottom_up = source
    picture = picture_of(size, channels, bits, seed)
    made = converted(picture, pixel_format, bottom_up=bottom_up, dither=True)
    assert np.abs(made - expected(picture, pixel_format)).max() < 0.5 + BOUND[pixel_format]


@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize("size", [(38, 22), (39, 21), (961, 2), (1922, 4)])
def test_which_of_the_two_it_is_tells_the_pattern(size, pixel_format):
    for channels, bits, bottom_up in SOURCES:
        picture = picture_of(size, channels, bits, seed=1)
        made = converted(picture, pixel_format, bottom_up=bottom_up, dither=True)
        planes = exact(picture, pixel_format)
        close = BOUND[pixel_format] - 0.5 + 0.01  # samples of ten bits take the thresholds in 1/64
        lower, upper = (
            np.concatenate([p.ravel() for p in dithered([q + d for q in planes], size[0], (4 / 256, 251 / 256))])
            for d in (-close, close)
        )
        assert np.all((lower <= made) & (made <= upper))
        assert np.mean(lower == upper) > 0.7, "most thresholds decide"


def test_one_conversion_in_many_threads():
    pictures = [picture_of((321, 123), 4, 8, seed) for seed in range(4)]
    conversion = Conversion((321, 123), 4, 8, bottom_up=False, target="yuv420p")
    targets = [bytearray(conversion.target_bytes) for _ in pictures]

    def work(picture: np.ndarray, target: bytearray) -> None:
        for _ in range(50):
            conversion.convert(picture, target)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(pictures, targets, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for picture, target in zip(pictures, targets, strict=True):
        assert np.array_equal(np.frombuffer(target, np.uint8), converted(picture, "yuv420p", bottom_up=False))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((0, 2), 4, 8, True, "nv12"), "at least 1"),
        (((2, -1), 4, 8, True, "nv12"), "at least 1"),
        (((2**31 - 1, 2**31 - 1), 4, 16, True, "nv12"), "memory"),
        (((2, 2), 2, 8, True, "nv12"), "channels must be 3 or 4, not 2"),
        (((2, 2), 4, 10, True, "nv12"), "bits must be 8 or 16, not 10"),
        (((2, 2), 4, 8, True, "yuv422p"), "'yuv422p'"),
        (((2, 2), 4, 8, True, ""), "''"),
    ],
)
def test_what_is_no_conversion(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Conversion(*arguments)


def test_what_are_no_buffers_for_it():
    conversion = Conversion((2, 2), 4, 8, bottom_up=True, target="yuv420p")
    assert (conversion.source_bytes, conversion.target_bytes) == (16, 6)
    for source, target in [(17, 6), (16, 5), (16, 7), (0, 0)]:
        with pytest.raises(ValueError, match="16 bytes to 6"):
            conversion.convert(bytes(source), bytearray(target))
    for source, first in [(15, 0), (0, 0), (8, 0), (8, 1), (16, 2), (16, -2), (16, 2**62)]:
        with pytest.raises(ValueError, match=f"{source} bytes are no rows from {first} on of a picture of 2 rows of 8"):
            conversion.convert(bytes(source), bytearray(6), first)
    with pytest.raises(BufferError, match="read-only"):
        conversion.convert(bytes(16), bytes(6))
    with pytest.raises(BufferError, match="C-contiguous"):
        conversion.convert(np.zeros((2, 16), np.uint8)[:, ::2], bytearray(6))
    with pytest.raises(TypeError):
        conversion.convert(bytes(16), None)  # type: ignore[arg-type]
    memory = memoryview(bytearray(21))
    with pytest.raises(ValueError, match="in place"):
        conversion.convert(memory[:16], memory[15:21])
    target = bytearray(6)
    conversion.convert(bytes(16), target)
    assert target == bytes([16, 16, 16, 16, 128, 128])


def test_what_cannot_be_read():
    conversion = Conversion((2, 2), 4, 8, bottom_up=True, target="yuv420p")
    with pytest.raises(ValueError, match="no glReadPixels at 0"):
        conversion.read(0, 0x1908, 0x1401, bytearray(16), bytearray(6))
    called = []
    read_pixels = ctypes.CFUNCTYPE(None, *[ctypes.c_int] * 6, ctypes.c_void_p)(lambda *how: called.append(how[:6]))
    address = ctypes.cast(read_pixels, ctypes.c_void_p).value
    with pytest.raises(BufferError, match="read-only"):
        conversion.read(address, 0x1908, 0x1401, bytes(16), bytearray(6))
    with pytest.raises(ValueError, match="room for two rows"):
        conversion.read(address, 0x1908, 0x1401, bytearray(15), bytearray(6))
    with pytest.raises(ValueError, match="bottom-up"):
        Conversion((2, 2), 4, 8, bottom_up=False, target="yuv420p").read(address, 0, 0, bytearray(16), bytearray(6))
    assert called == []
    conversion.read(address, 0x1908, 0x1401, bytearray(16), bytearray(6))
    assert called == [(0, 0, 2, 2, 0x1908, 0x1401)]
