"""The wheel that users get: exactly these files, and one module for all Pythons from 3.12 on."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-cache-dir"),
            *("--config-settings", f"build-dir={folder / 'build'}", "--wheel-dir", folder, ROOT),
        ],
        check=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_it_is_named_for_the_pythons_it_serves(wheel):
    tag = "cp311-cp311" if sys.version_info < (3, 12) else "cp312-abi3"
    assert re.fullmatch(rf"nbpipe_gl-[\d.]+-{tag}-linux_\w+\.whl", wheel.name)


def test_it_holds_the_package_and_nothing_else(wheel):
    tracked = subprocess.run(["git", "ls-files", "nbpipe"], cwd=ROOT, capture_output=True, text=True, check=True)
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    native = {name for name in names if name.startswith("nbpipe/_native.") and name.endswith(".so")}
    assert len(native) == 1
    assert names - native == set(tracked.stdout.split())
