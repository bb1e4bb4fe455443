"""One FFmpeg process: its words are kept within bounds, and it is ended however it behaves."""

from __future__ import annotations

import os
import signal

import imageio_ffmpeg
import pytest

import nbpipe
from nbpipe.video.ffmpeg import find_ffmpeg
from nbpipe.video.process import EncoderProcess


@pytest.fixture
def process():
    """Run a shell script in FFmpeg's place; it is gone after the test."""
    made = []

    def run(script):
        made.append(EncoderProcess(["/bin/bash", "-c", script]))
        return made[-1]

    yield run
    for encode in made:
        encode.kill()


def finished(encode):
    """Let the process read its end of file, and wait for all it says."""
    encode.hand_over()
    assert encode.ended(30)
    return encode


class TestLastWords:
    def tail(self, encode):
        return finished(encode).error("it failed").stderr_tail

    def test_are_the_last_ones(self, process):
        assert self.tail(process("seq 1000 >&2")).split() == [str(n) for n in range(971, 1001)]

    def test_stay_short_even_if_one_line_has_ten_megabytes(self, process):
        tail = self.tail(process("head -c 10000000 /dev/zero | tr '\\0' x >&2; echo >&2; echo the end >&2"))
        first, last = tail.splitlines()
        assert set(first) == {"x"}
        assert len(first) <= 400
        assert last == "the end"

    def test_stay_short_even_if_that_line_never_ends(self, process):
        tail = self.tail(process("head -c 10000000 /dev/zero | tr '\\0' x >&2"))
        assert set(tail) == {"x"}
        assert len(tail) <= 400

    def test_lose_their_colours_and_bells(self, process):
        assert (
            self.tail(process(r"printf '\033[1;31merror\033[0m: \007bad\000 \033[2Kthing\r\n' >&2"))
            == "error: bad thing"
        )

    def test_may_be_no_text_at_all(self, process):
        assert self.tail(process(r"printf 'caf\351 \xf0\x9f\xa6\x8a \xff\xfe\n' >&2")) == "caf� 🦊 ��"

    def test_skip_empty_lines(self, process):
        assert self.tail(process("printf 'a\n\n  \nb' >&2")) == "a\nb"

    def test_do_not_fill_the_pipe(self, process):
        assert self.tail(process("seq 300000 >&2; seq 300000; echo done >&2")).endswith("\ndone")

    @pytest.mark.parametrize(
        ("words", "hint"),
        [
            ("av_write: No space left on device", "disk is full"),
            ("Unrecognized option 'x'", "ffmpeg_params="),
            ("all well", ""),
        ],
    )
    def test_are_explained_where_they_are_known(self, process, words, hint):
        assert hint in finished(process(f'echo "{words}" >&2; exit 1')).error("").hint


class TestProgress:
    def test_is_what_ffmpeg_reports(self, process):
        encode = finished(process("printf 'frame=7\ntotal_size=1234\nprogress=continue\nframe=9\nprogress=end\n'"))
        assert (encode.frames, encode.bytes, encode.complete, encode.returncode) == (9, 1234, True, 0)

    def test_ignores_what_makes_no_sense(self, process):
        encode = finished(
            process("printf 'frame=3\nframe=N/A\nframe=-1\nframe\n=\ntotal_size=N/A\n\\xff=1\nprogress=continue\n'")
        )
        assert (encode.frames, encode.bytes, encode.complete) == (3, 0, False)

    def test_that_continues_is_not_complete(self, process):
        assert not finished(process("printf 'progress=end\nprogress=continue\n'")).complete


def test_a_grandchild_that_keeps_the_output_open_is_not_waited_for(process):
    encode = process('sleep 1000 & echo "$!" >&2; echo "last words" >&2; exit 3')
    encode.hand_over()
    assert encode.ended(30)
    error = encode.error("it failed")
    grandchild, words = error.stderr_tail.splitlines()
    os.kill(int(grandchild), signal.SIGKILL)
    encode._drain.join()
    assert (error.returncode, words) == (3, "last words")


def test_a_stopped_process_is_killed_and_reaped(process):
    encode = process("kill -STOP $$; exec cat >/dev/null")
    os.waitid(os.P_PID, encode.pid, os.WSTOPPED | os.WNOWAIT)
    assert not encode.ended(0)
    encode.kill()
    assert encode.returncode == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.kill(encode.pid, 0)


def test_a_process_that_ignores_polite_signals_is_killed(process, tmp_path):
    os.mkfifo("ready")
    encode = process("trap '' TERM INT HUP PIPE; echo ready >ready; exec sleep 1000")
    assert (tmp_path / "ready").read_text() == "ready\n"
    encode.kill()
    assert encode.returncode == -signal.SIGKILL


def test_killing_again_and_killing_the_dead_do_nothing(process):
    encode = finished(process("exit 7"))
    encode.kill()
    encode.kill()
    assert encode.returncode == 7


@pytest.mark.parametrize(("number", "name"), [(signal.SIGSEGV, "SIGSEGV"), (signal.SIGKILL, "SIGKILL"), (40, "40")])
def test_death_by_a_signal_is_named(process, number, name):
    error = finished(process(f"kill -{int(number)} $$")).error("it failed")
    assert error.returncode == -number
    assert name in error.hint


def test_the_end_of_input_ends_it(process):
    encode = process("cat >/dev/null; echo progress=end")
    assert not encode.ended(0)
    assert finished(encode).complete


def test_handing_over_twice_closes_nobody_elses_file(process):
    encode = process("cat >/dev/null")
    number = encode.stdin
    encode.hand_over()
    mine, other = os.pipe()
    try:
        assert number in (mine, other), "the number is in use again"
        encode.hand_over()
        os.fstat(mine), os.fstat(other)
    finally:
        os.close(mine)
        os.close(other)


def test_it_has_a_group_of_its_own_in_our_session(process):
    encode = process("cat >/dev/null")
    assert os.getpgid(encode.pid) == encode.pid != os.getpgrp()
    assert os.getsid(encode.pid) == os.getsid(0)


def test_it_inherits_nothing_but_its_three_streams(process):
    mine, other = os.pipe()
    os.set_inheritable(mine, True)  # noqa: FBT003
    encode = process("ls /proc/$$/fd >&2")
    os.close(mine)
    os.close(other)
    # 255 is bash's own
    assert set(finished(encode).error("").stderr_tail.split()) <= {"0", "1", "2", "255"}


def test_variables_that_make_ffmpeg_write_logs_are_kept_from_it(process, monkeypatch, tmp_path):
    find_ffmpeg()  # see the next test
    monkeypatch.setenv("FFREPORT", f"file={tmp_path}/report.log")
    monkeypatch.setenv("AV_LOG_FORCE_COLOR", "1")
    monkeypatch.setenv("HARMLESS", "stays")
    encode = finished(process('echo "$FFREPORT|$AV_LOG_FORCE_COLOR|$HARMLESS" >&2'))
    assert encode.error("").stderr_tail == "||stays"
    nbpipe.record(lambda frame: None, "out.mp4", size=(64, 64), frames=1)
    assert os.listdir(tmp_path) == ["out.mp4"]


def test_a_program_that_cannot_be_started_leaves_nothing_open():
    with pytest.raises(FileNotFoundError):
        EncoderProcess(["/nowhere/ffmpeg"])


def test_a_program_in_the_current_directory_is_never_taken_for_ffmpeg(tmp_path, monkeypatch):
    (tmp_path / "ffmpeg").write_text("#!/bin/sh\ntouch planted\n")
    (tmp_path / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", f".:{os.environ['PATH']}")
    assert find_ffmpeg().path != str(tmp_path / "ffmpeg")
    assert os.path.isabs(find_ffmpeg().path)
    nbpipe.record(lambda frame: None, "out.mp4", size=(64, 64), frames=1)
    assert not (tmp_path / "planted").exists()


@pytest.mark.parametrize("planted", [False, True])
def test_the_systems_ffmpeg_is_used_where_imageio_brings_none(tmp_path, monkeypatch, planted):
    system = tmp_path / "bin" / "ffmpeg"
    system.parent.mkdir()
    system.symlink_to(find_ffmpeg().path)
    if planted:
        (tmp_path / "ffmpeg").write_text("#!/bin/sh\necho ffmpeg version evil\n")
        (tmp_path / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", str(system.parent))
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: "ffmpeg")
    assert find_ffmpeg().path == str(system)


@pytest.mark.parametrize("own", [None, "glibc.malloc.check=0"])
def test_the_encoder_is_started_with_that_environment(own, fake_ffmpeg, tmp_path, monkeypatch):
    if own:
        monkeypatch.setenv("GLIBC_TUNABLES", own)
    fake_ffmpeg(f'env >{tmp_path}/env; exec "$real" "$@"')
    nbpipe.record(lambda frame: None, "out.mp4", size=(64, 64), frames=1)
    found = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines() if "=" in line)
    assert found["GLIBC_TUNABLES"] == (own or nbpipe.ffmpeg_environment()["GLIBC_TUNABLES"])


def test_an_ffmpeg_that_was_replaced_is_looked_at_again(tmp_path, monkeypatch):
    program = tmp_path / "mine"
    monkeypatch.setenv("NBPIPE_FFMPEG", str(program))
    for time, version in ((1, "6.0"), (2, "7.1")):
        program.write_text(f"#!/bin/sh\necho ffmpeg version {version} Copyright\n")
        program.chmod(0o755)
        os.utime(program, (time, time))
        assert find_ffmpeg().version == version


def test_silence_is_measured_from_the_last_report(process):
    encode = process("read; echo frame=1; cat >/dev/null")
    before = encode._heard
    os.write(encode.stdin, b"go\n")
    encode.hand_over()
    assert encode.ended(30)
    assert encode._heard > before
    assert encode.silence >= 0
