"""`nbpipe.pipe`, `sync`, `done` and `close` in any order, on several threads, with readers that go away.

Each piece begins with who sent it and its number among theirs, and the rest of it follows from these: so a reader can
tell what came whole, what is missing, and whether memory was changed before it had been written.
"""

from __future__ import annotations

import contextlib
import os
import re
import struct
import subprocess
import tempfile
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imageio_ffmpeg
import moderngl
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import nbpipe
from nbpipe.gl.context import context

HEADER = struct.Struct("<4sIII")
PIPEFUL = 1 << 20
SIZES = [HEADER.size, HEADER.size + 1, 4096, 65537, PIPEFUL, PIPEFUL + 1, 1_500_000, 2_400_000]
NOISE = np.random.default_rng(0).integers(0, 256, 4_000_000, np.uint8)


def piece(sender, number, size):
    begin = (sender * 7919 + number * 104_729) % (len(NOISE) - size)
    made = NOISE[begin : begin + size].copy()
    made[: HEADER.size] = np.frombuffer(HEADER.pack(b"next", sender, number, size), np.uint8)
    return made


def told_apart(data):
    """The pieces in `data` as (sender, number), each of them byte for byte; the last one may be cut off."""
    found, at = [], 0
    while len(data) - at >= HEADER.size:
        mark, sender, number, size = HEADER.unpack_from(data, at)
        assert mark == b"next", "a piece begins in the middle of another"
        here = np.frombuffer(data, np.uint8, min(size, len(data) - at), at)
        assert np.array_equal(here, piece(sender, number, size)[: len(here)]), "a piece is torn, or was changed"
        if len(here) == size:
            found.append((sender, number))
        at += size
    return found, at != len(data)


class Outlet:
    """A pipe under two numbers, and its reader: a thread, or FFmpeg, to which memory is lent."""

    def __init__(self, path, reader, leaves):
        self.path, self.leaves, self.data = path, leaves, bytearray()
        self.sent = defaultdict(list)  # sender → number and size of each piece, in their order
        self.errors = []
        end, number = os.pipe()
        self.numbers = [number, os.dup(number)]
        if reader == "ffmpeg":
            copy = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-f", "u8", "-ar", "1000000", "-i", "-"]
            until = [] if leaves is None else ["-t", f"{leaves / 1_000_000:.6f}"]
            self.process = subprocess.Popen([*copy, *until, "-c", "copy", "-f", "u8", str(path)], stdin=end)
            os.close(end)
        else:
            self.process = None
            self.thread = threading.Thread(target=self.read, args=(end, reader))
            self.thread.start()

    def read(self, end, step):
        left = len(NOISE) * 1000 if self.leaves is None else self.leaves
        while left > 0 and (part := os.read(end, min(step, left))):
            self.data += part
            left -= len(part)
        os.close(end)

    def arrived(self):
        """All that the reader took, once the numbers are closed."""
        if self.process is None:
            self.thread.join()
            return bytes(self.data)
        self.process.wait()
        return self.path.read_bytes()


class Sender:
    """One thread of the user's, and its three pieces of memory; with a context, two of them are the GL's."""

    def __init__(self, name, outlets, ctx=None):
        self.name, self.outlets, self.count = name, outlets, 0
        self.memory = [np.zeros(max(SIZES), np.uint8), bytearray(max(SIZES)), None]
        if ctx is not None:
            self.memory[1:] = ctx.buffer(reserve=max(SIZES)), ctx.buffer(reserve=max(SIZES))
        self.content = [None, None, None]  # number and size of the piece that lies there
        self.data = [None, None, None]  # what is given for it

    def take(self, step):
        verb, *values = step
        with self.noting_errors():
            getattr(self, verb)(*values)

    @contextlib.contextmanager
    def noting_errors(self):
        try:
            yield
        except BrokenPipeError as error:
            for words in (str(error), *getattr(error, "__notes__", ())):
                number = int(re.search(r"descriptor (\d+)", words).group(1))
                (outlet,) = [outlet for outlet in self.outlets if number in outlet.numbers]
                outlet.errors.append(words)

    def fresh(self, at, size):
        """Put a new piece into this memory, as soon as it may be changed."""
        memory, new = self.memory[at], piece(self.name, self.count, size)
        if memory is None:
            self.data[at] = new.tobytes()
        elif isinstance(memory, moderngl.Buffer):
            memory.orphan(size)
            memory.write(new)
            self.data[at] = memory
        else:
            if self.data[at] is not None:
                with self.noting_errors():  # whatever it says, the memory is ours again
                    nbpipe.sync(self.data[at])
            memory[:size] = new.data
            self.data[at] = memoryview(memory)[:size]
        self.content[at] = (self.count, size)
        self.count += 1

    def pipe(self, to, under, at, size):
        if size is not None or self.content[at] is None:
            self.fresh(at, size or HEADER.size)
        outlet = self.outlets[to % len(self.outlets)]
        nbpipe.pipe(self.data[at], outlet.numbers[under])
        outlet.sent[self.name].append(self.content[at])

    def sync(self, at):
        nbpipe.sync(None if at is None else self.data[at] or b"")

    def done(self, at):
        nbpipe.done(self.data[at] or b"")

    def close(self, to):
        nbpipe.close(None if to is None else self.outlets[to % len(self.outlets)].numbers[0])


AT, TO = st.integers(0, 2), st.integers(0, 2)
FRESH = st.tuples(st.just("pipe"), TO, st.integers(0, 1), AT, st.sampled_from(SIZES))
AGAIN = st.tuples(st.just("pipe"), TO, st.integers(0, 1), AT, st.none())
OTHER = st.one_of(
    st.tuples(st.just("sync"), st.none() | AT),
    st.tuples(st.just("done"), AT),
    st.tuples(st.just("close"), st.none() | TO),
)
STEPS = st.lists(st.one_of(FRESH, FRESH, FRESH, AGAIN, OTHER), min_size=1, max_size=25)
READER = st.sampled_from([997, 65536, PIPEFUL, "ffmpeg"])
LEAVES = st.none() | st.integers(0, 6 * PIPEFUL)
OUTLETS = st.lists(st.tuples(READER, LEAVES), min_size=1, max_size=3)


@settings(max_examples=500)
@given(outlets=OUTLETS, steps=st.lists(STEPS, min_size=1, max_size=3), hang_up=st.booleans())
def test_nothing_is_lost_torn_or_repeated_unless_an_error_says_so(outlets, steps, hang_up):
    with tempfile.TemporaryDirectory() as folder, context().current():
        lines = [Outlet(Path(folder, str(index)), *outlet) for index, outlet in enumerate(outlets)]
        senders = [Sender(name, lines, None if name else context().ctx) for name in range(len(steps))]

        def run(sender):
            for step in steps[sender.name]:
                sender.take(step)

        with ThreadPoolExecutor(3) as others:
            running = [others.submit(run, sender) for sender in senders[1:]]
            run(senders[0])
            for thread in running:
                thread.result()
        for index, line in enumerate(lines):
            if line.leaves is not None or not hang_up:  # else the numbers are closed while pieces are queued
                senders[0].take(("close", index))
            for number in line.numbers:
                os.close(number)
        for buffer in senders[0].memory[1:]:
            buffer.release()
        for line, data in [(line, line.arrived()) for line in lines]:
            check(line, data)
        nbpipe.close()


def check(line, data):
    came, cut = told_apart(data)
    for sender, sent in line.sent.items():
        numbers = [number for who, number in came if who == sender]
        assert numbers == [number for number, _ in sent][: len(numbers)], "pieces came twice, or not in their order"
    assert sum(map(len, line.sent.values())) >= len(came)
    lost = sum(size for sent in line.sent.values() for _, size in sent) - len(data)
    if line.leaves is None:
        assert (lost, cut, line.errors) == (0, False, [])
    elif lost > 2 * PIPEFUL:  # what lay in the pipe when the reader went, or in its hands, nobody can know of
        assert line.errors, "nobody was told that the reader has gone"
