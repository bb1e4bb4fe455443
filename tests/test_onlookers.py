"""Thumbnails on their way from a GPU, which llvmpipe has ready at once: which is begun, which is given up, which comes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from watermark import Watermark, numbers

from nbpipe import onlookers
from nbpipe.gl.source import SceneSource
from nbpipe.notebook.stream import Middle
from nbpipe.onlookers import Onlookers
from nbpipe.record import begin


class Late:
    """A source whose thumbnail comes when it has been looked for `looks` times since it was begun."""

    def __init__(self, looks):
        self.looks, self.begun, self.now = looks, [], None

    def shrink(self):
        self.begun.append(self.now)
        self.left = self.looks

    def thumbnail(self):
        self.left -= 1
        return np.full((2, 2, 3), self.begun[-1], np.uint8) if self.left == 0 else None


class Sink:
    """Wants every picture of `due`, and keeps the middle of `frames`."""

    def __init__(self, frames, due=()):
        self.middle, self.wanted, self.came = Middle(frames), due, []

    def due(self, index):
        return index in self.wanted

    def keeps(self, index):
        return self.middle.is_at(index)

    def offer(self, picture, index):
        assert (picture == index).all()
        self.came.append(index)
        self.middle.take(bytes([index]), index)


def watch(source, sink, frames):
    person = Onlookers([], sink)
    for source.now in range(frames):
        person.show(source)
        person.begin(source, source.now)
    for _ in range(source.looks):
        person.show(source)
    return sink.came


@pytest.fixture
def affordable(monkeypatch):
    """These look on at nothing that takes time, of which they could have a share."""
    monkeypatch.setattr(onlookers, "_SHARE", 1e9)


@pytest.mark.usefixtures("affordable")
def test_a_picture_under_way_is_not_begun_anew():
    source = Late(looks=3)
    assert watch(source, Sink(None, due=range(20)), 20) == source.begun == [0, 3, 6, 9, 12, 15, 18]


@pytest.mark.usefixtures("affordable")
@pytest.mark.parametrize("looks", [1, 2, 5])
def test_the_picture_that_is_kept_is_begun_once_whatever_is_under_way(looks):
    source = Late(looks)
    came = watch(source, Sink(100, due=[49]), 100)
    assert source.begun == [49, 50]
    assert came[-1] == 50


def test_after_a_first_picture_that_took_long_there_is_another_every_two_seconds(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(onlookers, "time", SimpleNamespace(monotonic=lambda: now[0]))

    class Slow(Sink):
        def offer(self, picture, index):
            super().offer(picture, index)
            now[0] += 30 if len(self.came) == 1 else 0

    source, sink = Late(looks=1), Slow(None, due=range(200))
    person = Onlookers([], sink)
    for source.now in range(40):
        person.show(source)
        person.begin(source, source.now)
        now[0] += 0.5
    assert sink.came[:4] == [0, 1, 5, 9]


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_recording_that_ends_before_its_middle_has_come_waits_for_it(frames, monkeypatch):
    """As `pipeline` does while FFmpeg finishes."""
    take, looks, kept = SceneSource.thumbnail, [], []

    def late(source):
        looks.append(1)
        return take(source) if len(looks) % 2 == 0 else None

    monkeypatch.setattr(SceneSource, "thumbnail", late)
    sink = Sink(frames)
    sink.offer = lambda picture, index: (kept.append(index), sink.middle.take(b"jpeg", index))
    _, drive = begin(Watermark(), "out.mp4", show=False, blocking=True, sink=sink, size=(64, 64), frames=frames)
    assert drive.wait()
    assert kept == [frames // 2]
    assert numbers("out.mp4") == list(range(frames))
