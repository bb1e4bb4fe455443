"""The finished file in pieces, and whole where it is small: all of it, and never another one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbpipe.notebook.film import Film

PIECE = 1 << 20
LIMIT = 64 << 20
CLIP = 1 << 20


def file(size, name="out.mp4"):
    path = Path.cwd() / name
    path.write_bytes(os.urandom(size))
    return path


def ask_for_all(film):
    """Fetch a file as the browser does: the next chunk begins where the last one ended."""
    data = b""
    while len(data) < film.size:
        head, (chunk,) = film.chunk(len(data))
        assert head == {"type": "video", "offset": len(data), "total": film.size}
        data += chunk
    return data


@pytest.mark.parametrize("size", [1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7])
def test_the_pieces_are_the_file(size):
    path = file(size)
    assert ask_for_all(Film(path)) == path.read_bytes()


@pytest.mark.parametrize(
    ("suffix", "mime"), [("mp4", "mp4"), ("M4V", "mp4"), ("mov", "quicktime"), ("mkv", "x-matroska"), ("webm", "webm")]
)
def test_the_browser_is_told_what_it_is(suffix, mime):
    assert Film(file(10, f"out.{suffix}")).offer() == {"bytes": 10, "mime": f"video/{mime}", "playable": True}


@pytest.mark.parametrize("offset", [None, -1, 100, 10**30, 0.0, 1.5, True, False, "0", [0], {"offset": 0}])
def test_a_request_that_makes_no_sense_gets_no_answer(offset):
    assert Film(file(100)).chunk(offset) is None


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())))
def test_whatever_is_asked_only_bytes_of_the_file_come(offset):
    path = Path.cwd() / "out.mp4"
    if not path.exists():
        file(1000)
    answer = Film(path).chunk(offset)
    if answer is not None:
        assert answer[1] == [path.read_bytes()[offset:]]


@pytest.mark.parametrize("by", ["another file", "a rewrite of the same size", "more at its end"])
def test_a_file_that_is_another_by_now_is_not_sent(by):
    path = file(100)
    film = Film(path)
    if by == "another file":
        os.replace(file(100, "new.mp4"), path)
    elif by == "a rewrite of the same size":
        path.write_bytes(os.urandom(100))
        os.utime(path, ns=(0, 0))  # two writes within one tick of the file system's clock look alike
    else:
        with path.open("ab") as end:
            end.write(b"more")
    head, buffers = film.chunk(0)
    assert "out.mp4 is no longer the file" in head["error"]
    assert buffers == []


def test_a_file_that_is_gone_is_said_to_be():
    path = file(100)
    film = Film(path)
    path.unlink()
    assert film.chunk(0) == ({"type": "video", "error": "out.mp4 cannot be read: No such file or directory"}, [])


def test_no_answer_tells_where_the_file_lies():
    path = file(100)
    film = Film(path)
    path.unlink()
    assert str(path.parent) not in str(film.chunk(0))
    assert str(path.parent) not in str(film.offer())


@pytest.mark.parametrize(("size", "playable"), [(LIMIT, True), (LIMIT + 1, False), (1 << 40, False)])
def test_a_file_too_large_for_a_browser_is_offered_without_its_bytes(size, playable):
    path = file(0)
    os.truncate(path, size)
    film = Film(path)
    assert film.offer() == {"bytes": size, "mime": "video/mp4", "playable": playable}
    assert (film.chunk(0) is not None) == playable


def test_a_file_that_was_never_there_is_an_error():
    with pytest.raises(FileNotFoundError):
        Film(Path.cwd() / "out.mp4")


@pytest.mark.parametrize(("suffix", "mime"), [("mp4", "video/mp4"), ("M4V", "video/mp4"), ("webm", "video/webm")])
@pytest.mark.parametrize("size", [1, CLIP])
def test_a_small_file_is_kept_whole(suffix, mime, size):
    path = file(size, f"out.{suffix}")
    assert Film(path).clip() == (mime, path.read_bytes())


@pytest.mark.parametrize(("size", "suffix"), [(CLIP + 1, "mp4"), (1 << 40, "webm"), (100, "mov"), (100, "mkv")])
def test_a_large_file_and_one_that_few_browsers_play_are_not(size, suffix):
    path = file(0, f"out.{suffix}")
    os.truncate(path, size)
    assert Film(path).clip() is None


@pytest.mark.parametrize("by", ["another file", "a rewrite", "nothing", "a folder"])
def test_a_small_file_that_is_another_by_now_is_not(by):
    path = file(100)
    film = Film(path)
    if by == "another file":
        os.replace(file(100, "new.mp4"), path)
    elif by == "a rewrite":
        path.write_bytes(os.urandom(100))
        os.utime(path, ns=(0, 0))
    else:
        path.unlink()
        if by == "a folder":
            path.mkdir()
    assert film.clip() is None
