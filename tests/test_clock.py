"""The scene clock: play, speed, loop, seek and what a long gap does to it."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbpipe.scene.clock import PlayClock, checked_seconds

LEAP = 0.25  # seconds that one step takes at most


@pytest.fixture
def clock():
    return PlayClock(10.0)


def test_it_begins_at_the_beginning_and_runs_round(clock):
    assert (clock.time, clock.playing, clock.speed, clock.loop, clock.rate) == (0.0, True, 1.0, True, 1.0)
    clock.advance(0.1)
    assert clock.time == pytest.approx(0.1)


def test_a_speed_scales_the_time_of_the_room(clock):
    clock.speed = 2.5
    clock.advance(0.2)
    assert clock.time == pytest.approx(0.5)
    assert clock.rate == 2.5


def test_paused_it_stands_still(clock):
    clock.seek(3.0)
    clock.playing = False
    clock.advance(0.2)
    assert clock.time == 3.0
    assert clock.rate == 0.0


def test_after_a_long_gap_nothing_was_missed(clock):
    clock.speed = 2.0
    clock.advance(60.0)
    assert clock.time == pytest.approx(2 * LEAP)


@pytest.mark.parametrize(
    ("speed", "start", "end"), [(1.0, 9.9, 0.1), (-1.0, 0.1, 9.9), (16.0, 9.0, 2.2), (-60.0, 0.0, 8.0)]
)
def test_looping_it_goes_round_both_ends(clock, speed, start, end):
    clock.seek(start)
    clock.speed = speed
    clock.advance(0.2)
    assert clock.time == pytest.approx(end)
    assert clock.playing


def test_a_hair_before_the_beginning_is_on_the_time_line(clock):
    clock.move(-1e-18)
    assert clock.time == 0.0


@given(st.floats(0.01, 1000), st.lists(st.tuples(st.floats(0, 100), st.floats(-1e6, 1e6), st.booleans()), max_size=8))
def test_it_never_leaves_the_time_line(duration, steps):
    clock = PlayClock(duration)
    for seconds, speed, loop in steps:
        clock.speed, clock.loop = speed, loop
        clock.advance(seconds)
        assert 0 <= clock.time <= duration
        assert not loop or clock.time < duration


@pytest.mark.parametrize(("speed", "start", "end"), [(1.0, 9.9, 10.0), (-1.0, 0.1, 0.0)])
def test_without_a_loop_it_stops_at_the_end_and_plays_again_from_the_beginning(clock, speed, start, end):
    clock.loop, clock.speed = False, speed
    clock.seek(start)
    clock.advance(0.2)
    assert (clock.time, clock.playing) == (end, False)
    clock.advance(0.2)
    assert clock.time == end
    clock.play()
    assert (clock.time, clock.playing) == (10.0 - end, True)
    clock.advance(0.2)
    assert clock.time == pytest.approx(10.0 - end + 0.2 * speed)


@pytest.mark.parametrize(("speed", "start"), [(1.0, 0.0), (-1.0, 10.0), (1.0, 4.0), (0.0, 0.0), (0.0, 10.0)])
def test_play_stays_where_it_is_if_it_does_not_stand_at_the_end_that_it_would_run_into(clock, speed, start):
    clock.loop, clock.speed = False, speed
    clock.seek(start)
    clock.playing = False
    clock.play()
    assert (clock.time, clock.playing) == (start, True)


def test_a_speed_of_nothing_is_not_the_end(clock):
    clock.loop, clock.speed = False, 0.0
    clock.advance(0.2)
    assert (clock.time, clock.playing) == (0.0, True)


def test_a_loop_plays_on_from_its_end(clock):
    clock.seek(10.0)
    clock.playing = False
    clock.play()
    assert clock.time == 10.0
    clock.advance(0.1)
    assert clock.time == pytest.approx(0.1)


@pytest.mark.parametrize(("asked", "got"), [(3.25, 3.25), (-1.0, 0.0), (11.0, 10.0), (math.inf, 10.0)])
@pytest.mark.parametrize("loop", [True, False])
def test_seeking_is_exact_and_stays_on_the_time_line(clock, asked, got, loop):
    clock.loop = loop
    clock.seek(asked)
    assert clock.time == got


@pytest.mark.parametrize("value", [1, 0.5, 1e6, Fraction(5, 2), np.float32(2.5), np.int16(3)])
def test_seconds_become_a_float(value):
    checked = checked_seconds("duration", value)
    assert checked == value
    assert type(checked) is float


@pytest.mark.parametrize("value", ["1", None, True, [1.0], 1j])
def test_what_is_no_number_of_seconds_is_named(value):
    with pytest.raises(TypeError, match=r"^duration must be a number of seconds, not "):
        checked_seconds("duration", value)


@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf, pytest.param(10**400, id="huge")])
def test_seconds_that_cannot_be_are_named(value):
    with pytest.raises(ValueError, match=r"^length must be more than 0 seconds, and finite, not "):
        checked_seconds("length", value)
