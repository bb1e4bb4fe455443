"""The threads' own contexts: each thread draws in its own, and leaves nothing behind when it ends."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import moderngl
import numpy as np
import pytest
from watermark import Watermark, numbers

import nbpipe
from nbpipe.gl._calls import calls
from nbpipe.gl.context import context

SIZE = (160, 96)


def on_a_thread(call):
    """Return what `call` gives on a thread that has ended."""
    with ThreadPoolExecutor(1) as elsewhere:
        return elsewhere.submit(call).result()


def test_threads_record_beside_each_other():
    together = threading.Barrier(3, timeout=60)

    def job(number):
        recording = nbpipe.record(Watermark(), f"{number}.mp4", size=SIZE, frames=60, wait=False)
        together.wait()
        recording.wait()

    with ThreadPoolExecutor(2) as pool:
        others = [pool.submit(job, number) for number in (1, 2)]
        job(0)
        for other in others:
            other.result()
    for number in range(3):
        assert numbers(f"{number}.mp4") == list(range(60))


def test_frames_outlive_the_thread_that_drew_them():
    pictures = on_a_thread(lambda: list(nbpipe.frames(Watermark(), size=SIZE, frames=4)))
    again = list(nbpipe.frames(Watermark(), size=SIZE, frames=4))
    on_a_thread(lambda: nbpipe.record(Watermark(), "out.mp4", size=SIZE, frames=4))
    assert all(np.array_equal(one, other) for one, other in zip(pictures, again, strict=True))


def test_a_context_ends_with_its_thread():
    def draw():
        next(nbpipe.frames(Watermark(), size=(64, 64), frames=1))

    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    for _ in range(8):
        on_a_thread(draw)
    before = resident()
    for _ in range(40):
        on_a_thread(draw)
    assert resident() - before < 40 * (1 << 18), "a context of llvmpipe that stays costs 4 MiB"


def test_the_own_context_of_another_thread_is_refused():
    ctx = context().ctx
    with pytest.raises(nbpipe.WrongThread, match="'MainThread'"):
        on_a_thread(lambda: nbpipe.record(Watermark(), "out.mp4", size=SIZE, frames=1, ctx=ctx))
    nbpipe.record(Watermark(), "out.mp4", size=SIZE, frames=1, ctx=ctx)


@pytest.mark.parametrize("used", [False, True])
def test_a_users_context_is_refused_where_it_is_not_current_and_works_on_where_it_is(used, own_context):
    def colour():
        (picture,) = nbpipe.frames(lambda frame: frame.fbo.clear(1, 0, 0), size=(8, 8), frames=1, ctx=own_context)
        return picture[0, 0].tolist()

    with own_context:
        if used:
            colour()
        with pytest.raises(nbpipe.WrongThread, match=r"on another thread than|belongs to thread 'MainThread'"):
            on_a_thread(colour)
        assert colour() == [255, 0, 0, 0]


def test_what_was_current_is_so_again_when_a_context_cannot_be_looked_at(own_context, monkeypatch):
    def interrupted(ctx):
        raise KeyboardInterrupt

    with context().current():
        before = calls().current()
        monkeypatch.setattr(moderngl.Context, "__enter__", interrupted)
        with pytest.raises(KeyboardInterrupt):
            context(own_context)
        assert calls().current() == before


def test_a_scene_that_releases_nbpipes_context_breaks_nothing():
    class Careless(Watermark):
        def release(self):
            super().release()
            context().ctx.release()

    # on another thread, because what is tested after this has objects in that of this one
    def careless():
        nbpipe.record(Careless(), "first.mp4", size=SIZE, frames=3)
        nbpipe.record(Watermark(), "second.mp4", size=SIZE, frames=3)
        return list(nbpipe.frames(Watermark(), size=SIZE, frames=2))

    assert len(on_a_thread(careless)) == 2
    assert numbers("first.mp4") == numbers("second.mp4") == [0, 1, 2]


@pytest.mark.parametrize("released", [False, True])
def test_nothing_that_is_gone_stays_bound_in_a_users_context(own_context, released):
    if released:  # by the user, who had it bound
        own_context.simple_framebuffer((4, 4)).use()
        own_context.fbo.release()
    nbpipe.record(Watermark(), "out.mp4", size=(160, 96), frames=2, ctx=own_context, show=False)
    own_context.error  # noqa: B018  reading it clears it
    own_context.simple_framebuffer((4, 4))
    assert own_context.error == "GL_NO_ERROR"


def test_a_context_that_was_released_is_refused():
    ctx = moderngl.create_context(standalone=True, backend="egl", libgl="libGL.so.1", libegl="libEGL.so.1")
    ctx.release()
    with pytest.raises(ValueError, match="this moderngl context has been released; pass one that is in use"):
        nbpipe.record(Watermark(), "out.mp4", size=SIZE, frames=1, ctx=ctx)
