"""The live H.264 encoder: packets in order, that decode to the pictures that went in, and how it ends."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import select

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from watermark import COLOURS, luma, number_in, painted, rgb_bt709

from nbpipe.video.ffmpeg import find_ffmpeg
from nbpipe.video.live import LiveEncoder, _Parser

SIZE = (320, 180)
HUNG = 20  # seconds after which a test gives up


@contextlib.contextmanager
def encoder(size=SIZE, fps=60.0, crf=23):
    found = LiveEncoder(find_ffmpeg(), size, fps, crf)
    try:
        yield found
    finally:
        found.close()


def waited(coder, count):
    """Return the next `count` packets, as soon as they have come."""
    packets = []
    while len(packets) < count:
        assert select.select([coder.fileno()], [], [], HUNG)[0], "no packet came"
        packets += coder.packets()
    assert len(packets) == count
    return packets


def encoded(coder, pictures):
    """Feed pictures one at a time, each when the packet of the one before is there."""
    packets = []
    for picture in pictures:
        assert coder.ready
        coder.feed(picture)
        packets += waited(coder, 1)
    return packets


def decoded(packets):
    """Decode as a browser does: by the description of the first, one picture for each packet."""
    decoder = av.CodecContext.create("h264", "r")
    decoder.extradata = packets[0].description
    decoder.thread_count = 1
    frames = []
    for packet in packets:
        (frame,) = decoder.decode(av.Packet(packet.data))
        frames.append(frame)
    return frames


def psnr(one, other):
    return 10 * np.log10(255**2 / np.mean((one.astype(float) - other.astype(float)) ** 2))


def smooth(size, shift=0.0):
    """Return a picture without edges, in which any loss is the encoder's."""
    x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    waves = [0.5 + 0.4 * np.sin(6 * (x * a + y * b + shift)) for a, b in ((1, 0), (0, 1), (1, 1))]
    return (255 * np.stack([*waves, np.ones_like(x)], axis=-1)).astype(np.uint8)


def test_each_picture_is_a_packet_in_order_before_the_next_goes_in():
    with encoder() as coder:
        packets = encoded(coder, (painted(n, *SIZE, channels=4) for n in range(40)))
    assert [number_in(luma(frame)) for frame in decoded(packets)] == list(range(40))


def test_pictures_that_are_fed_as_fast_as_there_is_room_come_out_in_order():
    with encoder() as coder:
        packets, fed = [], 0
        while len(packets) < 60:
            while fed < 60 and coder.ready:
                coder.feed(painted(fed, *SIZE, channels=4))
                fed += 1
            packets += waited_some(coder)
    assert [number_in(luma(frame)) for frame in decoded(packets)] == list(range(60))


def waited_some(coder):
    assert select.select([coder.fileno()], [], [], HUNG)[0], "no packet came"
    return list(coder.packets())


def test_the_first_is_a_key_frame_and_tells_how_to_decode_it():
    with encoder() as coder:
        packets = encoded(coder, [painted(n, *SIZE, channels=4) for n in range(5)])
    assert [packet.key for packet in packets] == [True, False, False, False, False]
    first = packets[0]
    assert re.fullmatch(r"avc1\.4D[0-9A-F]{4}", first.codec), "the main profile, which all browsers decode"
    assert first.description[0] == 1, "avcC, version 1"
    assert first.codec == f"avc1.{first.description[1:4].hex().upper()}"
    assert first.description[4] & 3 == 3, "lengths of four bytes"
    length = int.from_bytes(first.data[:4], "big")
    assert 0 < length <= len(first.data) - 4, "and no start codes"


def test_what_does_not_change_costs_almost_nothing():
    with encoder() as coder:
        first, *rest = encoded(coder, [smooth(SIZE)] * 5)
    assert max(len(packet.data) for packet in rest) < len(first.data) / 10


@pytest.mark.parametrize("crf", [23, 32])
def test_the_picture_is_the_one_that_went_in(crf):
    with encoder(crf=crf) as coder:
        pictures = [smooth(SIZE, n / 50) for n in range(10)]
        packets = encoded(coder, pictures)
    for frame, picture in zip(decoded(packets), pictures, strict=True):
        assert psnr(rgb_bt709(frame), picture[..., :3]) > (36 if crf == 23 else 30)


def test_a_smaller_rate_factor_is_better_and_larger():
    found = {}
    for crf in (18, 32):
        with encoder(crf=crf) as coder:
            (packet,) = encoded(coder, [smooth(SIZE)])
        found[crf] = psnr(rgb_bt709(decoded([packet])[0]), smooth(SIZE)[..., :3]), len(packet.data)
    assert found[18] > found[32]


def test_colours_are_those_of_bt709_in_limited_range_and_the_stream_says_so():
    with encoder(crf=15) as coder:
        (frame,) = decoded(encoded(coder, [painted(0, *SIZE, channels=4)]))
    picture = rgb_bt709(frame)
    for n, colour in enumerate(COLOURS.values()):
        middle = picture[80:100, n * 64 + 20 : n * 64 + 44]
        assert np.median(middle, axis=(0, 1)) == pytest.approx(colour, abs=4), colour
    assert (frame.colorspace, frame.color_range) == (1, 1), "BT.709, limited: else a browser guesses"


@pytest.mark.parametrize("size", [(161, 90), (160, 91), (161, 91), (17, 17), (2, 2), (1, 1)])
def test_odd_sizes_are_padded_with_their_last_row_and_column(size):
    width, height = size
    with encoder(size, crf=10) as coder:
        assert coder.size == (width + width % 2, height + height % 2)
        picture = smooth(SIZE)[:height, :width]
        (frame,) = decoded(encoded(coder, [picture]))
    assert (frame.width, frame.height) == coder.size
    shown = rgb_bt709(frame)
    assert np.abs(shown[:height, :width] - picture[..., :3]).mean() < 6
    assert np.abs(shown[-1] - shown[height - 1]).mean() < 6
    assert np.abs(shown[:, -1] - shown[:, width - 1]).mean() < 6


@pytest.mark.parametrize("fps", [0.5, 2, 5, 29.97, 100, 120, 1000])
def test_any_rate_is_a_packet_for_each_picture(fps):
    with encoder((64, 64), fps=fps) as coder:
        assert len(encoded(coder, [smooth((64, 64))] * 3)) == 3


def test_a_view_into_a_larger_picture_is_taken_as_it_looks():
    wide = np.concatenate([smooth(SIZE), smooth(SIZE)[:, ::-1]], axis=1)
    with encoder() as coder:
        (frame,) = decoded(encoded(coder, [wide[:, : SIZE[0]]]))
    assert psnr(rgb_bt709(frame), smooth(SIZE)[..., :3]) > 36


class TestDeath:
    """However FFmpeg ends, whoever feeds or reads is told by `OSError`, and nobody waits."""

    def test_at_once(self, fake_ffmpeg):
        fake_ffmpeg("exit 1")
        with encoder() as coder:
            assert select.select([coder.fileno()], [], [], HUNG)[0]
            with pytest.raises(OSError, match="FFmpeg has ended"):
                list(coder.packets())

    def test_whoever_only_feeds_is_told_too(self, fake_ffmpeg):
        fake_ffmpeg("exit 1")
        with encoder() as coder, pytest.raises(OSError):  # noqa: PT011, PT012  whichever call notices first
            while True:
                while not coder.ready:
                    pass
                coder.feed(smooth(SIZE))

    def test_in_the_middle_after_what_it_had_made(self, fake_ffmpeg):
        size = 64 * 64 * 3 // 2
        fake_ffmpeg(f'dd bs={size} count=4 iflag=fullblock status=none | "$real" "$@"')
        with encoder((64, 64)) as coder:
            packets = encoded(coder, [smooth((64, 64))] * 3)
            coder.feed(smooth((64, 64)))
            with pytest.raises(OSError, match="FFmpeg has ended"):  # noqa: PT012  with the last packet, or when asked again
                while select.select([coder.fileno()], [], [], HUNG)[0]:
                    packets.extend(coder.packets())
            assert len(decoded(packets)) == 4

    def test_one_that_reads_nothing_has_no_room_and_can_be_closed(self, fake_ffmpeg):
        fake_ffmpeg("exec sleep 1000")
        with encoder((1920, 1080)) as coder:
            for _ in range(3):
                assert coder.ready
                coder.feed(smooth((1920, 1080)))
            assert not coder.ready, "each picture is three times what a pipe holds"
            assert list(coder.packets()) == []

    def test_one_that_was_removed_since_it_was_found(self, tmp_path):
        removed = dataclasses.replace(find_ffmpeg(), path=str(tmp_path / "none"))
        with pytest.raises(FileNotFoundError):
            LiveEncoder(removed, SIZE, 60.0, 23)


def test_closing_amid_work_leaves_nothing():
    with encoder((1280, 720)) as coder:
        for n in range(3):
            coder.feed(smooth((1280, 720), n))
    # that no process, thread or descriptor is left is seen by every test


class TestParser:
    """The container, cut wherever a pipe may cut it."""

    def flv(self):
        """Return what FFmpeg writes for a few pictures, and the packets in it."""
        with encoder((64, 64)) as coder:
            pieces, packets = [], []
            take = coder._parser.take

            def keep(chunk):
                pieces.append(chunk)
                return take(chunk)

            coder._parser.take = keep
            packets = encoded(coder, [smooth((64, 64), n / 10) for n in range(3)])
        return b"".join(pieces), packets

    def test_cut_at_every_byte(self):
        stream, packets = self.flv()
        assert len(packets) == 3
        for cut in range(len(stream) + 1):
            parser = _Parser()
            assert [*parser.take(stream[:cut]), *parser.take(stream[cut:])] == packets, cut
        parser = _Parser()
        assert [packet for n in range(len(stream)) for packet in parser.take(stream[n : n + 1])] == packets

    def test_a_packet_is_there_with_its_last_byte(self):
        stream, packets = self.flv()
        parser = _Parser()
        came = [n for n in range(len(stream)) for _ in parser.take(stream[n : n + 1])]
        assert came[-1] == len(stream) - 1
        assert len(came) == len(packets)

    @given(st.binary(max_size=400), st.integers(1, 50))
    def test_rubbish_raises_nothing(self, rubbish, step):
        parser = _Parser()
        for n in range(0, len(rubbish), step):
            assert all(packet.data is not None for packet in parser.take(rubbish[n : n + step]))
