"""Previews for a page: how many, which, and that no answer of a page can wedge or flood them."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st

from nbpipe.notebook import stream
from nbpipe.notebook.sink import RecordingSink
from nbpipe.notebook.stream import Middle, ThumbnailStream

PICTURE = np.zeros((8, 8, 3), np.uint8)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.just(object())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class Browser:
    """A stream, what arrived of it, and a clock."""

    def __init__(self, patch, frames=None):
        self.now = Fraction(1000)  # exact, so that a fifteenth of a second is four frames at 60 fps
        self.seen: list[int] = []
        self.jpegs: list[bytes] = []
        self.stream = ThumbnailStream(self.take, frames)
        patch.setattr(stream, "time", SimpleNamespace(monotonic=lambda: self.now))

    def take(self, message, buffers):
        self.message = message
        self.seen.append(message["index"])
        self.jpegs += buffers

    def record(self, frames, *, fps=60, start=0, answer=lambda index: None, picture=PICTURE):
        """Draw `frames` frames and show what is due, as the pipeline does; the page answers each at once."""
        before = len(self.seen)
        for index in range(start, start + frames):
            if self.stream.due(index) or self.stream.keeps(index):
                self.stream.offer(picture, index)
                answer(index)
            self.now += Fraction(1, fps)
        return len(self.seen) - before


@pytest.fixture
def page(monkeypatch):
    return Browser(monkeypatch)


def test_four_pictures_a_second_where_no_answer_can_come(page):
    assert page.record(600) == 40


def test_fifteen_a_second_for_a_browser_that_answers(page):
    page.stream.heard()
    assert page.record(600, answer=page.stream.ack) == 150


def test_no_more_than_there_are_frames(page):
    page.stream.heard()
    assert page.record(10, fps=5, answer=page.stream.ack) == 10


def test_a_slow_recording_shows_its_newest_frame(page):
    page.stream.heard()
    page.record(60, answer=page.stream.ack)
    assert page.seen == list(range(0, 60, 4))


def test_at_most_four_are_on_their_way(page):
    page.stream.heard()
    assert page.record(100) == 4
    page.stream.ack(page.seen[0])
    assert page.record(100, start=100) == 1
    page.stream.ack(page.seen[-1])
    assert page.record(20, start=200) == 4, "an answer to the last one stands for those before it"


def test_a_browser_that_has_gone_is_sent_one_a_second(page):
    page.stream.heard()
    page.record(120)
    assert page.record(600, start=120) == 10


def test_a_browser_that_comes_back_is_shown_all_again(page):
    page.stream.heard()
    page.record(1200)
    page.stream.ack(page.seen[-1])
    assert page.record(60, start=1200, answer=page.stream.ack) == 15


def test_the_last_frame_is_always_shown(monkeypatch):
    page = Browser(monkeypatch, frames=100)
    page.stream.heard()
    page.record(99, fps=6000)
    assert 99 not in page.seen
    assert page.stream.due(99)


@pytest.mark.parametrize("forged", [None, -1, 10**30, 1.0, 0.0, float("nan"), True, False, "0", [0], {}, b"0"])
def test_what_is_no_answer_gives_no_credit(page, forged):
    page.stream.heard()
    page.record(100)
    page.stream.ack(forged)
    assert page.record(20, start=100) == 0


def test_an_answer_that_is_repeated_gives_no_credit(page):
    page.stream.heard()
    page.record(100)
    page.stream.ack(0)
    assert page.record(20, start=100) == 1
    for _ in range(10):
        page.stream.ack(0)
    assert page.record(20, start=120) == 0


def test_an_answer_to_a_frame_that_is_yet_to_come_gives_no_credit(page):
    page.stream.heard()
    page.record(100)
    page.stream.ack(10_000)
    assert page.record(20, start=100) == 0


def test_an_older_answer_takes_no_credit_back(page):
    page.stream.heard()
    page.record(100)
    for index in reversed(page.seen[:4]):
        page.stream.ack(index)
    assert page.record(16, start=100) == 4


@settings(max_examples=50)
@given(st.lists(st.one_of(ANYTHING, st.integers(-5, 700)), max_size=30))
def test_no_answers_whatever_make_it_raise_flood_or_stop_for_ever(answers):
    with pytest.MonkeyPatch.context() as patch:
        page = Browser(patch)
        page.stream.heard()
        for number, answer in enumerate(answers):
            assert page.record(6, start=6 * number) <= 2
            page.stream.ack(answer)
        start = 6 * len(answers)
        assert page.record(300, start=start) >= 1, "it is probed"
        page.stream.ack(page.seen[-1])
        assert page.record(60, start=start + 300, answer=page.stream.ack) >= 14, "it recovers"


def test_two_views_answer_as_one(page):
    """The faster view sets the pace; the slower one's answers give nothing on top."""
    page.stream.heard()

    def both(index):
        page.stream.ack(index)
        page.stream.ack(page.seen[max(0, len(page.seen) - 3)])

    assert page.record(600, answer=both) == 150


def shade_of(jpeg):
    return int(simplejpeg.decode_jpeg(jpeg)[0, 0, 0])


def play(page, frames):
    """Show pictures whose shade is their frame's number."""
    for index in range(frames):
        page.record(1, start=index, picture=np.full((8, 8, 3), index, np.uint8))


@pytest.mark.parametrize(
    ("frames", "drawn", "middle"), [(100, 100, 50), (101, 101, 50), (100, 30, 15), (1, 1, 0), (2, 2, 1)]
)
def test_the_poster_is_the_middle_or_the_last_that_was_seen(monkeypatch, frames, drawn, middle):
    page = Browser(monkeypatch, frames)
    play(page, drawn)
    assert shade_of(page.stream.middle.jpeg) == middle


def test_the_poster_of_an_open_recording_is_the_last_picture(page):
    play(page, 100)
    assert shade_of(page.stream.middle.jpeg) == page.seen[-1] == 90


def test_there_is_no_poster_before_the_first_picture(page):
    assert page.stream.middle.jpeg == b""


def test_the_middle_of_a_recording_out_of_a_preview_is_made_though_nobody_looks():
    sink = RecordingSink(SimpleNamespace(ready=lambda: False), fps=60)
    sink.middle = Middle(100)
    for index in range(100):
        if sink.due(index) or sink.keeps(index):
            sink.offer(np.full((8, 8, 4), index, np.uint8), index)
    assert shade_of(sink.middle.jpeg) == 50


@pytest.mark.parametrize("channels", [3, 4])
def test_the_jpeg_is_the_picture(page, channels):
    y, x = np.mgrid[:90, :160]
    picture = np.stack([x, y * 2, 255 - x, np.zeros_like(x)], axis=-1).astype(np.uint8)[..., :channels]
    page.stream.offer(np.asfortranarray(picture), 7)
    assert page.message == {"type": "frame", "index": 7, "width": 160, "height": 90, "mime": "image/jpeg"}
    decoded = simplejpeg.decode_jpeg(page.jpegs[0]).astype(int)
    assert np.abs(decoded - picture[..., :3]).max() < 16
    assert np.abs(decoded - picture[..., :3]).mean() < 2
