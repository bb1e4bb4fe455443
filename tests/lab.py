"""A JupyterLab server, and a notebook of it in a page, as the browser tests use them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import nbformat
from playwright.sync_api import expect

ROOT = Path(__file__).parent.parent
SCREENSHOTS = ROOT / "build" / "screenshots"

FIRST_NOTEBOOK = nbformat.read(ROOT / "notebooks" / "01_first_recording.ipynb", as_version=4)
(SCENE,) = (cell.source for cell in FIRST_NOTEBOOK.cells if cell.source.startswith("lagoon ="))

# What these programs tell the console of themselves, where it cannot be avoided: for the mark ``complains``.
LAB_HAS_NO_MODEL = r"^Error: widget model not found\n.*/@jupyter-widgets/"  # of a saved widget without its kernel
NOTEBOOK_7 = r"^TypeError: .*'schema'\)\n +at \S+/static/notebook/"  # 7.6 throws it before any cell runs


class Lab:
    """A JupyterLab server on a folder of its own."""

    def __init__(self, folder: Path, *, subshells: bool) -> None:
        self.folder = folder
        settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True)
        choice = "perCommTarget" if subshells else "disabled"
        (settings / "kernels-settings.jupyterlab-settings").write_text(json.dumps({"commsOverSubshells": choice}))
        (settings / "notification.jupyterlab-settings").write_text(json.dumps({"fetchNews": "false"}))
        (settings / "themes.jupyterlab-settings").write_text(json.dumps({"adaptive-theme": True}))  # the browser's
        (folder / "work").mkdir()
        (folder / "work" / "scenes.py").write_text(SCENE)
        env = os.environ | {
            "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "PYTHONPATH": os.pathsep.join(
                [str(ROOT / "tests"), str(ROOT / "tests" / "bench"), os.environ.get("PYTHONPATH", "")]
            ),
        }
        self.log = (folder / "server.log").open("w+")
        self.server = subprocess.Popen(
            [
                *(
                    sys.executable,
                    "-m",
                    "jupyter",
                    "lab",
                    "--no-browser",
                    "--allow-root",
                    "--ServerApp.port=0",
                ),
                *(
                    "--ServerApp.ip=127.0.0.1",
                    "--IdentityProvider.token=t",
                    f"--ServerApp.root_dir={folder / 'work'}",
                ),
            ],
            stdout=self.log,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
        )
        for line in self.server.stderr:
            self.log.write(line)
            if found := re.search(r"http://127\.0\.0\.1:(\d+)/lab", line):
                self.url = f"http://127.0.0.1:{found[1]}"
                break
        else:
            raise AssertionError((folder / "server.log").read_text())
        # Nobody reads on; a server that logs more than a pipe holds must not stop.
        self.drain = subprocess.Popen(["cat"], stdin=self.server.stderr, stdout=self.log)
        self.server.stderr.close()

    def end_kernels(self) -> None:
        for session in json.load(self._ask("GET", "sessions")):
            self._ask("DELETE", f"sessions/{session['id']}")

    def _ask(self, method: str, what: str):
        request = urllib.request.Request(f"{self.url}/api/{what}", method=method, headers={"Authorization": "token t"})
        return urllib.request.urlopen(request)

    def stop(self) -> None:
        self.server.terminate()
        try:
            self.server.wait(30)
        except subprocess.TimeoutExpired:  # it waits for ever for a kernel that is being restarted
            self.server.kill()
            self.server.wait()
        self.drain.wait()
        self.log.close()


class Notebook:
    """One notebook, opened in a page."""

    def __init__(self, lab: Lab, browser, name: str, *cells: str) -> None:
        self.path = lab.folder / "work" / f"{name}.ipynb"
        self.folder = self.path.parent
        if cells:  # else it is there already
            notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
            notebook.metadata["kernelspec"] = {
                "display_name": "Python 3",
                "language": "python",
                "name": "python3",
            }
            nbformat.write(notebook, self.path)
        self.page = browser.new_page(viewport={"width": 1000, "height": 820})
        self.page.set_default_timeout(30_000)
        expect.set_options(timeout=30_000)
        self.page.goto(f"{lab.url}/lab/tree/{name}.ipynb?token=t&reset")
        self.ready()
        self.widget = self.page.locator(".nbpipe").first

    def ready(self) -> None:
        """Wait until it can be used."""
        self.page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
        self.page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()

    def run(self, cell: int = 0) -> None:
        self.page.locator(".jp-Notebook .jp-CodeCell .jp-InputArea-editor").nth(cell).click()
        self.page.keyboard.press("Control+Enter")

    def button(self, name: str):
        return self.widget.get_by_role("button", name=name)

    def progress(self) -> float:
        return float(self.widget.get_by_role("progressbar").get_attribute("aria-valuenow") or 0)

    def picture(self) -> str:
        return self.widget.locator("canvas").evaluate("canvas => canvas.toDataURL()")

    def poll(self, expression: str) -> None:
        self.page.wait_for_function(expression)

    def save(self) -> None:
        self.page.keyboard.press("Control+s")
        self.poll("!document.querySelector('.jp-Document.jp-mod-dirty, .lm-TabBar-tab.jp-mod-dirty')")

    def outputs(self, cell: int, selector: str):
        """What the cell shows beside the widget."""
        return self.page.locator(".jp-CodeCell").nth(cell).locator(f".jp-OutputArea-output:not(.lm-Panel) {selector}")

    def screenshot(self, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.locator(".jp-CodeCell").first.screenshot(path=SCREENSHOTS / f"{name}.png")
