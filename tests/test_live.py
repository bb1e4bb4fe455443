"""The live stream of one widget: the choice of H.264, JPEG and PNG, its fall-backs and its levels."""

from __future__ import annotations

import asyncio
import io
import itertools
import select
import time
from types import SimpleNamespace

import av
import numpy as np
import pytest
from pictures import pictures_in
from PIL import Image
from watermark import luma, number_in, painted

from nbpipe.notebook import live
from nbpipe.notebook.live import LEVELS, LiveStream
from nbpipe.video.ffmpeg import find_ffmpeg
from nbpipe.video.live import LiveEncoder

SIZE = (320, 180)
ONE, TWO = "browser001", "browser002"
HUNG = 20  # seconds after which a test gives up


class Line:
    """A stream on the running loop, and all that it sent. Its clock and its audience's stands still unless moved."""

    def __init__(self, patch, start=None, loop=None):
        self.now = 1000.0
        clock = SimpleNamespace(monotonic=lambda: self.now)
        patch.setattr("nbpipe.notebook.live.time", clock)
        patch.setattr("nbpipe.notebook.audience.time", clock)
        self.sent, self.messages, self.buffers, self.encoders = [], [], [], []  # a message for each picture
        self.width = 0  # of the last picture
        self.news = asyncio.Event()
        self.fed = 0
        self.start = start or self.encoder
        self.stream = LiveStream(self.send, self.start, loop or asyncio.get_running_loop())

    def encoder(self, size, fps, crf):
        coder = LiveEncoder(find_ffmpeg(), size, fps, crf)
        self.encoders.append((size, fps, crf))
        return coder

    def send(self, message, buffers):
        self.sent.append(message)
        for picture in pictures_in(message, buffers):
            self.messages.append(picture)
            self.buffers.append(picture["buffers"])
            self.width = picture.get("width", self.width)
        self.news.set()

    def join(self, client=ONE, *, h264=True):
        self.stream.audience.hello(client, ["h264"] if h264 else [])
        self.stream.renew()  # what the player does when somebody has joined

    def offer(self, *, moving=True, awaited=True, number=None, size=SIZE):
        number = self.fed if number is None else number
        self.fed += 1
        picture = painted(number, *size, channels=4)
        self.stream.offer(picture, number / 60, number, moving=moving, awaited=self.now if awaited else None, fps=60.0)

    async def settle(self, picture, time_, frame):
        """Have a picture sent exactly, and wait for it."""
        count = len(self.messages)
        self.stream.settle(picture, time_, frame)
        await self.until(lambda: len(self.messages) > count and self.messages[-1].get("mime") == "image/png")

    async def until(self, done):
        """Let the loop run until `done` says so."""
        async with asyncio.timeout(HUNG):
            while not done():
                self.news.clear()
                await self.news.wait()

    async def shown(self, *, clients=(ONE,), moving=True, delay=0.0):
        """Offer a picture, and have browsers answer it after `delay` seconds; return its message."""
        count = len(self.messages)
        assert self.stream.ready()
        self.offer(moving=moving)
        await self.until(lambda: len(self.messages) > count)
        self.now += delay
        for client in clients:
            self.stream.audience.ack(client, self.messages[-1]["index"])
        return self.messages[-1]

    @property
    def waiting(self):
        """Pictures that somebody is thought to be waiting for."""
        return list(self.stream.audience._sent)


@pytest.fixture
def play(monkeypatch):
    """Run a test's performance on a loop of its own, and close its stream."""

    def run(performance, **options):
        async def whole():
            line = Line(monkeypatch, **options)
            try:
                await performance(line)
            finally:
                line.stream.close()

        asyncio.run(whole())

    return run


def decoded(line):
    """Decode what a browser got from the last key frame on."""
    packets = [(m, b) for m, b in zip(line.messages, line.buffers, strict=True) if m["type"] == "packet"]
    start = max(n for n, (message, _) in enumerate(packets) if message["key"])
    decoder = av.CodecContext.create("h264", "r")
    decoder.extradata = packets[start][1][1]
    decoder.thread_count = 1
    return [frame for _, buffers in packets[start:] for frame in decoder.decode(av.Packet(buffers[0]))]


def test_who_decodes_h264_gets_it_a_packet_for_each_picture(play):
    async def performance(line):
        line.join()
        for n in range(10):
            message = await line.shown()
            assert message["type"] == "packet"
            assert message["index"] == n
            assert (message["frame"], message["time"]) == (n, pytest.approx(n / 60, abs=1e-6))
            assert message["key"] == (n == 0)
            assert len(line.buffers[-1]) == (2 if n == 0 else 1)
        assert (line.messages[0]["width"], line.messages[0]["height"]) == SIZE
        assert line.stream.kind == "h264"
        assert line.stream.sent_bytes == sum(len(b) for buffers in line.buffers for b in buffers)
        assert [number_in(luma(frame)) for frame in decoded(line)] == list(range(10))

    play(performance)


def test_a_decoder_that_failed_before_the_last_key_frame_is_mended_by_that(play):
    async def performance(line):
        line.join()
        old = await line.shown()
        line.join(TWO)
        new = await line.shown(clients=(ONE, TWO))
        assert new["key"]
        for _ in range(3):
            line.stream.lost(old["index"])
        message = await line.shown(clients=(ONE, TWO))
        assert (message["type"], message["key"]) == ("packet", False)

    play(performance)


class TestTogether:
    """Packets that nobody waits for go three in a message."""

    async def after_two(self, line, **how):
        """Have two pictures shown, so that there is room for more, and offer one."""
        line.join()
        for _ in range(2):
            await line.shown()
        line.sent.clear()
        await self.encoded(line, **how)

    async def encoded(self, line, **how):
        """Offer a picture, and take its packet."""
        line.offer(**how)
        assert select.select([line.stream._coder.fileno()], [], [], HUNG)[0], "no packet came"
        line.stream._collect()

    def test_the_first_waits_for_the_others(self, play):
        async def performance(line):
            await self.after_two(line, awaited=False)
            await self.encoded(line, awaited=False)
            assert line.sent == []
            await self.encoded(line, awaited=False)
            (message,) = line.sent
            assert [(index, frame) for index, _, frame in message["pictures"]] == [(2, 2), (3, 3), (4, 4)]
            assert [number_in(luma(frame)) for frame in decoded(line)] == list(range(5))

        play(performance)

    def test_one_that_a_person_waits_for_goes_at_once_and_takes_the_first_along(self, play):
        async def performance(line):
            await self.after_two(line, awaited=True)
            assert len(line.sent) == 1
            await self.encoded(line, awaited=False)
            assert len(line.sent) == 1
            await self.encoded(line, awaited=True)
            assert [len(message["pictures"]) for message in line.sent] == [1, 2]
            assert all("awaited" in message for message in line.sent)

        play(performance)

    def test_it_says_for_how_long_a_person_has_waited_for_one_of_them(self, play):
        async def performance(line):
            await self.after_two(line, awaited=False)
            line.offer(awaited=True)
            line.now += 0.0125
            await line.until(lambda: line.sent)
            line.stream.offer(painted(4, *SIZE, channels=4), 0.1, 4, moving=False, awaited=line.now - 0.03, fps=60.0)
            assert [(m["type"], m["awaited"]) for m in line.sent] == [("packets", 12.5), ("frame", 30.0)]
            await line.settle(painted(4, *SIZE, channels=4), 0.1, 4)
            assert line.sent[-1]["awaited"] is None

        play(performance)

    def test_it_is_answering_while_one_of_them_is_in_the_encoder_but_not_for_long(self, play):
        async def performance(line):
            await self.after_two(line, awaited=False)
            assert not line.stream.answering
            line.offer(awaited=True)
            assert line.stream.answering
            await line.until(lambda: any("awaited" in message for message in line.sent))  # the one before may go alone
            assert not line.stream.answering
            line.offer(awaited=True)
            line.now += 0.03
            assert not line.stream.answering, "an encoder that is slow gets the next one too"

        play(performance)

    def test_one_that_no_other_follows_goes_alone_soon(self, play):
        async def performance(line):
            await self.after_two(line, awaited=False)
            await line.until(lambda: line.sent)
            assert [frame for *_, frame in line.sent[0]["pictures"]] == [2]

        play(performance)

    def test_none_waits_for_one_that_comes_late(self, play):
        async def performance(line):
            await self.after_two(line, awaited=True)
            line.now += 0.05
            await self.encoded(line, awaited=False)
            assert len(line.sent) == 2

        play(performance)

    def test_none_waits_for_one_that_has_no_room(self, play):
        async def performance(line):
            line.join()
            await line.shown()
            line.sent.clear()
            while line.stream.ready():
                await self.encoded(line, awaited=False)
            assert sum(len(message["pictures"]) for message in line.sent) == len(line.waiting) - 1

        play(performance)

    def test_they_ask_for_an_answer_if_one_of_them_does(self, play):
        async def performance(line):
            await self.after_two(line, awaited=True)
            numbers = itertools.count(3)
            line.stream.audience.sent = lambda: ((number := next(numbers)), number == 4)
            for _ in range(6):
                await self.encoded(line, awaited=False)
            assert [message.get("asks") for message in line.sent[1:]] == [True, None]

        play(performance)

    def test_a_message_that_cannot_be_sent_leaves_no_encoder(self, play):
        async def performance(line):
            await self.after_two(line, awaited=False)
            coder = line.stream._coder

            def broken(message, buffers):
                raise RuntimeError("no comm")

            line.stream._send = broken
            with pytest.raises(RuntimeError, match="no comm"):
                line.stream.close()
            assert coder._process._process.poll() is not None
            assert line.stream._timer is None

        play(performance)

    def test_what_waits_is_sent_before_a_still(self, play):
        async def performance(line):
            await self.after_two(line, awaited=False)
            await line.settle(painted(2, *SIZE, channels=4), 0.5, 2)
            assert [message["type"] for message in line.sent] == ["packets", "frame"]
            assert line.stream._timer is None

        play(performance)

    @pytest.mark.parametrize("end", [LiveStream.renew, LiveStream.close])
    def test_what_waits_is_sent_when_the_encoder_ends(self, play, end):
        async def performance(line):
            await self.after_two(line, awaited=False)
            end(line.stream)
            assert [message["type"] for message in line.sent] == ["packets"]
            assert line.stream._timer is None

        play(performance)


def test_h264_only_when_everybody_who_looks_can_decode_it(play):
    async def performance(line):
        line.join(ONE)
        assert (await line.shown())["type"] == "packet"
        line.join(TWO, h264=False)
        message = await line.shown(clients=(ONE, TWO))
        assert (message["type"], message["mime"]) == ("frame", "image/jpeg")
        assert line.stream.kind == "jpeg"
        line.stream.audience.look(TWO, visible=False)
        message = await line.shown()
        assert message["type"] == "packet"

    play(performance)


def test_without_an_encoder_it_is_jpeg_that_shows_the_picture(play, monkeypatch):
    async def performance(line):
        line.stream = LiveStream(line.send, None, asyncio.get_running_loop())
        line.join()
        message = await line.shown()
        assert (message["mime"], message["width"], message["height"]) == ("image/jpeg", *SIZE)
        picture = np.asarray(Image.open(io.BytesIO(line.buffers[-1][0])))
        assert np.abs(picture.astype(int) - painted(0, *SIZE)).mean() < 4

    play(performance)


def test_what_stands_still_is_jpeg_and_then_exact(play):
    async def performance(line):
        line.join()
        assert (await line.shown(moving=False))["mime"] == "image/jpeg"
        noise = np.random.default_rng(1).integers(0, 256, (90, 161, 4), np.uint8)
        await line.settle(noise, 1.5, 90)
        expected = {"type": "frame", "mime": "image/png", "width": 161, "height": 90, "time": 1.5, "frame": 90}
        assert expected.items() <= line.messages[-1].items()
        (data,) = line.buffers[-1]
        assert (np.asarray(Image.open(io.BytesIO(data))) == noise[..., :3]).all()
        assert not line.encoders, "no FFmpeg for a picture that stands still"

    play(performance)


def test_the_exact_picture_is_made_beside_the_kernels_other_work(play):
    async def performance(line):
        line.join()
        await line.shown(moving=False)
        picture = painted(7, *SIZE, channels=4)
        line.stream.settle(picture, 0.5, 7)
        assert len(line.messages) == 1
        picture[:] = 0  # as the next one does, which may be drawn meanwhile
        await line.until(lambda: len(line.messages) == 2)
        assert (np.asarray(Image.open(io.BytesIO(line.buffers[-1][0]))) == painted(7, *SIZE)).all()

    play(performance)


@pytest.mark.parametrize("follow", [lambda line: line.offer(moving=False), lambda line: line.stream.close()])
def test_an_exact_picture_that_another_one_overtakes_is_not_sent(play, follow):
    async def performance(line):
        line.join()
        await line.shown(moving=False)
        line.stream.settle(painted(7, *SIZE, channels=4), 0.5, 7)
        follow(line)
        await asyncio.get_running_loop().shutdown_default_executor()
        await asyncio.sleep(0)
        assert {message["mime"] for message in line.messages} == {"image/jpeg"}

    play(performance)


def test_odd_sizes_say_how_large_the_coded_picture_is(play):
    async def performance(line):
        line.join()
        line.offer(size=(161, 91))
        await line.until(lambda: line.messages)
        assert (line.messages[0]["width"], line.messages[0]["height"]) == (162, 92)

    play(performance)


def test_who_joins_later_can_decode_at_once(play):
    async def performance(line):
        line.join(ONE)
        for _ in range(5):
            await line.shown()
        line.join(TWO)
        message = await line.shown(clients=(ONE, TWO))
        assert message["key"]
        assert message["frame"] == 5
        assert number_in(luma(decoded(line)[0])) == 5

    play(performance)


def test_another_size_begins_with_a_key_frame(play):
    async def performance(line):
        line.join()
        await line.shown()
        line.offer(size=(160, 90))
        await line.until(lambda: len(line.messages) == 2)
        assert line.messages[-1]["key"]
        assert [size for size, *_ in line.encoders] == [SIZE, (160, 90)]

    play(performance)


def test_a_decoder_that_lost_its_thread_gets_key_frames_and_in_the_end_jpeg(play):
    async def performance(line):
        line.join()
        kinds = []
        for _ in range(3):
            message = await line.shown()
            kinds.append((message["type"], message.get("key")))
            line.stream.lost(message["index"])
        assert kinds == [("packet", True)] * 3
        for _ in range(3):
            assert (await line.shown())["mime"] == "image/jpeg"
        line.join(TWO)
        assert (await line.shown(clients=(ONE, TWO)))["mime"] == "image/jpeg", "and stays with it"
        assert len(line.encoders) == 3

    play(performance)


def test_failures_that_lie_far_apart_do_not_end_h264(play):
    async def performance(line):
        line.join()
        for _ in range(6):
            message = await line.shown()
            assert message["key"]
            line.stream.lost(message["index"])
            line.now += 61
            line.join()

    play(performance)


def test_pictures_in_an_encoder_that_ends_are_waited_for_by_nobody(play):
    async def performance(line):
        line.join()
        for _ in range(3):
            line.offer()
        assert line.waiting == [0, 1, 2]
        line.stream.renew()
        assert line.waiting == []
        assert line.stream.ready()
        message = await line.shown()
        assert (message["index"], message["key"], message["frame"]) == (3, True, 3)

    play(performance)


class TestDeath:
    """An FFmpeg that dies is the encoder's trouble, not the person's: the picture goes on, as JPEG in the end."""

    @pytest.mark.parametrize(
        "life",
        [
            pytest.param("exit 1", id="at once"),
            pytest.param('dd bs=86400 count=2 iflag=fullblock status=none | "$real" "$@"', id="after two pictures"),
            pytest.param("head -c 90000 >/dev/null", id="without a packet"),
            pytest.param("echo rubbish; exit 1", id="with rubbish"),
            pytest.param("exec sleep 1000", id="not at all, and in silence"),
        ],
    )
    def test_amid_the_stream(self, play, fake_ffmpeg, life):
        fake_ffmpeg(life)

        async def performance(line):
            line.join()
            async with asyncio.timeout(HUNG):
                while not (len(line.encoders) == 3 and line.stream.kind == "jpeg"):
                    if line.stream.ready():
                        line.offer()
                    for message in line.messages:
                        line.stream.audience.ack(ONE, message["index"])
                    await asyncio.sleep(0)  # a turn of the loop
                    line.now += 0.0001
            assert [i for i in line.waiting if i not in {m["index"] for m in line.messages}] == []
            assert (await line.shown())["mime"] == "image/jpeg"

        play(performance)

    def test_a_kernel_that_was_held_up_is_not_the_encoders_fault(self, play):
        async def performance(line):
            line.join()
            await line.shown()
            line.offer()
            assert select.select([line.stream._coder.fileno()], [], [], HUNG)[0], "while a cell blocks the loop"
            line.now += 1.5
            assert line.stream.ready()
            assert [message["frame"] for message in line.messages] == [0, 1]
            assert not (await line.shown())["key"]
            assert len(line.encoders) == 1

        play(performance)

    def test_a_cell_that_blocks_holds_up_no_packets(self, play):
        """As `wait` does on a recording of a preview, which asks whether a picture may be sent."""

        async def performance(line):
            line.join()
            for n in range(5):
                assert line.stream.ready()
                line.offer(awaited=False)
                line.now += 1 / 15
                deadline = time.monotonic() + HUNG
                while len(line.messages) == n:
                    line.stream.ready()
                    assert time.monotonic() < deadline
                line.stream.audience.ack(ONE, n)
            assert {message["type"] for message in line.messages} == {"packet"}

        play(performance)

    def test_one_that_cannot_be_started(self, play):
        def start(size, fps, crf):
            raise FileNotFoundError(2, "no such file", "ffmpeg")

        async def performance(line):
            line.join()
            for n in range(4):
                message = await line.shown()
                assert (message["mime"], message["index"]) == ("image/jpeg", n)

        play(performance, start=start)

    def test_a_loop_that_watches_no_pipes(self, play):
        async def performance(line):
            line.join()
            for _ in range(4):
                assert (await line.shown())["mime"] == "image/jpeg"

        play(performance, loop=asyncio.AbstractEventLoop())


class TestIdle:
    def test_an_encoder_that_nobody_feeds_is_ended_and_another_begins_with_a_key_frame(self, play):
        async def performance(line):
            line.join()
            await line.shown()
            await line.shown()
            line.now += live._IDLE - 0.1
            assert line.stream.rest() == pytest.approx(0.1)
            assert line.stream._coder is not None
            line.now += 0.2
            assert line.stream.rest() is None
            assert line.stream._coder is None
            assert line.stream.rest() is None
            assert (await line.shown())["key"]

        play(performance)

    def test_one_that_is_fed_lives_on(self, play):
        async def performance(line):
            line.join()
            for _ in range(4):
                await line.shown()
                line.now += live._IDLE - 3.1
                line.stream.rest()
            assert len(line.encoders) == 1

        play(performance)


class TestLevels:
    """On a slow line pictures get coarser and smaller, and better again."""

    async def pictures(self, line, seconds, delay):
        """Show pictures one after another, each answered after `delay` seconds; return their widths."""
        end, widths = line.now + seconds, []
        while line.now < end:
            await line.shown(delay=delay)
            widths.append(line.width)
        return widths

    @pytest.mark.parametrize("h264", [True, False])
    def test_worse_one_level_at_a_time_and_better_again(self, play, h264):
        async def performance(line):
            line.join(h264=h264)
            assert set(await self.pictures(line, 3, 0.1)) == {320}
            slow = await self.pictures(line, 12, 0.5)
            assert slow == sorted(slow, reverse=True)
            assert list(dict.fromkeys(slow)) == [320, 240, 160, 112]
            bytes_slow = len(line.buffers[-1][0])
            fast = await self.pictures(line, 30, 0.1)
            assert list(dict.fromkeys(fast)) == [112, 160, 240, 320]
            assert len(line.buffers[-1][0]) > bytes_slow or h264
            if h264:
                crfs = [crf for _, _, crf in line.encoders]
                assert crfs == [*(level.crf for level in LEVELS), *(level.crf for level in LEVELS[-2::-1])]

        play(performance)

    def test_a_line_that_is_merely_long_keeps_its_quality(self, play):
        async def performance(line):
            line.join(h264=False)
            assert set(await self.pictures(line, 20, 0.4)) == {320}

        play(performance)

    def test_one_late_answer_changes_nothing(self, play):
        async def performance(line):
            line.join(h264=False)
            await self.pictures(line, 3, 0.1)
            await line.shown(delay=1.5)
            assert set(await self.pictures(line, 3, 0.1)) == {320}
            sizes = {len(buffers[0]) // 1000 for buffers in line.buffers}
            assert max(sizes) - min(sizes) <= 1, "nor the quality of JPEG"

        play(performance)

    @pytest.mark.parametrize("alpha", [0, 100, 255])
    def test_a_smaller_picture_has_its_colours_whatever_its_alpha(self, play, alpha):
        """A scene that clears with three numbers has an alpha of 0."""

        async def performance(line):
            line.join(h264=False)
            await self.pictures(line, 3, 0.1)
            await self.pictures(line, 12, 0.5)
            plain = np.full((SIZE[1], SIZE[0], 4), (153, 60, 20, alpha), np.uint8)
            line.stream.offer(plain, 1.0, 60, moving=True, awaited=line.now, fps=60.0)
            picture = np.asarray(Image.open(io.BytesIO(line.buffers[-1][0])), int)
            assert picture.shape[1] == line.width < SIZE[0]
            assert abs(picture - (153, 60, 20)).max() <= 3

        play(performance)

    def test_the_exact_picture_is_exact_at_any_level(self, play):
        async def performance(line):
            line.join(h264=False)
            await self.pictures(line, 3, 0.1)
            await self.pictures(line, 12, 0.5)
            await line.settle(painted(7, *SIZE, channels=4), 0.0, 7)
            assert (np.asarray(Image.open(io.BytesIO(line.buffers[-1][0]))) == painted(7, *SIZE)).all()

        play(performance)
