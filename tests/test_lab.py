"""The widget as a person meets it: a real JupyterLab, a real kernel, headless Chromium.

Screenshots of what was seen stay in ``build/screenshots``, to be looked at.
"""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import ipykernel
import nbformat
import numpy as np
import pytest
from lab import LAB_HAS_NO_MODEL, SCREENSHOTS, Lab, Notebook
from nbconvert import HTMLExporter
from PIL import Image
from playwright.sync_api import expect
from watermark import number_in, numbers

RENDERING = re.compile(r"Rendering")
IMPORTS = "import nbpipe\nfrom scenes import lagoon\n\n"


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

    # A busy machine may have drawn less by now than the part of the video that is watched below.
    notebook.poll(r"/frame (\d+) /.exec(document.querySelector('.nbpipe').innerText)?.[1] >= 30")
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


def test_to_the_end(lab, browser):
    """The bar goes to the end, and the video plays; the poster and the video for the saved notebook do not show."""
    notebook = Notebook(
        lab,
        browser,
        "end",
        "import time\nimport nbpipe\nfrom watermark import Watermark\n"
        "class Slow(Watermark):\n"  # four seconds, else a quick kernel is done before a slow page has looked twice
        "    def render(self, frame):\n        time.sleep(0.01)\n        super().render(frame)\n"
        'nbpipe.record(Slow(), "end.mp4", size=(640, 360), frames=400)',
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


@pytest.mark.complains(r"^Failed to load resource: net::ERR_FAILED$")
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


@pytest.mark.complains(LAB_HAS_NO_MODEL)
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
        notebook.page.close()  # before its server goes, which it would complain of
    finally:
        lab.stop()
