"""The widget as a person meets it: a real JupyterLab, a real kernel, headless Chromium.

Screenshots of what was seen stay in ``build/screenshots``, to be looked at.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import ipykernel
import nbformat
import numpy as np
import pytest
from nbconvert import HTMLExporter
from PIL import Image
from playwright.sync_api import expect, sync_playwright
from watermark import number_in, numbers

ROOT = Path(__file__).parent.parent
SCREENSHOTS = ROOT / "build" / "screenshots"
RENDERING = re.compile(r"Rendering")

FIRST_NOTEBOOK = nbformat.read(ROOT / "notebooks" / "01_first_recording.ipynb", as_version=4)
(SCENE,) = (cell.source for cell in FIRST_NOTEBOOK.cells if cell.source.startswith("lagoon ="))
IMPORTS = "import nbpipe\nfrom scenes import lagoon\n\n"


class Lab:
    """A JupyterLab server on a folder of its own."""

    def __init__(self, folder: Path, *, subshells: bool) -> None:
        self.folder = folder
        settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True)
        choice = "perCommTarget" if subshells else "disabled"
        (settings / "kernels-settings.jupyterlab-settings").write_text(json.dumps({"commsOverSubshells": choice}))
        (settings / "notification.jupyterlab-settings").write_text(json.dumps({"fetchNews": "false"}))
        (folder / "work").mkdir()
        (folder / "work" / "scenes.py").write_text(SCENE)
        env = os.environ | {
            "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "PYTHONPATH": os.pathsep.join(
                [str(ROOT / "tests"), str(ROOT / "tests" / "bench"), os.environ.get("PYTHONPATH", "")]
            ),
        }
        self.log = (folder / "server.log").open("w+")
        self.server = subprocess.Popen(
            [
                *(
                    sys.executable,
                    "-m",
                    "jupyter",
                    "lab",
                    "--no-browser",
                    "--allow-root",
                    "--ServerApp.port=0",
                ),
                *(
                    "--ServerApp.ip=127.0.0.1",
                    "--IdentityProvider.token=t",
                    f"--ServerApp.root_dir={folder / 'work'}",
                ),
            ],
            stdout=self.log,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
        )
        for line in self.server.stderr:
            self.log.write(line)
            if found := re.search(r"http://127\.0\.0\.1:(\d+)/lab", line):
                self.url = f"http://127.0.0.1:{found[1]}"
                break
        else:
            raise AssertionError((folder / "server.log").read_text())
        # Nobody reads on; a server that logs more than a pipe holds must not stop.
        self.drain = subprocess.Popen(["cat"], stdin=self.server.stderr, stdout=self.log)
        self.server.stderr.close()

    def end_kernels(self) -> None:
        for session in json.load(self._ask("GET", "sessions")):
            self._ask("DELETE", f"sessions/{session['id']}")

    def _ask(self, method: str, what: str):
        request = urllib.request.Request(f"{self.url}/api/{what}", method=method, headers={"Authorization": "token t"})
        return urllib.request.urlopen(request)

    def stop(self) -> None:
        self.server.terminate()
        self.server.wait()
        self.drain.wait()
        self.log.close()


class Notebook:
    """One notebook, opened in a page."""

    def __init__(self, lab: Lab, browser, name: str, *cells: str) -> None:
        self.path = lab.folder / "work" / f"{name}.ipynb"
        self.folder = self.path.parent
        if cells:  # else it is there already
            notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
            notebook.metadata["kernelspec"] = {
                "display_name": "Python 3",
                "language": "python",
                "name": "python3",
            }
            nbformat.write(notebook, self.path)
        self.page = browser.new_page(viewport={"width": 1000, "height": 820})
        self.page.set_default_timeout(30_000)
        expect.set_options(timeout=30_000)
        self.errors: list[str] = []
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(f"{lab.url}/lab/tree/{name}.ipynb?token=t&reset")
        self.page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
        self.page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        self.widget = self.page.locator(".nbpipe").first

    def run(self, cell: int = 0) -> None:
        self.page.locator(".jp-Notebook .jp-CodeCell .jp-InputArea-editor").nth(cell).click()
        self.page.keyboard.press("Control+Enter")

    def button(self, name: str):
        return self.widget.get_by_role("button", name=name)

    def progress(self) -> float:
        return float(self.widget.get_by_role("progressbar").get_attribute("aria-valuenow") or 0)

    def picture(self) -> str:
        return self.widget.locator("canvas").evaluate("canvas => canvas.toDataURL()")

    def poll(self, expression: str) -> None:
        self.page.wait_for_function(expression)

    def save(self) -> None:
        self.page.keyboard.press("Control+s")
        self.poll("!document.querySelector('.jp-Document.jp-mod-dirty, .lm-TabBar-tab.jp-mod-dirty')")

    def outputs(self, cell: int, selector: str):
        """What the cell shows beside the widget."""
        return self.page.locator(".jp-CodeCell").nth(cell).locator(f".jp-OutputArea-output:not(.lm-Panel) {selector}")

    def screenshot(self, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.locator(".jp-CodeCell").first.screenshot(path=SCREENSHOTS / f"{name}.png")


@pytest.fixture(scope="module")
def browser():
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
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("lab"), subshells=True)
    yield lab
    lab.stop()


@pytest.mark.skipif(
    ipykernel.version_info < (7,), reason="ipykernel 6 hears nothing while a cell runs, and says so below"
)
def test_stop_in_the_middle_and_play(lab, browser):
    """Run the cell, see the bar move and the picture change, press Stop, see "stopped", play the video."""
    notebook = Notebook(
        lab,
        browser,
        "stop",
        IMPORTS + 'rec = nbpipe.record(lagoon, "stop.mp4", fps=60, duration=30)\nrec',
    )
    notebook.run()
    expect(notebook.widget.get_by_text(RENDERING).first).to_be_visible()
    expect(notebook.button("Stop")).to_be_enabled()
    notebook.poll("document.querySelector('.nbpipe canvas')?.width > 0")
    first, at_first = notebook.picture(), notebook.widget.inner_text()
    notebook.poll(f"document.querySelector('.nbpipe canvas').toDataURL() !== {json.dumps(first)}")
    notebook.poll(f"document.querySelector('.nbpipe').innerText !== {json.dumps(at_first)}")
    notebook.screenshot("recording")
    assert len(notebook.page.locator(".nbpipe").all()) == 1, "shown once, though it is also the cell's last line"

    notebook.button("Pause").click()
    expect(notebook.widget.get_by_text(re.compile(r"Paused at frame \d+")).first).to_be_visible()
    notebook.button("Resume").click()
    expect(notebook.widget.get_by_text(RENDERING).first).to_be_visible()

    notebook.button("Stop").click()
    expect(notebook.widget.get_by_text(re.compile(r"Stopped after \d+ frames")).first).to_be_visible()
    video = notebook.widget.locator("video")
    expect(video).to_be_visible()
    video.evaluate("video => video.play()")
    notebook.poll("document.querySelector('.nbpipe video').currentTime > 0.2")
    shown = video.evaluate("v => ({width: v.videoWidth, height: v.videoHeight, duration: v.duration, error: v.error})")
    assert (shown["width"], shown["height"], shown["error"]) == (1280, 720, None)
    with notebook.page.expect_download() as download:
        notebook.button("Download").or_(notebook.widget.get_by_role("link", name="Download")).click()
    assert download.value.suggested_filename == "stop.mp4"
    assert Path(download.value.path()).read_bytes() == (notebook.folder / "stop.mp4").read_bytes()
    notebook.screenshot("stopped")
    assert notebook.errors == []


def test_to_the_end(lab, browser):
    """The bar goes to the end, and the video plays; the poster and the video for the saved notebook do not show."""
    notebook = Notebook(
        lab,
        browser,
        "end",
        "import nbpipe\nfrom watermark import Watermark\n"
        'nbpipe.record(Watermark(), "end.mp4", size=(640, 360), frames=400)',
    )
    notebook.run()
    seen = []
    while not seen or seen[-1] < 100:
        value = notebook.progress() if notebook.widget.is_visible() else 0
        if not seen or value != seen[-1]:
            seen.append(value)
        if notebook.widget.get_by_text("Done", exact=True).count():
            break
        notebook.page.wait_for_timeout(20)
    assert len(seen) > 3, seen
    assert seen == sorted(seen)
    expect(notebook.widget.get_by_text("Done", exact=True).first).to_be_visible()
    expect(notebook.widget.locator("video")).to_be_visible()
    notebook.poll("document.querySelector('.nbpipe video').readyState >= 2")
    assert numbers(notebook.folder / "end.mp4") == list(range(400))
    for kept in (notebook.outputs(0, "img[src^='data:image/jpeg']"), notebook.outputs(0, "video")):
        expect(kept).to_have_count(1)
        expect(kept).to_be_hidden()
    notebook.screenshot("done")
    assert notebook.errors == []


@pytest.fixture(scope="module")
def saved(lab, browser):
    """The path of a notebook that JupyterLab has saved, with what its cells say of themselves; its kernel is gone."""
    cells = {
        "small.mp4: 640×360, 60 fps": "import nbpipe\nfrom watermark import Watermark\n"
        "nbpipe.record(Watermark(), 'small.mp4', size=(640, 360), frames=60)",
        "large.mp4: 640×360, 60 fps": "import numpy as np\n"
        "noise = np.random.default_rng(0).integers(0, 256, (30, 360, 640, 3), np.uint8)\n"
        "nbpipe.record(noise, 'large.mp4')",
        "Watermark, live: 320×180": "view = nbpipe.preview(Watermark(), size=(320, 180))",
    }
    notebook = Notebook(lab, browser, "saved", *cells.values())
    for cell in range(len(cells)):
        notebook.run(cell)
        expect(notebook.outputs(cell, "img")).to_have_count(1)
        expect(notebook.outputs(cell, "img")).to_be_hidden()  # the widget lives
        expect(notebook.page.locator(".jp-CodeCell .jp-InputPrompt").nth(cell)).to_have_text(re.compile(r"\[\d+\]:"))
    notebook.save()
    assert (notebook.folder / "small.mp4").stat().st_size < 1 << 20 < (notebook.folder / "large.mp4").stat().st_size
    notebook.page.close()
    lab.end_kernels()
    return notebook.path, list(cells)


@pytest.mark.parametrize("template", ["lab", "classic"])
def test_a_saved_notebook_as_a_page(saved, browser, template):
    """It shows and plays the small video; the poster of what was large, or live."""
    path, words = saved
    html, _ = HTMLExporter(template_name=template).from_filename(path)
    page = browser.new_page()
    page.route("**", lambda route: route.abort())  # it does without the libraries that it asks for
    page.set_content(html)
    for text in words:
        expect(page.get_by_text(text, exact=True)).to_be_visible()
    posters, video = page.locator("img[src^='data:image/jpeg']"), page.locator("video")
    expect(posters).to_have_count(3)
    expect(posters.nth(0)).to_be_hidden()
    expect(posters.nth(1)).to_be_visible()
    expect(posters.nth(2)).to_be_visible()
    expect(video).to_have_count(1)
    expect(video).to_be_visible()
    assert page.get_by_label(re.compile(r"^small\.mp4: 640×360, 60 fps, 60 frames, .*, done$")).count() == 1
    page.wait_for_function("video => video.readyState >= 2", arg=video.element_handle())
    shown = video.evaluate("""async video => {
        await new Promise(done => {  // "seeked" may come before the picture
            const look = (_, frame) =>
                Math.abs(frame.mediaTime - 40 / 60) < 0.001 ? done() : video.requestVideoFrameCallback(look);
            video.requestVideoFrameCallback(look);
            video.currentTime = 40.5 / 60;
        });
        const canvas = Object.assign(document.createElement('canvas'), {width: video.videoWidth, height: video.videoHeight});
        canvas.getContext('2d').drawImage(video, 0, 0);
        return {duration: video.duration, picture: canvas.toDataURL('image/png')};
    }""")
    picture = Image.open(io.BytesIO(base64.b64decode(shown["picture"].partition(",")[2])))
    assert (shown["duration"], picture.size) == (1, (640, 360))
    assert number_in(np.asarray(picture.convert("L"))) == 40
    poster = Image.open(io.BytesIO(base64.b64decode(video.get_attribute("poster").partition(",")[2])))
    assert number_in(np.asarray(poster.convert("L"))) == 30, "the middle, though it took a fraction of a second"
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"saved-{template}.png", full_page=True)


def test_a_saved_notebook_opened_again_without_its_kernel(lab, saved, browser):
    """JupyterLab finds no model for the widgets, and says so; what shows is the video, or the poster."""
    notebook = Notebook(lab, browser, "saved")
    for cell, videos in enumerate((1, 0, 0)):
        complaint = notebook.page.locator(".jp-CodeCell").nth(cell).get_by_text("model not found")
        expect(complaint).to_have_count(1)
        expect(complaint).to_be_hidden()
        expect(notebook.outputs(cell, "video")).to_have_count(videos)
        expect(notebook.outputs(cell, "video" if videos else "img")).to_be_visible()
    expect(notebook.outputs(0, "img")).to_be_hidden()
    notebook.poll("document.querySelector('video').readyState >= 2")
    notebook.screenshot("reopened")


def test_a_saved_notebook_that_is_not_trusted(lab, saved, browser):
    """JupyterLab takes out the style rules; the posters show, and of the video nothing."""
    path, words = saved
    foreign = nbformat.read(path, as_version=4)
    foreign.metadata["from"] = "somebody else"  # so that it is not what was signed
    nbformat.write(foreign, path.with_name("foreign.ipynb"))
    notebook = Notebook(lab, browser, "foreign")
    for cell, text in enumerate(words):
        expect(notebook.outputs(cell, "pre")).to_have_text(text)
        expect(notebook.outputs(cell, "img")).to_be_visible()
    assert notebook.page.locator("style", has_text=".jp-OutputArea-child:has").count() == 0
    expect(notebook.outputs(0, "video")).to_have_count(1)
    expect(notebook.outputs(0, "video")).to_be_hidden()
    notebook.screenshot("untrusted")


def test_an_error_in_the_scene_is_shown_as_text(lab, browser):
    notebook = Notebook(
        lab,
        browser,
        "error",
        "import nbpipe\ndef scene(frame):\n    frame.fbo.clear(0.1, 0.2, 0.4)\n    if frame.index == 20:\n"
        "        raise RuntimeError('<b id=injected>bold</b>')\n"
        'nbpipe.record(scene, "error.mp4", frames=60)',
    )
    notebook.run()
    expect(notebook.widget.get_by_text("Failed", exact=True).first).to_be_visible()
    expect(notebook.widget.get_by_text("<b id=injected>bold</b>").first).to_be_visible()
    assert notebook.widget.locator("#injected").count() == 0
    notebook.screenshot("failed")


@pytest.mark.no_leak_check  # Playwright's threads, when this test is the first
def test_where_no_message_can_arrive_the_widget_says_so(tmp_path_factory, browser):
    """Subshells switched off: like ipykernel 6, nothing reaches a busy kernel; the interrupt button does."""
    lab = Lab(tmp_path_factory.mktemp("deaf"), subshells=False)
    try:
        notebook = Notebook(
            lab,
            browser,
            "deaf",
            IMPORTS + 'nbpipe.record(lagoon, "deaf.mp4", frames=100_000)',
        )
        notebook.run()
        expect(notebook.widget.locator(".nbpipe-hint")).to_contain_text("use the kernel's ■ interrupt button")
        assert notebook.button("Stop").count() == 0 or not notebook.button("Stop").is_enabled()
        notebook.screenshot("deaf")
        notebook.page.get_by_role("button", name=re.compile("Interrupt")).first.click()
        expect(notebook.widget.get_by_text(re.compile(r"Stopped after \d+ frames")).first).to_be_visible()
        expect(notebook.widget.locator("video")).to_be_visible()
    finally:
        lab.stop()
