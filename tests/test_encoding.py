"""From a person's wishes to FFmpeg's command line, and that the line does what it is there for."""

from __future__ import annotations

import contextlib
import os
import signal
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import children, partials
from watermark import Watermark, numbers, painted

import nbpipe
from nbpipe.video.encoding import CONTAINERS, argv, encoding, filters
from nbpipe.video.ffmpeg import FFmpeg, find_ffmpeg
from nbpipe.video.pixels import Layout, has_alpha, input_format, is_rgb, padded

GL = Layout((640, 360), "rgba", bottom_up=True)
ARRAY = Layout((641, 361), "rgb24", bottom_up=False)

HEAD = "ffmpeg -hide_banner -nostats -loglevel warning -y -progress pipe:1 -stats_period 0.2 -protocol_whitelist pipe,fd,file"
SCALE = "scale=out_color_matrix=bt709:out_range=tv:flags=area+accurate_rnd+full_chroma_int+full_chroma_inp:out_h_chr_pos=0:out_v_chr_pos=128"
YUV = SCALE + ",format={},setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"


def shared(planes, size, right, bottom, pixel_format):
    """What is done where pixels share chroma: two columns more on the left, and off again."""
    width, height = size
    pad = f"format={planes},pad={width + 2}:{height}:2:0,fillborders=left=2:right={right}:top=0:bottom={bottom}:mode=smear"
    return f"{pad}," + YUV.format(f"{pixel_format},crop={width}:{height}:2:0")


RGB = "format={},setparams=colorspace=gbr:color_primaries=bt709:color_trc=iec61966-2-1:range=pc"
HYBRID = "-movflags +hybrid_fragmented+negative_cts_offsets -frag_duration 500000 -flush_packets 1"
FRAGMENTS = "-movflags +frag_keyframe+default_base_moof+delay_moov -frag_duration 500000 -flush_packets 1"


def wanted(name="out.mp4", **options):
    return encoding(find_ffmpeg(), Path(name), **options)


@pytest.mark.parametrize(
    ("name", "options", "layout", "fps", "line"),
    [
        (
            *("out.mp4", {}, GL, 60),
            (
                f"-f rawvideo -pixel_format rgb0 -video_size 640x360 -framerate 60/1 -i pipe:0 -vf vflip,{shared('gbrp', (640, 360), 0, 0, 'yuv420p')} "
                f"-c:v libx264 -crf 20 -preset medium -fps_mode passthrough -enc_time_base RATE {HYBRID} -protocol_whitelist file -f mp4"
            ),
        ),
        (
            *("out.mov", {"codec": "hevc", "crf": 17.5, "preset": "fast"}, ARRAY, Fraction(30000, 1001)),
            (
                "-f rawvideo -pixel_format rgb24 -video_size 641x361 -framerate 30000/1001 -i pipe:0 "
                f"-vf {shared('gbrp', (642, 362), 1, 1, 'yuv420p')} "
                f"-c:v libx265 -crf 17.5 -preset fast -tag:v hvc1 -fps_mode passthrough -enc_time_base RATE {HYBRID} -protocol_whitelist file -f mov"
            ),
        ),
        (
            *("out.webm", {"pixel_format": "yuva420p"}, GL, 25),
            (
                f"-f rawvideo -pixel_format rgba -video_size 640x360 -framerate 25/1 -i pipe:0 -vf vflip,{shared('gbrap', (640, 360), 0, 0, 'yuva420p')} "
                "-c:v libvpx-vp9 -crf 31 -b:v 0 -row-mt 1 -fps_mode passthrough -enc_time_base RATE -flush_packets 1 -protocol_whitelist file -f webm"
            ),
        ),
        (
            *("out.mkv", {"codec": "ffv1", "pixel_format": "bgr0", "ffmpeg_params": ["-level", "3"]}, ARRAY, 60),
            (
                f"-f rawvideo -pixel_format rgb24 -video_size 641x361 -framerate 60/1 -i pipe:0 -vf {RGB.format('bgr0')} "
                "-c:v ffv1 -fps_mode passthrough -enc_time_base RATE -level 3 -flush_packets 1 -protocol_whitelist file -f matroska"
            ),
        ),
    ],
)
def test_command_lines(name, options, layout, fps, line):
    target = Path("/tmp/a b", name)
    made = argv("ffmpeg", wanted(name, **options), layout, Fraction(fps), target)
    line = line.replace("RATE", str(1 / Fraction(fps)))
    assert made == [*HEAD.split(), *line.split(), f"file:{target}"]


@pytest.mark.parametrize(
    ("layout", "pixel_format", "chain"),
    [
        (Layout((4, 4), "rgba", bottom_up=True), "yuv444p", f"vflip,{YUV.format('yuv444p')}"),
        (Layout((5, 5), "rgba", bottom_up=False), "yuv444p", YUV.format("yuv444p")),
        (
            *(Layout((5, 4), "rgba", bottom_up=True), "yuva420p"),
            f"vflip,{shared('gbrap', (6, 4), 1, 0, 'yuva420p')}",
        ),
        (Layout((5, 5), "rgba", bottom_up=True), "rgba", f"vflip,{RGB.removeprefix('format={},')}"),
        (Layout((6, 6), "yuv420p", bottom_up=False), "yuv420p", YUV.rpartition("{},")[2]),
        (Layout((5, 5), "rgb24", bottom_up=False), "gray10le", YUV.format("yuv444p10le,extractplanes=y")),
    ],
)
def test_filter_chains(layout, pixel_format, chain):
    assert filters(layout, pixel_format) == chain


@pytest.mark.parametrize(
    ("pixel_format", "size"),
    [
        *[(name, (6, 4)) for name in ("yuv420p", "yuvj420p", "yuva420p", "yuv420p10le", "nv12", "nv21", "p010le")],
        *[(name, (6, 3)) for name in ("yuv422p", "yuv422p10le", "nv16", "p210le", "yuyv422", "nv20le")],
        *[(name, (5, 3)) for name in ("yuv444p", "gray", "gray10le", "rgb24", "bgr0", "gbrp", "rgba")],
    ],
)
def test_only_formats_with_shared_chroma_pad(pixel_format, size):
    assert padded((5, 3), pixel_format) == size
    assert padded((6, 4), pixel_format) == (6, 4)


@pytest.mark.parametrize(
    ("pixel_format", "alpha", "rgb"),
    [
        ("yuv420p", False, False),
        ("yuva444p10le", True, False),
        ("rgb24", False, True),
        ("rgba", True, True),
        ("0rgb", False, True),
        ("gbrap", True, True),
        ("gray", False, False),
    ],
)
def test_what_a_pixel_format_keeps(pixel_format, alpha, rgb):
    assert (has_alpha(pixel_format), is_rgb(pixel_format)) == (alpha, rgb)
    assert input_format(GL, pixel_format) == ("rgba" if alpha else "rgb0")
    assert input_format(ARRAY, pixel_format) == "rgb24"


@pytest.mark.parametrize("codec", ["libx264", "libx264rgb", "libvpx-vp9", "libsvtav1", "prores_ks", "png"])
def test_every_pixel_format_of_an_encoder_takes_an_odd_size(codec):
    def works(pixel_format, size):
        picture = np.zeros((size[1], size[0], 3), np.uint8)
        try:
            nbpipe.record([picture] * 2, "out.mkv", codec=codec, pixel_format=pixel_format)
        except (nbpipe.EncoderError, ValueError):  # what it cannot do at any size is not the question here
            return False
        return True

    formats = [name for name in find_ffmpeg().encoder(codec).pixel_formats if works(name, (64, 96))]
    assert formats
    assert [name for name in formats if not works(name, (65, 97))] == []


@pytest.mark.parametrize(
    ("alias", "codec"),
    [("h264", "libx264"), ("hevc", "libx265"), ("h265", "libx265"), ("vp9", "libvpx-vp9"), ("av1", "libsvtav1")],
)
def test_common_names_of_codecs(alias, codec):
    assert wanted("out.mkv", codec=alias) == wanted("out.mkv", codec=codec)
    assert wanted("out.mkv", codec=alias).codec == codec


@pytest.mark.parametrize("suffix", [*CONTAINERS, ".MP4"])
def test_the_file_type_chooses_the_codec(suffix):
    assert wanted("out" + suffix).codec == ("libvpx-vp9" if suffix == ".webm" else "libx264")


@pytest.mark.parametrize(("name", "codec"), [("yuv420p10", "libx264"), ("p010", "rawvideo"), ("gray10", "libx265")])
def test_a_deep_format_needs_no_byte_order_in_its_name(name, codec):
    raw = {"ffmpeg_params": ["-allow_raw_vfw", "1"]} if codec == "rawvideo" else {}
    wanted = {"codec": codec, "pixel_format": name, **raw}
    recording = nbpipe.record(lambda frame: None, "out.mkv", size=(64, 64), frames=2, **wanted)
    assert f"{name}le" in recording.encoder


def test_the_pixel_format_plays_everywhere_unless_the_codec_has_only_others():
    assert wanted(codec="libx265").pixel_format == "yuv420p"
    assert wanted("out.mov", codec="prores_ks").pixel_format == "yuv422p10le"
    assert wanted("out.mkv", codec="libx264rgb").pixel_format == "bgr0"


@pytest.mark.parametrize("crf", [0, 18, 22.5, np.float64(20), np.int64(20)])
def test_numbers_of_any_kind_are_a_crf(crf):
    assert wanted(crf=crf).crf == crf


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "libx264, crf 20, medium, yuv420p"),
        ({"codec": "ffv1"}, "ffv1, yuv420p"),
        ({"crf": 17.5, "ffmpeg_params": ["-tune", "film"]}, "libx264, crf 17.5, medium, yuv420p, -tune, film"),
    ],
)
def test_an_encoding_says_in_short_what_it_is(options, words):
    assert str(wanted("out.mkv", **options)) == words


@pytest.mark.parametrize(
    "params",
    [
        [],
        ["-tune", "animation"],
        ["-qp", "-1"],
        ["-an", "-tune", "film"],
        ["-metadata", "title=-i x.mp4"],
        ["-x264-params", "keyint=30:bframes=0"],
        ("-g", "30"),
    ],
)
def test_ffmpeg_params_that_are_taken(params):
    assert wanted(ffmpeg_params=params).ffmpeg_params == tuple(params)


@pytest.mark.parametrize(
    "params",
    [
        *[
            [option, "1"]
            for option in ("-i", "-vf", "-filter:v", "-filter_complex", "-lavfi", "-map", "-r", "-r:v", "-s", "-t")
        ],
        *[
            [option, "1"]
            for option in ("-c:v", "-vcodec", "-f", "-pix_fmt", "-movflags", "-frames:v", "-progress", "-report")
        ],
        *[[option, "1"] for option in ("-protocol_whitelist", "-attach", "-dump_attachment", "-colorspace", "-v")],
        ["-y"],
        ["second.mp4"],
        ["-"],
        ["pipe:1"],
        ["-tune", "film", "second.mp4"],
        ["-an", "second.mp4"],
        ["-shortest", "second.mp4"],
        ["-/vf", "file"],
    ],
)
def test_ffmpeg_params_that_would_undo_a_promise(params):
    with pytest.raises(ValueError, match="ffmpeg_params"):
        wanted(ffmpeg_params=params)


@pytest.mark.parametrize("flag", ["-stats", "-benchmark", "-autoscale", "-noautoscale", "-stdin", "-nostdin"])
def test_no_second_file_is_written_behind_an_option_without_a_value(flag, tmp_path):
    with contextlib.suppress(ValueError, nbpipe.EncoderError):
        nbpipe.record(
            Watermark(), "out.mp4", size=(64, 64), frames=3, ffmpeg_params=[flag, str(tmp_path / "second.mp4")]
        )
    assert not (tmp_path / "second.mp4").exists()


@pytest.fixture(params=[True, False], ids=["hybrid", "FFmpeg without hybrid_fragmented"])
def hybrid(request, tmp_path_factory, monkeypatch):
    """Whether FFmpeg has the hybrid kind of MP4; where it has not, its answers are filtered to that effect."""
    if not request.param:
        program = tmp_path_factory.mktemp("old") / "ffmpeg"
        real = find_ffmpeg().path
        program.write_text(
            f'#!/bin/bash\ncase "$*" in *muxer=mp4*) "{real}" "$@" | grep -v hybrid; exit;; esac\nexec "{real}" "$@"\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("NBPIPE_FFMPEG", str(program))
    assert find_ffmpeg().hybrid_mp4 is request.param
    return request.param


@pytest.mark.parametrize("muxer", ["mp4", "mov"])
def test_older_ffmpegs_get_plain_fragments(muxer):
    for hybrid, options in ((True, HYBRID), (False, FRAGMENTS)):
        ffmpeg = FFmpeg(find_ffmpeg().path, "6.0", hybrid)
        assert encoding(ffmpeg, Path(f"out.{muxer}")).crash_safe == tuple(options.split())


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_both_kinds_of_mp4_hold_every_frame_at_its_time(hybrid, suffix):
    nbpipe.record(Watermark(), f"out{suffix}", size=(160, 96), frames=90)
    assert numbers(f"out{suffix}") == list(range(90))
    with av.open(f"out{suffix}") as video:
        times = sorted(packet.pts * packet.time_base for packet in video.demux(video=0) if packet.pts is not None)
    assert times == [Fraction(index, 60) for index in range(90)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_file_whose_ffmpeg_was_killed_still_plays(hybrid, suffix, tmp_path):
    def pictures():
        for number in range(100_000):
            if number == 400:
                (ffmpeg,) = children()
                os.kill(ffmpeg, signal.SIGKILL)
            yield painted(number, 160, 96)

    with pytest.raises(nbpipe.EncoderError):
        nbpipe.record(pictures(), f"out{suffix}")
    (partial,) = partials(tmp_path)
    found = numbers(partial)
    # B-frames are stored after the frame that is shown next, so the end of a file that was cut may miss one.
    assert found[:-4] == list(range(len(found) - 4))
    assert len(found) > 100, "less than five seconds of it are lost"


def test_transparency_is_kept_where_the_format_has_it():
    pictures = np.zeros((2, 32, 32, 4), np.uint8)
    pictures[..., 3] = np.arange(32, dtype=np.uint8) * 8
    nbpipe.record(pictures, "out.mkv", codec="ffv1", pixel_format="bgra")
    with av.open("out.mkv") as video:
        decoded = [frame.to_ndarray(format="rgba") for frame in video.decode(video=0)]
    assert np.array_equal(decoded, pictures)
