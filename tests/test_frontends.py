"""The widgets where a person opens a notebook beside JupyterLab: a real Notebook 7, a real marimo, headless Chromium.

One scene for all of them: its red is the parameter, its green the time, so that a test sees what a person would.
Screenshots of what was seen stay in ``build/screenshots``, to be looked at.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import av
import nbformat
import numpy as np
import pytest
from lab import NOTEBOOK_7, SCREENSHOTS
from playwright.sync_api import expect

pytestmark = pytest.mark.no_leak_check  # Playwright's threads, and sockets of servers

LENGTH = 10
SCENE = f"""
import os
from typing import Annotated
import nbpipe

LENGTH = {LENGTH}


class Told:
    level: Annotated[float, nbpipe.Range(0, 1)] = 0.0

    def render(self, frame):
        frame.fbo.clear(self.level, frame.time / LENGTH, 0.2)


def held(frame):
    while frame.index == 300 and not os.path.exists("go"):
        pass
    frame.fbo.clear(0.2, frame.time / LENGTH, 0.0)
"""

# The cells of a marimo notebook with a preview.
PREVIEW = (
    "import marimo as mo\nimport nbpipe\nfrom scene import LENGTH, Told",
    "view = mo.ui.anywidget(nbpipe.preview(Told(), size=(320, 180), duration=LENGTH))\nview",
)

# The colour of the live picture, from 0 to 255. In marimo it is in a shadow tree, which a selector does not enter.
COLOUR = """
const find = root => root.querySelector('.nbpipe-preview canvas')
    ?? [...root.querySelectorAll('*')].map(e => e.shadowRoot && find(e.shadowRoot)).find(Boolean);
const canvas = find(document);
const [r, g, b] = canvas?.width ? canvas.getContext('2d').getImageData(9, 9, 1, 1).data : [0, 0, 0];
"""


@contextlib.contextmanager
def server(folder: Path, *command: str):
    """Run a server in `folder` with no settings but its own; give its address once it listens there."""
    folder.joinpath("scene.py").write_text(SCENE)
    own = {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("CONFIG", "CACHE", "STATE", "DATA")}
    jupyter = {f"JUPYTER{kind}_DIR": str(folder / kind) for kind in ("LAB_SETTINGS", "LAB_WORKSPACES", "_RUNTIME")}
    log = folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=folder, env=os.environ | own | jupyter, stdout=out, stderr=out
        )
    try:
        while not (found := re.search(r"URL: http://\S+:(\d+)|http://127\.0\.0\.1:(\d+)/tree", log.read_text())):
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        address = "127.0.0.1", int(found[1] or found[2])
        while True:
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(address):
                break  # marimo names its address before it listens
            time.sleep(0.05)
        yield f"http://{address[0]}:{address[1]}"
    finally:
        process.terminate()
        process.wait()


def notebook7(folder: Path):
    return server(folder, "jupyter", "notebook", *"--no-browser --allow-root --ServerApp.port=0".split(),
                  *f"--ServerApp.ip=127.0.0.1 --IdentityProvider.token=t --ServerApp.root_dir={folder}".split())  # fmt: skip


def marimo(folder: Path, mode: str, *cells: str, more: str = ""):
    """Serve a marimo notebook of these cells, with more options."""
    body = "\n\n".join(f"@app.cell\ndef _():\n{re.sub('^', '    ', cell, flags=re.MULTILINE)}" for cell in cells)
    folder.joinpath("app.py").write_text(f"import marimo\n\napp = marimo.App()\n\n{body}\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = f"--headless --no-token --host 127.0.0.1 --port {port} {more}".split()
    return server(folder, "marimo", mode, *options, "app.py")


class Person:
    """Looks at a page with one widget, or more."""

    def __init__(self, browser) -> None:
        self.page = browser.new_page(viewport={"width": 1000, "height": 1100})
        self.page.set_default_timeout(30_000)
        expect.set_options(timeout=30_000)
        self.widget = self.page.locator(".nbpipe").first

    @contextlib.contextmanager
    def at(self, address: str):
        """Look at this page; leave it before its server goes, of which it would complain."""
        self.page.goto(address)
        yield
        self.page.close()

    def colour(self) -> list[int]:
        return self.page.evaluate(f"() => {{ {COLOUR} return [r, g, b]; }}")

    def wait_colour(self, wanted: str) -> None:
        """Wait until `wanted`, an expression of r, g and b, is true of the picture."""
        self.page.wait_for_function(f"() => {{ {COLOUR} return {wanted}; }}")

    def button(self, name: str):
        return self.widget.get_by_role("button", name=name, exact=True)

    def press_slider(self, name: str, share: float) -> None:
        """Press at a share of a slider's way, to which the knob comes."""
        slider = self.widget.get_by_role("slider", name=name, exact=True)
        box = slider.bounding_box()
        slider.click(position={"x": 8 + share * (box["width"] - 16), "y": box["height"] / 2})

    def plays(self, widget) -> None:
        """Play the widget's video."""
        video = widget.locator("video")
        expect(video).to_be_visible()
        handle = video.evaluate_handle("async video => { await video.play(); return video; }")
        self.page.wait_for_function("video => video.currentTime > 0.2 && video.videoWidth === 320", arg=handle)

    def play_turn_and_record(self, folder: Path) -> None:
        """Watch a preview play, turn a slider, seek and record; look at the video that comes of it."""
        self.wait_colour("g > 0 && r === 0")
        (_, green, _) = self.colour()
        self.wait_colour(f"g !== {green}")
        self.press_slider("Level", 0.8)
        self.wait_colour("Math.abs(r - 0.8 * 255) < 16")
        self.button("Pause").click()
        expect(self.button("Play")).to_be_visible()
        self.press_slider("Time", 0.5)
        self.wait_colour("Math.abs(g - 127) < 16")

        self.button("Record").click()
        expect(self.widget.get_by_text("Done", exact=True).first).to_be_visible()
        self.plays(self.widget)
        with av.open(str(folder / "preview.mp4")) as file:
            pictures = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
        assert len(pictures) == LENGTH * 60
        assert abs(np.median(pictures[0][..., 0]) - 0.8 * 255) < 16, "with the slider where it is"
        assert np.median(pictures[-1][..., 1]) > 240, "to the end of the time line"

    def screenshot(self, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")


@pytest.fixture
def person(browser):
    return Person(browser)


@pytest.mark.complains(NOTEBOOK_7)
def test_notebook_7(tmp_path, person):
    code = "import nbpipe\nfrom scene import LENGTH, Told\n\nview = nbpipe.preview(Told(), size=(320, 180), duration=LENGTH)\nview"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(notebook, tmp_path / "live.ipynb")
    with notebook7(tmp_path) as address, person.at(f"{address}/notebooks/live.ipynb?token=t"):
        person.page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()
        prompt = person.page.locator(".jp-InputPrompt").first
        for _ in range(6):
            # Not a key: while the page is being laid out it takes the focus away again, and the key is lost. The button
            # does nothing, now and then, when it is pressed just before the page has its kernel.
            person.page.locator(".jp-Notebook .jp-InputArea-editor").first.click()
            person.page.get_by_role("button", name="Run this cell and advance").click()
            with contextlib.suppress(AssertionError):
                expect(prompt).not_to_have_text("[ ]:", timeout=5000)
                break
        expect(person.widget).to_be_visible()
        assert person.page.locator(".nbpipe").count() == 1, "shown once, though it is also the cell's last line"
        person.play_turn_and_record(tmp_path)
        person.screenshot("notebook7")


def test_a_preview_in_marimo(tmp_path, person):
    with marimo(tmp_path, "run", *PREVIEW) as address, person.at(address):
        expect(person.widget).to_be_visible()
        person.play_turn_and_record(tmp_path)
        assert person.page.locator(".nbpipe").count() == 1, "shown once, though it is also the cell's last line"
        person.screenshot("marimo")


def test_each_visitor_of_one_marimo_has_a_preview_of_their_own(tmp_path, person, browser):
    """Their notebooks run on threads of one process, and an OpenGL context belongs to one thread."""
    with marimo(tmp_path, "run", *PREVIEW, more="--session-ttl=1") as address, person.at(address):
        person.wait_colour("g > 0 && r === 0")
        other = Person(browser)
        with other.at(address):
            other.wait_colour("g > 0 && r === 0")
            other.press_slider("Level", 0.8)
            other.wait_colour("Math.abs(r - 0.8 * 255) < 16")
            (_, green, _) = person.colour()
            person.wait_colour(f"g !== {green} && r === 0")
        person.press_slider("Level", 0.5)
        person.wait_colour("Math.abs(r - 0.5 * 255) < 16")


def test_recordings_in_marimo(tmp_path, person):
    """One is the last line of its cell and shows itself while that runs; one goes on between the cells."""
    cells = (
        "import nbpipe\nfrom scene import Told, held",
        "nbpipe.record(held, 'here.mp4', size=(320, 180), frames=600)",
        "recording = nbpipe.record(Told(), 'later.mp4', size=(320, 180), frames=600, wait=False)",
    )
    with marimo(tmp_path, "run", *cells) as address, person.at(address):
        here = person.page.locator(".nbpipe").filter(has_text="here.mp4")
        expect(here.get_by_text("Rendering").first).to_be_visible()
        person.page.wait_for_function("canvas => canvas.width > 0", arg=here.locator("canvas").element_handle())
        (tmp_path / "go").touch()
        for name in ("here", "later"):
            widget = person.page.locator(".nbpipe").filter(has_text=f"{name}.mp4")
            expect(widget.get_by_text("Done", exact=True).first).to_be_visible()
            person.plays(widget)
        assert person.page.locator(".nbpipe").count() == 2
        person.screenshot("marimo-recordings")


def test_a_cell_of_marimo_run_again_ends_what_it_has_left(tmp_path, person):
    cells = (
        "import marimo as mo\nimport nbpipe\nfrom scene import LENGTH, Told\nviews = []",
        "button = mo.ui.button(value=0, on_click=lambda n: n + 1, label='again')\nbutton",
        "button.value\nviews.append(nbpipe.preview(Told(), size=(320, 180), duration=LENGTH))",
        "button.value\nmo.md(f'closed: {[view._session is None for view in views]}')",
    )
    with marimo(tmp_path, "edit", *cells) as address, person.at(address):
        person.page.get_by_test_id("cell-editor").last.wait_for()
        person.page.get_by_test_id("run-button").last.click()  # the one that runs all of them
        person.wait_colour("g > 0")
        person.page.get_by_role("button", name="again").click()
        expect(person.page.get_by_text("closed: [True, False]")).to_be_visible()
        person.wait_colour("g > 0")
        person.button("Pause").click()
        expect(person.button("Play")).to_be_visible()
