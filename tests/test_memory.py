"""Memory that frames are read into: both kinds hold the same bytes, stay where they are, and go when they should."""

from __future__ import annotations

import mmap
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from watermark import numbers

from nbpipe.gl.context import context
from nbpipe.gl.memory import HostMemory, PixelBuffer
from nbpipe.gl.stage import Stage


def mapping(address):
    """Return what the system says of the mapping that holds `address`, if there is one."""
    for entry in re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", Path("/proc/self/smaps").read_text(), flags=re.MULTILINE)[1:]:
        start, end = (int(bound, 16) for bound in entry.split(" ", 1)[0].split("-"))
        if start <= address < end:
            return entry
    return None


@pytest.mark.parametrize("size", [0, 1, 4096, (2 << 20) - 1, 2 << 20, 1920 * 1080 * 3])
def test_plain_memory_is_whole_pages_of_its_own(size):
    memory, other = HostMemory(size), HostMemory(size)
    assert len(memory.view) == size
    assert memory.offset % mmap.PAGESIZE == 0
    pixels = np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8)
    memory.view[:] = pixels.data
    other.view[:] = bytes(size)
    assert bytes(memory.view) == pixels.tobytes()


@pytest.mark.skipif(not os.path.exists("/sys/kernel/mm/transparent_hugepage"), reason="a kernel without huge pages")
def test_a_frame_of_plain_memory_asks_for_huge_pages_and_a_small_picture_for_none():
    frame, small = HostMemory(1920 * 1080 * 3), HostMemory(64 * 64 * 4)
    assert frame.offset % (2 << 20) == 0
    assert " hg" in re.search(r"VmFlags:.*", mapping(frame.offset))[0]
    assert " hg" not in re.search(r"VmFlags:.*", mapping(small.offset))[0]


def test_where_there_is_no_memory_that_is_what_is_said():
    with pytest.raises(MemoryError, match=r"no memory for .* more bytes"):
        HostMemory(1 << 46)


def test_plain_memory_lasts_as_long_as_somebody_looks_at_it():
    memory = HostMemory(16 << 20)
    memory.view[-1] = 7
    address, view = memory.offset, np.frombuffer(memory.view, np.uint8)[-1:]
    memory.release()
    assert view[0] == 7
    assert mapping(address) is not None
    del view
    assert mapping(address) is None


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
from nbpipe.gl.memory import HostMemory, PixelBuffer, pixel_memory
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
