"""`Video.stats` names the work that nobody sees, and the straight road has none: no copy and no memory but the slots."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from watermark import painted

import nbpipe
from nbpipe.gl.memory import HostMemory, PixelBuffer
from nbpipe.gl.source import picture_source
from nbpipe.scene.adapters import BufferPicture, Pictures

SIZE = (320, 192)
FRAME = SIZE[0] * SIZE[1] * 3
MIRRORED = {
    "mirrored": lambda array: array[:, ::-1],
    "BGR": lambda array: array[..., ::-1],
    "column by column": np.asfortranarray,
    "every other row": lambda array: np.repeat(array, 2, axis=0)[::2],
    "one shade for all": lambda array: np.broadcast_to(array[:1, :1], array.shape),
}


class Owner:
    """Makes pictures of every kind, and releases them."""

    def __init__(self, ctx):
        self.ctx, self.made = ctx, []

    def picture(self, kind):
        if kind in ("uint8", "uint16"):
            return np.ascontiguousarray(painted(0, *SIZE), dtype=kind)
        if kind == "buffer":
            return self.kept(self.ctx.buffer(painted(0, *SIZE)[::-1].tobytes()))
        kind, dtype = kind.split()
        texture = self.kept(self.ctx.texture(SIZE, 4, dtype=dtype))
        return texture if kind == "texture" else self.kept(self.ctx.framebuffer([texture]))

    def kept(self, made):
        self.made.append(made)
        return made


@pytest.fixture
def owner(ctx):
    owner = Owner(ctx)
    yield owner
    for made in reversed(owner.made):
        made.release()


def stats(picture, count=20, conversion="cpu", **options):
    with nbpipe.open("out.mkv", SIZE, conversion=conversion, **options) as video:
        assert video.stats.frames == 0
        for number in range(count):
            video.write(picture)
            assert video.stats.frames == number + 1
    return video.stats


def hidden(found):
    return found.not_contiguous, found.converted, found.extra_copies


@pytest.mark.parametrize("kind", ["uint8", "uint16", "buffer", "texture f1", "texture nu1", "framebuffer f1"])
def test_the_straight_road_has_no_hidden_work(kind, owner):
    assert hidden(stats(owner.picture(kind))) == (0, 0, 0)


@pytest.mark.parametrize("kind", ["texture nu2", "framebuffer nu2"])
def test_sixteen_bits_are_the_straight_road_to_ten(kind, owner):
    assert hidden(stats(owner.picture(kind), codec="ffv1", pixel_format="yuv420p10le")) == (0, 0, 0)


@pytest.mark.parametrize("view", MIRRORED.values(), ids=MIRRORED)
def test_arrays_that_are_gathered_are_counted(view):
    picture = painted(0, *SIZE)
    with nbpipe.open("out.mkv") as video:
        for array in (picture, view(picture), picture, view(picture)):
            video.write(array)
    assert (video.stats.frames, *hidden(video.stats)) == (4, 2, 0, 0)


@pytest.mark.parametrize(
    ("kind", "pixel_format"),
    [("texture f4", "yuv420p"), ("framebuffer f2", "yuv420p"), ("texture f1", "yuv420p10le")],
)
def test_numbers_that_the_gl_converts_are_counted(kind, pixel_format, owner):
    found = stats(owner.picture(kind), codec="ffv1", pixel_format=pixel_format)
    assert hidden(found) == (0, 20, 0)


@pytest.mark.parametrize("kind", ["texture f1", "framebuffer f1"])
def test_the_copy_that_the_gpus_conversion_needs_is_counted(kind, owner):
    assert hidden(stats(owner.picture(kind), conversion="gpu")) == (0, 0, 20)


def test_what_is_refused_or_comes_after_stop_is_not_counted():
    video = nbpipe.open("out.mkv")
    video.write(painted(0, *SIZE))
    video.recording.stop()
    while video.write(painted(0, *SIZE)[:, ::-1]):
        pass
    video.close()
    assert video.stats.frames == video.recording.frames_written
    with nbpipe.open("other.mkv") as video, pytest.raises(nbpipe.SceneError):
        video.write("text")
    assert video.stats.frames == 0


@pytest.mark.parametrize("kind", ["uint8", "mirrored", "uint16", "buffer", "texture f1", "framebuffer f1"])
def test_two_hundred_frames_take_the_memory_of_the_first(kind, owner, monkeypatch):
    made = []
    for memory in (HostMemory, PixelBuffer):
        monkeypatch.setattr(memory, "__init__", counted(memory.__init__, made))
    picture = owner.picture("uint8")[:, ::-1] if kind == "mirrored" else owner.picture(kind)
    with nbpipe.open("out.mkv", SIZE, preset="ultrafast") as video:
        video.write(picture)
        before = len(made)
        assert before >= 3
        for _ in range(9):
            video.write(picture)
        tracemalloc.start()
        try:
            for _ in range(190):
                video.write(picture)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert len(made) == before
        assert peak < FRAME / 2
    assert video.stats.frames == 200


def counted(make, made):
    def init(self, *arguments):
        made.append(type(self))
        make(self, *arguments)

    return init


@pytest.mark.parametrize("kind", ["uint8", "uint16", "buffer"])
def test_the_thumbnail_has_eight_bits_and_is_upright(kind, ctx):
    size = (2560, 480)  # four times the width of a thumbnail
    picture = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    if kind == "buffer":
        buffer = ctx.buffer(picture[::-1].tobytes())
        given = BufferPicture(buffer, size, 3)
    else:
        given = picture if kind == "uint8" else picture.astype(np.uint16) * 257
    source = picture_source(Pictures([given]), size)
    with source.current():
        memory = source.memory()
        assert source.draw(0)
        source.read(memory)
        source.shrink()
        memory.view[:] = bytes(len(memory.view))  # the slot goes on
        small = source.thumbnail()
        assert source.thumbnail() is None
        source.release()
    assert small.dtype == np.uint8
    assert np.array_equal(small, picture[::4, ::4])
    if kind == "buffer":
        buffer.release()
