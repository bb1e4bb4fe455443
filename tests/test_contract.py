"""Seams that have two sides: the widget's traits, and the version."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import nbpipe

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("widget", "file"),
    [(nbpipe.Recording, "model.ts"), (nbpipe.Preview, "preview-model.ts")],
    ids=["recording", "preview"],
)
def test_both_halves_of_a_widget_name_the_same_traits(widget, file):
    source = (ROOT / "js" / "src" / file).read_text()
    listed = re.search(r"export const TRAITS = \[(.*?)\]", source, re.DOTALL)[1]
    wire = set(re.findall(r'"(\w+)"', listed))
    synced = set(widget.class_traits(sync=True))
    inherited = set(widget.__base__.class_traits(sync=True)) | {"_esm", "_css", "_anywidget_id"}
    assert wire == synced - inherited


def test_there_is_one_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert json.loads((ROOT / "js" / "package.json").read_text())["version"] == version
    assert nbpipe.__version__ == version
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()


def test_every_public_name_is_documented():
    for name in set(nbpipe.__all__) - {"__version__"}:
        assert getattr(nbpipe, name).__doc__, name


def test_it_imports_where_nothing_forks_and_descriptors_have_no_fcntl():
    """As on Windows, as far as that can be seen here; what it builds on is imported before."""
    others = (
        "import asyncio, concurrent.futures, random, anywidget, moderngl, numpy, PIL.Image, imageio_ffmpeg, os, sys"
    )
    without = "del os.register_at_fork; sys.modules['fcntl'] = None; import nbpipe; print(nbpipe.pipe)"
    done = subprocess.run([sys.executable, "-c", f"{others}; {without}"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
