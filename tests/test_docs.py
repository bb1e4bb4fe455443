"""What the documents show is run: every Python block of the README, and the notebooks."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import av
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from watermark import luma

import nbpipe

ROOT = Path(__file__).parent.parent


def frames(path: Path) -> int:
    with av.open(str(path)) as video:
        return sum(1 for _ in video.decode(video=0))


def count_of_the_lamps(picture: np.ndarray) -> int:
    """Read the binary number that the lamps at the lower edge of the lagoon show."""
    height, width = picture.shape
    y = round(height / 2 * (1 + 0.93))
    columns = [round(width / 2 + height / 2 * (0.06 * bit - 0.27)) for bit in range(10)]
    return sum(int(picture[y, x] > 127) << bit for bit, x in enumerate(columns))


@pytest.mark.no_leak_check
@pytest.mark.timeout(300)
def test_the_blocks_of_the_readme_run(tmp_path):
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 7
    cells = ["import warnings\nwarnings.simplefilter('error')", *blocks]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    made = {path.name: frames(path) for path in tmp_path.iterdir()}
    assert made == {
        "waves.mp4": 120,
        "wave.mp4": 30,
        "pulse.mp4": 60,
        "push.mp4": 25,
        "later.mp4": 90,
        "small.webm": 30,
        "exact.mkv": 30,
        "deep.mp4": 30,
        "smooth.mp4": 30,
        "own.mp4": 60,
    }


def test_links_and_pictures_of_the_documents_are_there():
    for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / name).read_text()):
            assert target.startswith("https://") or (ROOT / target).exists(), f"{name}: {target}"


@pytest.mark.no_leak_check
@pytest.mark.timeout(300)
def test_notebook_01_runs_and_leaves_its_videos(tmp_path):
    notebook = tmp_path / "notebooks" / "01_first_recording.ipynb"
    notebook.parent.mkdir()
    notebook.write_bytes((ROOT / "notebooks" / notebook.name).read_bytes())
    done = subprocess.run(
        [sys.executable, ROOT / "notebooks" / "execute.py", notebook], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for name, count in {"lagoon": 300, "ribbon": 150, "plasma": 60}.items():
        path = notebook.with_name(f"{name}.mp4")
        assert f"video: {path}" in done.stdout
        assert frames(path) == count
        with av.open(str(path)) as video:
            assert luma(next(video.decode(video=0))).std() > 5, f"{name} is a plain area"
    with av.open(str(notebook.with_name("lagoon.mp4"))) as video:
        assert [count_of_the_lamps(luma(frame)) for frame in video.decode(video=0)] == list(range(300))
    saved = nbformat.read(tmp_path / "build" / notebook.name, as_version=4)
    outputs = [output for cell in saved.cells for output in cell.get("outputs", [])]
    assert sum("image/jpeg" in output.get("data", {}) for output in outputs) == 3
    assert sum("<video" in output.get("data", {}).get("text/html", "") for output in outputs) == 2, "lagoon is large"
    assert not any(output.output_type == "error" for output in outputs)


def bench(script, *options):
    command = [sys.executable, ROOT / "tests" / "bench" / script, *options, "--runs", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def test_the_bench_of_feeding_prints_its_table():
    done = bench("feed.py", "--heights", "180", "--buffers", "2", "--outputs", "null,ultrafast", "--frames", "1")
    assert (
        len(re.findall(r"^ 180p (null|ultrafast) +2 buf( +([\d.]+ +(x *[\d.]+|–)|–))+ *$", done.stdout, re.MULTILINE))
        == 2
    )


def test_the_bench_of_the_loop_prints_its_table():
    done = bench("loop.py", "--size", "320x180", "--frames", "20")
    for row in ("drawing", "encoding", "reading", "both at once", "record", "plain", "record with thumbnails"):
        assert re.search(rf"^{row} +[\d.]+( +[\d.]+x){{2}} +[\d.]+$", done.stdout, re.MULTILINE), row
    assert "share of the time spent on thumbnails" in done.stdout


def test_the_readme_names_what_is_public():
    names = set(nbpipe.__all__) - {"__version__"}
    table = (ROOT / "README.md").read_text().split("## All names")[1].split("\n## ")[0]
    assert {name for name in names if f"`{name}`" in table} == names


def test_the_bench_of_the_live_picture_prints_its_table():
    done = bench("live.py", "--seconds", "1", "--runs", "1", "--keys", "2", "--sizes", "640x360")
    for row in ("frames shown a second", "processor time a frame", "bytes a second", "key to picture"):
        figures = re.search(rf"^{row} +(.+)$", done.stdout, re.MULTILINE)
        assert figures, row
        assert all(float(figure) > 0 for figure in re.findall(r"[\d.]+", figures[1]))
    assert ("jupyter_rfb is left out" in done.stderr) != ("jupyter_rfb" in done.stdout)
