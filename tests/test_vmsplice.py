"""Memory is lent with vmsplice; where the system refuses that, as a sandbox may, all is copied, and nothing else differs.

The refusal is the kernel's own: a seccomp filter, as container runtimes set them. None can be taken back, so each of
these programs is a process of its own. A filter that ends the process instead tells that it has lent.
"""

from __future__ import annotations

import errno
import platform
import signal
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from watermark import numbers

# The architecture by the kernel's name (linux/audit.h), and its number of vmsplice.
KNOWN = {"x86_64": (0xC000003E, 278), "aarch64": (0xC00000B7, 75)}

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in KNOWN, reason="the filter is written for two kinds of Linux"
)

# Instructions and constants are of linux/filter.h, linux/seccomp.h and linux/prctl.h.
REFUSING = """
import ctypes, os, struct, sys

architecture, vmsplice, refusal = map(int, sys.argv[1:4])  # of 0 is the end of the process
program = b"".join(struct.pack("<HBBI", *instruction) for instruction in (
    (0x20, 0, 0, 4),  # load the architecture
    (0x15, 0, 3, architecture),
    (0x20, 0, 0, 0),  # load the number of the call
    (0x15, 0, 1, vmsplice),
    (0x06, 0, 0, 0x00050000 | refusal if refusal else 0x80000000),  # return this errno, or end the process
    (0x06, 0, 0, 0x7FFF0000),  # allow
))

class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_char_p)]

class Piece(ctypes.Structure):
    _fields_ = [("start", ctypes.c_char_p), ("length", ctypes.c_size_t)]

libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0, "no new privileges: with that, anybody may set a filter"
assert libc.prctl(22, 2, ctypes.byref(Filter(len(program) // 8, program)), 0, 0) == 0, os.strerror(ctypes.get_errno())
if refusal:
    reader, writer = os.pipe()
    assert libc.vmsplice(writer, ctypes.byref(Piece(b"x", 1)), 1, 0) == -1
    assert ctypes.get_errno() == refusal
    os.close(reader), os.close(writer)
"""

SIZE = 1280, 720
FRAME = SIZE[0] * SIZE[1] * 3

PIPING = f"""
import subprocess
import numpy as np
import nbpipe
from nbpipe.video.reader import copies_what_it_reads

raw = "-f rawvideo -pix_fmt rgb24 -s {SIZE[0]}x{SIZE[1]} -i - -f rawvideo out.raw".split()
ffmpeg = subprocess.Popen([{imageio_ffmpeg.get_ffmpeg_exe()!r}, "-loglevel", "error", *raw], stdin=subprocess.PIPE)
assert copies_what_it_reads(ffmpeg.stdin.fileno()), "memory would be lent"
buffers = [np.empty({FRAME}, np.uint8) for _ in range(3)]
for number in range(10):
    buffer = buffers[number % 3]
    nbpipe.sync(buffer)
    buffer[:] = np.random.default_rng(number).integers(0, 256, {FRAME}, np.uint8)
    nbpipe.pipe(buffer, ffmpeg.stdin.fileno())
nbpipe.close()
ffmpeg.stdin.close()
sys.exit(ffmpeg.wait())
"""

RECORDING = f"""
sys.path.insert(0, {str(Path(__file__).parent)!r})
import nbpipe
from watermark import Watermark
nbpipe.record(Watermark(), "out.mp4", size={SIZE}, frames=40, preset="ultrafast")
"""

PUSHING = f"""
import numpy as np
import nbpipe
with nbpipe.open("out.mp4", size={SIZE}, preset="ultrafast") as video:
    for _ in range(3):
        video.write(np.zeros({(SIZE[1], SIZE[0], 3)}, np.uint8))
"""

EXAMINING = """
from nbpipe.doctor import examine
print(examine())
"""


def run(program, refusal, returncode=0):
    """Run it where vmsplice fails with this errno, and return what it has printed; 0 ends the program."""
    arguments = [str(number) for number in (*KNOWN[platform.machine()], refusal)]
    done = subprocess.run(
        [sys.executable, "-c", REFUSING + program, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == returncode, done.stderr
    return done.stdout


REFUSALS = pytest.mark.parametrize("refusal", [errno.EPERM, errno.ENOSYS], ids=errno.errorcode.get)


@pytest.mark.parametrize("program", [PIPING, RECORDING, PUSHING], ids=["pipe", "record", "open"])
def test_memory_is_lent(program):
    run(program, 0, -signal.SIGSYS)


@REFUSALS
def test_what_is_piped_arrives_byte_for_byte(refusal):
    run(PIPING, refusal)
    sent = [np.random.default_rng(number).integers(0, 256, FRAME, np.uint8).tobytes() for number in range(10)]
    assert Path("out.raw").read_bytes() == b"".join(sent)


@REFUSALS
def test_a_recording_has_every_frame_once(refusal):
    run(RECORDING, refusal)
    assert numbers("out.mp4") == list(range(40))


def test_the_doctor_says_so():
    assert "memory is copied into it" in run(EXAMINING, errno.EPERM)
