"""The live stream: in what form each picture goes to the browsers, and how good it is.

While things move it is H.264, where every browser that looks on can decode it and an encoder was given, and JPEG
otherwise; and once they rest, one exact PNG of the last picture. All are binary custom messages, never traits, which
would end up in the saved notebook. A browser that comes late, or whose decoder has lost its thread, needs a key frame,
and gets it from a new encoder (30 ms). A decoder that keeps failing ends H.264 for this widget.

A packet of 640 × 360 may have 1.1 kB, and Jupyter adds 0.6 kB of its own to each message. So packets that nobody waits
for, because time alone has moved the picture, go together: those of 40 ms, three at most.

On a slow line pictures become coarser, then smaller, one level at a time, as long as the round trip says that they
queue.

Called on the render thread, but for the audience, which guards itself. Knows no GL and no FFmpeg: it is given arrays,
and something that starts an encoder.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from nbpipe.notebook.audience import Audience
from nbpipe.notebook.coder import Coder, EventLoop, Future, Packet, TimerHandle
from nbpipe.notebook.pictures import Send, jpeg, png, shrunk

_log = logging.getLogger("nbpipe")

_QUEUED = 0.25  # seconds of round trip; beyond that, and twice that of an empty line, pictures queue
_FREE = 0.12
_WORSE_AFTER, _BETTER_AFTER = 1.0, 4.0  # seconds between two changes of level
_IDLE = 5.0  # seconds after which an encoder that nobody feeds is ended
_STUCK = 1.0  # seconds without a packet, after which an encoder has failed; before its browsers count as gone
_FAILURES = 3  # of decoders or encoders, after which it is JPEG
_HEALTHY = 60.0  # seconds without one, after which those before count no more
_TOGETHER = 3  # packets in a message, at most
_SOON = 0.04  # seconds that one waits for others
_ANSWER = 0.02  # seconds that an encoder is given for a picture that somebody waits for, before it gets another


class Level(NamedTuple):
    """How good pictures are: JPEG's quality, H.264's rate factor, and their size."""

    quality: int
    crf: int
    scale: float


LEVELS = (Level(85, 25, 1.0), Level(70, 28, 1.0), Level(55, 29, 0.75), Level(40, 30, 0.5), Level(30, 32, 0.35))


class _Fed(NamedTuple):
    """A picture that was given to the encoder, until its packet is sent."""

    number: int
    asks: bool  # for an answer
    awaited: float | None  # since when, by a person
    at_once: bool  # its packet waits for none that may follow
    moment: tuple[float, int]  # time and frame


class LiveStream:
    """Sends the pictures of one live widget.

    Parameters
    ----------
    send : callable
        Takes a message and its buffers.
    start : callable or None
        Makes a `Coder` from a size, a rate in pictures per second and a rate factor.
    loop : EventLoop

    Attributes
    ----------
    audience : Audience
    kind : str
        What went out last: ``"h264"``, ``"jpeg"``, or nothing yet.
    sent_bytes : int
        Bytes of pictures so far.
    """

    def __init__(
        self, send: Send, start: Callable[[tuple[int, int], float, int], Coder] | None, loop: EventLoop
    ) -> None:
        self.audience = Audience()
        self.kind = ""
        self.sent_bytes = 0
        self._send, self._start, self._loop = send, start, loop
        self._coder: Coder | None = None
        self._coded: tuple[tuple[int, int], int] | None = None  # size and rate factor of the coder
        self._fed: deque[_Fed] = deque()  # what is in the coder
        self._held: list[tuple[_Fed, bytes]] = []  # and what has come from it, but waits for the next
        self._timer: TimerHandle | None = None  # while something is held
        self._settling: Future | None = None  # the exact picture, while it is being compressed and still the last
        self._fed_at = 0.0
        self._first = 0  # number of the coder's first picture
        self._failures, self._failed_at = 0, 0.0
        self._level, self._level_at = 0, time.monotonic()

    def ready(self, *, urgent: bool = False) -> bool:
        """Whether one more picture may be sent; `urgent`: which answers something that a person has just done."""
        if self._fed:
            self._collect()  # a cell that blocks holds up the loop, and not the encoder
        if self._fed and time.monotonic() - self._fed_at > _STUCK:
            self._fail()
        if not self.audience.ready(urgent=urgent):
            return False
        try:
            return self._coder is None or self._coder.ready
        except OSError:
            self._fail()
            return True

    @property
    def answering(self) -> bool:
        """Whether a picture that somebody waits for is in the encoder, and will soon be out."""
        return time.monotonic() - self._fed_at < _ANSWER and any(fed.awaited is not None for fed in self._fed)

    def offer(
        self, picture: np.ndarray, time_: float, frame: int, *, moving: bool, awaited: float | None, fps: float
    ) -> None:
        """Send a picture (height, width, 4), top row first: frame number `frame`, at `time_` seconds.

        `moving`: whether another one will soon follow, at most `fps` in a second; `awaited`: since when
        somebody waits for it, in seconds of `time.monotonic`, if it answers something that was just done.
        """
        self._settling = None
        level = self._adapt()
        picture = shrunk(picture, level.scale)
        if moving and self._encode(picture, level, fps, (time_, frame), awaited=awaited):
            self.kind = "h264"
            return
        self.kind = "jpeg"
        self._still("image/jpeg", picture, jpeg(picture, level.quality), (time_, frame), awaited=awaited)

    def settle(self, picture: np.ndarray, time_: float, frame: int) -> None:
        """Send a picture exactly as it is, because it will stay for a while; unless another one comes before it.

        A thread compresses it, and lets go of the GIL: 60 ms at 1080p, in which the kernel goes on.
        """
        picture = picture.copy()  # there may soon be another one in its place
        self._settling = self._loop.run_in_executor(None, png, picture)
        self._settling.add_done_callback(lambda done: self._settled(done, picture, (time_, frame)))

    def _settled(self, done: Future, picture: np.ndarray, moment: tuple[float, int]) -> None:
        if done is self._settling:
            self._settling = None
            self._still("image/png", picture, done.result(), moment)

    def renew(self) -> None:
        """Begin with a key frame: somebody has joined."""
        self._end_coder()

    def lost(self, number: int) -> None:
        """Begin with a key frame, because a decoder has failed; or go over to JPEG if that happens again and again.

        `number`: the last picture that it was given. If that was before the last key frame, it is mended already.
        """
        if number >= self._first:
            self._fail()

    def rest(self) -> float | None:
        """End an encoder that has had nothing to do for a while; return in how many seconds to ask again, if ever."""
        if self._coder is None:
            return None
        left = self._fed_at + _IDLE - time.monotonic()
        if left > 0:
            return left
        self._end_coder()
        return None

    def close(self) -> None:
        """End the encoder."""
        self._settling = None
        self._end_coder()

    def _encode(
        self, picture: np.ndarray, level: Level, fps: float, moment: tuple[float, int], *, awaited: float | None
    ) -> bool:
        if self._start is None or self._failures >= _FAILURES or not self.audience.decodes_h264:
            return False
        wanted = ((picture.shape[1], picture.shape[0]), level.crf)
        try:
            if self._coder is None or self._coded != wanted:
                self._end_coder()
                self._coder, self._coded = self._start(wanted[0], fps, level.crf), wanted
                self._loop.add_reader(self._coder.fileno(), self._collect)
            self._coder.feed(picture)
        except (OSError, NotImplementedError):  # NotImplementedError: an event loop that watches no pipes
            self._fail()
            return False
        now = time.monotonic()
        late = now - self._fed_at > _SOON  # and so will be the next
        self._fed_at = now
        self._fed.append(_Fed(*self.audience.sent(), awaited, late or awaited is not None, moment))
        return True

    def _collect(self) -> None:
        coder = self._coder
        if coder is None:
            return
        try:
            for packet in coder.packets():
                fed = self._fed.popleft()
                if packet.key:
                    self._first = fed.number
                    self._key(fed, packet, coder.size)
                else:
                    self._hold(fed, packet.data)
        except OSError:
            self._fail()

    def _key(self, fed: _Fed, packet: Packet, size: tuple[int, int]) -> None:
        self._flush()
        key = {"codec": packet.codec, "width": size[0], "height": size[1]}
        self._packets([fed], packet.data, packet.description, key=key)

    def _hold(self, fed: _Fed, data: bytes) -> None:
        """Hold a packet until others have come; not if it is awaited, or there is no room for others."""
        self._held.append((fed, data))
        if fed.at_once or len(self._held) >= _TOGETHER or not self.audience.ready():
            self._flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(_SOON, self._flush)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._held:
            held, self._held = self._held, []
            self._packets([fed for fed, _ in held], *(data for _, data in held))

    def _packets(self, pictures: list[_Fed], *buffers: bytes, key: dict[str, object] | None = None) -> None:
        message: dict[str, object] = {"type": "packets"}
        message["pictures"] = [(fed.number, round(fed.moment[0], 6), fed.moment[1]) for fed in pictures]
        told = {
            "asks": any(fed.asks for fed in pictures) or None,
            "awaited": _waited(fed.awaited for fed in pictures),
            "key": key,
        }
        self._post(message | {word: value for word, value in told.items() if value is not None}, *buffers)

    def _still(
        self, mime: str, picture: np.ndarray, data: bytes, moment: tuple[float, int], *, awaited: float | None = None
    ) -> None:
        self._flush()
        index, asks = self.audience.sent()
        height, width = picture.shape[:2]
        shape = {"width": width, "height": height, "time": moment[0], "frame": moment[1]}
        told = {"asks": asks, "awaited": _waited([awaited])}
        self._post({"type": "frame", "index": index, "mime": mime, **told, **shape}, data)

    def _post(self, message: dict[str, object], *buffers: bytes) -> None:
        self.sent_bytes += sum(map(len, buffers))
        self._send(message, list(buffers))

    def _fail(self) -> None:
        self._end_coder()
        now = time.monotonic()
        self._failures = self._failures + 1 if now - self._failed_at < _HEALTHY else 1
        self._failed_at = now
        if self._failures == _FAILURES:
            _log.info("nbpipe: live pictures are JPEG from now on, because H.264 failed %d times in a row", _FAILURES)

    def _end_coder(self) -> None:
        coder, self._coder = self._coder, None
        while self._fed:
            self.audience.withdraw(self._fed.popleft().number)
        if coder is not None:
            with contextlib.suppress(NotImplementedError):  # as above
                self._loop.remove_reader(coder.fileno())
            coder.close()
        self._flush()

    def _adapt(self) -> Level:
        now = time.monotonic()
        round_trip, shortest = self.audience.round_trip, self.audience.shortest_round_trip
        queued = round_trip > _QUEUED and (round_trip > 2 * shortest or shortest > 4 * _QUEUED)
        if queued and self._level < len(LEVELS) - 1 and now - self._level_at > _WORSE_AFTER:
            self._level, self._level_at = self._level + 1, now
        elif round_trip < _FREE and self._level > 0 and now - self._level_at > _BETTER_AFTER:
            self._level, self._level_at = self._level - 1, now
        return LEVELS[self._level]


def _waited(since: Iterable[float | None]) -> float | None:
    """Return for how many milliseconds somebody has waited, if somebody has."""
    waited = [time.monotonic() - then for then in since if then is not None]
    return round(1000 * max(waited), 1) if waited else None
