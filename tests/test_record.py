"""The main job, end to end: a scene goes in, a real video is decoded frame by frame."""

from __future__ import annotations

import contextlib
import gc
import os
import subprocess
import sys
import weakref
from fractions import Fraction

import av
import moderngl
import numpy as np
import pytest
from conftest import children, partials
from watermark import COLOURS, Watermark, luma, number_in, numbers, painted, rgb_bt709

import nbpipe


def test_every_frame_once_in_order_upright(tmp_path):
    scene = Watermark()
    recording = nbpipe.record(scene, "out.mp4", size=(640, 360), fps=60, frames=200, preset="ultrafast")
    assert numbers("out.mp4") == list(range(200))
    assert recording.state == "done"
    assert (recording.frame, recording.frames, recording.frames_written) == (200, 200, 200)
    assert (recording.progress, recording.queued, recording.synced, recording.eta) == (1.0, 0, True, None)
    assert recording.path == tmp_path / "out.mp4"
    assert recording.bytes == recording.path.stat().st_size
    assert scene.times == [float(Fraction(i, 60)) for i in range(200)]
    assert scene.released
    assert partials(tmp_path) == []


def test_colours_and_tags(tmp_path):
    nbpipe.record(Watermark(), "out.mp4", size=(320, 160), frames=3)
    with av.open("out.mp4") as video:
        stream = video.streams.video[0]
        context = stream.codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (
            1,
            1,
            1,
            1,
        )
        assert (stream.codec.name, context.pix_fmt) == ("h264", "yuv420p")
        frame = list(video.decode(video=0))[1]
    rgb = rgb_bt709(frame)
    for column, (name, expected) in enumerate(COLOURS.items()):
        got = rgb[80, 32 + 64 * column]
        assert np.abs(got - expected).max() <= 2, f"{name}: {got.round(1)}"


@pytest.mark.parametrize("width", [1, 2, 3, 5, 641, 1919])
def test_widths_are_pixel_exact_in_a_lossless_codec(width):
    size = (width, 7)
    noise = np.random.default_rng(width).integers(0, 256, (4, 7, width, 4), dtype=np.uint8)
    context = nbpipe.gl.context.context().ctx

    def textures():
        for picture in noise:
            texture = context.texture(size, 4, np.ascontiguousarray(picture[::-1]), alignment=1)
            yield texture
            texture.release()

    nbpipe.record(textures(), "gl.mkv", codec="libx264rgb", crf=0)
    nbpipe.record(iter(noise), "arrays.mkv", codec="libx264rgb", crf=0)
    for name in ("gl.mkv", "arrays.mkv"):
        with av.open(name) as video:
            decoded = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
        assert np.array_equal(decoded, noise[..., :3]), name


@pytest.mark.parametrize(("size", "coded"), [((641, 359), (642, 360)), ((1, 1), (2, 2)), ((64, 33), (64, 34))])
def test_odd_sizes_are_padded_and_said_so_never_rescaled(size, coded):
    pictures = np.random.default_rng(0).integers(0, 2, (3, size[1], size[0], 1), dtype=np.uint8) * 255
    recording = nbpipe.record(iter(pictures.repeat(3, axis=-1)), "out.mp4", crf=0)
    assert f"{coded[0]}×{coded[1]}" in recording._note
    with av.open("out.mp4") as video:
        frame = next(video.decode(video=0))
    assert (frame.width, frame.height) == coded
    white = luma(frame) > 127
    assert np.array_equal(white[: size[1], : size[0]], pictures[0, ..., 0] > 127)
    assert np.array_equal(white[: size[1], -1], white[: size[1], size[0] - 1]), "the last column is repeated"


@pytest.mark.parametrize(
    ("fps", "exact"),
    [
        (60, Fraction(60)),
        ("24000/1001", Fraction(24000, 1001)),
        (29.97, Fraction(30000, 1001)),
        (Fraction(25, 2), Fraction(25, 2)),
        ("120000/1001", Fraction(120000, 1001)),
        (119, Fraction(119)),
        ("4.99", Fraction(499, 100)),
        ("1001/1000", Fraction(1001, 1000)),
    ],
)
def test_frame_rate_is_exact_in_the_file(fps, exact):
    nbpipe.record(Watermark(), "out.mp4", size=(64, 64), fps=fps, frames=30)
    with av.open("out.mp4") as video:
        stream = video.streams.video[0]
        times = [Fraction(packet.pts) * packet.time_base for packet in video.demux(stream) if packet.pts is not None]
        assert stream.average_rate == exact
    assert sorted(times) == [index / exact for index in range(30)]


def test_an_odd_size_is_said_to_be_padded():
    recording = nbpipe.record(Watermark(), "out.mp4", size=(101, 51), frames=2)
    assert "out.mp4: 101×51 (padded to 102×52: yuv420p needs even sizes), 60 fps" in str(recording)


@pytest.mark.parametrize("count", [1, 2, 29, 30, 31, 149, 150, 151, 152, 301])
def test_no_length_loses_its_last_frame_and_all_begin_at_zero(count):
    """Fragments end every half second, also inside a group of B-frames; the file must not show it."""
    nbpipe.record(Watermark(), "out.mp4", size=(160, 96), frames=count)
    assert numbers("out.mp4") == list(range(count))
    with av.open("out.mp4") as video:
        assert video.streams.video[0].start_time == 0
        assert video.duration == pytest.approx(count / 60 * 1e6, abs=1000)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm", ".m4v"])
def test_every_container(suffix):
    nbpipe.record(Watermark(), f"out{suffix}", size=(160, 96), frames=12)
    assert numbers(f"out{suffix}") == list(range(12))


def test_a_finished_mp4_is_an_ordinary_one(tmp_path):
    nbpipe.record(Watermark(), "out.mp4", size=(64, 64), frames=120)
    data, boxes, at = (tmp_path / "out.mp4").read_bytes(), [], 0
    while at < len(data):
        boxes.append(data[at + 4 : at + 8].decode())
        at += int.from_bytes(data[at : at + 4])
    assert boxes == ["ftyp", "free", "mdat", "moov"]
    with av.open("out.mp4") as video:
        assert video.streams.video[0].frames == 120  # the count stands in the header: no fragments to add up


def test_samples_smooth_an_edge():
    class Edge:
        def setup(self, ctx):
            self.program = ctx.program(
                vertex_shader="#version 330\nin vec2 p;\nvoid main() { gl_Position = vec4(p, 0, 1); }",
                fragment_shader="#version 330\nout vec4 c;\nvoid main() { c = vec4(1); }",
            )
            corners = np.array([-1, -1, 1, -1, -1, 0.93], "f4")
            self.vertices = ctx.vertex_array(self.program, ctx.buffer(corners), "p")

        def render(self, frame):
            frame.fbo.clear()
            self.vertices.render(moderngl.TRIANGLES)

    shades = {}
    for samples in (0, 4):
        nbpipe.record(Edge(), "edge.mkv", size=(64, 64), frames=1, samples=samples, codec="ffv1", pixel_format="bgr0")
        with av.open("edge.mkv") as video:
            shades[samples] = set(np.unique(next(video.decode(video=0)).to_ndarray(format="rgb24")))
    assert shades[0] == {0, 255}
    assert len(shades[4]) > 3


def test_the_users_own_context_is_used_and_left_current(own_context):
    with own_context:
        scene = Watermark(own_context)
        nbpipe.record(scene, "scene.mp4", size=(64, 64), frames=5)
        assert scene.program.ctx is own_context
        seen = []

        def draw(frame):
            seen.append(frame.ctx)
            frame.fbo.clear(1, 0, 0)

        nbpipe.record(draw, "argument.mp4", size=(64, 64), frames=2, ctx=own_context)
        assert seen == [own_context] * 2
        assert own_context.error == "GL_NO_ERROR"


def test_a_foreign_context_made_current_by_the_scene_is_survived(own_context):
    watermark = Watermark()

    class Rude(Watermark):
        def render(self, frame):
            super().render(frame)
            frame.ctx.finish()
            own_context.__enter__()  # and never leaves

    nbpipe.record(watermark, "before.mp4", size=(64, 64), frames=3)
    rude = Rude()
    other = moderngl.create_context(standalone=True, backend="egl", libgl="libGL.so.1", libegl="libEGL.so.1")
    nbpipe.record(rude, "rude.mp4", size=(64, 64), frames=3)
    assert numbers("before.mp4") == [0, 1, 2]
    other.release()


def test_framebuffers_as_pictures(ctx):
    fbo = ctx.framebuffer([ctx.texture((160, 96), 4)])
    scene = Watermark()
    scene.setup(ctx)

    def frames():
        for number in range(20):
            fbo.use()
            scene.program["number"] = number
            scene.program["size"] = fbo.size
            scene.vertices.render(moderngl.TRIANGLES, vertices=3)
            yield fbo

    recording = nbpipe.record(frames(), "out.mp4", fps=30)
    assert numbers("out.mp4") == list(range(20))
    assert recording.state == "done"


def test_arrays_may_be_changed_after_they_were_yielded():
    def pictures():
        picture = np.empty((96, 160, 3), np.uint8)
        for number in range(50):
            picture[:] = painted(number, 160, 96)
            yield picture
            picture[:] = 77

    nbpipe.record(pictures(), "out.mp4")
    assert numbers("out.mp4") == list(range(50))


def test_an_open_ended_iterator_can_be_cut_to_a_count():
    def forever():
        number = 0
        while True:
            yield painted(number, 160, 96)
            number += 1

    recording = nbpipe.record(forever(), "out.mp4", frames=7)
    assert numbers("out.mp4") == list(range(7))
    assert recording.state == "done"


def test_recording_a_scene_twice_replaces_the_file(tmp_path):
    scene = Watermark()
    nbpipe.record(scene, "out.mp4", size=(64, 64), frames=3)
    nbpipe.record(scene, "out.mp4", size=(64, 64), frames=5)
    assert numbers("out.mp4") == [0, 1, 2, 3, 4]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.mp4"]


def test_two_recordings_in_turns_keep_apart():
    first = nbpipe.record(Watermark(), "a.mp4", size=(64, 64), frames=40, wait=False)
    second = nbpipe.record(Watermark(), "b.mp4", size=(160, 96), frames=30, wait=False)
    while not (first.wait(0.05) and second.wait(0.05)):
        pass
    assert numbers("a.mp4") == list(range(40))
    assert numbers("b.mp4") == list(range(30))


def test_a_file_that_is_being_recorded_is_not_recorded_again_before_that_ends():
    first = nbpipe.record(Watermark(), "a.mp4", size=(64, 64), frames=40, wait=False)
    with pytest.raises(ValueError, match=r"a\.mp4' is being recorded already; wait for that, stop it"):
        nbpipe.record(Watermark(), "a.mp4", size=(64, 64), frames=3)
    first.wait()
    assert numbers("a.mp4") == list(range(40))
    nbpipe.record(Watermark(), "a.mp4", size=(64, 64), frames=3)
    assert numbers("a.mp4") == [0, 1, 2]


def test_four_kinds_of_mess_do_not_reach_the_picture_and_stay_for_the_scene(ctx):
    """Alignment, bound buffers, scissor and framebuffer that a scene leaves behind."""
    from nbpipe.gl import _calls, enums

    calls = _calls.calls()

    class Messy(Watermark):
        def setup(self, ctx):
            super().setup(ctx)
            self.elsewhere = ctx.framebuffer([ctx.texture((8, 8), 4)])
            self.buffer = ctx.buffer(reserve=64)
            self.found = []

        def render(self, frame):
            self.found.append(
                (calls.integer(0x0D05), calls.integer(0x0D02), calls.integer(enums.PIXEL_PACK_BUFFER_BINDING))
            )
            super().render(frame)
            self.elsewhere.use()
            calls.PixelStorei(0x0D05, 8)
            calls.PixelStorei(0x0D02, 1234)
            calls.BindBuffer(enums.PIXEL_PACK_BUFFER, self.buffer.glo)
            calls.Enable(enums.SCISSOR_TEST)

        def release(self):
            calls.BindBuffer(enums.PIXEL_PACK_BUFFER, 0)
            calls.PixelStorei(0x0D05, 4)
            calls.PixelStorei(0x0D02, 0)
            calls.Disable(enums.SCISSOR_TEST)
            super().release()

    for samples in (0, 4):
        scene = Messy()
        nbpipe.record(scene, "out.mp4", size=(161, 96), frames=10, samples=samples)
        assert numbers("out.mp4") == list(range(10))
        assert scene.found[1:] == [(8, 1234, scene.buffer.glo)] * 9


def test_number_reader_notices_a_torn_frame():
    torn = painted(3, 160, 96)
    torn[48:] = painted(4, 160, 96)[48:]
    with pytest.raises(AssertionError, match="torn: 3 at the top, 4 at the bottom"):
        number_in(torn.mean(axis=2))


def test_nothing_of_a_scene_is_kept_alive_by_its_recording():
    scene = Watermark()
    recording = nbpipe.record(scene, "out.mp4", size=(64, 64), frames=3)
    picture = np.zeros((64, 64, 3), np.uint8)
    pictures = nbpipe.record(iter([picture]), "arrays.mp4")
    gone = weakref.ref(scene), weakref.ref(picture)
    del scene, picture
    gc.collect()
    assert [reference() for reference in gone] == [None, None]
    assert recording.state == pictures.state == "done"
    widgets = weakref.ref(recording), weakref.ref(pictures)
    del recording, pictures
    gc.collect()
    assert [reference() for reference in widgets] == [None, None], "nor a recording by anybody, in a script"


def test_the_users_context_stays_current_when_nbpipe_makes_its_own():
    code = """
import moderngl, nbpipe
from nbpipe.gl._calls import calls
ctx = moderngl.create_context(standalone=True, backend="egl")
mine = calls().current()[0]
nbpipe.record(lambda frame: frame.fbo.clear(1, 0, 0), "own.mp4", size=(64, 64), frames=2)
assert calls().current()[0] == mine
texture = ctx.texture((64, 64), 4, b"\\xff" * 64 * 64 * 4)
nbpipe.record([texture] * 3, "mine.mp4")
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_scene_that_remembers_the_context_it_was_given_is_right_again(own_context):
    class Remembers(Watermark):
        def setup(self, ctx):
            self.ctx = ctx
            super().setup(ctx)

    scene = Remembers()
    nbpipe.record(scene, "first.mp4", size=(160, 96), frames=3)
    with own_context:
        nbpipe.record(scene, "second.mp4", size=(160, 96), frames=3)
    assert numbers("second.mp4") == [0, 1, 2]


def test_another_recording_leaves_the_state_of_a_running_one_alone():
    class Deep(Watermark):
        seen = ()

        def setup(self, ctx):
            super().setup(ctx)
            ctx.enable(moderngl.DEPTH_TEST)

        def render(self, frame):
            from nbpipe.gl._calls import calls

            self.seen += (calls().IsEnabled(0x0B71),)
            frame.fbo.clear()
            super().render(frame)

    scene = Deep()
    running = nbpipe.record(scene, "deep.mp4", size=(64, 64), frames=20, wait=False)
    running.wait(0)
    nbpipe.record(Watermark(), "other.mp4", size=(64, 64), frames=3)
    running.wait()
    assert set(scene.seen) == {True}


@pytest.mark.parametrize("pixel_format", ["gray", "gray10le"])
def test_gray_is_the_brightness_of_bt709(pixel_format):
    nbpipe.record(Watermark(), "gray.mp4", size=(320, 160), frames=1, crf=0, pixel_format=pixel_format)
    with av.open("gray.mp4") as video:
        frame = next(video.decode(video=0))
    plane = frame.planes[0]
    kind, steps = (np.uint8, 1) if pixel_format == "gray" else (np.uint16, 4)
    got = np.frombuffer(plane, kind).reshape(plane.height, -1)[80, [32, 96, 160, 224, 288]] / steps
    expected = [16 + 219 * (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255 for r, g, b in COLOURS.values()]
    assert np.abs(got - expected).max() <= 1.5


def test_the_thumbnail_shows_what_the_video_shows(ctx):
    """Also when the user's framebuffer has several attachments and reads from another one."""
    from nbpipe.gl.stage import Stage

    red, green = (ctx.texture((8, 8), 4, bytes(colour) * 64) for colour in ((255, 0, 0, 255), (0, 255, 0, 255)))
    fbo = ctx.framebuffer([red, green])
    fbo.read(attachment=1)
    stage = Stage(ctx, (8, 8), (8, 8))
    stage.shrink(fbo)
    ctx.finish()
    assert stage.thumbnail()[4, 4].tolist() == [255, 0, 0, 255]
    stage.release()


@pytest.mark.parametrize(("kind", "nicer"), [("scene", 10), ("arrays", 0)])
def test_ffmpeg_gives_way_where_the_processor_draws_too(kind, nicer):
    found = []

    def look():
        """How nice each thread of FFmpeg is, once it has been given frames."""
        (ffmpeg,) = children()
        found.append(set())
        for thread in map(int, os.listdir(f"/proc/{ffmpeg}/task")):
            with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
                found[-1].add(os.getpriority(os.PRIO_PROCESS, thread))

    class Looking(Watermark):
        def render(self, frame):
            super().render(frame)
            look()

    def arrays():
        for index in range(30):
            if index:  # the first tells the size, before FFmpeg is started
                look()
            yield painted(index, 64, 64)

    nbpipe.record(Looking() if kind == "scene" else arrays(), "out.mp4", size=(64, 64), frames=30)
    assert found[-28:] == [{min(19, os.getpriority(os.PRIO_PROCESS, 0) + nicer)}] * 28
