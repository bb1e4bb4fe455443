"""What doctor says is so: compared with what the parts themselves say, here and where something is missing."""

from __future__ import annotations

import dataclasses
import functools
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from test_kernel import Kernel

import nbpipe
from nbpipe import doctor
from nbpipe.gl.context import context
from nbpipe.report import Notebook, OpenGL, Report
from nbpipe.video.ffmpeg import find_ffmpeg
from nbpipe.video.trial import HARDWARE, SOFTWARE, Trial, attempt, attempt_live
from nbpipe.video.writer import PipeWriter


@functools.cache
def examined() -> Report:
    """The one report of this machine; it takes seconds."""
    return doctor.examine()


@pytest.fixture
def one_encoder(fake_ffmpeg):
    """Make FFmpeg one that has libx264 alone, and that does `body` when it is to encode."""

    def make(body='exec "$real" "$@"'):
        program = fake_ffmpeg(body)
        lines = program.read_text().splitlines()
        refusal = (
            'case "$*" in *encoder=libx264*) ;; *encoder=*) echo "Codec is not recognized by FFmpeg."; exit;; esac'
        )
        program.write_text("\n".join([lines[0], refusal, *lines[1:], ""]))

    return make


def command(*words, **more):
    return subprocess.run(
        [sys.executable, "-m", "nbpipe", *words],
        env=os.environ | more,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    examined()
    assert list(tmp_path.iterdir()) == []


def test_its_facts_are_those_of_the_parts():
    report, where, ffmpeg = examined(), context(), find_ffmpeg()
    assert (report.machine.nbpipe, report.machine.cores) == (nbpipe.__version__, len(os.sched_getaffinity(0)))
    assert isinstance(report.opengl, OpenGL)
    assert (report.opengl.renderer, report.opengl.software) == (where.renderer, where.software)
    assert (report.opengl.largest, report.opengl.samples) == (where.largest, where.ctx.max_samples)
    assert report.ffmpeg == ffmpeg
    assert report.named_by == "imageio-ffmpeg"
    assert report.notebook.kernel is False
    recording = nbpipe.record(lambda frame: None, "out.mp4", size=(64, 64), frames=2)
    assert recording.encoder.endswith(f", {report.recorded}")
    assert report.fit


@pytest.mark.parametrize("encoder", [*SOFTWARE, *HARDWARE])
def test_an_encoder_is_said_to_work_where_ffmpeg_says_so_too(encoder):
    report, path = examined(), find_ffmpeg().path
    listed = subprocess.run([path, "-hide_banner", "-encoders"], capture_output=True, text=True, check=True).stdout
    (trial,) = [trial for trial in report.trials if trial.encoder == encoder] or [None]
    assert (trial is None) == (f" {encoder} " not in listed) == (encoder in report.unlisted)
    if trial is None:
        return
    picture = (
        "testsrc2=size=640x360,format=nv12" if encoder.endswith("_qsv") else "testsrc2=size=640x360,format=yuv420p"
    )
    source = ["-v", "error", "-f", "lavfi", "-i", picture, "-frames:v", "5"]
    alone = subprocess.run(
        [path, *source, "-c:v", encoder, "-f", "null", "-"], capture_output=True, text=True, check=False
    )
    assert (trial.milliseconds is not None) == (alone.returncode == 0)
    assert bool(trial.problem) == (trial.milliseconds is None)
    if not encoder.endswith("_vaapi"):  # of which nbpipe knows better why
        assert trial.problem in alone.stderr


def test_the_text_has_each_fact_in_a_line_of_its_column():
    report = examined()
    text = str(report)
    for trial in report.trials:
        says = trial.problem if trial.milliseconds is None else f"{trial.milliseconds:.1f} ms"
        assert re.search(rf"^  {trial.encoder:18}.*{re.escape(says)}$", text, re.MULTILINE)
    for fact in (report.opengl.renderer, report.ffmpeg.path, report.recorded, *report.unlisted):
        assert fact in text
    assert text.splitlines()[-1] == report.advice


def test_memory_that_is_copied_into_the_pipe_is_not_said_to_be_lent(monkeypatch):
    assert doctor._pipe().lends == (sys.platform == "linux")
    monkeypatch.setattr(doctor, "PipeWriter", lambda fd, lend: PipeWriter(fd))
    assert not doctor._pipe().lends


def test_an_encoder_that_hangs_is_stopped(one_encoder, tmp_path):
    one_encoder("exec sleep 60")
    trial = attempt(find_ffmpeg(), "libx264", tmp_path, limit=0.3)
    assert trial == Trial("libx264", None, "stopped after 0.3 seconds, when it had made 0 frames")


def test_the_live_picture_is_said_to_be_h264_with_the_time_it_takes():
    assert examined().live.milliseconds > 0
    assert re.search(r"^  live picture +H\.264, \d+\.\d ms from a 640 × 360 picture", str(examined()), re.MULTILINE)


def test_without_an_encoder_the_live_picture_is_said_to_be_jpeg_and_why(fake_ffmpeg):
    program = fake_ffmpeg('exec "$real" "$@"')
    lines = program.read_text().splitlines()
    refusal = 'case "$*" in *encoder=libx264*) echo "Codec is not recognized by FFmpeg."; exit;; esac'
    program.write_text("\n".join([lines[0], refusal, *lines[1:], ""]))
    report = doctor.examine()
    assert re.search(r"^  live picture +JPEG alone: this FFmpeg has no libx264$", str(report), re.MULTILINE)
    assert not report.fit


@pytest.mark.parametrize(
    ("body", "problem"), [("sleep 60", "stopped after 0.5 seconds"), ("exit 1", "FFmpeg has ended")]
)
def test_a_live_encoder_that_hangs_or_fails_is_told(one_encoder, body, problem):
    one_encoder(body)
    assert attempt_live(find_ffmpeg(), limit=0.5) == Trial("libx264", None, problem)


def test_an_ffmpeg_that_fails_is_quoted(one_encoder):
    one_encoder('echo "some reason" >&2; exit 3')
    report = doctor.examine()
    assert report.trials == (Trial("libx264", None, "some reason"),)
    assert report.named_by == "NBPIPE_FFMPEG"
    assert not report.fit
    assert report.advice.startswith("libx264 does not work here (some reason): set NBPIPE_FFMPEG to another FFmpeg")


def test_no_ffmpeg_is_said_with_the_way_out(monkeypatch):
    monkeypatch.setenv("NBPIPE_FFMPEG", "/nowhere/ffmpeg")
    report = doctor.examine()
    assert isinstance(report.ffmpeg, nbpipe.FFmpegNotFound)
    assert report.advice == str(report.ffmpeg)
    assert "NBPIPE_FFMPEG names '/nowhere/ffmpeg'" in report.advice
    assert context().renderer in str(report)
    assert "Encoders" not in str(report)


def test_no_opengl_is_said_with_the_package_and_the_rest_still_found(one_encoder, tmp_path):
    one_encoder()
    done = command("doctor", __EGL_VENDOR_LIBRARY_FILENAMES="/nowhere.json", HOME=str(tmp_path))
    assert (done.returncode, done.stderr) == (1, "")
    assert "apt-get install libegl1 libgl1-mesa-dri" in done.stdout.splitlines()[-1]
    assert re.search(r"^  libx264 +\d+\.\d ms$", done.stdout, re.MULTILINE)


def test_on_another_thread_it_asks_the_context_of_that_one(monkeypatch):
    context()
    monkeypatch.setenv("NBPIPE_FFMPEG", "/nowhere/ffmpeg")
    with ThreadPoolExecutor(1) as elsewhere:
        report = elsewhere.submit(doctor.examine).result()
    assert report.opengl.renderer == context().renderer


@pytest.mark.no_leak_check  # jupyter_client keeps its zmq sockets' descriptors until the process ends
def test_in_a_kernel_it_says_whether_buttons_reach_a_busy_cell(one_encoder, tmp_path):
    one_encoder()
    kernel = Kernel(tmp_path)
    try:
        assert kernel.run("from nbpipe.doctor import examine\nprint(examine())")["status"] == "ok"
    finally:
        kernel.client.stop_channels()
        kernel.manager.shutdown_kernel(now=True)
        kernel.manager.cleanup_resources()
    assert re.search(r"^  here +a Jupyter kernel, ipykernel 7", kernel.printed(), re.MULTILINE)
    assert re.search(r"Stop and Pause +reach a busy cell from JupyterLab 4\.4", kernel.printed())
    assert "All works" in kernel.printed()


FAST = OpenGL("a GPU", "4.6", software=False, largest=16384, samples=8, mapped=True)


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"trials": (Trial("libx264", 8.0), Trial("h264_nvenc", 1.0))}, "codec='h264_nvenc' is 8.0 times as fast"),
        ({"trials": (Trial("libx264", 8.0), Trial("h264_nvenc", 7.0))}, "Mesa draws on the processor"),
        ({"opengl": FAST, "trials": (Trial("libx264", 25.0), Trial("ffv1", 1.0))}, "preset='veryfast'"),
        (
            {"opengl": FAST, "notebook": Notebook(kernel=True, ipykernel="6.29.5")},
            "with ipykernel 7 or later, Stop and Pause",
        ),
        ({"opengl": FAST}, "All works: nbpipe.record(scene, 'video.mp4')."),
    ],
)
def test_the_advice_is_the_most_useful_step(changes, advice):
    here = dataclasses.replace(
        examined(),
        trials=(Trial("libx264", 8.0),),
        opengl=dataclasses.replace(FAST, software=True),
        notebook=Notebook(kernel=False, ipykernel="7.4.0"),
        recorded="converted by nbpipe",
    )
    assert advice in dataclasses.replace(here, **changes).advice


@pytest.mark.parametrize(
    ("notebook", "words"),
    [
        (Notebook(kernel=True, ipykernel="6.29.5"), "Stop and Pause    do not reach a busy cell; ■ interrupts"),
        (
            Notebook(kernel=False, ipykernel="6.29.5"),
            "Stop and Pause    with ipykernel 6.29.5 do not reach a busy cell",
        ),
        (
            Notebook(kernel=False, ipykernel="7.4.0", marimo=True),
            "marimo\n  live picture      H.264",
        ),
        (Notebook(kernel=False, ipykernel="7.4.0", marimo=True), "do not reach a busy cell; marimo's own ■"),
        (Notebook(kernel=False, ipykernel=None), "Ctrl-C stops a recording and keeps what it has"),
    ],
)
def test_what_each_kernel_allows_is_said_plainly(notebook, words):
    assert words in str(dataclasses.replace(examined(), notebook=notebook))
