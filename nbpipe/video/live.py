"""H.264 for a person who is watching: each picture is a packet a few milliseconds later.

Owns one FFmpeg at work for pictures of one size, and the memory they are converted into. FFmpeg is told to look ahead
at nothing (`zerolatency`), so one picture in is one packet out, in order, and the n-th packet is the n-th picture. The
packets come as FLV, of all of FFmpeg's formats the smallest that says where a packet ends without waiting for the next.

Called on the thread that draws. Knows no browser and no GL: arrays go in, packets come out.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from nbpipe.video.ffmpeg import FFmpeg
from nbpipe.video.pixels import padded
from nbpipe.video.process import StreamingProcess
from nbpipe.video.writer import Conversion, PipeWriter

ENCODER = "libx264"

_FRAMES = 3  # being converted, in the pipe, and one to even out a slow moment
_CHUNK = 1 << 16
_HEADER, _TAG, _TRAILER = 13, 11, 4  # bytes of FLV: before the first tag, of a tag's own header, and behind each
_VIDEO, _AVC, _KEY = 9, 7, 1
_CONFIGURATION, _PICTURE = 0, 1
_KEY_EVERY = 600  # pictures; a browser that needs a key frame sooner gets a new encoder


@dataclass(frozen=True, slots=True)
class Packet:
    """One picture, encoded.

    Attributes
    ----------
    data : bytes
        An access unit; its parts have their lengths before them (ISO/IEC 14496-15).
    key : bool
        Whether it can be decoded without the ones before it.
    codec : str
        As WebCodecs names it, such as ``avc1.4D401F``.
    description : bytes
        The decoder's configuration record (avcC).
    """

    data: bytes
    key: bool
    codec: str
    description: bytes


class LiveEncoder:
    """Encodes pictures of one size.

    Parameters
    ----------
    ffmpeg : FFmpeg
    size : tuple of int
        Width and height in pixels; odd ones are padded by a row or column, as `size` then says.
    fps : float
        At which the pictures are meant to come; decides nothing but how many bits each may have.
    crf : int
        Quality: lower means better quality and a larger file.

    Attributes
    ----------
    size : tuple of int
        Of the encoded picture.
    """

    def __init__(self, ffmpeg: FFmpeg, size: tuple[int, int], fps: float, crf: int) -> None:
        self.size = padded(size, "yuv420p")
        self._conversion = Conversion(size, channels=4, bits=8, bottom_up=False, target="yuv420p")
        self._memory = [bytearray(self._conversion.target_bytes) for _ in range(_FRAMES)]
        self._tickets: deque[int] = deque(maxlen=_FRAMES)
        self._process = StreamingProcess(_command(ffmpeg.path, self.size, fps, crf))
        self._parser = _Parser()
        try:
            self._writer = PipeWriter(self._process.stdin)
            self._process.hand_over()
        except BaseException:
            self._process.kill()
            raise

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when packets come."""
        return self._process.stdout

    @property
    def ready(self) -> bool:
        """Whether there is room for a picture. Raises `OSError` when FFmpeg has died."""
        return len(self._tickets) < _FRAMES or self._writer.wait(self._tickets[0], 0)

    def feed(self, picture: np.ndarray) -> None:
        """Encode a picture (height, width, 4) of uint8, top row first; `ready` must have said yes.

        Raises
        ------
        OSError
            FFmpeg has died.
        """
        memory = self._memory[self._writer.submitted % _FRAMES]
        self._conversion.convert(np.ascontiguousarray(picture).data, memory)
        self._tickets.append(self._writer.submit(memory))

    def packets(self) -> Iterator[Packet]:
        """Return what has come. Raises `OSError` when FFmpeg has ended."""
        while True:
            try:
                chunk = os.read(self._process.stdout, _CHUNK)
            except BlockingIOError:
                return
            if not chunk:
                msg = "FFmpeg has ended"
                raise BrokenPipeError(msg)
            yield from self._parser.take(chunk)

    def close(self) -> None:
        """End FFmpeg, whatever it is at."""
        self._writer.close()
        self._process.kill()


class _Parser:
    """Takes FLV apart as it comes, in pieces of any length."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._skip = _HEADER
        self._codec, self._description = "", b""

    def take(self, chunk: bytes) -> Iterator[Packet]:
        self._rest += chunk
        while True:
            rest = self._rest
            if self._skip:
                if len(rest) < self._skip:
                    return
                del rest[: self._skip]
                self._skip = 0
            size = int.from_bytes(rest[1:4], "big")
            if len(rest) < _TAG + size + _TRAILER:
                return
            kind, body = rest[0], bytes(rest[_TAG : _TAG + size])
            del rest[: _TAG + size + _TRAILER]
            if kind != _VIDEO or size <= 5 or body[0] & 15 != _AVC:  # noqa: PLR2004  FLV's five bytes before the data
                continue
            if body[1] == _CONFIGURATION:
                self._description = body[5:]
                self._codec = f"avc1.{body[6:9].hex().upper()}"
            elif body[1] == _PICTURE:
                yield Packet(body[5:], body[0] >> 4 == _KEY, self._codec, self._description)


def _command(program: str, size: tuple[int, int], fps: float, crf: int) -> list[str]:
    width, height = size
    # `-fflags nobuffer` would hold each picture until the next. At rates below 5 and above 100 FFmpeg distrusts what it
    # is told, and would hold the first twenty to measure it.
    raw = "-f rawvideo -fpsprobesize 0 -pixel_format yuv420p".split()
    colours = "-colorspace bt709 -color_primaries bt709 -color_trc bt709 -color_range tv".split()
    # `ultrafast` leaves out what costs nothing that could be measured: deblocking gives 1 dB, CABAC saves a quarter.
    clean = "-x264-params no-deblock=0:deblock=0,0:cabac=1".split()
    coder = f"-c:v {ENCODER} -preset ultrafast -tune zerolatency -threads 1 -bf 0 -crf {crf} -g {_KEY_EVERY}".split()
    return [
        *(program, "-hide_banner", "-loglevel", "quiet", "-nostats", "-nostdin"),
        *(*raw, *colours, "-video_size", f"{width}x{height}", "-framerate", str(Fraction(fps).limit_denominator(1001))),
        *("-i", "pipe:0", "-an", *coder, *clean, *colours, "-fps_mode", "passthrough", "-flush_packets", "1"),
        *("-flvflags", "no_duration_filesize", "-f", "flv", "pipe:1"),
    ]
