"""What a person perceives of the live widget: its names, where the focus is, and its words, in the light and in the dark.

In a real JupyterLab, with a real kernel, in headless Chromium. Screenshots of what was seen stay in
``build/screenshots``, to be looked at.
"""

from __future__ import annotations

import re

from lab_live import WAIT_REST, Live
from playwright.sync_api import expect
from seeing import changed, faint

KINDS = """
from typing import Annotated, Literal
import nbpipe


class Kinds:
    height: Annotated[float, nbpipe.Range(0, 2)] = 1.0
    number: int = 3
    shadows: bool = True
    tint: Annotated[tuple[float, float, float], nbpipe.Color] = (0.2, 0.5, 0.9)
    veil: Annotated[tuple[float, float, float, float], nbpipe.Color] = (0.2, 0.5, 0.9, 0.5)
    offset: tuple[float, float] = (0.0, 0.5)
    sea: Literal["swell", "rings"] = "swell"

    def render(self, frame):
        frame.fbo.clear(0.1, 0.3, 0.4)
        assert self.number > 0, "the sea is dry"


view = nbpipe.preview(Kinds(), size=(640, 360), duration=0.2)
"""

# What Tab comes by after the picture, as a screen reader names it.
STOPS = """
button "Size of the picture, 640 by 360 pixels; arrow keys change it"
slider "Time"
button "Step back"
button "Play"
button "Step forward"
button "Loop" [pressed]
combobox "Speed"
button "Take"
button "Record"
slider "Height"
spinbutton "Height"
slider "Number"
spinbutton "Number"
checkbox "Shadows" [checked]
textbox "Tint"
textbox "Veil"
slider "Veil, opacity"
spinbutton "Offset, x"
spinbutton "Offset, y"
combobox "Sea"
"""


def stops(live):
    """Go through the widget with Tab, from the cell that it is in; yield each element that has the focus."""
    live.page.locator(".jp-CodeCell").first.focus()
    focus = live.widget.locator(":focus")
    entered = False
    while True:
        live.page.keyboard.press("Tab")
        if focus.count():
            entered = True
            yield focus
        elif entered:
            return


def turn(live, theme: str) -> None:
    """Change JupyterLab's theme, which in these tests is the browser's."""
    live.page.emulate_media(color_scheme=theme)
    live.poll(f"document.body.dataset.jpThemeLight === '{str(theme == 'light').lower()}'")
    expect(live.page.locator("#jupyterlab-splash")).to_have_count(0)


def test_every_control_has_a_name_and_a_focus_to_be_seen_and_all_words_are_readable(lab, browser):
    live = Live(lab, browser, "kinds", KINDS, "view.params.number = 0", "view.taking = True")
    live.page.set_viewport_size({"width": 1000, "height": 1200})  # all of it is in sight
    live.run()
    live.wait_colour("b > 0")
    live.button("Pause").click()
    live.page.mouse.move(0, 0)
    live.poll(WAIT_REST)
    for theme in ("light", "dark"):
        turn(live, theme)
        names = []
        for focus in stops(live):
            name = re.sub(": .*|:$", "", focus.aria_snapshot().splitlines()[0].removeprefix("- "))
            names.append(name)
            box = focus.bounding_box()
            around = {"x": box["x"] - 6, "y": box["y"] - 6, "width": box["width"] + 12, "height": box["height"] + 12}
            with_focus = live.page.screenshot(clip=around)
            focus.evaluate("element => element.blur()")  # Tab goes on from here all the same
            assert changed(live.page.screenshot(clip=around), with_focus) >= 60, f"the focus of {name} in the {theme}"
        assert names[0].partition(" ")[2].startswith('"Live picture of Kinds')
        assert names[1:] == STOPS.split("\n")[1:-1]

    live.run(1)
    expect(live.widget.get_by_text("the sea is dry").first).to_be_visible()
    live.button("Record").click()
    expect(live.widget.get_by_text("Failed", exact=True).first).to_be_visible()
    live.run(2)
    expect(live.widget.get_by_text(re.compile("^● "))).to_be_visible()
    for theme in ("light", "dark"):
        turn(live, theme)
        assert faint(live.widget) == [], theme
        live.screenshot(f"words-{theme}")
