"""`nbpipe.frames`: every frame once and whole, in memory that is not written to while anybody can see it."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import os
import queue
import random
import socket
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from watermark import Watermark, number_in, painted

import nbpipe
from nbpipe.gl.context import context
from nbpipe.gl.loan import Pool
from nbpipe.gl.memory import HostMemory, PixelBuffer

SIZE = (64, 48)
FRAME = 64 * 48 * 4

VIEWS = {
    "itself": lambda a: a,
    "slice": lambda a: a[4:8, ::2],
    "upside down": lambda a: a[::-1],
    "reshaped": lambda a: a.reshape(-1),
    "transposed": lambda a: a.T,
    "other numbers": lambda a: a.view(np.uint32),
    "asarray of a slice": lambda a: np.asarray(a[..., :3]),
    "memoryview": memoryview,
    "memoryview of a slice": lambda a: memoryview(a[2:])[1:],
    "cast memoryview": lambda a: memoryview(a).cast("B")[3:],
    "frombuffer": lambda a: np.frombuffer(a, np.uint16),
    "broadcast": lambda a: np.broadcast_to(a, (2, *a.shape)),
    "strides": lambda a: np.lib.stride_tricks.as_strided(a, (4,), (2,)),
    "masked": lambda a: np.ma.masked_array(a, copy=False),
    "subclass": lambda a: a.view(np.recarray),
    "rows": list,
    "iterator": iter,
    "its base": lambda a: a.base,
    "the base of its base": lambda a: a.base.base,
    "array interface": lambda a: np.asarray(
        type("Other", (), {"a": a, "__array_interface__": a.__array_interface__})()
    ),
}


def number(picture):
    white = np.iinfo(picture.dtype).max if picture.dtype.kind == "u" else 1
    return number_in(picture[..., :3].mean(axis=2) * (255 / white))


def pool_of(pictures):
    return pictures._pool


def paint(shade):
    """A scene of one colour that depends on the frame."""
    return lambda frame: frame.fbo.clear(*shade(frame.index))


# What a frame is


@pytest.mark.parametrize("size", [(64, 48), (161, 97), (17, 1080), (320, 1)])
def test_a_frame_is_a_contiguous_readonly_array_upright(size):
    for index, picture in enumerate(nbpipe.frames(Watermark(), size=size, frames=3)):
        assert picture.shape == (size[1], size[0], 4)
        assert picture.dtype == np.uint8
        assert picture.flags.c_contiguous
        assert not picture.flags.writeable
        assert np.abs(picture.astype(int) - painted(index, *size, channels=4)).max() <= 1
    assert index == 2


@pytest.mark.parametrize("samples", [0, 4])
@pytest.mark.parametrize("extension", [True, False], ids=["the GL packs upside down", "a blit turns"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32"])
def test_each_dtype_is_upright_both_ways(dtype, extension, samples, monkeypatch):
    if not extension:
        real = nbpipe.gl.stage.Stage.__init__

        def without(stage, *arguments):
            real(stage, *arguments)
            stage._inverts = False

        monkeypatch.setattr(nbpipe.gl.stage.Stage, "__init__", without)
    most = np.iinfo(dtype).max if dtype.startswith("u") else 1
    for index, picture in enumerate(nbpipe.frames(Watermark(), size=SIZE, frames=3, dtype=dtype, samples=samples)):
        assert picture.dtype == dtype
        assert picture.flags.c_contiguous
        expected = painted(index, *SIZE, channels=4) / 255
        assert np.abs(picture / most - expected).max() < 0.005


@pytest.mark.parametrize("samples", [0, 4])
@pytest.mark.parametrize("dtype", ["float16", "float32", np.float16, np.dtype("float32")])
def test_floats_keep_what_is_brighter_than_white(dtype, samples):
    values = [(-0.25, 1.5, 1000.0, 2.0), (0.1, 3.25, 60000.0, 0.5)]
    kept = list(nbpipe.frames(paint(values.__getitem__), size=SIZE, frames=2, dtype=dtype, samples=samples))
    for picture, value in zip(kept, values, strict=True):
        assert (picture == np.array(value, dtype)).all()


@pytest.mark.parametrize("samples", [0, 4])
def test_sixteen_bits_are_sixteen_bits(samples):
    scene = paint(lambda _: (12345 / 65535, 1.5, -1, 1))
    (picture,) = nbpipe.frames(scene, size=SIZE, frames=1, dtype="uint16", samples=samples)
    assert (picture == (12345, 65535, 0, 65535)).all()


def test_it_is_no_copy():
    """The array's address lies in memory that a slot of the pool has; and what it costs is counted in slots."""
    pictures = nbpipe.frames(Watermark(), size=SIZE, frames=5)
    seen = []
    pool_of(pictures)._make, make = lambda: seen.append(make()) or seen[-1], pool_of(pictures)._make
    kept = list(pictures)
    assert len(seen) == 5
    assert all(type(memory) is PixelBuffer for memory in seen)
    for picture, memory in zip(kept, seen, strict=True):
        assert np.shares_memory(picture, np.frombuffer(memory.view, np.uint8))
        assert picture.ctypes.data == np.frombuffer(memory.view, np.uint8).ctypes.data
    del seen[:], memory


def test_a_consumer_that_keeps_nothing_costs_three_slots():
    pictures = nbpipe.frames(Watermark(), size=SIZE, frames=40)
    addresses = {picture.ctypes.data for picture in pictures}
    assert len(addresses) <= 3


def test_a_socket_takes_it_as_it_is():
    one, other = socket.socketpair()
    with one, other:
        for picture in nbpipe.frames(Watermark(), size=SIZE, frames=3):
            one.sendall(picture)
            assert other.recv(FRAME, socket.MSG_WAITALL) == picture.tobytes()


@pytest.mark.parametrize(
    "how",
    [
        lambda a: a.__setitem__(0, 0),
        lambda a: a.setflags(write=True),
        lambda a: a[1:].setflags(write=True),
        lambda a: a.view(np.uint32).setflags(write=True),
        lambda a: a.base.setflags(write=True),
        lambda a: a.base.base.__setitem__(0, 0),
        lambda a: a.base.base.obj.setflags(write=True),
        lambda a: np.frombuffer(a, np.uint8).setflags(write=True),
        lambda a: memoryview(a).__setitem__((0, 0, 0), 0),
        lambda a: np.copyto(a, 0),
        lambda a: a.sort(),
    ],
)
@pytest.mark.parametrize("own", [False, True])
def test_it_cannot_be_written_to(how, own, own_context):
    with own_context if own else contextlib.nullcontext():
        (picture,) = nbpipe.frames(Watermark(), size=SIZE, frames=1, ctx=own_context if own else None)
        with pytest.raises((ValueError, TypeError)):
            how(picture)
        assert number(picture) == 0


# Iterating


def test_without_a_length_it_goes_on_until_you_stop():
    seen = []
    pictures = nbpipe.frames(lambda frame: seen.append(frame.frames), size=SIZE)
    for _, _ in zip(range(400), pictures, strict=False):
        pass
    assert set(seen) == {None}
    pictures.close()


def test_a_duration_counts_frames():
    assert sum(1 for _ in nbpipe.frames(Watermark(), size=SIZE, fps=30, duration=0.5)) == 15


def test_the_default_size_is_that_of_record():
    with nbpipe.frames(Watermark()) as pictures:
        assert next(pictures).shape == (720, 1280, 4)


def test_one_frame_is_read_while_the_next_is_drawn():
    scene = Watermark()
    pictures = nbpipe.frames(scene, size=SIZE, frames=10)
    for count in range(2, 10):
        next(pictures)
        assert len(scene.times) == count
    pictures.close()


def test_after_the_end_it_stays_ended_and_the_scene_is_released():
    scene = Watermark()
    pictures = nbpipe.frames(scene, size=SIZE, frames=2)
    assert len(list(pictures)) == 2
    assert scene.released
    assert list(pictures) == []
    pictures.close()


@pytest.mark.parametrize("way", ["close", "with", "break", "drop", "cycle"])
def test_it_may_end_early(way):
    scene = Watermark()
    pictures = nbpipe.frames(scene, size=SIZE)
    first = next(pictures)
    if way == "close":
        pictures.close()
        assert next(pictures, None) is None
    elif way == "with":
        with pictures:
            next(pictures)
    elif way == "break":
        for _ in pictures:
            break
    elif way == "cycle":
        pictures.itself = pictures
    del pictures
    gc.collect()
    assert scene.released
    assert number(first) == 0


def test_an_exception_rises_after_the_frames_before_it():
    class Failing(Watermark):
        def render(self, frame):
            if frame.index == 3:
                raise ZeroDivisionError
            super().render(frame)

    scene, seen = Failing(), []
    pictures = nbpipe.frames(scene, size=SIZE, frames=9)
    with pytest.raises(ZeroDivisionError):
        seen.extend(map(number, pictures))
    assert seen == [0, 1, 2]
    assert scene.released
    assert list(pictures) == []


def test_a_stop_iteration_of_the_scene_is_not_its_end():
    with pytest.raises(nbpipe.SceneError, match="the scene raised StopIteration"):
        list(nbpipe.frames(lambda frame: next(iter([])), size=SIZE, frames=3))


def test_an_interrupt_ends_it():
    def scene(frame):
        if frame.index == 3:
            raise KeyboardInterrupt

    pictures = nbpipe.frames(scene, size=SIZE, frames=9)
    with pytest.raises(KeyboardInterrupt):
        list(pictures)
    assert list(pictures) == []


def test_a_scene_that_fails_to_be_released_ruins_nothing(caplog):
    class Failing(Watermark):
        def release(self):
            super().release()
            raise ZeroDivisionError

    with caplog.at_level(logging.ERROR, "nbpipe"):
        assert sum(1 for _ in nbpipe.frames(Failing(), size=SIZE, frames=2)) == 2
    assert "was ignored" in caplog.text


def test_every_kind_of_scene_is_taken(ctx):
    glsl = "void mainImage(out vec4 color, in vec2 point) { color = vec4(0.0, 1.0, 0.0, 1.0); }"
    (picture,) = nbpipe.frames(glsl, size=SIZE, frames=1)
    assert (picture == (0, 255, 0, 255)).all()

    arrays = [painted(n, *SIZE) for n in range(3)]
    for array, got in zip(arrays, nbpipe.frames(iter(arrays)), strict=True):
        assert np.array_equal(array, got)
        assert not got.flags.writeable

    deep = np.random.default_rng(0).integers(0, 65536, (3, 48, 64, 3), np.uint16)
    for array, got in zip(deep, nbpipe.frames(deep, dtype="uint16"), strict=True):
        assert got.dtype == np.uint16
        assert np.array_equal(array, got)

    textures = [ctx.texture(SIZE, 4, painted(n, *SIZE, channels=4)[::-1].tobytes()) for n in range(3)]
    assert [number(picture) for picture in nbpipe.frames(textures)] == [0, 1, 2]
    bright = ctx.texture(SIZE, 4, np.full(FRAME, 7.5, "f4"), dtype="f4")
    (picture,) = nbpipe.frames([bright], dtype="float32")
    assert (picture == 7.5).all()
    for texture in (*textures, bright):
        texture.release()


def test_pictures_that_end_too_early_are_all_given_first():
    pictures, seen = nbpipe.frames(iter([painted(n, *SIZE) for n in range(3)]), frames=5), []
    with pytest.raises(nbpipe.SceneError, match="ended after 3 of 5 frames"):
        seen.extend(map(number, pictures))
    assert seen == [0, 1, 2]


# What is on loan


@pytest.mark.parametrize("kind", VIEWS)
@pytest.mark.parametrize("own", [False, True], ids=["mapped", "plain"])
def test_any_view_holds_the_slot_and_nothing_else_does(kind, own, own_context):
    with own_context if own else contextlib.nullcontext():
        pictures = nbpipe.frames(Watermark(), size=SIZE, ctx=own_context if own else None)
        picture = next(pictures)
        view = VIEWS[kind](picture)
        del picture
        assert pool_of(pictures).on_loan == 1
        del view
        gc.collect()
        assert pool_of(pictures).on_loan == 0
        pictures.close()


MOVES = st.lists(st.tuples(st.sampled_from(["keep", "drop", "slice", "thread"]), st.integers(0, 99)), max_size=60)


@settings(max_examples=40)
@given(moves=MOVES, close_at=st.integers(0, 60))
def test_what_is_kept_never_changes_whatever_is_dropped(moves, close_at):
    pictures, kept, count = nbpipe.frames(Watermark(), size=SIZE, memory=FRAME * 40), {}, 0
    for turn, (move, which) in enumerate(moves):
        if turn == close_at:
            pictures.close()
        picture = next(pictures, None) if len(kept) < 35 else None
        if picture is not None:
            kept[count] = picture
            count += 1
        del picture
        if kept and move != "keep":
            key = sorted(kept)[which % len(kept)]
            if move == "slice":
                kept[key] = kept[key][::-1][::-1]
            else:
                held = [kept.pop(key)]
                if move == "thread":
                    thread = threading.Thread(target=held.clear)
                    thread.start()
                    thread.join()
                del held
        assert [number(kept[key]) for key in kept] == list(kept)
    pictures.close()
    assert [number(kept[key]) for key in kept] == list(kept)


class Consumer(threading.Thread):
    """Checks each frame, keeps it for a while, and checks it again before letting go, in an order of its own."""

    def __init__(self, inbox, seed):
        super().__init__()
        self.inbox, self.chance = inbox, random.Random(seed)
        self.wrong, self.seen = [], []

    def run(self):
        held = []
        while (item := self.inbox.get()) is not None:
            self.look(*item)
            held.append(item)
            del item
            if len(held) > 6:
                self.let_go(held, self.chance.randint(1, 6))
        self.let_go(held, len(held))

    def let_go(self, held, count):
        for _ in range(count):
            index, view = held.pop(self.chance.randrange(len(held)))
            self.look(index, view)
            self.seen.append(index)

    def look(self, index, view):
        if number(np.asarray(view)) != index:
            self.wrong.append(index)


def test_many_threads_look_and_let_go_while_frames_come():
    inbox = queue.SimpleQueue()
    consumers = [Consumer(inbox, seed) for seed in range(4)]
    for consumer in consumers:
        consumer.start()
    pictures = nbpipe.frames(Watermark(), size=SIZE, frames=600)
    for index, picture in enumerate(pictures):
        inbox.put((index, memoryview(picture) if index % 3 else picture[:]))
    for _ in consumers:
        inbox.put(None)
    for consumer in consumers:
        consumer.join()
    assert [consumer.wrong for consumer in consumers] == [[]] * 4
    assert sorted(index for consumer in consumers for index in consumer.seen) == list(range(600))


def test_frames_outlive_everything_else(own_context):
    """The iterator, the scene's context, other recordings; a slice outlives its array."""
    with own_context:
        of_theirs = [p[8:] for p in nbpipe.frames(Watermark(), size=SIZE, frames=6, ctx=own_context)]
        of_ours = [p[8:] for p in nbpipe.frames(Watermark(), size=SIZE, frames=6)]
    own_context.release()
    gc.collect()
    nbpipe.record(Watermark(), "other.mp4", size=SIZE, frames=40)
    for kept in (of_theirs, of_ours):
        for index, picture in enumerate(kept):
            assert np.array_equal(picture > 127, painted(index, *SIZE, channels=4)[8:] > 127)


def test_a_users_context_lends_plain_memory_and_ours_lends_mapped_memory(own_context):
    for ctx, kind in ((own_context, HostMemory), (context().ctx, PixelBuffer), (None, PixelBuffer)):
        with own_context, nbpipe.frames(Watermark(), size=SIZE, ctx=ctx) as pictures:
            next(pictures)
            assert {type(memory) for memory in pool_of(pictures)._filling} == {kind}


def test_the_pool_grows_up_to_its_budget_and_says_what_to_do():
    pictures = nbpipe.frames(Watermark(), size=SIZE, memory=FRAME * 5 + 1)
    kept = [next(pictures) for _ in range(5)]
    for _ in range(2):  # asking again harms nothing
        with pytest.raises(nbpipe.NbpipeError, match=r"all 5 frames .* being held; drop .* copies .* more memory="):
            next(pictures)
    assert [number(picture) for picture in kept] == [0, 1, 2, 3, 4]
    del kept[1:3]
    kept += [next(pictures), next(pictures)]
    assert [number(picture) for picture in kept] == [0, 3, 4, 5, 6]
    with pytest.raises(nbpipe.NbpipeError):
        next(pictures)
    pictures.close()


def test_all_frames_of_an_endless_scene_end_with_the_budget_however_small_they_are():
    with pytest.raises(nbpipe.NbpipeError, match="all 16 frames"):
        list(nbpipe.frames(lambda frame: None, size=(1, 1), memory=128 << 10))
    with nbpipe.frames(lambda frame: None, size=(1, 1), memory=8) as pictures:
        assert [next(pictures).shape, next(pictures).shape] == [(1, 1, 4)] * 2


def test_a_budget_of_two_frames_is_enough_to_iterate():
    assert [number(picture) for picture in nbpipe.frames(Watermark(), size=SIZE, frames=9, memory=FRAME * 2)] == [
        *range(9)
    ]


# What is given back


def living(ctx=None):
    """How many buffers, textures, renderbuffers and framebuffers there are in a context."""
    counts, where = [], context(ctx)
    with where.current():
        where.collect()
        ctx = where.ctx
        colours = ctx.texture((4, 4), 4), ctx.renderbuffer((4, 4))
        made = [ctx.buffer(reserve=16), *colours, ctx.framebuffer([colours[0]])]
        names = [thing.glo for thing in made]  # each the highest of its kind
        for thing in reversed(made):
            thing.release()
        for kind, highest in zip(("Buffer", "Texture", "Renderbuffer", "Framebuffer"), names, strict=True):
            address = nbpipe.gl._calls.calls()._egl.eglGetProcAddress(f"glIs{kind}".encode())
            exists = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_uint)(address)
            counts.append(sum(exists(name) for name in range(1, highest + 1)))
    return counts


def end_early(pictures):
    next(pictures)


def exhaust(pictures):
    list(pictures)


def keep_until_later(pictures):
    kept = [next(pictures) for _ in range(3)]
    pictures.close()
    assert [number(picture) for picture in kept] == [0, 1, 2]


def keep_on_a_thread(pictures):
    kept = [next(pictures) for _ in range(3)]
    del pictures
    thread = threading.Thread(target=kept.clear)
    thread.start()
    thread.join()


def drop_on_a_thread(pictures):
    next(pictures)
    held = [pictures]
    del pictures
    thread = threading.Thread(target=held.clear)
    thread.start()
    thread.join()


def fail(pictures):
    pictures._source.draw = lambda index: 1 / 0
    with pytest.raises(ZeroDivisionError):
        next(pictures)


def never_begin(pictures):
    pass


@pytest.mark.parametrize(
    "way", [end_early, exhaust, keep_until_later, keep_on_a_thread, drop_on_a_thread, fail, never_begin]
)
@pytest.mark.parametrize("samples", [0, 4])
def test_no_object_of_the_gl_is_left(way, samples):
    scenes = []

    def run():
        scenes.append(Watermark())
        pictures = [
            nbpipe.frames(scenes[-1], size=SIZE, frames=5, samples=samples, dtype="float16" if samples else "uint8")
        ]
        with contextlib.suppress(ZeroDivisionError):
            way(pictures.pop())
        gc.collect()

    run()
    before = living()
    for _ in range(5):
        run()
    assert living() == before
    assert all(scene.released for scene in scenes)


def test_closing_gives_back_at_once_what_is_not_on_loan():
    pictures = nbpipe.frames(Watermark(), size=SIZE)
    before = living()[0]
    kept = [next(pictures) for _ in range(4)]
    del kept[:2]
    assert living()[0] == before + 5
    pictures.close()
    assert not any(hasattr(dropped, "release") for dropped in context().ctx.objects), "left to the next recording"
    assert living()[0] == before - 1 + len(kept), "the preview's buffer is gone as well"


def test_what_is_on_loan_at_the_end_is_unmapped_when_it_has_come_back():
    before = living()
    kept = list(nbpipe.frames(Watermark(), size=SIZE, frames=20))
    assert living() != before
    thread = threading.Thread(target=kept.clear)
    thread.start()
    thread.join()
    assert living() == before


def test_each_frame_goes_by_itself_once_it_has_ended():
    pictures = nbpipe.frames(Watermark(), size=SIZE, frames=3)
    kept = list(pictures)
    for _ in range(3):
        before = living()[0]
        kept.pop()
        assert living()[0] == before - 1
    assert list(pictures) == []


@pytest.mark.parametrize("way", [end_early, exhaust, keep_until_later, keep_on_a_thread, fail, never_begin])
def test_no_object_is_left_in_a_users_context(way, own_context):
    with own_context:
        before = living(own_context)
        scene = Watermark()
        held = [nbpipe.frames(scene, size=SIZE, frames=5, samples=4, ctx=own_context)]
        way(held.pop())
        assert scene.released
        assert living(own_context) == before


def test_a_dropped_iterator_waits_for_the_drawing_under_way():
    inner, at_once = [], []

    def scene(frame):
        inner.append(Watermark())
        for _ in nbpipe.frames(inner[-1], size=(16, 16)):
            break
        at_once.append(inner[-1].released)
        frame.fbo.use()
        frame.fbo.clear(frame.index / 255)

    seen = [picture[0, 0, 0] for picture in nbpipe.frames(scene, size=SIZE, frames=4)]
    assert seen == [0, 1, 2, 3]
    assert at_once == [False] * 4
    assert all(scene.released for scene in inner)


# Whose context, whose thread


def test_in_the_users_context(own_context):
    with own_context:
        fbo = own_context.simple_framebuffer((8, 8))
        fbo.use()
        for index, picture in enumerate(nbpipe.frames(Watermark(own_context), size=SIZE, frames=5)):
            assert number(picture) == index
            assert own_context.fbo is fbo
    assert own_context.error == "GL_NO_ERROR"


def test_a_consumer_may_use_a_context_of_its_own_in_between(own_context):
    calls = nbpipe.gl._calls.calls()
    with own_context:
        theirs = calls.current()
        mine = own_context.simple_framebuffer((8, 8))
        for index, picture in enumerate(nbpipe.frames(Watermark(), size=SIZE, frames=6)):
            assert calls.current() == theirs
            assert number(picture) == index
            mine.use()
            mine.clear(index / 255)
            assert mine.read()[0] == index
            mine.viewport = (0, 0, 3, 3)


def on_a_thread(call):
    said = []

    def run():
        try:
            said.append(call())
        except BaseException as error:  # noqa: BLE001  it is looked at
            said.append(error)

    thread = threading.Thread(target=run, name="elsewhere")
    thread.start()
    thread.join()
    return said[0]


def test_on_another_thread_it_refuses_and_goes_on_here():
    pictures = nbpipe.frames(Watermark(), size=SIZE, frames=4)
    assert number(next(pictures)) == 0
    for call in (lambda: next(pictures), pictures.close, lambda: list(pictures)):
        assert isinstance(on_a_thread(call), nbpipe.WrongThread)
    assert [number(picture) for picture in pictures] == [1, 2, 3]


def test_dropped_on_another_thread_it_is_released_on_its_own():
    class Looking(Watermark):
        def release(self):
            super().release()
            self.thread = threading.current_thread()

    scene = Looking()
    held = [nbpipe.frames(scene, size=SIZE)]
    kept = next(held[0])
    on_a_thread(held.clear)
    assert not scene.released
    with context().current():
        pass
    assert scene.thread is threading.current_thread()
    assert number(kept) == 0


@pytest.mark.parametrize("keep", ["iterator", "arrays", "both"])
def test_the_interpreter_may_end_in_the_middle(keep):
    """What is kept can be looked at until the very end, by a thread or by what runs at exit."""
    code = f"""
import atexit
from watermark import Watermark, number_in
kept = []
atexit.register(lambda: print([number_in(picture[..., 0]) for picture in kept]))
import nbpipe
class Scene(Watermark):
    def release(self):
        super().release()
        print("released")
pictures = nbpipe.frames(Scene(), size=(1280, 720))
kept += [next(pictures) for _ in range(3)]
if {keep!r} == "iterator": kept.clear()
if {keep!r} == "arrays": del pictures
"""
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    expected = [] if keep == "iterator" else [0, 1, 2]
    assert (done.stdout, done.stderr) == (f"released\n{expected}\n", "")


# Bad arguments


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"size": (0, 10)}, ValueError, "size must be at least 1x1"),
        ({"size": 3}, TypeError, "size must be"),
        ({"fps": 0}, ValueError, "fps must lie between"),
        ({"frames": 0}, ValueError, "frames must be at least 1"),
        ({"frames": 3, "duration": 3}, TypeError, "not both"),
        ({"samples": -1}, ValueError, "samples must not be negative"),
        (
            {"dtype": "float64"},
            ValueError,
            "dtype must be one of 'uint8', 'uint16', 'float16', 'float32', not 'float64'",
        ),
        ({"dtype": None}, ValueError, "dtype must be one of"),
        ({"dtype": ">u2"}, ValueError, "dtype must be one of"),
        ({"dtype": "colours"}, TypeError, "dtype must be one of .*'colours'"),
        ({"memory": 1.5}, TypeError, "memory must be a whole number of bytes, not 1.5"),
        ({"memory": True}, TypeError, "memory"),
        (
            {"memory": FRAME},
            ValueError,
            f"memory must hold at least 2 frames, which are {2 * FRAME} bytes for 64x48 in uint8",
        ),
        ({"dtype": "float32", "memory": 7 * FRAME}, ValueError, f"{8 * FRAME} bytes for 64x48 in float32"),
        ({"scene": 7}, TypeError, "scene must be a GLSL string"),
        ({"scene": [np.zeros((4, 4, 3), np.uint8)], "dtype": "uint16"}, ValueError, "dtype must be 'uint8' for these"),
        ({"scene": [np.zeros((4, 4, 3), np.uint16)]}, ValueError, "dtype must be 'uint16' for these"),
        ({"scene": []}, nbpipe.SceneError, "no picture at all"),
        ({"scene": "vec3 palette(float t);"}, nbpipe.SceneError, "no 'void mainImage"),
        ({"size": (1_000_000, 1)}, ValueError, r"size must be at most \d+ pixels on "),
        ({"samples": 4096}, ValueError, "samples must be a power of two"),
    ],
)
def test_bad_arguments(arguments, error, words):
    arguments = {"scene": Watermark(), "size": SIZE} | arguments
    if isinstance(arguments["scene"], list):
        del arguments["size"]
    before = living()
    with pytest.raises(error, match=words):
        nbpipe.frames(arguments.pop("scene"), **arguments)
    gc.collect()
    assert living() == before


# The pool by itself


class Slow:
    def __init__(self):
        self.view, self.asked, self.released = memoryview(bytearray(8)), 0, 0

    def arrived(self, timeout):
        assert 0 < timeout < 1
        self.asked += 1
        return self.asked > 3

    def release(self):
        self.released += 1


def test_lending_waits_for_the_gl_in_slices():
    pool = Pool(Slow, 2)
    memory = pool.spare()
    assert pool.spare() is memory, "not taken until a read is issued"
    pool.issued(memory)
    view = pool.lend()
    assert memory.asked == 4
    assert (pool.on_loan, pool.filling) == (1, 0)
    other = pool.spare()
    assert other is not memory
    pool.issued(other)
    assert pool.spare() is None
    del view
    assert pool.spare() is memory
    pool.release()
    pool.release()
    assert (memory.released, other.released) == (1, 1)
    assert pool.spare() is None


def test_a_slot_on_loan_is_not_released_with_the_pool():
    pool = Pool(Slow, 2)
    memory = pool.spare()
    pool.issued(memory)
    view = pool.lend()
    pool.release()
    alive = weakref.ref(memory)
    del memory
    assert bytes(view) == bytes(8)
    assert alive() is not None
    del view
    assert alive() is None


@pytest.mark.parametrize("ask", [next, nbpipe.pull.Frames.close])
def test_a_scene_that_asks_for_its_own_next_frame_is_told(ask):
    def draw(frame):
        if frame.index == 1:
            ask(pictures)

    pictures = nbpipe.frames(draw, size=SIZE, frames=3)
    assert len([next(pictures)]) == 1
    with pytest.raises(nbpipe.NbpipeError, match="a frame of this is being worked on"):
        next(pictures)
