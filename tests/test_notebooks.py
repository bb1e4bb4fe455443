"""Notebooks 02 to 05 run from top to bottom in a real kernel, and leave the videos that they promise.

Notebook 01, which the README shows, is in `test_docs`.
"""

from __future__ import annotations

import ast
import asyncio
import re
import shutil
import subprocess
import sys
from pathlib import Path

import av
import nbformat
import numpy as np
import pytest
from PIL import Image

import nbpipe

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
RED, GREEN, BLUE = range(3)

pytestmark = [pytest.mark.no_leak_check, pytest.mark.timeout(400)]


class Executed:
    """What a notebook says and leaves, when it was run in a folder of its own."""

    def __init__(self, name: str, folder: Path) -> None:
        for file in (f"{name}.ipynb", "planet.py", "planet.glsl"):
            shutil.copy(NOTEBOOKS / file, folder)
        command = [sys.executable, NOTEBOOKS / "execute.py", folder / f"{name}.ipynb"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        self.folder = folder
        notebook = nbformat.read(folder.parent / "build" / f"{name}.ipynb", as_version=4)
        self.outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        self.posters = sum(
            "image/jpeg" in output.data for output in self.outputs if output.output_type == "display_data"
        )
        shown = [output for output in self.outputs if output.output_type == "display_data"]
        playing = {self.file(output) for output in shown if "<video" in output.data.get("text/html", "")}
        assert playing == {file for file in map(self.file, shown) if file.is_file() and file.stat().st_size <= 1 << 20}
        assert not [output for output in self.outputs if output.output_type == "error"]
        assert not [output.text for output in self.outputs if output.get("name") == "stderr"]

    def file(self, output) -> Path:
        """Return the video that an output of a widget stands for; a live scene's is none."""
        named = re.search(r'aria-label="([^:]*):', output.data.get("text/html", ""))
        return self.folder / (named[1] if named else output.data.get("text/plain", "").partition(":")[0])

    @property
    def printed(self) -> str:
        return "".join(output.text for output in self.outputs if output.output_type == "stream")

    @property
    def shown(self) -> str:
        return "".join(output.data["text/plain"] for output in self.outputs if output.output_type == "execute_result")

    @property
    def left(self) -> set[str]:
        return {path.name for path in self.folder.iterdir() if path.suffix in {".mp4", ".mkv", ".mov", ".webm"}}

    def video(self, name: str, size: tuple[int, int], count: int) -> np.ndarray:
        """Return all frames shrunk to (count, 90, 160, 3), once they are as many as promised, and worth looking at."""
        with av.open(str(self.folder / name)) as video:
            decoded = [Image.fromarray(frame.to_ndarray(format="rgb24")) for frame in video.decode(video=0)]
        assert (len(decoded), decoded[0].size) == (count, size), name
        frames = np.array([np.asarray(each.resize((160, 90), Image.Resampling.BOX), float) for each in decoded])
        assert frames.std(axis=(1, 2, 3)).min() > 15, f"{name} has a plain frame"
        assert abs(frames[-1] - frames[0]).mean() > 1, f"{name} stands still"
        return frames


@pytest.fixture
def run(tmp_path):
    def run(name: str) -> Executed:
        folder = tmp_path / "notebooks"
        folder.mkdir()
        return Executed(name, folder)

    return run


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_are_kept_without_output(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count is not None for cell in code)
    assert notebook.cells[0].source.startswith("# ")
    assert path.read_text() == nbformat.writes(notebook) + "\n", "another program has written this one; see git diff"


def test_notebook_02_plays_links_and_records(run):
    book = run("02_live_preview")
    assert book.left == {"causeway.mp4"}
    assert book.posters == 1
    assert "frame 250, at 4.167 s" in book.printed  # the time 4 at 60 frames per second, and ten steps
    assert "height must lie between 0.0 and 2.0, not 9" in book.printed
    assert "rings, 1.3 high, at 0.5" in book.shown
    assert "90 frames by libx264" in book.printed
    book.video("causeway.mp4", (960, 540), 90)


def test_notebook_03_shows_parameters_in_its_videos(run):
    book = run("03_shaders_and_parameters")
    assert book.left == {"aurora.mp4", "ember.mp4", "paper.mp4", "emerald.webm"}
    assert book.posters == 3
    assert re.search(r"line (\d+), column 18: error: .*nihgt.*\n +vec3 color = nihgt", book.printed)

    rose = book.video("aurora.mp4", (1280, 720), 90).mean(axis=(0, 1, 2))
    ember = book.video("ember.mp4", (640, 360), 90).mean(axis=(0, 1, 2))
    emerald = book.video("emerald.webm", (640, 360), 60).mean(axis=(0, 1, 2))
    assert rose.argmax() == BLUE
    assert ember.argmax() == RED
    assert emerald[GREEN] / emerald[BLUE] > 1.2 * rose[GREEN] / rose[BLUE]

    paper = book.video("paper.mp4", (640, 360), 90)
    sky, foot = paper[:, 5].mean(axis=(0, 1)), paper[:, -5].mean(axis=(0, 1))
    assert sky.argmax() == RED
    assert foot.mean() < 0.4 * sky.mean()


def test_notebook_04_records_what_others_draw(run):
    book = run("04_your_own_context")
    assert book.left == {"attractor.mp4", "planet.mp4", "coral.mp4", "blur.mp4"}
    assert book.posters == 3
    assert "FFmpeg is done" in book.printed
    assert any("image/png" in output.get("data", {}) for output in book.outputs)

    sharp = book.video("attractor.mp4", (960, 540), 90)
    blurred = book.video("blur.mp4", (640, 360), 60)
    assert abs(sharp[59] - blurred[59]).mean() < 8  # the same attractor at the same moment
    coral = book.video("coral.mp4", (480, 270), 120)[..., RED].mean(axis=(1, 2))
    assert coral[-1] > 2 * coral[0]  # it has grown
    planet = book.video("planet.mp4", (960, 540), 60)[0]
    assert planet[30:50, 60:80, RED].mean() > planet[30:50, 60:80, BLUE].mean()  # its warm belts
    assert planet[:8].mean() < 10  # and space above it


def test_notebook_04_does_without_moderngl_window(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "moderngl_window", None)
    monkeypatch.syspath_prepend(NOTEBOOKS)
    notebook = nbformat.read(NOTEBOOKS / "04_your_own_context.ipynb", as_version=4)
    (cell,) = [cell for cell in notebook.cells if "from planet import Planet" in cell.source]
    code = compile(cell.source, "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    asyncio.run(eval(code, {"nbpipe": nbpipe}))
    assert "moderngl-window is not installed" in capsys.readouterr().out


def test_notebook_05_renders_the_same_take_small_and_in_4k(run):
    book = run("05_take_to_4k")
    assert book.left == {"take.mp4", "take_4k.mp4"}
    assert book.posters == 3
    assert "<Take of 2 s, 120 entries>" in book.shown
    assert "48 frames in" in book.printed

    small = book.video("take.mp4", (640, 360), 48)
    large = book.video("take_4k.mp4", (3840, 2160), 48)
    unlike = np.array([abs(large - frame).mean(axis=(1, 2, 3)) for frame in small])
    assert (unlike.argmin(axis=1) == np.arange(48)).all()  # none resembles another one of the other size more
    assert unlike.diagonal().max() < 4
