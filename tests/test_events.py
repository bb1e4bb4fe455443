"""Events come through checked, merged and in order, and reach the handlers that asked for them."""

from __future__ import annotations

import json
import math
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbpipe.scene.events import FIELDS, EventQueue, Handlers, read_event

SIZE = (640, 360)


def event(kind, **fields):
    """An event as a browser sends it."""
    usual = {
        "timestamp": 1.5,
        "x": 10,
        "y": 20.5,
        "button": 1,
        "buttons": [1],
        "modifiers": ["Shift"],
        "ntouches": 0,
        "touches": {},
        "dx": 0,
        "dy": 100,
        "key": "ArrowUp",
        "data": "é",
        "input_type": "insertText",
        "is_composing": False,
        "repeat": False,
        "width": 640,
        "height": 360,
        "pwidth": 1280,
        "pheight": 720,
        "ratio": 2,
    }
    return {"type": kind, "timestamp": 1.5} | {field: usual[field] for field in FIELDS[kind]} | fields


def move(x=0.0, **fields):
    return read_event(event("pointer_move", x=x, **fields), SIZE)


def wheel(dy, **fields):
    return read_event(event("wheel", dy=dy, **fields), SIZE)


class TestReading:
    @pytest.mark.parametrize("kind", FIELDS)
    def test_every_type_of_the_specification_passes_unchanged(self, kind):
        sent = event(kind)
        read = read_event(json.loads(json.dumps(sent)), SIZE)
        assert json.loads(json.dumps(read)) == sent
        assert isinstance(read["timestamp"], float)

    def test_buttons_and_modifiers_become_tuples(self):
        assert (move()["buttons"], move()["modifiers"]) == ((1,), ("Shift",))

    def test_other_fields_are_left_behind(self):
        assert "stop_propagation" not in move(stop_propagation=True, innerHTML="<b>")

    def test_what_is_experimental_may_be_absent(self):
        sent = {"type": "pointer_down", "timestamp": 0, "x": 1, "y": 2, "button": 1, "buttons": [1], "modifiers": []}
        assert read_event(sent, SIZE)["touches"] == {}
        sent = {"type": "char", "timestamp": 0, "data": None, "input_type": "deleteContentBackward"}
        assert read_event(sent, SIZE)["data"] == ""

    @pytest.mark.parametrize("kind", ["pointer_enter", "pointer_leave"])
    def test_the_pointer_enters_with_or_without_a_place(self, kind):
        assert read_event({"type": kind, "timestamp": 1}, SIZE) == {"type": kind, "timestamp": 1.0}
        assert read_event({"type": kind, "timestamp": 1, "x": 3}, SIZE)["x"] == 3.0

    def test_a_drag_may_leave_the_picture_but_not_the_world(self):
        assert move(x=-50)["x"] == -50
        assert move(x=1e300)["x"] == 640 + 16384
        assert move(y=-(10**400))["y"] == -16384

    def test_a_size_is_at_least_a_pixel_and_never_endless(self):
        read = read_event(event("resize", width=0, height=10**9), SIZE)
        assert (read["width"], read["height"]) == (1, 65536)

    @pytest.mark.parametrize(
        "sent",
        [
            None,
            [],
            "pointer_move",
            {},
            {"type": "pointer_move"},
            {"type": ["pointer_move"], "timestamp": 1},
            {"type": "keypress", "timestamp": 1},
            {"type": "*", "timestamp": 1},
            event("show", timestamp=None),
            event("show", timestamp=math.nan),
            event("pointer_move", x=math.inf),
            event("pointer_move", x="10"),
            event("pointer_move", x=True),
            event("pointer_move", x=[[]]),
            event("pointer_move", button=1.5),
            event("pointer_move", button=-1),
            event("pointer_move", button=True),
            event("pointer_move", button=10**400),
            event("pointer_move", buttons="1"),
            event("pointer_move", buttons=[1] * 1000),
            event("pointer_move", buttons={"0": 1}),
            event("pointer_move", modifiers=["Hyper"]),
            event("pointer_move", modifiers=[[]]),
            event("pointer_move", modifiers="Shift"),
            event("pointer_move", touches={"1": {"x": 1}}),
            event("pointer_move", touches=[]),
            event("pointer_move", touches={"1": None}),
            event("key_down", key="a" * 65),
            event("key_down", key=["a"]),
            event("key_down", key="\ud800"),
            event("char", data="a" * 10**6),
            event("char", repeat=1),
            event("wheel", dy=None),
            event("resize", width=None),
        ],
    )
    def test_what_is_malformed_is_nothing(self, sent):
        assert read_event(sent, SIZE) is None

    def test_depth_and_length_do_no_harm(self):
        deep = []
        for _ in range(100_000):
            deep = [deep]
        assert read_event(event("pointer_move", touches=deep, buttons=deep), SIZE) is None
        assert read_event(deep, SIZE) is None
        assert move(**{str(n): n for n in range(10_000)}).keys() == move().keys()

    @given(st.data())
    def test_nothing_raises_and_what_passes_passes_again(self, data):
        json_like = st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**400),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        )
        kind = data.draw(st.sampled_from(sorted(FIELDS)))
        changed = data.draw(st.dictionaries(st.sampled_from(["timestamp", *FIELDS[kind]]), json_like))
        read = read_event(event(kind, **changed), SIZE)
        if read is not None:
            json.dumps(read, allow_nan=False).encode()
            assert read_event(read, SIZE) == read
        assert read_event(data.draw(json_like), SIZE) is None


class TestQueue:
    def test_events_keep_their_order(self):
        queue = EventQueue()
        kinds = ["pointer_down", "pointer_move", "pointer_up", "key_down", "pointer_move", "wheel", "pointer_move"]
        for kind in kinds:
            queue.put(read_event(event(kind), SIZE))
        assert [each["type"] for each in queue.take()] == kinds
        assert queue.take() == []

    def test_moves_in_a_row_are_one(self):
        queue = EventQueue()
        for x in range(5):
            queue.put(move(x))
        queue.put(move(7, buttons=[]))
        queue.put(move(8, buttons=[], modifiers=[]))
        assert [each["x"] for each in queue.take()] == [4, 7, 8]

    def test_wheels_in_a_row_add_up(self):
        queue = EventQueue()
        queue.put(first := wheel(100, x=1, dx=2))
        queue.put(wheel(-30, x=2, dx=5))
        queue.put(wheel(1, modifiers=[]))
        merged, other = queue.take()
        assert (merged["dy"], merged["dx"], merged["x"], other["dy"]) == (70, 7, 2, 1)
        assert first["dy"] == 100, "whoever holds the event has it as it was"

    def test_sizes_in_a_row_are_the_last(self):
        queue = EventQueue()
        for width in (100, 200):
            queue.put(read_event(event("resize", width=width), SIZE))
        assert [each["width"] for each in queue.take()] == [200]

    def test_a_flood_drops_moves_first(self):
        queue = EventQueue(limit=4)
        queue.put(read_event(event("pointer_down"), SIZE))
        queue.put(move(1))
        queue.put(wheel(5))
        queue.put(move(2))
        for _ in range(3):
            queue.put(read_event(event("key_down"), SIZE))
        assert [each["type"] for each in queue.take()] == ["pointer_down", "key_down", "key_down", "key_down"]
        assert queue.dropped == 3

    def test_a_flood_of_anything_stays_bounded(self):
        queue = EventQueue(limit=4)
        for number in range(10):
            queue.put(read_event(event("key_down", key=str(number)), SIZE))
        assert [each["key"] for each in queue.take()] == ["6", "7", "8", "9"]
        assert queue.dropped == 6

    def test_every_thread_may_put(self):
        queue, taken, done = EventQueue(limit=10**6), [], threading.Event()

        def put(name):
            for number in range(1000):
                queue.put({"type": "key_down", "timestamp": float(number), "key": name, "modifiers": ()})

        def take():
            while not done.is_set():
                taken.extend(queue.take())

        threads = [threading.Thread(target=put, args=(name,)) for name in "abcd"]
        taker = threading.Thread(target=take)
        for thread in [*threads, taker]:
            thread.start()
        for thread in threads:
            thread.join()
        done.set()
        taker.join()
        taken.extend(queue.take())
        for name in "abcd":
            assert [each["timestamp"] for each in taken if each["key"] == name] == list(range(1000))


class TestHandlers:
    @pytest.fixture
    def handlers(self):
        return Handlers()

    @pytest.fixture
    def calls(self):
        return []

    def test_each_is_given_what_it_asked_for(self, handlers, calls):
        handlers.add(lambda e: calls.append(("down", e["type"])), "pointer_down", "pointer_up")
        handlers.add(lambda e: calls.append(("all", e["type"])), "*")
        for kind in ("pointer_down", "key_down"):
            handlers.emit(event(kind))
        assert calls == [("down", "pointer_down"), ("all", "pointer_down"), ("all", "key_down")]

    def test_as_a_decorator(self, handlers, calls):
        @handlers.add("key_down", "key_up")
        def note(e):
            calls.append(e["key"])

        handlers.emit(event("key_up", key="a"))
        assert calls == ["a"]
        note(event("key_up", key="b"))
        assert calls == ["a", "b"], "it is still the function"

    def test_lower_orders_first_and_then_who_came_first(self, handlers, calls):
        for name, order in [("c", 1), ("b", 0), ("d", 1), ("a", -1)]:
            handlers.add(lambda _, name=name: calls.append(name), "wheel", order=order)
        handlers.emit(event("wheel"))
        assert calls == ["a", "b", "c", "d"]

    def test_added_twice_it_is_called_once(self, handlers, calls):
        handlers.add(calls.append, "wheel", "*")
        handlers.add(calls.append, "wheel")
        handlers.emit(event("wheel"))
        assert len(calls) == 1

    def test_one_may_stop_the_rest(self, handlers, calls):
        handlers.add(lambda e: e.update(stop_propagation=True), "wheel", order=1)
        handlers.add(lambda e: calls.append("before"), "wheel")
        handlers.add(lambda e: calls.append("after"), "*", order=2)
        handlers.emit(event("wheel"))
        assert calls == ["before"]

    def test_removed_it_is_not_called(self, handlers, calls):
        handlers.add(calls.append, "wheel", "key_down")
        handlers.remove(calls.append, "wheel")
        handlers.emit(event("wheel"))
        handlers.emit(event("key_down"))
        assert len(calls) == 1
        handlers.remove(calls.append)
        handlers.emit(event("key_down"))
        assert len(calls) == 1
        handlers.remove(calls.append)

    def test_one_may_remove_itself(self, handlers, calls):
        def once(e):
            calls.append(e)
            handlers.remove(once)

        handlers.add(once, "*")
        handlers.emit(event("wheel"))
        handlers.emit(event("wheel"))
        assert len(calls) == 1

    def test_an_error_keeps_nobody_from_the_event(self, handlers, calls):
        def fail(_):
            raise KeyError("mine")

        handlers.add(fail, "wheel")
        handlers.add(calls.append, "wheel", order=1)
        with pytest.raises(KeyError, match="mine"):
            handlers.emit(event("wheel"))
        assert len(calls) == 1
        handlers.add(lambda _: 1 / 0, "wheel")
        with pytest.raises(ExceptionGroup, match="2 handlers of wheel failed"):
            handlers.emit(event("wheel"))

    def test_of_several_types_none_counts_if_one_does_not_exist(self, handlers, calls):
        with pytest.raises(ValueError, match="no event 'pointer_dwon'"):
            handlers.add(calls.append, "key_down", "pointer_dwon")
        handlers.emit({"type": "key_down"})
        assert not calls

    def test_a_type_that_does_not_exist_is_named_with_those_that_do(self, handlers):
        with pytest.raises(ValueError, match=r"no event 'mouse_down'; there are .*pointer_down"):
            handlers.add(print, "mouse_down")
        with pytest.raises(TypeError, match="which events"):
            handlers.add(print)
        with pytest.raises(TypeError, match="give a function, not 3"):
            handlers.add(3, "wheel")
