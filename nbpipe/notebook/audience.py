"""The audience of a live widget: which browsers look on, and how many pictures may be on their way to them.

Owns what is known of each browser, and the flow control that follows from it. A picture is broadcast, so all get the
same ones; what differs is how fast each answers, and the next picture is due when the slowest browser has room. But one
that keeps the others waiting is left behind, and one that does not answer for two seconds counts as gone until
somebody speaks again. So no browser that vanished, sleeps or lies can hold up the rest, and none is ever sent more than
it has asked for by answering.

How many pictures a browser may have under way follows its round trip. With too few, the line is idle while an answer
travels; with too many they queue somewhere, and a key that is pressed now is seen only behind all of them. The shortest
round trip of late tells what the line takes when nothing queues; what a picture took beyond that, it spent in a queue:

    queued = sent since that picture × (1 - shortest / its round trip)

Less than one picture in the queue lets the room grow, more than two and a half lets it shrink (the idea of TCP Vegas).
Round trips are medians of five, because one picture may just have met an idle moment of a busy machine. And as a queue
that never empties hides what the line takes, the room is halved every ten seconds. Pictures that a browser got and
never showed, because there were too many for its screen, are work for nothing: they make the room shrink too.

Answers are asked for, and seldom: with each picture where there is little room, but three or four times a second where
there is much. For each one holds the pictures up by 40 ms. Jupyter's server leaves Nagle's algorithm on, so a small
packet waits in it for the TCP acknowledgement of the one before; and a Linux machine that has just written, as one that
answers has, acknowledges only after 40 ms what it acknowledges at once otherwise. With 25 answers a second a local
JupyterLab showed 30 pictures of 640 × 360, which came in bursts of two and three; with five answers it shows 56.

`hello look ack lost stir` may come on any thread and with any content; everything else is for the render thread. A lock
around a few lines keeps the two apart. Knows no pictures, only their numbers.
"""

from __future__ import annotations

import bisect
import enum
import math
import re
import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from itertools import takewhile

_ID = re.compile(r"[A-Za-z0-9]{8,32}")
_MOST = 16  # browsers on one widget; beyond, one makes room that has never answered, or was silent longest
_GONE = 2.0  # seconds without an answer that was asked for
_BEHIND = 0.5  # seconds that a browser may take for a picture while the others wait for it
_FIRST_ROUND = 0.07  # seconds: a round trip through a local JupyterLab, until one is measured
_FEWEST, _MOST_UNDER_WAY = 2.0, 32.0  # the most: half a second at 60 a second
_ASK_EVERY = 0.35  # seconds; sooner where there is less room
_UNPROVEN = 1.0  # pictures under way to one that has not answered yet: hellos are soon forged …
_STRANGERS = 0.1  # … and seconds between two pictures that only such ones have room for
_START = 4.0  # the same after the first answer, until more tell more
_FEW_QUEUED, _MANY_QUEUED = 1.0, 2.5
_LITTLE_WASTE, _MUCH_WASTE = 0.3, 0.5  # of the pictures, of late
_GROW, _SHRINK = 1.5, 0.75  # times, with each answer
_MEDIAN = 5
_OLDEST = 1.0  # seconds that a browser may say to have kept an answer
_LATE = 10.0  # seconds; the shortest round trip is that of the last 10 to 20
_URGENT = 2  # more pictures that may be under way when they answer a person
_REMEMBERED = 256  # pictures whose answers are still understood
_WINDOW = 1.0  # seconds over which shown pictures are counted, at least


class Heard(enum.Enum):
    """What became of a browser's message."""

    NONSENSE = enum.auto()
    TAKEN = enum.auto()
    JOINED = enum.auto()  # a browser is there that needs a picture, and has none to build on


@dataclass(slots=True)
class _Browser:
    """One page that shows the widget."""

    joined: int  # the first picture that was sent with it there
    heard: float  # when it answered last, or joined
    codecs: frozenset[str] = frozenset()
    visible: bool = True
    acked: int = -1
    proven: bool = False  # it has answered a picture
    room: float = _UNPROVEN
    rounds: deque[float] = field(default_factory=lambda: deque(maxlen=_MEDIAN))
    shown: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=64))  # when it was said, how many
    waste: float = 0.0  # the share of pictures that were not shown, of the last ten or so
    shortest: float = math.inf
    _newer: float = math.inf
    _since: float = 0.0

    @property
    def round_trip(self) -> float:
        """Seconds: the middle of the last measurements, which one hiccup does not move."""
        return sorted(self.rounds)[len(self.rounds) // 2] if self.rounds else _FIRST_ROUND

    def may_have(self, *, urgent: bool) -> int:
        """Return how many pictures may be under way."""
        return int(self.room) + (_URGENT if urgent and self.room >= _FEWEST else 0)

    def answered(self, round_trip: float, newer: int, pictures: int, shown: int, now: float) -> None:
        """Note an answer to `pictures`, some of them `shown`, after `round_trip` seconds in which `newer` were sent."""
        self.shown.append((now, shown))
        self.waste += 0.1 * min(pictures, 10) * (max(1 - shown / max(pictures, 1), 0.0) - self.waste)
        if self.room < _FEWEST:
            self.room = _START
        self.rounds.append(round_trip)
        if len(self.rounds) < _MEDIAN:
            return
        if now - self._since > _LATE:
            self.shortest, self._newer, self._since = self._newer, math.inf, now
            self.room = max(self.room / 2, _FEWEST)
        self._newer = min(self._newer, self.round_trip)
        self.shortest = min(self.shortest, self._newer)
        queued = newer * (1 - self.shortest / max(self.round_trip, 1e-6))
        if queued > _MANY_QUEUED or self.waste > _MUCH_WASTE:
            self.room = max(self.room * _SHRINK, _FEWEST)
        elif queued < _FEW_QUEUED and self.waste < _LITTLE_WASTE:
            self.room = min(self.room * _GROW, _MOST_UNDER_WAY)

    def fps(self, now: float) -> float:
        """Return how many pictures a second have been shown of late."""
        said = [one for one in self.shown if now - one[0] < _WINDOW + 2 * _ASK_EVERY]
        if len(said) < 2:  # noqa: PLR2004  the first tells since when the others count
            return 0.0
        return sum(count for _, count in said[1:]) / max(said[-1][0] - said[0][0], _WINDOW / 2)


class Audience:
    """The browsers that show one widget."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._browsers: OrderedDict[str, _Browser] = OrderedDict()  # in the order in which they were last heard
        self._sent: OrderedDict[int, float] = OrderedDict()  # picture → when
        self._asked: list[int] = []  # those of them that ask for an answer, in order
        self._next = 0

    def hello(self, client: object, codecs: object) -> Heard:
        """Note a browser and what it can decode."""
        if not (isinstance(client, str) and _ID.fullmatch(client)):
            return Heard.NONSENSE
        known = {"h264"}.intersection(c for c in codecs[:8] if isinstance(c, str)) if isinstance(codecs, list) else ()
        now = time.monotonic()
        with self._lock:
            browser = self._known(client)
            new = browser is None or self._gone(browser, now)
            if browser is None:
                self._make_room()
                browser = self._browsers[client] = _Browser(joined=self._next, heard=now)
            elif new:
                self._begin(browser)
            browser.codecs = frozenset(known)
        return Heard.JOINED if new else Heard.TAKEN

    def look(self, client: object, visible: object) -> Heard:
        """Note whether a browser shows the widget where a person can see it."""
        with self._lock:
            browser = self._known(client)
            if browser is None or not isinstance(visible, bool):
                return Heard.NONSENSE
            gone = self._gone(browser, time.monotonic())
            came = visible and (gone or not browser.visible)
            browser.visible = visible
            if came and gone:
                self._begin(browser)
            return Heard.JOINED if came else Heard.TAKEN

    def ack(self, client: object, index: object, age: object = 0, shown: object = 1) -> Heard:
        """Note that a browser is done with picture `index`, and with those before it.

        `age`: since how many milliseconds, and beyond a second the time tells nothing; `shown`: how many pictures a
        person has seen since the answer before.
        """
        now = time.monotonic()
        kept = age / 1000 if isinstance(age, (int, float)) and 0 <= age <= 1000 * _OLDEST else None
        seen = shown if type(shown) is int and 0 <= shown <= _REMEMBERED else 1
        with self._lock:
            browser = self._known(client)
            if browser is None or type(index) is not int or not 0 <= index < self._next:
                return Heard.NONSENSE
            if index <= browser.acked:  # said again, or overtaken by a later one
                return Heard.TAKEN
            sent = self._sent.get(index)
            if sent is None and self._gone(browser, now):  # for so long that nobody remembers the picture
                self._begin(browser)
                return Heard.JOINED
            if sent is not None and kept is not None and index >= browser.joined:  # else it tells of an absence
                under_way = self._under_way(browser)
                newer = sum(later > index for later in under_way)
                browser.answered(max(now - sent - kept, 1e-4), newer, len(under_way) - newer, seen, now)
            browser.acked, browser.heard, browser.proven = index, now, True
            return Heard.TAKEN

    def lost(self, client: object, index: object) -> Heard:
        """Note that a browser failed to decode, `index` being the last picture that it was given."""
        with self._lock:
            known = self._known(client) is not None and type(index) is int and 0 <= index < self._next
            return Heard.TAKEN if known else Heard.NONSENSE

    def stir(self) -> Heard:
        """Note that somebody is there who does not say who: each browser that counts as gone may be back."""
        now = time.monotonic()
        with self._lock:
            back = [browser for browser in self._browsers.values() if browser.visible and self._gone(browser, now)]
            for browser in back:
                self._begin(browser)
            return Heard.JOINED if back else Heard.TAKEN

    def sent(self) -> tuple[int, bool]:
        """Number the picture that is about to be sent; return the number, and whether it asks for an answer."""
        now = time.monotonic()
        with self._lock:
            index = self._next
            self._next += 1
            self._sent[index] = now
            while len(self._sent) > _REMEMBERED:
                forgotten, _ = self._sent.popitem(last=False)
                if self._asked[:1] == [forgotten]:
                    del self._asked[0]
            asks = self._asks(index, now)
            if asks:
                self._asked.append(index)
            return index, asks

    def withdraw(self, index: int) -> None:
        """Take picture `index` back, which was numbered and will not be sent."""
        with self._lock:
            self._sent.pop(index, None)
            if index in self._asked:
                self._asked.remove(index)

    def ready(self, *, urgent: bool = False) -> bool:
        """Whether one more picture may be sent; `urgent`: which answers something that a person has just done."""
        now = time.monotonic()
        with self._lock:
            watching = self._watching(now)
            rested = not self._sent or now - next(reversed(self._sent.values())) >= _STRANGERS
            room = False
            for browser in watching:
                since = self._owing(browser)
                if since is None or len(self._under_way(browser)) < browser.may_have(urgent=urgent):
                    room = room or browser.proven or rested
                elif browser.proven and now - since <= _BEHIND:
                    return False
            return room

    @property
    def watching(self) -> bool:
        """Whether anybody can see the widget."""
        with self._lock:
            return bool(self._watching(time.monotonic()))

    @property
    def decodes_h264(self) -> bool:
        """Whether everybody who can see it can decode H.264."""
        with self._lock:
            watching = self._watching(time.monotonic())
            return bool(watching) and all("h264" in browser.codecs for browser in watching)

    @property
    def round_trip(self) -> float:
        """Seconds from sending a picture to its answer, with the slowest of those who look on."""
        with self._lock:
            return max((b.round_trip for b in self._watching(time.monotonic())), default=_FIRST_ROUND)

    @property
    def shortest_round_trip(self) -> float:
        """The same for the best of its last pictures: what the line takes when nothing queues in it."""
        with self._lock:
            best = (b.shortest for b in self._watching(time.monotonic()) if b.rounds)
            return max(best, default=_FIRST_ROUND)

    @property
    def shown_fps(self) -> float:
        """Pictures per second that somebody has seen, over the last second; of whoever saw the most."""
        now = time.monotonic()
        with self._lock:
            return max((browser.fps(now) for browser in self._browsers.values()), default=0.0)

    def _known(self, client: object) -> _Browser | None:
        browser = self._browsers.get(client) if isinstance(client, str) else None
        if browser is not None:
            assert isinstance(client, str)
            self._browsers.move_to_end(client)
        return browser

    def _begin(self, browser: _Browser) -> None:
        """Forget what is under way to a browser that was gone, and try it with one picture."""
        browser.joined, browser.acked, browser.heard = self._next, -1, time.monotonic()
        browser.room = _UNPROVEN

    def _make_room(self) -> None:
        """Leave room for one more browser. Forged ones are many, and answer nothing."""
        if len(self._browsers) >= _MOST:
            unproven = (client for client, browser in self._browsers.items() if not browser.proven)
            del self._browsers[next(unproven, next(iter(self._browsers)))]

    def _under_way(self, browser: _Browser) -> list[int]:
        """Return the pictures that the browser has not answered, the latest first."""
        first = max(browser.joined, browser.acked + 1)
        return list(takewhile(lambda index: index >= first, reversed(self._sent)))

    def _asks(self, index: int, now: float) -> bool:
        if not self._asked or now - self._sent[self._asked[-1]] >= _ASK_EVERY:
            return True
        rooms = [b.room if b.proven else _UNPROVEN for b in self._watching(now)]
        return index - self._asked[-1] >= (min(rooms, default=0) - _START) / 2

    def _owing(self, browser: _Browser) -> float | None:
        """Return since when the browser owes an answer, or ``None``."""
        first = bisect.bisect_left(self._asked, max(browser.joined, browser.acked + 1))
        return self._sent[self._asked[first]] if first < len(self._asked) else None

    def _gone(self, browser: _Browser, now: float) -> bool:
        since = self._owing(browser)
        return since is not None and now - max(since, browser.heard) > _GONE

    def _watching(self, now: float) -> list[_Browser]:
        return [b for b in self._browsers.values() if b.visible and not self._gone(b, now)]
