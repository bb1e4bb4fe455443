"""What a person does with the live widget by hand: performs a take, pulls its corner, uses nothing but the keyboard.

In a real JupyterLab, with a real kernel, in headless Chromium. Screenshots of what was seen stay in
``build/screenshots``, to be looked at.
"""

from __future__ import annotations

import re
from itertools import pairwise

import av
import numpy as np
from lab_live import Live, open_live
from playwright.sync_api import expect

# Its red is the slider, its green the time, and blue there is only in the square where the pointer is.
PERFORMED = '''
import nbpipe

view = nbpipe.preview("""
uniform float level = 0.0;  // @range(0, 1)

void mainImage(out vec4 color, in vec2 point) {
    vec2 off = abs(point - iMouse.xy);
    color = vec4(level, iTime / 10.0, max(off.x, off.y) < 20.0 ? 1.0 : 0.0, 1.0);
}
""")
'''


def test_a_take_is_what_was_done_and_record_makes_a_video_of_it(lab, browser):
    live = Live(lab, browser, "take", PERFORMED)
    live.run()
    live.wait_colour("g > 0")
    take = live.widget.get_by_role("button", name="Take", exact=True)

    def place() -> list[float]:
        return take.evaluate(
            "e => (({x, y}, a) => [x - a.x, y - a.y])(e.getBoundingClientRect(), e.closest('.nbpipe').getBoundingClientRect())"
        )

    where = place()
    take.click()
    expect(take).to_have_attribute("aria-pressed", "true")
    expect(live.widget.get_by_text(re.compile(r"^● \d+\.\d s$"))).to_be_visible()
    for level in (0.5, 1.0):
        live.drag(live.slider("Level"), level)
        live.wait_colour(f"Math.abs(r - {level} * 255) < 12")
    box = live.widget.locator("canvas").first.bounding_box()
    shares = 0.25, 0.5, 0.75
    for share in shares:
        live.page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        live.page.mouse.down()
        live.wait_colour("b > 200", share, 0.5)
    live.page.mouse.up()
    assert place() == where, "the button stays under the pointer"
    live.screenshot("take")
    take.click()
    expect(take).to_have_attribute("aria-pressed", "false")
    length = live.widget.get_by_text(re.compile(r"^take: \d+\.\d s$"))
    expect(length).to_be_visible()
    seconds = float(re.search(r"\d+\.\d", length.inner_text())[0])
    live.drag(live.slider("Level"), 0.2)  # after it, and so not in it
    live.wait_colour("Math.abs(r - 0.2 * 255) < 12")

    live.button(re.compile("^Record")).click()
    expect(live.widget.get_by_text("Done", exact=True).first).to_be_visible()
    assert place() == where
    live.screenshot("take-recorded")
    with av.open(str(live.folder / "preview.mp4")) as file:
        pictures = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert abs(len(pictures) / 60 - seconds) <= 0.1
    reds = [int(np.median(picture[..., 0])) for picture in pictures]
    assert reds[0] < 8, "where the take began"
    assert any(abs(red - 0.5 * 255) < 12 for red in reds), "on the slider's way"
    assert reds[-1] > 245, "where the slider was left"
    blues = [np.flatnonzero(picture[180, :, 2] > 200) for picture in pictures]
    seen = [float(np.mean(blue)) / 640 for blue in blues if blue.size]
    assert all(any(abs(one - share) < 0.02 for one in seen) for share in shares), "the pointer was dragged there"
    assert all(after > before - 0.02 for before, after in pairwise(seen)), "this way, and not back"
    live.wait_colour("Math.abs(r - 0.2 * 255) < 12")  # and the scene is again as it was


def test_the_corner_is_pulled_and_the_picture_follows(lab, browser):
    live = open_live(lab, browser, "corner", "print('size', *view.size)")
    handle = live.widget.get_by_role("button", name=re.compile("^Size of the picture"))

    def pixels(width: int, height: int) -> None:
        live.page.wait_for_function(
            "([w, h]) => { const {width, height} = document.querySelector('.nbpipe canvas'); return width === w && height === h; }",
            arg=[width, height],
        )

    pixels(320, 180)
    live.widget.scroll_into_view_if_needed()
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    live.page.mouse.move(x, y)
    live.page.mouse.down()
    live.page.mouse.move(x + 100, y + 60, steps=5)
    expect(live.widget.get_by_text("420 × 240", exact=True)).to_be_visible()
    pixels(420, 240)  # while it is being pulled
    live.screenshot("corner-pulled")
    live.page.mouse.move(x + 64, y + 40, steps=3)
    live.page.mouse.up()
    pixels(384, 220)
    expect(live.widget.get_by_text("384 × 220", exact=True)).to_be_hidden()
    live.says(1, "size 384 220")

    handle.focus()
    live.page.keyboard.press("ArrowRight")
    live.page.keyboard.press("Shift+ArrowDown")
    pixels(400, 284)
    live.says(1, "size 400 284")
    live.screenshot("corner-keys")


def test_it_is_played_stepped_scrubbed_set_and_recorded_without_a_mouse(lab, browser):
    live = open_live(lab, browser, "keyboard", length=2)
    press = live.page.keyboard.press

    def reach(control) -> None:
        """Go on with Tab, from where the focus is."""
        for _ in range(20):
            press("Tab")
            if control.evaluate("control => control === document.activeElement"):
                return
        raise AssertionError(live.page.evaluate("document.activeElement.outerHTML"))

    reach(live.slider("Time"))
    press(" ")
    expect(live.button("Play")).to_be_visible()
    press("End")
    live.wait_colour("g > 250")
    press("ArrowLeft")
    live.wait_colour("g > 200 && g < 254")
    press("Home")
    live.wait_colour("g < 2")
    reach(live.button("Step forward"))
    for key, number in (("Enter", 1), (" ", 2)):
        press(key)
        expect(live.widget.get_by_text(re.compile(rf"frame {number}\b"))).to_be_visible()
    press("Shift+Tab")
    for key, before, after in ((" ", "Play", "Pause"), ("Enter", "Pause", "Play")):
        expect(live.button(before)).to_be_focused()
        press(key)
        expect(live.button(after)).to_be_focused()
    reach(live.slider("Level"))
    press("End")
    live.wait_colour("r > 250")
    press("ArrowLeft")
    live.wait_colour("r > 200 && r < 254")
    press("Shift+Tab")
    expect(live.button(re.compile("^Record"))).to_be_focused()
    press("Enter")
    expect(live.widget.get_by_text("Done", exact=True).first).to_be_visible()
    expect(live.button(re.compile("^Record"))).to_be_focused()
    reach(live.slider("Level"))
    expect(live.page.locator(".jp-CodeCell")).to_have_count(1)  # no key was one of JupyterLab's shortcuts
    assert live.page.locator(".jp-mod-editMode").count() == 0


def test_a_page_that_is_reloaded_shows_the_same_preview_and_it_goes_on(lab, browser):
    live = open_live(lab, browser, "reload", "print('level', round(view.params.level, 1), view.playing, view.ignored)")
    live.drag(live.slider("Level"), 0.6)
    live.wait_colour("Math.abs(r - 0.6 * 255) < 12")
    live.save()
    live.page.reload()
    live.ready()
    live.wait_colour("Math.abs(r - 0.6 * 255) < 12")
    expect(live.page.locator(".nbpipe")).to_have_count(1)
    expect(live.outputs(0, "img")).to_be_hidden()
    (_, green, _) = live.colour()
    live.wait_colour(f"g !== {green}")
    live.drag(live.slider("Level"), 0.2)
    live.wait_colour("Math.abs(r - 0.2 * 255) < 12")
    live.button("Pause").click()
    expect(live.button("Play")).to_be_visible()
    live.says(1, r"level 0\.2 False 0")


def test_a_kernel_that_is_restarted_leaves_the_picture_and_its_cell_brings_another_preview(lab, browser):
    live = open_live(lab, browser, "restart")
    live.drag(live.slider("Level"), 0.6)
    live.wait_colour("Math.abs(r - 0.6 * 255) < 12")
    live.button("Take").click()
    expect(live.widget.get_by_text(re.compile("^● "))).to_be_visible()
    live.page.get_by_role("button", name="Restart the kernel", exact=True).click()
    live.page.get_by_role("button", name="Confirm Kernel Restart").click()
    expect(live.widget.locator(".nbpipe-hint")).to_have_text("The kernel is gone; run the cell again.")
    live.screenshot("restarted")
    red, _, _ = live.colour()
    assert abs(red - 0.6 * 255) < 12
    expect(live.button("Play")).to_be_disabled()
    expect(live.widget.get_by_text(re.compile("^● "))).to_be_hidden()
    expect(live.widget.get_by_text(re.compile(r"\bfps\b"))).to_be_hidden()
    live.run()
    expect(live.page.locator(".nbpipe")).to_have_count(1)
    live.wait_colour("g > 0")
    (_, green, _) = live.colour()
    live.wait_colour(f"g !== {green}")
    live.button("Pause").click()
    expect(live.button("Play")).to_be_visible()
    expect(live.widget.locator(".nbpipe-hint")).to_be_hidden()
