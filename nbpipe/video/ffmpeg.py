"""The FFmpeg program: finding it, asking what it can do, running it, ending it.

The only module that starts a process. An `Encode` is one FFmpeg at work: it owns the child, the pipe's read
ends and one daemon thread that drains FFmpeg's progress and error output into bounded records (a full pipe
there would stop FFmpeg for ever). Everything else is called on the render thread. Knows no GL, no scene, no
notebook, and nothing of how bytes get into the pipe.

Two facts decide how it is run. Jupyter interrupts and kills the kernel's whole process group, so FFmpeg gets
a group of its own; but not a session of its own, where a stopped FFmpeg would outlive a killed kernel. And
FFmpeg stops for no signal while it waits for input, so it is ended by closing its standard input.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import selectors
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from dataclasses import dataclass

import imageio_ffmpeg

from nbpipe.errors import EncoderError, FFmpegNotFound

VARIABLES = ("NBPIPE_FFMPEG", "IMAGEIO_FFMPEG_EXE")  # of the environment; the first that is set names FFmpeg
_PROBE_SECONDS = 20  # 9 ms here; the first start of a cold 80 MB program on a network disk takes seconds
_TAIL_LINES, _TAIL_LINE_CHARS = 30, 400
# FFmpeg takes and frees a packet of megabytes for each raw frame. By default glibc maps each one anew, and the
# system clears its pages: 290 to 790 page faults a 1080p RGB frame, at 300 to 500 frames a second; with the memory
# kept 60, at 1000. One arena, because those of threads hold 64 MiB, which is two 4K frames: 110 → 160 a second.
_KEEP_MEMORY = ":".join(
    f"glibc.malloc.{name}={value}"
    for name, value in {
        "mmap_threshold": 1 << 30,
        "trim_threshold": 1 << 32,
        "arena_max": 1,
        "top_pad": 1 << 26,
    }.items()
)
_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[^\t\x20-\x7e\x80-\U0010ffff]")

# What the person can do, by what FFmpeg says.
_HINTS = (
    ("No space left on device", "The disk is full: free some space, or record to another one."),
    ("Cannot load lib", "This encoder needs hardware or a driver that is not here: use codec='libx264'."),
    ("No NVENC capable devices", "This encoder needs hardware that is not here: use codec='libx264'."),
    ("Could not write header", "This file type does not take this codec: try a path ending in .mkv."),
    ("are supported for", "This file type does not take this codec: try a path ending in .mkv."),
    (
        "Error setting option",
        "An option has a value FFmpeg does not know: check preset=, crf= and ffmpeg_params=.",
    ),
    ("Unrecognized option", "FFmpeg does not know one of the ffmpeg_params=."),
    ("Error while opening encoder", "The encoder refused its options: check codec=, preset=, crf= and ffmpeg_params=."),
    ("Permission denied", "FFmpeg may not write there: choose another directory."),
)


@dataclass(frozen=True, slots=True)
class Encoder:
    """What one of FFmpeg's encoders takes: its pixel formats and the names of its options."""

    name: str
    pixel_formats: tuple[str, ...]
    options: frozenset[str]


@dataclass(frozen=True, slots=True)
class FFmpeg:
    """An FFmpeg program that was seen to run.

    Attributes
    ----------
    path : str
        Absolute.
    version : str
    hybrid_mp4 : bool
        Whether it can write MP4 that stays playable when it is killed and ends as an ordinary file.
    """

    path: str
    version: str
    hybrid_mp4: bool

    def encoder(self, name: str) -> Encoder:
        """Return what the encoder `name` takes. Raises `ValueError` when this FFmpeg has none of that name."""
        text = _help_on(self.path, name)
        if not re.match(rf"Encoder {re.escape(name)} ", text):
            msg = (
                f"codec {name!r} is not in this FFmpeg ({self.path}); "
                f"see what it has with: {self.path} -hide_banner -encoders"
            )
            raise ValueError(msg)
        formats = re.search(r"Supported pixel formats: (.+)", text)
        options = re.findall(r"^\s+-([A-Za-z][\w-]*)", text, re.MULTILINE)
        return Encoder(name, tuple(formats[1].split()) if formats else (), frozenset(options))


@functools.lru_cache(maxsize=32)  # 10 to 20 ms each time, in every recording
def _help_on(path: str, encoder: str) -> str:
    return _ask(path, "-h", f"encoder={encoder}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def find_ffmpeg() -> FFmpeg:
    """Find FFmpeg: ``NBPIPE_FFMPEG``, else ``IMAGEIO_FFMPEG_EXE``, else the one that imageio-ffmpeg brings.

    Raises
    ------
    FFmpegNotFound
        What was named cannot be run, or there is none; the text says which, and the way out.
    """
    for variable in VARIABLES:
        named = os.environ.get(variable)
        if named:
            found = shutil.which(named)
            if found is None:
                msg = f"{variable} names {named!r}, which is not a program that can be run; correct it or unset it"
                raise FFmpegNotFound(msg)
            return _inspect(os.path.abspath(found), os.stat(found).st_mtime_ns)
    found = None
    with contextlib.suppress(RuntimeError):
        found = shutil.which(imageio_ffmpeg.get_ffmpeg_exe())
    if found is None:
        msg = "no FFmpeg here: pip install imageio-ffmpeg, or set NBPIPE_FFMPEG to the path of one"
        raise FFmpegNotFound(msg)
    return _inspect(os.path.abspath(found), os.stat(found).st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _inspect(path: str, _changed: int) -> FFmpeg:
    text = _ask(path, "-version")
    version = re.match(r"ffmpeg version (\S+)", text)
    if version is None:
        msg = f"{path} ran, but is no FFmpeg; set NBPIPE_FFMPEG to the path of one"
        raise FFmpegNotFound(msg)
    return FFmpeg(path, version[1], "hybrid_fragmented" in _ask(path, "-h", "muxer=mp4"))


def _ask(path: str, *question: str) -> str:
    try:
        answer = subprocess.run(
            [path, "-hide_banner", *question],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            env=ffmpeg_environment(),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        msg = f"{path} could not be run ({error}); set NBPIPE_FFMPEG to the path of an FFmpeg"
        raise FFmpegNotFound(msg) from error
    return answer.stdout.decode(errors="replace")


def ffmpeg_environment() -> dict[str, str]:
    """Return this process's environment as FFmpeg should be started with it.

    With it FFmpeg keeps the memory of a frame for the next one instead of asking the system for each, which for
    raw frames takes longer than to read them. A program that starts its own FFmpeg passes it as ``env=``. It
    works where FFmpeg uses glibc, and does nothing elsewhere.
    """
    # FFREPORT would make FFmpeg write a log file wherever it points.
    kept = {k: v for k, v in os.environ.items() if k != "FFREPORT" and not k.startswith("AV_LOG_")}
    return {"GLIBC_TUNABLES": _KEEP_MEMORY} | kept


class Encode:
    """One FFmpeg process that turns raw frames into a file.

    Parameters
    ----------
    command : list of str
        The command line; progress reports go to standard output.

    Attributes
    ----------
    stdin : int
        The pipe's write end. Whoever writes takes a duplicate and then calls `hand_over`.
    frames : int
        Frames that FFmpeg reports to have put into the file.
    bytes : int
        Size of the file so far.
    complete : bool
        Whether FFmpeg has reported its end of its own accord.
    """

    def __init__(self, command: list[str]) -> None:
        self.command = command
        self.frames = 0
        self.bytes = 0
        self.complete = False
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._heard = time.monotonic()
        read_end, self.stdin = os.pipe()
        try:
            self._process = subprocess.Popen(
                command,
                stdin=read_end,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                process_group=0,
                env=ffmpeg_environment(),
            )
        except BaseException:
            self.hand_over()
            raise
        finally:
            os.close(read_end)
        self._drain = threading.Thread(target=self._read, name="nbpipe-ffmpeg-output", daemon=True)
        try:
            self._drain.start()
        except BaseException:
            self._process.kill()
            self.hand_over()
            self._process.communicate()
            raise

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def silence(self) -> float:
        """Seconds since FFmpeg last reported; while it runs at all it does so five times a second."""
        return time.monotonic() - self._heard

    def hand_over(self) -> None:
        """Close this side's own copy of the pipe's write end."""
        end, self.stdin = self.stdin, -1  # an interrupt in between must not let it be closed twice
        if end >= 0:
            os.close(end)

    def ended(self, timeout: float) -> bool:
        """Whether the process has ended and all of its output is read, waiting at most `timeout` seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
        if self._process.returncode is None:
            return False
        # A grandchild that inherited the output would keep it open; what FFmpeg itself wrote arrives at once.
        self._drain.join(1.0)
        return True

    @property
    def returncode(self) -> int | None:
        """Exit status; negative for a signal; ``None`` while running."""
        return self._process.returncode

    def kill(self) -> None:
        """End the process now, also a stopped one, and reap it."""
        self.hand_over()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._drain.join(1.0)

    def error(self, message: str) -> EncoderError:
        """Return an `EncoderError` that carries the command, the exit status and FFmpeg's last words."""
        tail = "\n".join(self._tail)
        hint = next((hint for sign, hint in _HINTS if sign in tail), "")
        code = self.returncode
        if not hint and code is not None and code < 0:
            hint = f"It was ended by {_signal_name(-code)}; SIGKILL usually means that memory ran out."
        return EncoderError(message, command=self.command, returncode=code, stderr_tail=tail, hint=hint)

    def _read(self) -> None:
        process = self._process
        assert process.stdout is not None
        assert process.stderr is not None
        rest: dict[int, bytes] = {}
        with selectors.DefaultSelector() as selector, process.stdout, process.stderr:
            selector.register(process.stdout, selectors.EVENT_READ, self._take_progress)
            selector.register(process.stderr, selectors.EVENT_READ, self._take_error)
            while selector.get_map():
                for key, _ in selector.select():
                    chunk = os.read(key.fd, 65536)
                    *lines, last = (rest.get(key.fd, b"") + chunk).split(b"\n")
                    rest[key.fd] = last[-_TAIL_LINE_CHARS:]  # a line without an end must not fill the memory
                    if not chunk:
                        lines.append(last)
                        selector.unregister(key.fileobj)
                    for line in lines:
                        key.data(line.decode(errors="replace"))

    def _take_progress(self, line: str) -> None:
        self._heard = time.monotonic()
        key, _, value = line.strip().partition("=")
        if key == "frame" and value.isdigit():
            self.frames = int(value)
        elif key == "total_size" and value.isdigit():
            self.bytes = int(value)
        elif key == "progress":
            self.complete = value == "end"

    def _take_error(self, line: str) -> None:
        clean = _CONTROL.sub("", line).strip()[:_TAIL_LINE_CHARS]
        if clean:
            self._tail.append(clean)


class Filter:
    """One FFmpeg process that answers what it is fed on its standard output, which the caller reads.

    Attributes
    ----------
    stdin : int
        The pipe's write end; whoever writes takes a duplicate and then calls `hand_over`.
    stdout : int
        Does not block.
    """

    def __init__(self, command: list[str]) -> None:
        read_end, self.stdin = os.pipe()
        try:
            self._process = subprocess.Popen(
                command,
                stdin=read_end,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                process_group=0,
                env=ffmpeg_environment(),
            )
        except BaseException:
            self.hand_over()
            raise
        finally:
            os.close(read_end)
        assert self._process.stdout is not None
        self.stdout = self._process.stdout.fileno()
        os.set_blocking(self.stdout, False)

    def hand_over(self) -> None:
        """Close this side's own copy of the pipe's write end."""
        end, self.stdin = self.stdin, -1
        if end >= 0:
            os.close(end)

    def kill(self) -> None:
        """End the process now, and reap it."""
        self.hand_over()
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
