"""One clear error for a bad argument, before any GL work and any file."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from watermark import Watermark, numbers

import nbpipe


@pytest.fixture(autouse=True)
def nothing_is_written(tmp_path):
    before = sorted(tmp_path.iterdir())
    yield
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"size": (0, 10)}, ValueError, "size must be at least 1x1 pixel, not 0x10"),
        ({"size": (10, -1)}, ValueError, "size must be at least 1x1"),
        ({"size": 100}, TypeError, r"size must be \(width, height\)"),
        ({"size": (1.5, 2)}, TypeError, "size must be two whole numbers"),
        ({"size": (True, 2)}, TypeError, "size must be two whole numbers"),
        ({"size": "ab"}, TypeError, "size"),
        ({"size": (1_000_000, 10)}, ValueError, r"size must be at most \d+ pixels on "),
        ({"fps": 0}, ValueError, "fps must lie between"),
        ({"fps": -1}, ValueError, "fps"),
        ({"fps": 1e9}, ValueError, "fps"),
        ({"fps": math.nan}, ValueError, "fps must be a number of frames per second"),
        ({"fps": math.inf}, ValueError, "fps"),
        ({"fps": "fast"}, ValueError, "fps .*'fast'"),
        ({"fps": "1/0"}, ValueError, "fps"),
        ({"fps": True}, TypeError, "fps"),
        ({"fps": None}, TypeError, "fps"),
        ({"ctx": "gpu"}, TypeError, "ctx must be a moderngl.Context, such as .*, not 'gpu'"),
        ({"take": 5}, TypeError, "take must be a nbpipe.Take, such as view.take of a preview, not 5"),
        ({"frames": 0}, ValueError, "frames must be at least 1 and at most 9007199254740992, not 0"),
        ({"frames": -3}, ValueError, "frames"),
        ({"frames": 10**30}, ValueError, "frames must be at least 1 and at most"),
        ({"duration": 1e308}, ValueError, "duration must last at most 9007199254740992 frames, not 1e"),
        ({"frames": 2.5}, TypeError, "frames must be a whole number"),
        ({"frames": 3, "duration": 3}, TypeError, "duration or frames, not both"),
        ({"duration": 0}, ValueError, "duration must last at least one frame"),
        ({"duration": math.nan}, ValueError, "duration must be a finite"),
        ({"duration": "long"}, TypeError, "duration must be a number"),
        ({"samples": -1}, ValueError, "samples"),
        ({"samples": 1.0}, TypeError, "samples"),
        ({"samples": 4096}, ValueError, r"samples must be a power of two, at most \d+ on this renderer"),
        ({"codec": "libnope"}, ValueError, "codec 'libnope' is not in this FFmpeg .* -encoders"),
        ({"codec": "aac"}, ValueError, "codec 'aac' encodes sound; name one for pictures"),
        ({"codec": "-y"}, ValueError, "codec"),
        ({"codec": 7}, TypeError, "codec"),
        ({"codec": "ffv1", "crf": 3}, ValueError, "ffv1 has no crf option"),
        ({"codec": "ffv1", "preset": "fast"}, ValueError, "ffv1 has no preset option"),
        ({"crf": -1}, ValueError, "crf must be a number from 0"),
        ({"crf": math.nan}, ValueError, "crf"),
        ({"preset": "a b"}, ValueError, "preset"),
        ({"pixel_format": "rgb565"}, ValueError, "pixel_format must be one that libx264 takes .*yuv420p"),
        ({"ffmpeg_params": "-tune animation"}, TypeError, "ffmpeg_params must be a list of strings"),
        ({"ffmpeg_params": ["-tune", 3]}, TypeError, "ffmpeg_params"),
        ({"ffmpeg_params": ["-vf", "hue=s=0"]}, ValueError, "may not contain '-vf'"),
        ({"ffmpeg_params": ["-c:v", "png"]}, ValueError, "may not contain '-c:v'"),
        ({"ffmpeg_params": ["-i", "/etc/passwd"]}, ValueError, "may not contain '-i'"),
        ({"ffmpeg_params": ["-tune"]}, ValueError, "ends with '-tune', which needs a value"),
        ({"ffmpeg_params": ["-movflags", "+faststart"]}, ValueError, r"run ffmpeg -i out.mp4 -c copy -movflags"),
        ({"ffmpeg_params": ["-x264-params", "ref=3:colormatrix=bt470bg"]}, ValueError, "sets colours and timestamps"),
        ({"ffmpeg_params": ["-x264-params", "fullrange=on"]}, ValueError, "sets colours and timestamps"),
        ({"ffmpeg_params": ["-x264-params", "qp=0 : color_matrix=bt470bg"]}, ValueError, "sets colours and timestamps"),
        ({"ffmpeg_params": ["-bsf:v", "setts=ts=PTS*2"]}, ValueError, "may not contain '-bsf:v'"),
        ({"ffmpeg_params": ["-video_track_timescale", "1"]}, ValueError, "may not contain '-video_track"),
        ({"preset": "fats"}, ValueError, "preset must be one of ultrafast, .*, not 'fats'"),
        ({"codec": "prores_ks"}, ValueError, r"ProRes is kept in a \.mov"),
        ({"crf": 60}, ValueError, "to 51"),
        ({"ffmpeg_params": ["second.mp4"]}, ValueError, "'second.mp4' without an option"),
        ({"ffmpeg_params": ["-an", "second.mp4"]}, ValueError, "'second.mp4' without an option"),
        ({"ffmpeg_params": ["-tune", "film", "second.mp4"]}, ValueError, "'second.mp4' without an option"),
        ({"path": "missing/out.mp4"}, FileNotFoundError, "no directory '.*missing'; make it first"),
        ({"path": "out.avi"}, ValueError, r"path must end in \.mp4"),
        ({"path": "out"}, ValueError, r"path must end in \.mp4"),
        ({"path": "playlist.m3u8"}, ValueError, r"path must end in \.mp4"),
        ({"path": 3}, TypeError, "path must be a string or a Path"),
        ({"path": b"out.mp4"}, TypeError, "path"),
        ({"path": "a\0b.mp4"}, ValueError, "path"),
        ({"path": ""}, ValueError, "path must name a file, such as 'out.mp4', and '' is a directory"),
        ({"path": "."}, ValueError, "'.' is a directory"),
        ({"path": "x" * 300 + ".mp4"}, ValueError, "more than 255 bytes"),
        ({"path": "/dev/null/out.mp4"}, NotADirectoryError, "not a directory"),
        ({"scene": None}, TypeError, "scene must be a GLSL string, an object with render"),
        ({"scene": Path("waves.glsl")}, TypeError, r"pass its text: Path\(…\)\.read_text\(\)"),
        ({"scene": Watermark}, TypeError, r"pass an instance of it: Watermark\(\)"),
        ({"scene": b"bytes"}, TypeError, "scene"),
        ({"scene": "vec3 palette(float t);"}, nbpipe.SceneError, "no 'void mainImage"),
        ({"scene": []}, nbpipe.SceneError, "no picture at all"),
        ({"scene": [np.zeros((4, 4, 3))]}, nbpipe.SceneError, "picture 0 .*float64; expected a uint8 or uint16 array"),
    ],
)
def test_bad_arguments(arguments, error, words):
    arguments = {"scene": Watermark(), "path": "out.mp4", "size": (64, 64), "frames": 3} | arguments
    if "duration" in arguments and arguments["frames"] == 3 and not isinstance(arguments["duration"], int):
        del arguments["frames"]
    if arguments.get("duration") == 0:
        del arguments["frames"]
    if isinstance(arguments["scene"], list):
        del arguments["size"]
    with pytest.raises(error, match=words):
        nbpipe.record(arguments.pop("scene"), arguments.pop("path"), **arguments)


def test_a_generator_function_is_not_taken_for_a_scene():
    def pictures():
        yield np.zeros((4, 4, 3), np.uint8)

    with pytest.raises(TypeError, match=r"pass what it returns: pictures\(\)"):
        nbpipe.record(pictures, "out.mp4")


def test_a_directory_that_is_not_writable():
    folder = Path("/usr/share")  # everyone may enter it, and only root may write
    code = f"import os, nbpipe\nos.setuid(65534)\nnbpipe.record(lambda f: None, {str(folder / 'out.mp4')!r}, frames=1)"
    if os.getuid() != 0:
        code = code.replace("os.setuid(65534)", "")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "is not writable" in done.stderr.splitlines()[-1]


def test_a_fifo_is_refused(tmp_path_factory):
    fifo = tmp_path_factory.mktemp("odd") / "out.mp4"
    os.mkfifo(fifo)
    with pytest.raises(ValueError, match="no plain file: give another name"):
        nbpipe.record(Watermark(), fifo, frames=1)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("/nowhere/ffmpeg", "NBPIPE_FFMPEG names '/nowhere/ffmpeg'"),
        ("/bin/true", "is no FFmpeg"),
        ("/etc", "not a program"),
    ],
)
def test_no_ffmpeg(monkeypatch, value, words):
    monkeypatch.setenv("NBPIPE_FFMPEG", value)
    with pytest.raises(nbpipe.FFmpegNotFound, match=words):
        nbpipe.record(Watermark(), "out.mp4", frames=1)


def test_the_environment_is_asked_in_order(monkeypatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nowhere/imageio")
    with pytest.raises(nbpipe.FFmpegNotFound, match="IMAGEIO_FFMPEG_EXE names"):
        nbpipe.record(Watermark(), "out.mp4", frames=1)
    monkeypatch.setenv("NBPIPE_FFMPEG", "/nowhere/ours")
    with pytest.raises(nbpipe.FFmpegNotFound, match="NBPIPE_FFMPEG names"):
        nbpipe.record(Watermark(), "out.mp4", frames=1)


def test_no_libegl_names_the_package():
    code = """
import ctypes, nbpipe
real = ctypes.CDLL
def without(name, *a, **k):
    if name and "EGL" in name:
        raise OSError(f"{name}: cannot open shared object file")
    return real(name, *a, **k)
ctypes.CDLL = without
nbpipe.record(lambda frame: None, "out.mp4", frames=1)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "NoOpenGL" in done.stderr
    assert "apt-get install libegl1 libgl1-mesa-dri" in done.stderr.splitlines()[-1]


def test_no_driver_names_the_package(tmp_path):
    code = "import nbpipe\nnbpipe.record(lambda frame: None, 'out.mp4', frames=1)"
    env = os.environ | {"__EGL_VENDOR_LIBRARY_FILENAMES": "/nowhere.json", "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env)
    assert "NoOpenGL" in done.stderr
    assert "apt-get install libegl1 libgl1-mesa-dri" in done.stderr


def test_after_a_fork_the_child_is_told():
    nbpipe.gl.context.context()
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            nbpipe.record(Watermark(), "out.mp4", size=(64, 64), frames=1)
        except nbpipe.WrongThread as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(pid, 0)
    with open(read, "rb") as said:
        assert b"'spawn'" in said.read()


class TestNames:
    """Names that a naive command line takes for options, patterns or addresses; all are plain files here."""

    @pytest.fixture(autouse=True)
    def nothing_is_written(self):
        return

    @pytest.mark.parametrize(
        "name",
        [
            "-y.mp4",
            "--.mp4",
            "-i.mp4",
            "a%03d.mp4",
            "x:y.mp4",
            "tcp:127.0.0.1:9.mp4",
            "concat:a|b.mp4",
            "pipe:1.mp4",
            "🦊 und Füchse.mp4",
            "quote'\"$(echo).mp4",
            "new\nline.mp4",
            " space .mp4",
            "~.mp4",
            "é" * 120 + ".mp4",
            "n" * 251 + ".mp4",
            "UPPER.MP4",
        ],
    )
    def test_become_that_file(self, name, tmp_path):
        recording = nbpipe.record(Watermark(), name, size=(160, 96), frames=5)
        assert [p.name for p in tmp_path.iterdir()] == [name]
        assert recording.path == tmp_path / name
        assert numbers(tmp_path / name) == [0, 1, 2, 3, 4]

    def test_an_address_is_a_directory_that_is_not_there(self):
        with pytest.raises(FileNotFoundError, match="no directory"):
            nbpipe.record(Watermark(), "tcp://127.0.0.1:9/x.mp4", size=(64, 64), frames=5)

    def test_a_change_of_directory_half_way_changes_nothing(self, tmp_path, tmp_path_factory):
        recording = nbpipe.record(Watermark(), "out.mp4", size=(64, 64), frames=5, wait=False)
        os.chdir(tmp_path_factory.mktemp("elsewhere"))
        recording.wait()
        assert (tmp_path / "out.mp4").exists()

    def test_durations_round_to_the_nearest_frame(self):
        for duration, fps, expected in [
            (0.1, 30, 3),
            (0.05, 30, 2),
            (1 / 3, 24, 8),
            (Fraction(1, 2), 25, 13),
        ]:
            recording = nbpipe.record(Watermark(), "out.mp4", size=(64, 64), fps=fps, duration=duration)
            assert recording.frames_written == expected
