"""Slots: who owns a frame's memory, and that both kinds of memory hold the same bytes."""

from __future__ import annotations

import pytest

from nbpipe.gl.ring import Ring, SlotState

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
    ring = Ring(lambda: Slow(released), 4)
    memories = [slot.memory for slot in ring.slots]
    ring.release()
    ring.release()
    assert released == memories
    assert len(memories) == 4


def test_when_there_is_not_enough_memory_what_there_was_is_given_back():
    released, made = [], []

    def make():
        if len(made) == 2:
            raise MemoryError
        made.append(Slow(released))
        return made[-1]

    with pytest.raises(MemoryError):
        Ring(make, 4)
    assert released == made
