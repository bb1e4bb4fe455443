"""Flow control of the live stream: who gets pictures, how many at once, and that no browser can stop the others."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbpipe.notebook import audience
from nbpipe.notebook.audience import Audience, Heard

FPS = 60
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.just(object())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class Room:
    """An audience, a clock, and browsers that show all pictures, and answer after a time of their own if asked to."""

    def __init__(self, patch):
        self.now = Fraction(1000)  # exact: a sixtieth of a second is a picture
        patch.setattr(audience, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.audience = Audience()
        self.answers: list[tuple[Fraction, str, int]] = []
        self.delays: dict[str, Fraction | None] = {}
        self.lines: dict[str, Fraction] = {}  # seconds that a picture takes to get through, one after the other
        self.free: dict[str, Fraction] = {}
        self.answered: dict[str, int] = {}
        self.asked = 0

    def join(self, client, delay=Fraction(2, 100), codecs=()):
        """`delay`: seconds from a picture to its answer; None never answers."""
        self.delays[client] = delay
        return self.audience.hello(client, list(codecs))

    def silence(self, client):
        """Let a browser give the answers that it owes, and no more."""
        self.delays[client] = None
        for _, *answer in self.answers:
            self.answer(*answer)
        self.answers.clear()

    def answer(self, client, index):
        self.audience.ack(client, index, 0, index - self.answered.get(client, -1))
        self.answered[client] = index

    def flood(self):
        """Send as much as is allowed at once; return how many pictures that were."""
        sent = 0
        while self.audience.ready():
            self.last, _ = self.audience.sent()
            sent += 1
        return sent

    def play(self, seconds):
        """Send whatever may be sent; return how many pictures that were."""
        sent = 0
        for _ in range(int(seconds * FPS)):
            self.now += Fraction(1, FPS)
            for answer in sorted(self.answers):
                if answer[0] <= self.now:
                    self.answers.remove(answer)
                    self.answer(*answer[1:])
            if self.audience.ready():
                index, asks = self.audience.sent()
                self.asked += asks
                sent += 1
                at = {client: self.now + delay for client, delay in self.delays.items() if delay is not None}
                for client, takes in self.lines.items():
                    at[client] = self.free[client] = max(self.free.get(client, 0), self.now) + takes
                self.answers += [(when, client, index) for client, when in at.items() if asks]
        return sent


@pytest.fixture
def room(monkeypatch):
    return Room(monkeypatch)


def test_nobody_is_sent_nothing(room):
    assert room.play(2) == 0
    assert not room.audience.watching
    assert not room.audience.decodes_h264


def test_a_browser_gets_every_picture_that_the_line_can_carry(room):
    assert room.join("abcdefgh") is Heard.JOINED
    room.play(1)
    assert room.play(2) == 2 * FPS


def test_a_long_line_is_filled_and_not_left_waiting_for_each_answer(room):
    """70 ms a round trip is 15 pictures a second with one under way, and 60 with as many as fit."""
    room.join("abcdefgh", Fraction(70, 1000))
    room.play(1)
    assert room.play(2) == 2 * FPS


def test_answers_are_asked_for_four_times_a_second_where_the_line_has_room(room):
    """Each holds the pictures up; but every picture asks where there is little room."""
    room.join("abcdefgh")
    assert room.play(Fraction(8, FPS)) == room.asked
    room.play(3)
    before = room.asked
    assert room.play(4) == 4 * FPS
    assert 15 <= room.asked - before <= 17


def test_what_asks_for_no_answer_is_waited_for_by_nobody(room):
    """The last pictures before a pause may not have asked."""
    room.join("abcdefgh")
    room.play(3)
    while room.audience.sent()[1]:
        pass
    room.silence("abcdefgh")
    room.audience.ack("abcdefgh", room.audience._asked[-1])
    room.now += 30
    assert room.audience.watching
    assert room.audience.ready()


@pytest.mark.parametrize(("shown", "most"), [(32, 32), (1, 2)])
def test_pictures_that_are_never_shown_make_the_room_shrink(room, shown, most):
    """A browser shows all that it got before each answer, or one; the line is as quick in both cases."""
    room.join("abcdefgh", None)
    for _ in range(100):
        room.flood()
        room.now += Fraction(1, 50)
        room.audience.ack("abcdefgh", room.last, 0, shown)
    assert room.flood() == most


def test_a_browser_that_never_answers_is_sent_one_and_given_up_after_two_seconds(room):
    room.join("abcdefgh", None)
    assert room.flood() == 1
    assert room.play(1) == 0
    room.now += 1
    assert room.audience.watching
    room.now += Fraction(1, 1000)
    assert not room.audience.watching


def test_the_first_answer_makes_room_for_several(room):
    room.join("abcdefgh", None)
    assert room.flood() == 1
    room.audience.ack("abcdefgh", room.last)
    assert room.flood() == 4


def test_a_browser_that_falls_silent_is_sent_a_handful(room):
    room.join("abcdefgh")
    room.play(1)
    room.silence("abcdefgh")
    assert 2 <= room.flood() <= 32


def test_a_word_of_anyone_sends_a_picture_to_one_that_was_given_up(room):
    room.join("abcdefgh", None)
    room.play(3)
    assert room.audience.stir() is Heard.JOINED
    assert room.audience.watching
    assert room.play(2) == 1
    assert not room.audience.ready(urgent=True)
    assert room.audience.stir() is Heard.TAKEN, "it has not been given up yet"
    assert room.play(10) == 0, "it is given up again"


def test_it_comes_back_by_its_own_word_too(room):
    for speak in (lambda: room.audience.hello("abcdefgh", []), lambda: room.audience.look("abcdefgh", visible=True)):
        room.join("abcdefgh", None)
        room.play(4)
        assert not room.audience.watching
        assert speak() is Heard.JOINED
        room.delays["abcdefgh"] = Fraction(2, 100)
        room.play(1)
        assert room.play(1) == FPS


def test_answers_that_come_late_bring_it_back(room):
    room.join("abcdefgh", Fraction(5))
    room.play(3)
    assert not room.audience.watching
    room.play(3)
    assert room.audience.watching


def test_a_slow_browser_holds_a_fast_one_up_half_a_second_at_most(room):
    room.join("abcdefgh", None)
    room.join("fastfast")
    assert room.play(1) >= FPS / 3
    assert room.play(1) == FPS, "left behind"


def test_one_whose_line_is_a_little_slower_sets_the_pace_of_all(room):
    """Else pictures for it would queue in the server without end."""
    room.join("fastfast")
    room.join("slowslow", None)
    room.lines["slowslow"] = Fraction(1, 10)
    room.play(10)
    assert 90 <= room.play(10) <= 110


def test_one_whose_line_carries_three_pictures_a_second_leaves_the_other_its_pace(room):
    room.join("fastfast")
    room.join("slowslow", None)
    room.play(1)
    sent = 0
    for picture in range(30):
        sent += room.play(Fraction(1, 3))
        room.audience.ack("slowslow", picture)
    assert sent == 10 * FPS


def test_one_that_talks_and_never_answers_is_left_behind_like_a_silent_one(room):
    room.join("talktalk", None)
    room.join("fastfast")
    room.play(1)
    sent = 0
    for _ in range(100):
        room.audience.look("talktalk", visible=True)
        room.audience.hello("talktalk", [])
        room.audience.ack("talktalk", -1)
        room.audience.ack("talktalk", 10**9)
        sent += room.play(Fraction(1, 10))
    assert sent >= 10 * FPS * 3 / 4, "it is sent one each time it is back, and costs half a second each"


def test_one_that_comes_into_view_is_not_held_to_what_others_were_sent_meanwhile(room):
    room.join("abcdefgh")
    room.join("otherone")
    room.play(1)
    assert room.audience.look("abcdefgh", visible=False) is Heard.TAKEN
    room.delays["abcdefgh"] = None
    room.play(10)
    room.audience.look("otherone", visible=False)
    assert room.play(1) == 0
    assert room.audience.look("abcdefgh", visible=True) is Heard.JOINED
    room.delays["abcdefgh"] = Fraction(2, 100)
    room.play(1)
    assert room.play(1) == FPS


def test_coming_into_view_again_and_again_gives_no_credit(room):
    room.join("abcdefgh", None)
    room.play(1)
    for _ in range(100):
        room.audience.look("abcdefgh", visible=False)
        room.audience.look("abcdefgh", visible=True)
        assert not room.audience.ready()


def test_browsers_that_have_never_answered_hold_nobody_up(room):
    room.join("abcdefgh")
    room.play(1)
    sent = 0
    for number in range(100):
        room.join(f"silent{number:02}", None)
        sent += room.play(Fraction(1, 10))
    assert sent == 10 * FPS


def test_a_flood_of_hellos_draws_ten_pictures_a_second_and_not_one_each(room):
    sent = 0
    for number in range(FPS * 10):
        room.join(f"flood{number:03}", None)
        sent += room.play(Fraction(1, FPS))
    assert 2 <= sent <= 101


def test_a_hidden_browser_holds_nobody_up(room):
    room.join("hidehide", None)
    room.audience.look("hidehide", visible=False)
    room.join("abcdefgh")
    room.play(1)
    assert room.play(1) == FPS


def test_h264_only_when_all_who_look_on_can(room):
    room.join("abcdefgh", codecs=["h264", "av1"])
    assert room.audience.decodes_h264
    room.join("ijklmnop", codecs=[])
    assert not room.audience.decodes_h264
    room.audience.look("ijklmnop", visible=False)
    assert room.audience.decodes_h264


def test_a_withdrawn_picture_is_owed_by_nobody(room):
    room.join("abcdefgh")
    room.play(1)
    room.silence("abcdefgh")
    room.flood()
    room.audience.withdraw(room.last)
    assert room.audience.ready()


def test_forged_browsers_do_not_displace_those_that_answer(room):
    for number in range(10):
        room.join(f"honest{number:02}")
    room.play(1)
    for number in range(10_000):
        room.audience.hello(f"forged{number:06}", ["h264"])
    room.play(3)
    for number in range(10):
        assert room.audience.look(f"honest{number:02}", visible=True) is not Heard.NONSENSE
    assert room.play(1) == FPS
    assert len(room.audience._browsers) == 16


def test_the_round_trip_is_the_slowest_browsers_and_one_hiccup_does_not_move_it(room):
    room.join("fastfast", Fraction(2, 100))
    room.join("slowslow", Fraction(2, 10))
    room.play(3)
    assert room.audience.round_trip == pytest.approx(0.2, abs=0.02)
    room.delays["slowslow"] = Fraction(2)
    room.play(Fraction(1, 10))
    room.delays["slowslow"] = Fraction(2, 10)
    room.play(3)
    assert room.audience.round_trip == pytest.approx(0.2, abs=0.02)
    assert room.audience.shortest_round_trip == pytest.approx(0.2, abs=0.02)


def test_a_sleep_is_no_round_trip(room):
    room.join("abcdefgh", Fraction(2, 100))
    room.play(1)
    room.silence("abcdefgh")
    owed = room.flood()
    assert owed >= 3
    room.now += 30
    room.audience.stir()
    for index in range(room.last - owed + 1, room.last + 1):
        assert room.audience.ack("abcdefgh", index) is Heard.TAKEN
    assert room.audience.round_trip < 0.05


def test_shown_pictures_are_counted_over_a_second(room):
    room.join("abcdefgh")
    room.play(3)
    assert room.audience.shown_fps == pytest.approx(FPS, abs=2)
    room.now += 2
    assert room.audience.shown_fps == 0


def test_what_is_no_answer_gives_no_credit(room):
    room.join("abcdefgh")
    room.play(1)
    room.silence("abcdefgh")
    room.flood()
    for forged in (None, -1, 10**30, 1.0, 0.0, float("nan"), True, False, "0", [0], {}, b"0", room.last + 1):
        assert room.audience.ack("abcdefgh", forged) is Heard.NONSENSE
    assert room.audience.ack("nobodyis", 0) is Heard.NONSENSE
    assert not room.audience.ready()
    assert room.audience.ack("abcdefgh", room.last - 1) is Heard.TAKEN
    free = room.flood()
    assert room.audience.ack("abcdefgh", room.last - free - 1) is Heard.TAKEN, "said twice"
    assert room.audience.ack("abcdefgh", room.last - free - 2) is Heard.TAKEN, "the later one stood for it"
    assert not room.audience.ready()


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["hello", "look", "ack", "lost"]),
            ANYTHING | st.just("abcdefgh"),
            st.lists(ANYTHING | st.integers(-2, 99), min_size=1, max_size=3),
        ),
        max_size=40,
    )
)
def test_no_words_whatever_make_it_raise_flood_or_stop_for_ever(words):
    with pytest.MonkeyPatch.context() as patch:
        room = Room(patch)
        room.join("abcdefgh")
        for word, client, values in words:
            most = {"hello": 1, "look": 1, "ack": 3, "lost": 1}[word]
            heard = getattr(room.audience, word)(client, *values[:most])
            assert isinstance(heard, Heard)
            assert room.play(Fraction(1, 10)) <= 16
        assert len(room.audience._browsers) <= 16
        room.audience.look("abcdefgh", visible=True)
        room.play(3)
        assert room.play(1) >= FPS * 3 / 4
