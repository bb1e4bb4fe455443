"""Slots: who owns a frame's memory, and that both kinds of memory hold the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from watermark import numbers

from nbpipe.gl.context import context
from nbpipe.gl.ring import SLOTS, HostMemory, PixelBuffer, Ring, SlotState
from nbpipe.gl.stage import Stage

FREE, FILLING, READY, WRITING = SlotState


class Slow:
    """Memory whose read is complete when the test says so."""

    def __init__(self, released=None):
        self.complete, self.released = False, released

    def arrived(self, timeout):
        return self.complete

    def release(self):
        self.released.append(self)


@pytest.fixture
def ring():
    return Ring(Slow, 3)


def states(ring):
    return [slot.state for slot in ring.slots]


def fill(ring):
    slot = ring.acquire()
    ring.issued(slot)
    return slot


def lend(ring):
    slot = ring.ready(0)
    ring.lent(slot)
    return slot


def test_a_slot_goes_once_around(ring):
    slot = ring.slots[0]
    assert states(ring) == [FREE] * 3
    assert fill(ring) is slot
    assert (slot.state, ring.ready(0), ring.filling) == (FILLING, None, 1)
    slot.memory.complete = True
    assert ring.ready(0) is slot
    assert (slot.state, ring.oldest_ticket) == (READY, None)
    ring.lent(slot)
    assert (slot.state, ring.filling, ring.oldest_ticket) == (WRITING, 0, 1)
    ring.reclaim(0)
    assert slot.state is WRITING, "what is not written is not free"
    ring.reclaim(1)
    assert states(ring) == [FREE] * 3


def test_the_oldest_frame_comes_first_even_if_a_younger_one_is_complete(ring):
    first, second = fill(ring), fill(ring)
    second.memory.complete = True
    assert ring.ready(0) is None
    first.memory.complete = True
    assert [lend(ring), lend(ring)] == [first, second]


def test_asking_again_gives_the_same_frame(ring):
    slot = fill(ring)
    slot.memory.complete = True
    assert ring.ready(0) is ring.ready(0) is slot


def test_full_means_no_slot_until_the_writer_is_done_with_the_oldest(ring):
    slots = [fill(ring) for _ in range(3)]
    for slot in slots:
        slot.memory.complete = True
        lend(ring)
    assert not ring.free
    ring.reclaim(2)
    assert states(ring) == [FREE, FREE, WRITING]
    assert [fill(ring), fill(ring)] == slots[:2]
    assert [slot.ticket for slot in ring.slots] == [4, 5, 3]


@pytest.mark.parametrize("steps", ["acquire", "issued lent", "issued ready lent lent", "issued lent ready"])
def test_no_frame_gets_two_owners(ring, steps):
    """Taking more slots than there are, or lending one whose read is not seen to be complete, or lending it twice."""
    slot = ring.acquire()
    other = fill(ring)
    ring.acquire()
    moves = {
        "acquire": ring.acquire,
        "issued": lambda: ring.issued(slot),
        "ready": lambda: ring.ready(0),
        "lent": lambda: ring.lent(slot),
    }
    slot.memory.complete = other.memory.complete = True
    with pytest.raises((AssertionError, IndexError)):  # noqa: PT012
        for step in steps.split():
            moves[step]()
    assert ring.slots.count(slot) == 1
    assert slot.state is not FREE


def test_all_memory_is_given_back_once():
    released = []
    ring = Ring(lambda: Slow(released))
    memories = [slot.memory for slot in ring.slots]
    ring.release()
    ring.release()
    assert released == memories
    assert len(memories) == SLOTS


def test_when_there_is_not_enough_memory_what_there_was_is_given_back():
    released, made = [], []

    def make():
        if len(made) == 2:
            raise MemoryError
        made.append(Slow(released))
        return made[-1]

    with pytest.raises(MemoryError):
        Ring(make)
    assert released == made


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (161, 7), (640, 360)])
def test_both_kinds_of_memory_get_the_same_bytes(ctx, size):
    pixels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    texture = ctx.texture(size, 4, pixels, alignment=1)
    stage = Stage(ctx, size, (1, 1))
    assert PixelBuffer.available(ctx)
    for memory in (HostMemory(pixels.nbytes), PixelBuffer(ctx, pixels.nbytes)):
        stage.read(stage.wrap(texture), memory)
        assert memory.arrived(10)
        assert bytes(memory.view) == pixels.tobytes()
        memory.release()
    stage.release()
    texture.release()


def test_mapped_memory_stays_where_it_is(ctx):
    fbo = ctx.simple_framebuffer((64, 64))
    stage = Stage(ctx, (64, 64), (1, 1))
    memory = PixelBuffer(ctx, 64 * 64 * 4)
    array = np.frombuffer(memory.view, np.uint8)
    address = array.ctypes.data
    for shade in range(200):
        fbo.clear(shade / 255, 0, 0)
        stage.read(fbo, memory)
        assert memory.arrived(10)
        assert (array[::4] == shade).all()
        assert np.frombuffer(memory.view, np.uint8).ctypes.data == address
    memory.release()
    stage.release()
    fbo.release()


def test_two_mapped_buffers_do_not_share_their_fate(ctx):
    """moderngl's own views fail here: releasing one unmaps whichever buffer is bound."""
    fbo = ctx.simple_framebuffer((8, 8))
    stage = Stage(ctx, (8, 8), (1, 1))
    first, second = PixelBuffer(ctx, 256), PixelBuffer(ctx, 256)
    first.release()
    fbo.clear(1, 1, 1, 1)
    stage.read(fbo, second)
    assert second.arrived(10)
    assert bytes(second.view) == b"\xff" * 256
    second.release()
    stage.release()
    fbo.release()


def test_a_read_that_was_never_issued_is_not_waited_for(ctx):
    memory = PixelBuffer(ctx, 64)
    assert memory.arrived(3600)
    memory.release()


def test_without_persistent_mapping_a_recording_is_just_as_right(tmp_path):
    code = """
from nbpipe.gl.context import context
from nbpipe.gl.ring import HostMemory, PixelBuffer, pixel_memory
from watermark import Watermark
import nbpipe
ctx = context().ctx
assert not PixelBuffer.available(ctx), (ctx.version_code, "GL_ARB_buffer_storage" in ctx.extensions)
assert type(pixel_memory(ctx, 4)) is HostMemory
nbpipe.record(Watermark(), "out.mp4", size=(161, 96), frames=40)
nbpipe.record(Watermark(), "smooth.mp4", size=(160, 96), frames=10, samples=4)
"""
    old = {"MESA_GL_VERSION_OVERRIDE": "3.3", "MESA_EXTENSION_OVERRIDE": "-GL_ARB_buffer_storage"}
    env = (
        os.environ
        | old
        | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])}
    )
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    assert numbers("out.mp4") == list(range(40))
    assert numbers("smooth.mp4") == list(range(10))


def test_a_lost_fence_is_an_error_and_no_endless_wait(ctx, monkeypatch):
    memory = PixelBuffer(ctx, 64)
    memory.issued()
    fence, memory._fence = memory._fence, 1  # no fence of this context
    try:
        with pytest.raises(Exception, match="lost track of a frame"):
            memory.arrived(1)
    finally:
        memory._fence = fence
        context().ctx.error  # noqa: B018  reading it clears it
        memory.release()
