"""The partial file and its name, and what stands under the target's name at any time."""

from __future__ import annotations

import gc
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nbpipe
from nbpipe.video.target import Target, is_free

NAMES = st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=260)


@given(NAMES)
def test_the_partial_name_fits_is_hidden_and_keeps_the_file_type(name):
    name = os.fsdecode(os.fsencode(name)[:251].decode(errors="ignore").encode()) + ".mp4"
    target = Target(name)
    assert len(os.fsencode(target.partial.name)) <= 255
    assert target.partial.parent == target.path.parent
    assert target.partial.name.startswith(".")
    assert target.partial.name.endswith(".partial.mp4")


@pytest.mark.parametrize("name", ["n" * 251, "é" * 125, "🦊" * 62, "e\u0301" * 83, os.fsdecode(b"\xff" * 251)])
def test_the_longest_names_can_be_made(name, tmp_path):
    target = Target(f"{name}.mp4")
    target.create()
    target.publish()
    assert os.listdir(tmp_path) == [f"{name}.mp4"]


def test_what_is_kept_can_be_seen_and_replaces_nothing(tmp_path):
    (tmp_path / "out.partial-2.mp4").write_bytes(b"somebody's")
    for name in ("out.partial.mp4", "out.partial-3.mp4"):
        target = Target("out.mp4")
        target.create()
        target.partial.write_bytes(name.encode())
        for _ in range(2):  # an interrupt may have come between
            assert target.keep() == target.partial == tmp_path / name
        assert target.partial.read_bytes() == name.encode()
    assert sorted(os.listdir(tmp_path)) == ["out.partial-2.mp4", "out.partial-3.mp4", "out.partial.mp4"]
    assert (tmp_path / "out.partial-2.mp4").read_bytes() == b"somebody's"


def test_a_link_to_nothing_has_its_name_too(tmp_path):
    (tmp_path / "out.partial.mp4").symlink_to("nowhere")
    target = Target("out.mp4")
    target.create()
    assert target.keep() == tmp_path / "out.partial-2.mp4"


def test_the_longest_name_can_be_kept(tmp_path):
    target = Target("n" * 251 + ".mp4")
    target.create()
    target.keep()
    assert os.listdir(tmp_path) == ["n" * (255 - len(".partial.mp4")) + ".partial.mp4"]


def test_where_a_file_can_have_no_second_name_it_keeps_its_own(tmp_path, monkeypatch):
    def refused(*_):
        raise PermissionError(1, "as on FAT")

    target = Target("out.mp4")
    target.create()
    monkeypatch.setattr(os, "link", refused)
    assert target.keep().name.startswith(".out.")
    assert os.listdir(tmp_path) == [target.partial.name]


@pytest.mark.parametrize("end", [Target.publish, Target.discard, Target.leave])
def test_a_name_is_taken_from_when_its_video_is_begun_until_that_ends(end):
    first, second, third = Target("out.mp4"), Target("out.mp4"), Target("other.mp4")
    first.create()
    third.create()
    assert not is_free(Path("out.mp4"))
    with pytest.raises(
        ValueError, match=r"out\.mp4' is being recorded already; wait for that, stop it, or name another"
    ):
        second.create()
    with pytest.raises(ValueError, match="already"):
        Target(Path("out.mp4").absolute())
    end(first)
    assert is_free(Path("out.mp4")) == (end is not Target.publish)
    second.create()
    end(first)  # again
    assert not is_free(Path("out.mp4"))


def test_one_that_could_not_be_begun_takes_no_name():
    first = Target("out.mp4")
    first.partial.mkdir()
    with pytest.raises(FileExistsError):
        first.create()
    Target("out.mp4").create()


def test_partials_have_names_of_their_own():
    assert Target("out.mp4").partial != Target("out.mp4").partial


def test_a_video_that_nobody_makes_any_more_takes_no_name():
    Target("out.mp4").create()
    gc.collect()
    Target("out.mp4").create()


@pytest.mark.parametrize("obstacle", ["file", "link to a file", "link to nothing"])
def test_making_the_partial_follows_and_replaces_nothing(obstacle, tmp_path):
    target = Target("out.mp4")
    precious = tmp_path / "precious"
    precious.write_text("precious")
    if obstacle == "file":
        target.partial.write_text("precious")
    else:
        target.partial.symlink_to(precious if obstacle == "link to a file" else tmp_path / "nothing")
    with pytest.raises(FileExistsError):
        target.create()
    assert precious.read_text() == "precious"
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_video_has_the_permissions_of_any_new_file(mask, mode, tmp_path):
    before = os.umask(mask)
    try:
        nbpipe.record(lambda frame: None, "out.mp4", size=(64, 64), frames=1)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.mp4").stat().st_mode) == mode


def test_a_video_that_was_removed_while_it_was_made_is_no_riddle():
    target = Target("out.mp4")
    target.create()
    target.partial.unlink()
    with pytest.raises(FileNotFoundError, match=r"partial\.mp4 is gone: something removed it .* record it again"):
        target.publish()


def test_a_reader_of_the_older_file_keeps_it(tmp_path):
    (tmp_path / "out.mp4").write_text("older")
    target = Target("out.mp4")
    target.create()
    target.partial.write_text("newer")
    with (tmp_path / "out.mp4").open() as reader:
        target.publish()
        assert reader.read() == "older"
    assert (tmp_path / "out.mp4").read_text() == "newer"
    assert os.listdir(tmp_path) == ["out.mp4"]


def test_a_link_is_replaced_and_what_it_points_to_stays(tmp_path):
    (tmp_path / "elsewhere.mp4").write_text("precious")
    (tmp_path / "out.mp4").symlink_to(tmp_path / "elsewhere.mp4")
    nbpipe.record(lambda frame: None, "out.mp4", size=(64, 64), frames=1)
    assert not (tmp_path / "out.mp4").is_symlink()
    assert (tmp_path / "elsewhere.mp4").read_text() == "precious"


def test_a_link_to_nothing_is_refused(tmp_path):
    (tmp_path / "out.mp4").symlink_to(tmp_path / "nothing")
    with pytest.raises(ValueError, match="a link to nothing: remove it, or give another name"):
        Target("out.mp4")
    assert not (tmp_path / "nothing").exists()


def test_the_home_directory_is_meant_by_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Target("~/out.mp4").path == tmp_path / "out.mp4"


@pytest.mark.parametrize("path", ["", ".", "/", "..", "folder/"])
def test_a_directory_is_no_target(path, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="path"):
        Target(path)


def test_discarding_twice_is_the_same_as_once(tmp_path):
    target = Target("out.mp4")
    target.discard()
    target.create()
    target.discard()
    target.discard()
    assert os.listdir(tmp_path) == []


def test_discarding_leaves_an_older_file_alone(tmp_path):
    (tmp_path / "out.mp4").write_text("older")
    target = Target("out.mp4")
    target.create()
    target.discard()
    assert (tmp_path / "out.mp4").read_text() == "older"


def test_a_name_is_taken_by_whatever_way_one_comes_to_it(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "other").symlink_to("real")
    first = Target("real/new.mp4")
    first.create()
    with pytest.raises(ValueError, match="is being recorded already"):
        Target("other/new.mp4")
    assert not is_free(Path("other/new.mp4"))


def test_what_somebody_else_has_made_is_not_discarded(tmp_path):
    target = Target("out.mp4")
    target.partial.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        target.create()
    target.discard()
    assert target.partial.read_bytes() == b"precious"


def test_without_a_current_directory_it_says_so(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(FileNotFoundError, match="the current directory is gone"):
        Target("out.mp4")
