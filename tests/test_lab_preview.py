"""The live widget as a person meets it: a real JupyterLab, a real kernel, headless Chromium.

The scene of most tests shows in its picture what it was told: see ``lab_live.py``.
Screenshots of what was seen stay in ``build/screenshots``, to be looked at.
"""

from __future__ import annotations

import json
import re

import av
import nbformat
import numpy as np
from lab import ROOT, SCREENSHOTS
from lab_live import WAIT_REST, Live, open_live
from playwright.sync_api import expect


def test_play_scrub_slider_record_and_stop(lab, browser):
    code = "print('level', round(view.params.level, 1), view.ignored, view.error)"
    live = open_live(lab, browser, "live", code, length=300)
    first = live.colour()
    live.wait_colour(f"g !== {first[1]}")

    live.button("Pause").click()
    expect(live.button("Play")).to_be_visible()
    live.drag(live.slider("Time"), 0.8)
    live.wait_colour("Math.abs(g - 0.8 * 255) < 12")
    expect(live.widget.get_by_text(re.compile(r"^2[34]\d\.\d\d / 300\.00 s$"))).to_be_visible()
    chip = live.widget.get_by_text(re.compile(r"frame 14\d\d\d\b"))  # it follows the picture, and not the knob
    expect(chip).to_be_visible()
    number = int(re.search(r"frame (\d+)", chip.inner_text())[1])
    live.button("Step forward").click()
    expect(live.widget.get_by_text(re.compile(rf"frame {number + 1}\b"))).to_be_visible()

    live.drag(live.slider("Level"), 1.0)
    live.wait_colour("r > 240")
    live.says(1, r"level 1\.0 0")

    live.button("Play").click()
    live.button("Record").click()
    expect(live.widget.get_by_text(re.compile("Rendering")).first).to_be_visible()
    live.wait_colour("r > 240 && g < 200")  # the recording's own pictures, from its beginning
    live.screenshot("preview-recording")
    live.button("Stop").click()
    expect(live.widget.get_by_text(re.compile(r"Stopped after \d+ frames|^Done")).first).to_be_visible()
    expect(live.widget.locator("video")).to_be_visible()
    live.poll("document.querySelector('.nbpipe video').readyState >= 2")
    live.screenshot("preview-recorded")
    for kept in (live.outputs(0, "img"), live.outputs(0, "video")):  # of the recording now, for the saved notebook
        expect(kept).to_have_count(1)
        expect(kept).to_be_hidden()
    video = live.folder / "preview.mp4"
    with av.open(str(video)) as file:
        pictures = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert len(pictures) > 1
    assert abs(np.median(pictures[0][..., 0]) - 255) < 8, "with the slider where it is"
    assert np.median(pictures[0][..., 1]) < 8, "from the beginning of the time line"

    before = live.colour()
    live.wait_colour(f"g !== {before[1]}")  # it plays on


def test_keys_and_pointer_reach_the_scene_and_no_shortcut_of_the_page(lab, browser):
    live = open_live(lab, browser, "events", "print(len(get_ipython().history_manager.input_hist_raw))")
    canvas = live.widget.locator("canvas").first
    box = canvas.bounding_box()
    canvas.click(position={"x": box["width"] / 4, "y": box["height"] / 2})
    live.wait_colour("r > 230 && g > 230 && b > 230", 0.25, 0.5)
    assert live.colour(0.75, 0.5)[0] < 100
    live.page.keyboard.press("d")
    live.page.keyboard.press("d")  # deletes a cell in JupyterLab's command mode
    live.page.keyboard.press("b")  # makes one
    live.wait_colour("b > 230")
    assert live.page.locator(".jp-Notebook .jp-CodeCell").count() == 2
    live.page.keyboard.press("Escape")
    expect(canvas).not_to_be_focused()


def test_python_and_the_widget_show_the_same(lab, browser):
    live = open_live(
        lab,
        browser,
        "linked",
        "import ipywidgets\nslider = ipywidgets.FloatSlider(max=1, step=0.01, description='mine')\n"
        "ipywidgets.link((view.params, 'level'), (slider, 'value'))\nview.playing, view.time = False, 5.0\nslider",
        "view.params.level = 0.5",
        "print('mine', round(slider.value, 1), view.playing)",
    )
    live.run(1)
    live.wait_colour("Math.abs(g - 127) < 6")
    expect(live.button("Play")).to_be_visible()
    live.run(2)
    live.wait_colour("Math.abs(r - 127) < 6")
    expect(live.slider("Level")).to_have_value("0.5")
    live.drag(live.slider("Level"), 0.8)
    live.wait_colour("r > 190")
    live.says(3, r"mine 0\.8 False")


def test_two_views_of_one_widget_and_a_cell_run_again(lab, browser):
    live = open_live(lab, browser, "views", "view", "print('closed', old._session is None)", "old = view")
    live.run(1)
    expect(live.page.locator(".nbpipe canvas")).to_have_count(2)
    live.poll(
        "[...document.querySelectorAll('.nbpipe canvas')].every(c => c.width === 320 && "
        "c.getContext('2d').getImageData(280, 20, 1, 1).data[1] > 0)"
    )
    live.button("Pause").click()
    expect(live.page.locator(".nbpipe").nth(1).get_by_role("button", name="Play", exact=True)).to_be_visible()
    live.run(3)
    live.run(0)
    live.wait_colour("g > 0")
    live.says(2, "closed True")


def test_an_error_in_the_scene_is_shown_and_the_last_picture_stays(lab, browser):
    live = open_live(
        lab,
        browser,
        "broken",
        "scene.broken = True",
        "scene.broken = False\nview.time = 2.0",
    )
    live.run(1)
    expect(live.widget.get_by_text("RuntimeError: <b id=injected>no</b>").first).to_be_visible()
    assert live.widget.locator("#injected").count() == 0
    assert live.colour()[1] > 0
    live.screenshot("preview-error")
    live.run(2)
    expect(live.widget.get_by_text("RuntimeError")).to_have_count(0)


def test_while_a_cell_blocks_the_widget_waits_and_then_does_what_was_asked(lab, browser):
    live = open_live(
        lab,
        browser,
        "busy",
        "import os\nprint('at work')\nwhile not os.path.exists('go'): pass\nprint('over', view.playing)",
        "print(view.playing)",
    )
    live.run(1)
    # Not JupyterLab's word "Busy": an answer of the page that a subshell takes up meanwhile turns it into "Idle".
    expect(live.page.get_by_text(re.compile("^at work"))).to_be_visible()
    live.button("Pause").click()
    (live.folder / "go").touch()
    expect(live.page.get_by_text("over True")).to_be_visible()
    live.says(2, "False")
    expect(live.button("Play")).to_be_visible()


def test_notebook_02_is_turned_with_the_mouse(lab, browser):
    """Also takes the picture of the README."""
    cells = nbformat.read(ROOT / "notebooks" / "02_live_preview.ipynb", as_version=4).cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    until = next(number for number, cell in enumerate(code) if "nbpipe.preview(" in cell)
    live = Live(
        *(lab, browser, "causeway", "\n\n".join(code[: until + 1])),
        *(
            "view.playing, view.params.sea = False, 'rings'",
            "print('azimuth', view.session._player.scene.camera.azimuth)",
        ),
    )
    live.run()
    live.widget.scroll_into_view_if_needed()  # else nobody sees it, and nothing is drawn
    live.wait_colour("r + g + b > 0")
    live.run(1)
    expect(live.button("Play")).to_be_visible()
    before = live.picture()
    box = live.widget.locator("canvas").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    live.page.mouse.move(x, y)
    live.page.mouse.down()
    live.page.mouse.move(x + 60, y + 5, steps=6)
    live.page.mouse.up()
    live.says(2, r"azimuth (?!20(\.0)?$)")
    live.poll(f"document.querySelector('.nbpipe canvas').toDataURL() !== {json.dumps(before)}")
    live.poll(WAIT_REST)
    live.widget.screenshot(path=SCREENSHOTS / "preview.png")


def test_the_shader_of_the_readme_has_its_controls(lab, browser):
    readme = (ROOT / "README.md").read_text()
    (cell,) = re.findall(r"^```python\n(ripple = \"\"\".*?)^```$", readme, re.MULTILINE | re.DOTALL)
    live = Live(lab, browser, "readme", "import nbpipe\n" + cell)
    live.run()
    expect(live.slider("Pace")).to_be_visible()
    live.wait_colour("r > 0")
    expect(live.widget.get_by_text(re.compile(r"^(H\.264|JPEG)$"))).to_be_visible()
    live.widget.locator("input[type=color]").fill("#3090ff")
    live.wait_colour("b > r + 40", 0.5, 0.5)
    live.widget.screenshot(path=SCREENSHOTS / "preview-shader.png")
