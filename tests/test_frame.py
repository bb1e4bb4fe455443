"""The exact clock: what people write for rates and lengths, and what it means."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import nbpipe
from nbpipe.scene.frame import Frame, frame_count, frame_rate

RATES = st.fractions(Fraction(1, 3600), 1000, max_denominator=100_000)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (60, Fraction(60)),
        (12.5, Fraction(25, 2)),
        (0.1, Fraction(1, 10)),
        ("60", Fraction(60)),
        (" 24000/1001 ", Fraction(24000, 1001)),
        ("12.5", Fraction(25, 2)),
        (Fraction(25, 2), Fraction(25, 2)),
        (np.float64(12.5), Fraction(25, 2)),
        (np.float32(0.1), Fraction(1, 10)),
        (np.int64(60), Fraction(60)),
    ],
)
def test_a_rate_is_what_was_written(written, meant):
    assert frame_rate(written) == meant


@pytest.mark.parametrize(
    ("written", "base"),
    [(23.976, 24), (23.98, 24), (29.97, 30), (47.95, 48), (59.94, 60), (119.88, 120), (239.76, 240)],
)
def test_television_rates_are_recognised(written, base):
    exact = Fraction(base * 1000, 1001)
    assert {frame_rate(written), frame_rate(str(written)), frame_rate(np.float64(written))} == {exact}


@pytest.mark.parametrize("written", [23.5, 29.5, 29.9, 24.02, 14.985, 99.9])
def test_what_is_only_near_a_television_rate_stays(written):
    assert frame_rate(written) == Fraction(str(written))


def test_a_fraction_is_never_bent_to_a_television_rate():
    assert frame_rate(Fraction(2997, 100)) == Fraction(2997, 100)


@given(RATES)
def test_a_rate_survives_being_written_as_a_string(rate):
    assert frame_rate(str(rate)) in (rate, Fraction(math.ceil(rate) * 1000, 1001))
    assert frame_rate(rate) == rate


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.int64])
def test_numpy_integers_count_without_overflow(kind):
    rate = frame_rate(kind(30))
    assert [index / rate for index in (255, 300, 10**12)] == [Fraction(255, 30), Fraction(10), Fraction(10**12, 30)]
    assert type(frame_count(rate, kind(100), None)) is int
    assert frame_count(rate, kind(100), None) == 3000


def test_the_time_of_a_frame_is_the_float_nearest_to_index_over_fps():
    frames = []
    nbpipe.record(frames.append, "out.mp4", size=(16, 16), fps=29.97, frames=400, preset="ultrafast")
    for index, frame in enumerate(frames):
        exact = index / Fraction(30000, 1001)
        assert abs(Fraction(frame.time) - exact) <= Fraction(math.ulp(frame.time)) / 2
        assert (frame.index, frame.frames, frame.fps) == (index, 400, Fraction(30000, 1001))


@given(RATES, st.integers(1, 10**7))
def test_the_duration_of_so_many_frames_gives_that_many(rate, count):
    assert frame_count(rate, count / rate, None) == count


@given(st.integers(1, 10**6), st.integers(1, 1000))
def test_halves_round_up_and_less_rounds_down(count, fps):
    half = Fraction(2 * count + 1, 2 * fps)
    assert frame_count(Fraction(fps), half, None) == count + 1
    assert frame_count(Fraction(fps), half - Fraction(1, 10**9), None) == count


@example(Decimal("1.15"), 10)  # as a binary number it is a little less
@given(st.decimals(1, 1000, places=3), st.integers(1, 240))
def test_a_float_means_the_decimal_that_was_typed(seconds, fps):
    assert frame_count(Fraction(fps), float(seconds), None) == math.floor(Fraction(seconds) * fps + Fraction(1, 2))


def test_frames_are_taken_as_they_are():
    assert frame_count(Fraction(60), None, np.int64(7)) == 7
    assert frame_count(Fraction(60), None, None) is None


def test_a_recording_takes_numpy_numbers():
    recording = nbpipe.record(
        lambda frame: None, "out.mp4", size=(np.int32(64), np.int64(64)), fps=np.int64(10), duration=np.int64(1)
    )
    assert recording.frames == recording.frames_written == 10


def test_a_frame_knows_its_step_and_shape():
    frame = Frame(None, None, 0.0, 0, None, Fraction(30000, 1001), (1280, 720))
    assert frame.dt == 1001 / 30000
    assert frame.aspect == 1280 / 720
