"""`python -m nbpipe`, typed as a person would: what it makes, what it says, and how it ends."""

from __future__ import annotations

import argparse
import inspect
import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import pytest
from conftest import partials
from watermark import Watermark, numbers

import nbpipe
from nbpipe import cli
from nbpipe.scene.take import TakeRecorder

WAVES = """
void mainImage(out vec4 color, in vec2 point) {
    color = vec4(0.5 + 0.5 * cos(iTime + point.xyx / iResolution.y), 1.0);
}
"""

SCENES = """
import dataclasses
import numpy as np
import neighbour

GLSL = "void mainImage(out vec4 color, in vec2 point) { color = vec4(iTime); }"

@dataclasses.dataclass
class Plain:
    shade: float = neighbour.SHADE
    def render(self, frame):
        frame.fbo.clear(self.shade, 0, 0)

class Needy(Plain):
    def __init__(self, shade): pass

plain = Plain(0.25)

def draw(frame):
    frame.fbo.clear(0, 1, 0)

def pictures():
    for shade in range(7):
        yield np.full((64, 64, 3), shade, np.uint8)

def breaks(frame):
    if frame.index == 5:
        raise ValueError("a mistake in the scene")

class BreaksInSetup(Plain):
    def setup(self, ctx):
        raise ValueError("a mistake in the scene")

times = []

def notes(frame):
    times.append(frame.time)

def slow(frame):
    if frame.index == 60:
        print("recording", flush=True)
    frame.fbo.clear(frame.time % 1, 0, 0)
"""


@pytest.fixture(autouse=True)
def files(nothing_left_behind, tmp_path, monkeypatch):
    """Scenes in a folder of their own, so that the current one holds what a recording has left there."""
    folder = tmp_path.with_name(tmp_path.name + "-scenes")
    folder.mkdir()
    (folder / "waves.glsl").write_text("// café\n" + WAVES, encoding="latin-1")  # no UTF-8, which a comment need not be
    (folder / "scenes.py").write_text(SCENES)
    (folder / "neighbour.py").write_text("SHADE = 0.5")
    (folder / "unfinished.py").write_text("def draw(frame:\n")
    (folder / "imports.py").write_text("import not_there_at_all")
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield folder
    for name in {"scenes", "neighbour", "unfinished", "imports"} - before:
        sys.modules.pop(name, None)


def command(*words, **more):
    tests = str(Path(__file__).parent)
    env = os.environ | {"PYTHONPATH": tests, **more}
    return subprocess.run(
        [sys.executable, "-m", "nbpipe", *words], env=env, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_shader_file_becomes_a_video(files):
    done = command("record", str(files / "waves.glsl"), "waves.mp4", "--size=320x180", "--fps=29.97", "--duration=0.5")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("waves.mp4: 320×180, 30000/1001 fps, 15 frames, ")
    with av.open("waves.mp4") as video:
        stream = video.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate) == (320, 180, Fraction(30000, 1001))
        assert len(list(video.decode(stream))) == 15


@pytest.mark.parametrize("words", ["SCENE --size 64x48 OUT --frames 2", "--frames 2 SCENE --size 64x48 -- OUT"])
def test_the_file_may_be_named_behind_options(files, words):
    words = words.replace("SCENE", str(files / "waves.glsl")).replace(
        "OUT", "-waves.mp4" if "--" in words.split() else "waves.mp4"
    )
    assert cli.main(["record", "--quiet", *words.split()]) == 0
    assert [path.name.strip("-") for path in Path.cwd().iterdir()] == ["waves.mp4"]


def test_a_terminal_that_does_not_know_a_letter_is_shown_a_mark_for_it(files):
    done = command("record", str(files / "waves.glsl"), "--size=64x48", "--frames=2", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "64?48, 60 fps, 2 frames" in done.stdout


def test_every_frame_of_a_modules_class_arrives_once():
    done = command("record", "watermark:Watermark", "--size", "160x96", "--frames", "90", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert numbers("recording.mp4") == list(range(90))


@pytest.mark.parametrize(
    ("name", "count"), [("Plain", 5), ("plain", 5), ("draw", 5), ("GLSL", 5), ("pictures", 7), ("Plain.render", None)]
)
def test_what_a_name_in_a_file_may_be(files, name, count, capsys):
    length = ["--frames", "5"] if count == 5 else []
    words = ["record", f"{files / 'scenes.py'}:{name}", "out.mkv", "--size", "64x64", *length]
    if count is None:  # a function that is none of a frame alone
        assert cli.main([*words, "--frames", "5"]) == 1
        assert "missing 1 required positional argument: 'frame'" in capsys.readouterr().err
        return
    assert cli.main(words) == 0
    with av.open("out.mkv") as video:
        assert len(list(video.decode(video=0))) == count


def test_a_class_of_moderngl_window_is_the_scene_itself(files):
    (files / "windows.py").write_text(
        "class Window:\n    def __init__(self, ctx): pass\n    def on_render(self): pass\n"
    )
    found = cli.find_scene(f"{files / 'windows.py'}:Window")
    assert isinstance(found, type)
    del sys.modules["windows"]


def test_options_reach_the_encoder(files):
    words = "--size 64x64 --frames 3 --codec ffv1 --pixel-format bgr0 --samples 4 --conversion ffmpeg"
    assert cli.main(["record", f"{files / 'scenes.py'}:draw", "out.mkv", *words.split()]) == 0
    with av.open("out.mkv") as video:
        stream = video.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("ffv1", "bgr0")


def test_a_take_is_replayed_with_its_clock_and_its_length(files):
    recorder = TakeRecorder(Watermark(), size=(160, 96))
    recorder.clock(0.0, 7.0, -2.0)
    recorder.finish(0.25).save("backwards.json")
    words = ["record", f"{files / 'scenes.py'}:notes", "out.mp4", "--size", "64x64", "--fps", "20"]
    assert cli.main([*words, "--take", "backwards.json"]) == 0
    assert sys.modules["scenes"].times == pytest.approx([7.0, 6.9, 6.8, 6.7, 6.6])


def test_every_option_is_one_of_nbpipe_record():
    parser = argparse.ArgumentParser()
    cli.add_recording_options(parser)
    assert cli.recording_options(parser.parse_args([])) == {}
    words = "--size 64×48 --fps 24000/1001 --duration 2.5 --samples 4 --codec libx264 --crf 0 --preset slow"
    words += " --pixel-format=gray --conversion=cpu --dither"
    options = cli.recording_options(parser.parse_args(words.split()))
    assert (options["size"], options["fps"], options["duration"]) == ((64, 48), Fraction(24000, 1001), 2.5)
    assert options["crf"] == 0
    assert options.keys() <= inspect.signature(nbpipe.record).parameters.keys()
    assert len(options) == 10


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "required: COMMAND"),
        ("record", "required: SCENE"),
        ("record waves", "SCENE must be a GLSL file (.glsl .frag .fs), FILE.py:NAME or MODULE:NAME, not 'waves'"),
        ("record nowhere.glsl", "nowhere.glsl: No such file or directory"),
        ("record nowhere.py:draw", "No such file or directory"),
        ("record nowhere:draw", "No module named 'nowhere'"),
        ("record {scenes}:nothing", "there is no 'nothing' in"),
        ("record {scenes}:Needy", "missing 1 required positional argument: 'shade'"),
        ("record {scenes}:np", "scene must be a GLSL string"),
        ("record {scenes}:draw out.txt", "path must end in .mp4"),
        ("record {scenes}:draw nowhere/out.mp4", "there is no directory '"),
        ("record {scenes}:draw --size 1920", "argument --size: must be WIDTHxHEIGHT"),
        ("record {scenes}:draw --size 0x1", "argument --size: must be WIDTHxHEIGHT"),
        ("record {scenes}:draw --size 99999x1", "size must be at most"),
        ("record {scenes}:draw --fps 0", "argument --fps: fps must lie between"),
        ("record {scenes}:draw --fps fast", "argument --fps: fps must be a number"),
        ("record {scenes}:draw --duration soon", "argument --duration: invalid float value"),
        ("record {scenes}:draw --duration 0", "duration must last at least one frame"),
        ("record {scenes}:draw --frames 0", "frames must be at least 1"),
        ("record {scenes}:draw one.mp4 --frames 1 two.mp4", "unrecognized arguments: two.mp4"),
        ("record {scenes}:draw --frames 1 one.mp4 two.mp4", "unrecognized arguments: two.mp4"),
        ("doctor more", "unrecognized arguments: more"),
        ("record {scenes}:draw --frames 3 --duration 3", "not allowed with argument --frames"),
        ("record {scenes}:draw --samples 3", "samples must be a power of two"),
        ("record {scenes}:draw --codec abacus", "codec 'abacus' is not in this FFmpeg"),
        ("record {scenes}:draw --take nowhere.json", "nowhere.json: No such file or directory"),
        ("record {scenes}:draw --take {scenes}", "take"),
        ("record {scenes}:draw --conversion mine", "argument --conversion: invalid choice"),
        ("bench --size 1", "argument --size: must be WIDTHxHEIGHT"),
        ("bench --size 99999x1", "size must be at most"),
        ("bench --frames 0", "argument --frames: must be a whole number from 1 on"),
    ],
)
def test_wrong_usage_is_said_in_a_line_and_leaves_nothing(files, words, said, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(words.format(scenes=files / "scenes.py").split())
    assert ended.value.code == 2
    *_, last = capsys.readouterr().err.splitlines()
    assert said in last
    assert last.startswith("python -m nbpipe")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("scenes.py:breaks", 'raise ValueError("a mistake in the scene")'),
        ("scenes.py:BreaksInSetup", 'raise ValueError("a mistake in the scene")'),
        ("unfinished.py:draw", "def draw(frame:"),
        ("imports.py:draw", "import not_there_at_all"),
    ],
)
def test_a_mistake_in_the_scene_is_shown_where_it_is_and_nothing_else(files, name, words, capsys):
    assert cli.main(["record", f"{files / name}", "out.mp4", "--size", "64x64", "--frames", "9"]) == 1
    said = capsys.readouterr().err
    assert words in said
    assert str(files / name.partition(":")[0]) in said
    assert "nbpipe/" not in said
    assert ("the 5 frames until then went into" in said) == (name == "scenes.py:breaks")


def test_a_shader_that_does_not_compile_is_named_by_its_line(files, capsys):
    (files / "waves.glsl").write_text(WAVES.replace("cos(", "cosine("))
    assert cli.main(["record", f"{files / 'waves.glsl'}"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"nbpipe: {files / 'waves.glsl'}: the shader does not compile\nline 3")
    assert "Traceback" not in said


def test_an_ffmpeg_that_fails_is_quoted(files, fake_ffmpeg):
    fake_ffmpeg('echo "some reason" >&2; exit 3')
    done = command("record", str(files / "waves.glsl"))
    assert done.returncode == 1
    assert done.stderr.startswith("nbpipe: FFmpeg ended")
    assert "some reason" in done.stderr
    assert "Traceback" not in done.stderr
    assert not Path("recording.mp4").exists()


def test_no_opengl_is_said_with_the_package_that_is_missing(files, tmp_path):
    missing = {"__EGL_VENDOR_LIBRARY_FILENAMES": "/nowhere.json", "HOME": str(tmp_path)}
    done = command("record", str(files / "waves.glsl"), **missing)
    assert done.returncode == 1
    assert "apt-get install libegl1 libgl1-mesa-dri" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_publishes_what_was_recorded(files, tmp_path):
    words = ["record", f"{files / 'scenes.py'}:slow", "out.mp4", "--size", "160x96", "--frames", "1000000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "nbpipe", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "recording\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    with av.open("out.mp4") as video:
        count = len(list(video.decode(video=0)))
    assert count >= 60
    assert said == f"nbpipe: the {count} frames until then went into {tmp_path / 'out.mp4'}\n"
    assert partials(tmp_path) == []


def test_bench_names_each_part_and_the_limit(tmp_path):
    done = command("bench", "--size", "160x96", "--frames", "30", TMPDIR=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    for part in ("drawing", "reading back, converted", "encoding", "nbpipe.record"):
        assert f"\n  {part} " in done.stdout
    assert "160×96, 30 frames, medians of 3" in done.stdout
    assert " is the limit: " in done.stdout or "The limit is " in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_help_and_version_go_to_standard_output():
    done = command("--version")
    assert (done.returncode, done.stdout) == (0, f"nbpipe {nbpipe.__version__}\n")


@pytest.mark.parametrize("words", [["-h"], ["record", "-h"], ["doctor", "-h"], ["bench", "-h"]])
def test_each_command_explains_itself(words, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: python -m nbpipe")
