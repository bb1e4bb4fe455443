"""The figures a person sees, and the three wishes that can be made."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbpipe import progress
from nbpipe.progress import Meter, Progress, State, Steering

RUNNING = [State.RECORDING, State.PAUSED, State.FINISHING]


@st.composite
def lives(draw):
    """Snapshots of one recording in their order: frames only ever become more."""
    frames = draw(st.integers(1, 5000))
    drawn = sorted(draw(st.lists(st.integers(0, frames), max_size=10)))
    encoded = [draw(st.integers(0, n)) for n in drawn]
    encoded = [max(encoded[: i + 1]) for i in range(len(encoded))]
    snapshots = [Progress(State.RECORDING, d, frames, encoded=e) for d, e in zip(drawn, encoded, strict=True)]
    return [
        Progress(frames=frames),
        *snapshots,
        Progress(State.FINISHING, frames, frames, encoded=draw(st.integers(encoded[-1] if encoded else 0, frames))),
        Progress(State.FINISHING, frames, frames, encoded=frames),
        Progress(State.DONE, frames, frames, encoded=frames),
    ]


@given(lives())
def test_the_bar_never_goes_back(life):
    fractions = [snapshot.fraction for snapshot in life]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)


@given(lives())
def test_the_bar_is_full_only_when_the_file_is_there(life):
    assert [snapshot.state for snapshot in life if snapshot.fraction >= 1] == [State.DONE]


def test_a_recording_of_open_length_shows_no_fraction_until_it_is_done():
    assert Progress(State.RECORDING, 100).fraction == 0
    assert Progress(State.DONE, 100).fraction == 1


def test_one_that_was_stopped_does_not_claim_to_be_whole():
    assert 0 < Progress(State.STOPPED, 50, 100, encoded=50).fraction < 1


@pytest.mark.parametrize("state", State)
def test_three_states_are_for_ever(state):
    assert state.ended == (state in ("done", "stopped", "failed"))


def test_synced_means_nothing_is_queued():
    assert Progress(queued=0).synced
    assert not Progress(queued=1).synced


class TestSteering:
    def test_goes_on_until_told(self):
        steering = Steering()
        assert (steering.stopping, steering.paused) == (False, False)

    def test_pause_and_resume_can_be_repeated(self):
        steering = Steering()
        for _ in range(2):
            steering.pause()
            steering.pause()
            assert steering.paused
            steering.resume()
            assert not steering.paused

    def test_stop_ends_a_pause(self):
        steering = Steering()
        steering.pause()
        steering.stop()
        assert (steering.stopping, steering.paused) == (True, False)

    def test_nothing_undoes_a_stop(self):
        steering = Steering()
        steering.stop()
        steering.pause()
        steering.resume()
        steering.pause()
        assert (steering.stopping, steering.paused) == (True, False)
        steering.wait(3600)  # would time out if it were paused


class TestMeter:
    @pytest.fixture
    def clock(self, monkeypatch):
        clock = SimpleNamespace(now=100.0)
        monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
        return clock

    def test_shows_a_steady_rate(self, clock):
        meter = Meter()
        rates = []
        for frame in range(200):
            rates.append(meter.rate(frame))
            clock.now += 1 / 64
        assert rates[0] == 0
        assert set(rates[1:]) == {64}

    def test_follows_a_change_within_about_a_second(self, clock):
        meter = Meter()
        for frame in range(100):
            meter.rate(frame)
            clock.now += 1 / 64
        for frame in range(100, 120):
            rate = meter.rate(frame)
            clock.now += 1 / 8
        assert rate == 8

    def test_still_shows_a_rate_slower_than_its_window(self, clock):
        meter = Meter()
        meter.rate(0)
        for frame in range(1, 4):
            clock.now += 4
            assert meter.rate(frame) == 1 / 4

    def test_survives_a_clock_that_stands(self, clock):
        meter = Meter()
        assert [meter.rate(0), meter.rate(5)] == [0, 0]

    def test_what_is_left_is_that_of_the_slower_half(self, clock):
        meter, drawn, encoded = Meter(), 0, 0
        for _ in range(40):
            drawn, encoded, clock.now = drawn + 16, encoded + 4, clock.now + 1
            meter.rate(drawn)
            left = meter.eta(drawn, encoded, 1000)
        assert left == (1000 - 160) / 4
        meter.rate(1000)
        clock.now += 1
        assert meter.eta(1000, 164, 1000) == (1000 - 164) / 4, "all is drawn"

    def test_nothing_is_said_of_what_is_left_before_the_encoder_has_given_any(self, clock):
        meter = Meter()
        for frame in range(1, 40):
            clock.now += 1 / 8
            meter.rate(frame)
            assert meter.eta(frame, 0, 1000) is None
            assert meter.eta(frame, frame, None) is None, "nor of a recording of open length"

    def test_counts_pauses_as_elapsed(self, clock):
        meter = Meter()
        clock.now += 30
        assert meter.elapsed == 30

    @pytest.mark.parametrize(
        ("drawing", "waiting", "converting", "named"),
        [
            (0.1, 0.3, 0.4, ""),
            (1, 0, 0, "rendering"),
            (1, 0.05, 0.4, "rendering"),
            (1, 0.05, 0.6, "converting"),
            (1, 0.5, 0.1, "encoding"),
            (1, 0.5, 0.8, "encoding"),
            (0, 1, 0, "encoding"),
        ],
    )
    def test_names_the_bottleneck_once_it_is_clear(self, drawing, waiting, converting, named, clock):
        meter = Meter()
        meter.drawing, meter.waiting = drawing, waiting
        clock.now += drawing + waiting
        meter.converted(converting)
        assert meter.bottleneck == named

    def test_what_a_program_does_between_its_pictures_is_drawing_and_a_pause_is_not(self, clock):
        meter = Meter()
        clock.now += 2
        meter.drawing = 1
        meter.converted(0.9)
        assert meter.bottleneck == "rendering"
        clock.now += 10
        meter.rest(10)
        clock.now += 0.1
        meter.converted(1.1)
        assert meter.bottleneck == "converting"
