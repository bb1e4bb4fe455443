"""A live preview without a page: a browser that speaks the messages of one, and a time that the test moves.

`play` runs a performance on an event loop of its own, and closes its previews.
"""

from __future__ import annotations

import asyncio
import io
from types import SimpleNamespace
from typing import Annotated

import numpy as np
import pytest
from pictures import pictures_in
from PIL import Image
from watermark import number_in

import nbpipe

SIZE = (160, 90)
HUNG = 20  # seconds after which a test gives up


class Browser:
    """A page that shows a widget: it answers each picture at once, and keeps them and the traits it was told."""

    def __init__(self, view, *, name="browser001", codecs=()):
        self.view, self.name = view, name
        self.pictures, self.told = [], []
        self.news = asyncio.Event()
        view.comm.publish_msg = self.hear
        self.say("hello", codecs=list(codecs))

    def say(self, kind, **content):
        content = {"type": kind, "client": self.name, **content}
        self.view._handle_msg({"content": {"data": {"method": "custom", "content": content}}})

    def hear(self, kind, data=None, metadata=None, buffers=None, **_):
        if data and data.get("method") == "update":
            self.told.append(data["state"])
        elif data and (pictures := pictures_in(data["content"], buffers)):
            self.pictures += [(picture, picture["buffers"]) for picture in pictures]
            asyncio.get_running_loop().call_soon(lambda: self.say("ack", index=pictures[-1]["index"]))
        self.news.set()

    async def until(self, done):
        """Let the loop run until `done` says so."""
        async with asyncio.timeout(HUNG):
            while not done():
                self.news.clear()
                await self.news.wait()

    async def next(self, act=None):
        """Do `act` and return the next message with a picture."""
        count = len(self.pictures)
        if act is not None:
            act()
        await self.until(lambda: len(self.pictures) > count)
        return self.pictures[-1][0]

    async def shown(self):
        """Let the loop run until all is shown that is to be shown now."""
        await turns()
        await self.until(lambda: self.view.session._player._under_way is None)

    def picture(self):
        """Return the picture that is shown now, top row first."""
        return np.asarray(Image.open(io.BytesIO(self.pictures[-1][1][0])))

    def number(self):
        return number_in(self.picture().mean(axis=2))

    def colour(self):
        return np.median(self.picture(), axis=(0, 1))


class Stage:
    """Where previews play, in a time that stands still until the test moves it."""

    def __init__(self, patch):
        self.now = 1000.0
        clock = SimpleNamespace(monotonic=lambda: self.now, time=lambda: self.now)
        for room in ("player", "session", "notebook.live", "notebook.audience", "notebook.sink"):
            patch.setattr(f"nbpipe.{room}.time", clock)
        self.views = []

    def preview(self, scene, **options):
        view = nbpipe.preview(scene, **({"size": SIZE} | options))
        self.views.append(view)
        return view

    async def show(self, scene, *, playing=False, codecs=(), **options):
        """Return a view with its browser, which shows the first picture."""
        view = self.preview(scene, **options)
        view.playing = playing
        browser = Browser(view, codecs=codecs)
        await browser.until(lambda: browser.pictures)
        return view, browser

    async def go(self, browser, seconds):
        """Let time go by, and return the next picture's message."""

        def move():
            self.now += seconds
            browser.view.session.wake()

        return await browser.next(move)


@pytest.fixture
def play(monkeypatch):
    """Run a test's performance on a loop of its own, and close its views."""

    def run(performance):
        async def whole():
            stage = Stage(monkeypatch)
            try:
                await performance(stage)
            finally:
                for view in stage.views:
                    view.close()

        asyncio.run(whole())

    return run


async def turns(count=20):
    """Let the loop do all that it has to do now."""
    for _ in range(count):
        await asyncio.sleep(0)


class Lamp:
    """A plain colour: red is a parameter, green the time, blue where the pointer is."""

    shade: Annotated[float, nbpipe.Range(0, 1)] = 0.5
    lit: bool = True

    def __init__(self):
        self.camera = nbpipe.OrbitCamera()
        self.heard, self.broken, self.drawn, self.released, self.x = [], False, 0, 0, 0.0

    def on_event(self, event):
        self.heard.append(event)
        self.camera.on_event(event)
        if "x" in event:
            self.x = event["x"] / self.width
        elif event["type"] == "resize":
            self.width, self.x = event["width"], 0.0

    def render(self, frame):
        self.drawn += 1
        if self.broken:
            raise ValueError("the lamp is <b>broken</b>")
        frame.fbo.clear(self.shade * self.lit, frame.time / 16, self.x)

    def release(self):
        self.released += 1


def pointer(kind, x, y=45.0, buttons=(1,)):
    fields = {"button": 1, "buttons": list(buttons), "modifiers": [], "ntouches": 0, "touches": {}}
    return {"type": kind, "timestamp": 1.0, "x": x, "y": y, **fields}
