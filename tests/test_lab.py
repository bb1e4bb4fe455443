"""The widget as a person meets it: a real JupyterLab, a real kernel, headless Chromium.

Screenshots of what was seen stay in ``build/screenshots``, to be looked at.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect, sync_playwright
from watermark import numbers

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

    def stop(self) -> None:
        self.server.terminate()
        self.server.wait()
        self.drain.wait()
        self.log.close()


class Notebook:
    """One notebook, opened in a page."""

    def __init__(self, lab: Lab, browser, name: str, *cells: str) -> None:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {
            "display_name": "Python 3",
            "language": "python",
            "name": "python3",
        }
        self.path = lab.folder / "work" / f"{name}.ipynb"
        nbformat.write(notebook, self.path)
        self.folder = self.path.parent
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


def test_to_the_end_and_saved(lab, browser):
    """The bar goes to the end, the video plays, and the saved notebook shows a poster without a kernel."""
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
    poster = notebook.page.locator(".jp-OutputArea-output img[src^='data:image/jpeg']")
    assert poster.count() == 1
    expect(poster).to_be_hidden()
    notebook.screenshot("done")

    notebook.page.keyboard.press("Control+s")
    notebook.poll("!document.querySelector('.jp-Document.jp-mod-dirty, .lm-TabBar-tab.jp-mod-dirty')")
    html = subprocess.run(
        [sys.executable, "-m", "jupyter", "nbconvert", "--to", "html", "--stdout", str(notebook.path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    static = browser.new_context(java_script_enabled=False).new_page()
    static.set_content(html)
    image = static.locator("img[src^='data:image/jpeg']")
    expect(image).to_be_visible()
    expect(static.get_by_text(re.compile(r"end\.mp4: 640×360, 60 fps"))).to_be_visible()
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    static.screenshot(path=SCREENSHOTS / "saved.png")
    assert notebook.errors == []


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
