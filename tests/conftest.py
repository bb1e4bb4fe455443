from __future__ import annotations

import contextlib
import gc
import os
import re
import signal
import threading
from pathlib import Path

import moderngl
import pytest
from hypothesis import HealthCheck, settings
from lab import Lab
from piping import Pair
from playwright.sync_api import sync_playwright

import nbpipe
from nbpipe.gl._calls import calls
from nbpipe.gl.context import context
from nbpipe.video.ffmpeg import find_ffmpeg

# No assertions on time, nor on how long a busy machine takes to think of an example.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_configure():
    # What a shell starts in the background ignores Ctrl-C, and under nohup SIGHUP, and hands that on; tests send both.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    nbpipe.errors._FOLDED.clear()  # pytest would hide these frames too, and here they are what one wants to see


def pytest_collection_modifyitems(items):
    # The longest files first: begun last, one would keep a single process busy while the others have nothing to do.
    browsing = {item.path for item in items if "browser" in item.fixturenames}
    items.sort(key=lambda item: item.path not in browsing)


def pytest_collection_finish():
    # What is there before the first test stays: to look through it after each of them took 0.1 s.
    gc.collect()
    gc.freeze()


def pytest_report_header():
    where = context()
    return [
        f"nbpipe {nbpipe.__version__}, {where.renderer}, OpenGL {where.ctx.version_code / 100}",
        f"FFmpeg {find_ffmpeg().version} at {find_ffmpeg().path}",
    ]


def open_descriptors() -> set[tuple[str, str]]:
    """Return what every descriptor of this process is, but for those that come and go by themselves."""
    found = set()
    for entry in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{entry}")
        except OSError:
            continue
        if target.startswith(("pipe:", "anon_inode:[eventfd]", "/")) and ".cache" not in target:
            found.add((entry, target))
    return found


def children() -> set[int]:
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread that has been joined may be there for a moment more
            found.update(map(int, (task / "children").read_text().split()))
    return found


@pytest.fixture(scope="module")
def complaints():
    """What any page of the browser has told its console as an error, or thrown."""
    return []


@pytest.fixture(scope="module")
def browser(complaints):
    def listen(pages) -> None:
        pages.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        pages.on("weberror", lambda thrown: complaints.append(thrown.error.stack or str(thrown.error)))

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
            ],
        )
        browser.on("context", listen)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("lab"), subshells=True)
    yield lab
    lab.stop()


@pytest.fixture(autouse=True)
def pages_are_closed_and_have_not_complained(request):
    """A page that stays open plays on, and the tests after it share the processor with it.

    None may have an error in its console, whoever's; where one cannot be avoided, the mark ``complains`` names it.
    """
    if "browser" not in request.fixturenames:
        yield
        return
    known = [pattern for mark in request.node.iter_markers("complains") for pattern in mark.args]
    browser, complaints = (request.getfixturevalue(name) for name in ("browser", "complaints"))
    yield
    for pages in browser.contexts:
        pages.close()
    ours = [text for text in complaints if not any(re.search(pattern, text) for pattern in known)]
    complaints.clear()
    assert not ours, "\n".join(ours)


@pytest.fixture(autouse=True)
def nothing_left_behind(request, tmp_path, monkeypatch):
    """No descriptor, thread, process or partial file may outlive a test that does not say so."""
    if "lab" in request.fixturenames or "no_leak_check" in request.keywords:
        yield
        return
    monkeypatch.chdir(tmp_path)
    before = open_descriptors(), set(threading.enumerate()), children()
    yield
    gc.collect()
    gc.freeze()  # what is still there stays, as that from before the first test
    after = open_descriptors(), set(threading.enumerate()), children()
    assert after[0] - before[0] == set(), "descriptors left open"
    assert after[1] - before[1] == set(), "threads left running"
    assert after[2] - before[2] == set(), "processes left behind"


@pytest.fixture
def ctx():
    """nbpipe's own context, with no GL error pending before or after."""
    with context().current():
        ctx = context().ctx
        ctx.error  # noqa: B018  reading it clears it
        yield ctx
        assert ctx.error == "GL_NO_ERROR"


@pytest.fixture
def own_context():
    """A context such as a user makes, beside nbpipe's own, which is current again afterwards."""
    before = calls().current()
    ctx = moderngl.create_context(standalone=True, backend="egl", libgl="libGL.so.1", libegl="libEGL.so.1")
    yield ctx
    ctx.release()
    calls().make_current(before)


@pytest.fixture
def every_line_ends():
    """Close what a test has piped to, also after an error."""
    yield
    try:
        nbpipe.close()
    except OSError:
        nbpipe.close()


@pytest.fixture
def pair():
    """The two ends of a pipe, closed afterwards if they still are open."""
    ends = Pair()
    yield ends
    ends.close()


@pytest.fixture
def fake_ffmpeg(tmp_path, monkeypatch):
    """Put a wrapper around the real FFmpeg in its place: ``fake_ffmpeg("shell code around \\"$real\\" \\"$@\\"")``.

    Questions such as -version and -h go to the real one.
    """
    real = find_ffmpeg().path

    def make(body: str) -> Path:
        program = tmp_path / "ffmpeg-wrapper"
        program.write_text(
            f'#!/bin/bash\nreal={real}\ncase "$*" in *-version*|*"-h "*) exec "$real" "$@";; esac\n{body}\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("NBPIPE_FFMPEG", str(program))
        return program

    return make


def partials(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.partial*"))
