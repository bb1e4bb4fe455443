"""Run a notebook in a real kernel without a browser, and say where its videos are."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


def main(path: Path) -> int:
    """Execute `path` in its own folder and keep a copy with the output in ``build/``."""
    notebook = nbformat.read(path, as_version=4)
    begun = time.time()
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],  # else ipykernel 7.4 warns that its loopback sockets are plain
        resources={"metadata": {"path": path.parent}},
        store_widget_state=False,  # a widget without its kernel shows nothing; the posters stand for it
    )
    try:
        client.execute()
    except CellExecutionError as error:
        print(error, file=sys.stderr)
        return 1
    copy = path.parent.parent / "build" / path.name
    copy.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, copy)
    for video in sorted(path.parent.glob("*.mp4")):
        if video.stat().st_mtime >= begun:
            print(f"video: {video.resolve()} ({video.stat().st_size / 1e6:.1f} MB)")
    print(f"the notebook with its output: {copy.resolve()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
