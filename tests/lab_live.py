"""A notebook with a live widget whose picture tells what the scene was told, as the browser tests use it.

The scene's red is the parameter, its green the time, its blue a key, and where the pointer is pressed there is a white
dot: so a test sees what a person would.
"""

from __future__ import annotations

import re

from lab import SCREENSHOTS, Notebook
from playwright.sync_api import expect

SCENE = """
from typing import Annotated
import nbpipe


class Told:
    level: Annotated[float, nbpipe.Range(0, 1)] = 0.0

    def __init__(self):
        self.key, self.dot, self.broken = 0.0, None, False

    def on_event(self, event):
        if event["type"] == "key_down":
            self.key = 1.0 - self.key
        elif event["type"] == "pointer_down":
            self.dot = event["x"], event["y"]

    def render(self, frame):
        if self.broken:
            raise RuntimeError("<b id=injected>no</b>")
        frame.fbo.clear(self.level, frame.time / LENGTH, self.key)
        if self.dot is not None:
            x, y = self.dot
            frame.fbo.clear(1.0, 1.0, 1.0, viewport=(int(x) - 15, frame.size[1] - int(y) - 15, 30, 30))


scene = Told()
view = nbpipe.preview(scene, size=(320, 180), duration=LENGTH)
"""

# The colour of the picture at a place of the canvas, from 0 to 255.
COLOUR = """([x, y]) => {
    const canvas = document.querySelector('.nbpipe canvas');
    if (!canvas) return [0, 0, 0];
    return Array.from(canvas.getContext('2d').getImageData(x * canvas.width, y * canvas.height, 1, 1).data.slice(0, 3));
}"""


# Two looks at the picture half a second apart see the same: the exact one has come, which has no trace of coding.
WAIT_REST = """() => {
    const canvas = document.querySelector('.nbpipe canvas'), seen = (window.seen ??= {at: 0, url: ''});
    const now = performance.now(), url = canvas?.toDataURL();
    if (url !== seen.url) Object.assign(seen, {at: now, url});
    return now - seen.at > 500;
}"""


class Live(Notebook):
    """One notebook with a live widget."""

    def colour(self, x: float = 0.9, y: float = 0.1) -> list[int]:
        return self.page.evaluate(COLOUR, [x, y])

    def wait_colour(self, wanted: str, x: float = 0.9, y: float = 0.1) -> None:
        """Wait until `wanted`, an expression of r, g and b, is true of the picture."""
        self.page.wait_for_function(f"place => {{ const [r, g, b] = ({COLOUR})(place); return {wanted}; }}", arg=[x, y])

    def slider(self, name: str):
        return self.widget.get_by_role("slider", name=name, exact=True)

    def drag(self, slider, share: float) -> None:
        """Take the knob of a slider and pull it to a share of its way."""
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        knob = float(slider.evaluate("s => (s.value - s.min) / (s.max - s.min)"))
        y = box["y"] + box["height"] / 2
        self.page.mouse.move(box["x"] + 8 + knob * (box["width"] - 16), y)
        self.page.mouse.down()
        for step in range(1, 6):
            self.page.mouse.move(box["x"] + 8 + (knob + (share - knob) * step / 5) * (box["width"] - 16), y)
        self.page.mouse.up()

    def screenshot(self, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.widget.screenshot(path=SCREENSHOTS / f"{name}.png")

    def says(self, cell: int, words: str) -> None:
        """Run a cell and wait until it has printed `words`."""
        self.run(cell)
        output = self.page.locator(".jp-Notebook .jp-CodeCell").nth(cell).locator(".jp-OutputArea-output pre")
        expect(output).to_have_text(re.compile(words))


def open_live(lab, browser, name, *cells, length=10):
    live = Live(lab, browser, name, f"LENGTH = {length}\n{SCENE}", *cells)
    live.run()
    expect(live.widget).to_be_visible()
    live.wait_colour("g > 0")
    # When a cell has ended JupyterLab takes the focus, and the first picture may be there before that.
    expect(live.page.locator(".jp-CodeCell .jp-InputPrompt").first).to_have_text(re.compile(r"\[\d+\]:"))
    return live
