"""FFmpeg at work: starting it, feeding it through a pipe, hearing what it says, ending it.

Owns the child and the pipe's ends. An `EncoderProcess` turns frames into a file, and has one daemon thread that drains
FFmpeg's progress and error output into bounded records (a full pipe there would stop FFmpeg for ever). A
`StreamingProcess` answers on its standard output, which the caller reads. Everything else is called on the render
thread. Knows no GL, no scene, no notebook, and nothing of how bytes get into the pipe.

Two facts decide how FFmpeg is run. Jupyter interrupts and kills the kernel's whole process group, so FFmpeg gets
a group of its own; but not a session of its own, where a stopped FFmpeg would outlive a killed kernel. And
FFmpeg stops for no signal while it waits for input, so it is ended by closing its standard input.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import subprocess
import threading
import time
from collections import deque

from nbpipe.errors import EncoderError
from nbpipe.video.ffmpeg import ffmpeg_environment

_TAIL_LINES, _TAIL_LINE_CHARS = 30, 400
_GIVING_WAY = 10  # added to the niceness; 5 gains half as much, and 19 no more
_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[^\t\x20-\x7e\x80-\U0010ffff]")
_LOOK = 0.05  # seconds between two looks at whether FFmpeg has ended

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
    ("Picture size", "FFmpeg takes no picture of this size: make size= smaller."),
    ("Permission denied", "FFmpeg may not write there: choose another directory."),
)


class _Process:
    """One FFmpeg, with a pipe into it.

    Attributes
    ----------
    stdin : int
        The pipe's write end. Whoever writes takes a duplicate and then calls `hand_over`.
    """

    def __init__(self, command: list[str], *, errors: int) -> None:
        read_end, write_end = os.pipe()
        # A file, because that closes itself: however an interrupt drops this object, FFmpeg sees the end and ends.
        self._stdin = os.fdopen(write_end, "wb", 0)
        try:
            self._process = subprocess.Popen(
                command,
                stdin=read_end,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
                process_group=0,
                env=ffmpeg_environment(),
            )
        except BaseException:
            self.hand_over()
            raise
        finally:
            os.close(read_end)

    @property
    def stdin(self) -> int:
        """The pipe's write end, until `hand_over`."""
        return self._stdin.fileno()

    def hand_over(self) -> None:
        """Close this side's own copy of the pipe's write end. Again does nothing."""
        self._stdin.close()

    def kill(self) -> None:
        """End the process now, also a stopped one, and reap it."""
        self.hand_over()
        self._process.kill()
        self._process.wait()


class EncoderProcess(_Process):
    """One FFmpeg that turns raw frames into a file.

    Parameters
    ----------
    command : list of str
        The command line; progress reports go to standard output.
    gives_way : bool
        Let this process go first where both want the processor, because it draws with it: a frame ends when the last
        thread of a software GL does, and one that the encoder has interrupted holds up all. On two cores 1080p with
        x264 ultrafast makes 88 frames a second instead of 83; slower presets are as fast as before.

    Attributes
    ----------
    frames : int
        Frames that FFmpeg reports to have put into the file.
    bytes : int
        Size of the file so far.
    complete : bool
        Whether FFmpeg has reported its end of its own accord.
    """

    def __init__(self, command: list[str], *, gives_way: bool = False) -> None:
        self.command = command
        self.frames = 0
        self.bytes = 0
        self.complete = False
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._heard = time.monotonic()
        super().__init__(command, errors=subprocess.PIPE)
        try:
            if gives_way:
                give_way(self._process.pid)
            self._drain = threading.Thread(target=self._read, name="nbpipe-ffmpeg-output", daemon=True)
            self._drain.start()
        except BaseException:
            super().kill()
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

    def ended(self, timeout: float) -> bool:
        """Whether the process has ended and all of its output is read, waiting at most `timeout` seconds."""
        until = time.monotonic() + timeout
        while self._drain.is_alive() and self._process.poll() is None and time.monotonic() < until:
            # At once when FFmpeg closes its output, where Popen.wait looks every 50 ms; a grandchild may keep it open.
            self._drain.join(min(_LOOK, until - time.monotonic()))
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, until - time.monotonic()))
        if self._process.returncode is None:
            return False
        self._drain.join(1.0)  # what FFmpeg itself wrote arrives at once
        return True

    @property
    def returncode(self) -> int | None:
        """Exit status; negative for a signal; ``None`` while running."""
        return self._process.returncode

    def kill(self) -> None:
        """End the process now, also a stopped one, and reap it."""
        super().kill()
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


class StreamingProcess(_Process):
    """One FFmpeg that answers what it is fed on its standard output.

    Attributes
    ----------
    stdout : int
        Its answers; reading it does not block.
    """

    def __init__(self, command: list[str]) -> None:
        super().__init__(command, errors=subprocess.DEVNULL)
        assert self._process.stdout is not None
        self.stdout = self._process.stdout.fileno()
        os.set_blocking(self.stdout, False)

    def kill(self) -> None:
        """End the process now, and reap it."""
        super().kill()
        assert self._process.stdout is not None
        self._process.stdout.close()


def give_way(pid: int) -> None:
    """Raise the niceness of a process that has just begun; the threads that it will make inherit it."""
    with contextlib.suppress(OSError):  # a sandbox may forbid it
        own = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, pid, own + _GIVING_WAY)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
