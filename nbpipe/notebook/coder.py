"""What a live stream is given: an encoder, and what calls it back. Protocols, so it knows neither FFmpeg nor a loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np

Future = asyncio.Future[bytes]


class Packet(Protocol):
    """One encoded picture."""

    @property
    def data(self) -> bytes:
        """An access unit."""

    @property
    def key(self) -> bool:
        """Whether it can be decoded without the ones before it."""

    @property
    def codec(self) -> str:
        """As WebCodecs names it."""

    @property
    def description(self) -> bytes:
        """The decoder's configuration record."""


class Coder(Protocol):
    """An H.264 encoder for pictures of one size; every call may raise `OSError` when it has died."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the encoded pictures."""

    def fileno(self) -> int:
        """Return what becomes readable when packets come."""

    @property
    def ready(self) -> bool:
        """Whether there is room for a picture."""

    def feed(self, picture: np.ndarray) -> None:
        """Encode a picture (height, width, 4), top row first."""

    def packets(self) -> Iterable[Packet]:
        """Return what has come: a packet for each picture, in order."""

    def close(self) -> None:
        """End it."""


class TimerHandle(Protocol):
    """A call that will come."""

    def cancel(self) -> None:
        """Call it off."""


class EventLoop(Protocol):
    """Calls back when something is readable, in some seconds, or when work is done; what an event loop offers."""

    def call_later(self, delay: float, callback: Callable[[], object], /) -> TimerHandle:
        """Begin to wait."""

    def add_reader(self, fd: int, callback: Callable[[], object], /) -> object:
        """Begin."""

    def remove_reader(self, fd: int, /) -> object:
        """End."""

    def run_in_executor(self, executor: None, work: Callable[[np.ndarray], bytes], picture: np.ndarray, /) -> Future:
        """Have a thread do it."""
