"""The import table of ARCHITECTURE.md, held by reading the imports."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "nbpipe"
DOCUMENT = PACKAGE.parent / "ARCHITECTURE.md"

# part → the parts it may import from, by the rows of the table
MAY_IMPORT = {
    part: set(re.findall(r"`(\w+)`", names))
    for part, names in re.findall(r"^\| `(\w+)/?` \|.*\| ([^|]+) \|$", DOCUMENT.read_text(), re.MULTILINE)
}

# what only one room may import
ONLY = {
    "subprocess": {"video/ffmpeg.py", "video/process.py"},
    "nbpipe._native": {"video/writer.py"},
    "ctypes": {"gl/_calls.py", "gl/memory.py"},
    "IPython": {"notebook/cell.py", "magics.py"},
    "anywidget": {"notebook/kernel_widget.py"},
    "traitlets": {"notebook/widget.py", "notebook/preview.py", "notebook/params.py"},
    "simplejpeg": {"notebook/pictures.py"},
    "PIL": {"notebook/pictures.py"},
    "imageio_ffmpeg": {"video/ffmpeg.py"},
    "moderngl_window": {"scene/window.py", "scene/frame_window.py"},
    "tqdm": {"terminal.py"},
}


def imports(file: Path):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("file", MODULES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_a_part_imports_only_what_it_may(file):
    part = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for name in imports(file):
        if name.startswith("nbpipe.") and name != "nbpipe._native" and not name.startswith("nbpipe._native."):
            other = name.split(".")[1]
            assert other == part or other in MAY_IMPORT[part], f"{part} imports {name}"


@pytest.mark.parametrize("name", ONLY)
def test_some_things_are_imported_in_one_room_only(name):
    found = {
        str(file.relative_to(PACKAGE)) for file in MODULES if any(f"{i}.".startswith(f"{name}.") for i in imports(file))
    }
    assert found == ONLY[name]


@pytest.mark.parametrize("file", MODULES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_a_room_says_what_it_is_and_can_be_read_in_a_sitting(file):
    text = file.read_text()
    assert ast.get_docstring(ast.parse(text)), "no docstring"
    assert text.count("\n") <= 360


def test_the_table_names_what_there_is():
    assert MAY_IMPORT.keys() == {file.relative_to(PACKAGE).parts[0].removesuffix(".py") for file in MODULES}
