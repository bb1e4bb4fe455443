"""The live picture, nbpipe beside jupyter_rfb: one JupyterLab, one headless Chromium, one scene, in turns.

    python tests/bench/live.py [--seconds 8] [--runs 3] [--sizes 640x360,1280x720]

What is counted is what a person sees: a loop in the page looks at the lamps of the shown picture after each of the
screen's own frames, when all that is painted in it has been. Bytes are those of the page's WebSockets, both ways;
processor time is the kernel's and that of all it has started. A key's way is measured in the page, from the event until
the lamp has changed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "bench")]

from lab import Lab, Notebook  # noqa: E402  found by the line above
from marked import BITS, LAMP  # noqa: E402
from playwright.sync_api import Page, sync_playwright  # noqa: E402
from playwright.sync_api import TimeoutError as PlaywrightTimeout  # noqa: E402

GOALS = {"frames shown a second": 2.2, "processor time a frame": 1.0, "bytes a second": 0.2, "key to picture": 0.8}
UNITS = {
    "frames shown a second": ("", 1),
    "processor time a frame": ("ms", 1),
    "bytes a second": ("kB", 1000),
    "key to picture": ("ms", 1),
}
CELLS = {
    "nbpipe": "import nbpipe\nfrom marked import Marked\nview = nbpipe.preview(Marked(), size={size})",
    "jupyter_rfb": "from marked import rfb_widget\nview = rfb_widget({size})\nview",
}
SEEN = {
    "nbpipe": ".nbpipe canvas",
    "jupyter_rfb": "img.renderview-img, .jupyter-widgets img, .jp-OutputArea img[src^=blob]",
}

# Looks at the lamps after each frame of the screen: a widget that paints within one, after the loop has had its turn,
# would else be seen a frame late. `last` is the number seen last, `waits` how long each key took to change the lamp.
WATCH = f"""
([selector, size]) => {{
  const eye = document.createElement('canvas');
  eye.width = {BITS + 1}; eye.height = 1;
  const pen = eye.getContext('2d', {{willReadFrequently: true}});
  const watch = window.watch = {{count: 0, last: -1, lamp: null, pressed: 0, waits: []}};
  const painted = new MessageChannel();
  const next = () => requestAnimationFrame(() => painted.port2.postMessage(null));
  painted.port1.onmessage = () => {{
    const shown = document.querySelector(selector);
    const width = shown && (shown.naturalWidth || shown.width), height = shown && (shown.naturalHeight || shown.height);
    if (width) {{
      const scale = width / size[0];  // a busy line gets smaller pictures
      for (let bit = 0; bit <= {BITS}; bit++)
        pen.drawImage(shown, (bit * {LAMP} + {LAMP // 2}) * scale, height - {LAMP // 2} * scale, 1, 1, bit, 0, 1, 1);
      const data = pen.getImageData(0, 0, {BITS + 1}, 1).data;
      let mark = 0;
      for (let bit = 1; bit <= {BITS}; bit++) if (data[4 * bit] > 127) mark |= 1 << bit;
      if (mark !== watch.last) {{ watch.count += 1; watch.last = mark; }}
      const lamp = data[0] > 127;
      if (watch.lamp !== null && lamp !== watch.lamp && watch.pressed) {{
        watch.waits.push(performance.now() - watch.pressed); watch.pressed = 0;
      }}
      watch.lamp = lamp;
    }}
    next();
  }};
  document.addEventListener('keydown', () => {{ watch.pressed = performance.now(); }}, true);
  next();
}}
"""


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process, its threads and its children, the ended ones too."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = sum(map(int, fields[11:15]))
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            ticks += round(processor_seconds(int(child)) * os.sysconf("SC_CLK_TCK"))
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(lab: Lab, browser: object, who: str, size: tuple[int, int], seconds: float, keys: int) -> dict[str, float]:
    """Play for some seconds, then press keys; return the figures."""
    cell = CELLS[who].format(size=size) + "\nimport os\nprint('pid', os.getpid())"
    if who == "jupyter_rfb":
        cell = "import os\nprint('pid', os.getpid())\n" + CELLS[who].format(size=size)
    notebook = Notebook(lab, browser, f"{who}-{size[0]}", cell)
    page: Page = notebook.page
    page.set_viewport_size({"width": 1700, "height": 1100})
    traffic = [0]

    def count(payload: object) -> None:
        traffic[0] += len(payload)  # type: ignore[arg-type]

    page.on(
        "websocket",
        lambda socket: (socket.on("framereceived", count), socket.on("framesent", count)),
    )
    page.reload()  # so that its WebSockets are seen from the beginning
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    notebook.run()
    pid = int(page.locator(".jp-OutputArea-output pre", has_text="pid").inner_text().split()[1])
    page.locator(SEEN[who]).first.wait_for()
    page.evaluate(WATCH, [SEEN[who], size])
    page.wait_for_function("window.watch.count > 20", timeout=60_000)
    before = page.evaluate("[performance.now(), window.watch.count]"), processor_seconds(pid), traffic[0]
    page.wait_for_timeout(seconds * 1000)
    after = page.evaluate("[performance.now(), window.watch.count]"), processor_seconds(pid), traffic[0]
    elapsed = (after[0][0] - before[0][0]) / 1000
    shown = after[0][1] - before[0][1]

    for key in range(keys):
        if not page.evaluate("window.watch.waits.length"):  # a first click may only have selected the cell
            page.locator(SEEN[who]).first.click()
        page.keyboard.press("abcdefgh"[key % 8])
        with contextlib.suppress(PlaywrightTimeout):  # one that is never answered is not counted, and said below
            page.wait_for_function("window.watch.pressed === 0", timeout=5000)
        page.evaluate("window.watch.pressed = 0")
    waits = page.evaluate("window.watch.waits")
    if len(waits) < keys:
        print(f"{who}: {keys - len(waits)} of {keys} keys were not seen within 5 s", file=sys.stderr)
    page.close()
    return {
        "frames shown a second": shown / elapsed,
        "processor time a frame": 1000 * (after[1] - before[1]) / max(shown, 1),
        "bytes a second": (after[2] - before[2]) / elapsed,
        "key to picture": statistics.median(waits or [float("nan")]),
    }


def table(size: tuple[int, int], rows: dict[str, list[dict[str, float]]]) -> str:
    """Return medians side by side, and their ratios where there is something to compare with."""
    compared = "ratio     goal" if len(rows) > 1 else ""
    lines = [f"\n{size[0]}×{size[1]:<20}" + "".join(f"{who:>14}" for who in rows) + f"{compared:>18}"]
    for name, goal in GOALS.items():
        unit, scale = UNITS[name]
        found = [statistics.median(row[name] for row in measured) / scale for measured in rows.values()]
        line = f"{name:<24}" + "".join(f"{value:>11.1f} {unit:<2}" for value in found)
        if len(rows) > 1:
            line += f"{found[1] / found[0]:>8.2f}x{'≥' if goal > 1 else '≤':>5} {goal}"
        lines.append(line)
    return "\n".join(lines)


def sizes(text: str) -> list[tuple[int, int]]:
    """Read "640x360,1280x720"."""
    return [(int(width), int(height)) for width, _, height in (each.partition("x") for each in text.split(","))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--keys", type=int, default=15)
    parser.add_argument("--sizes", type=sizes, default="640x360,1280x720")
    options = parser.parse_args()
    runners = ["jupyter_rfb", "nbpipe"]
    if find_spec("jupyter_rfb") is None:
        runners.remove("jupyter_rfb")
        print("jupyter_rfb is left out, because it is not installed: pip install --group bench", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        lab = Lab(Path(folder), subshells=True)
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        try:
            for size in options.sizes:
                rows: dict[str, list[dict[str, float]]] = {who: [] for who in runners}
                for _ in range(options.runs):
                    for who, found in rows.items():
                        found.append(measure(lab, browser, who, size, options.seconds, options.keys))
                        print(size, who, {k: round(v, 1) for k, v in found[-1].items()}, file=sys.stderr)
                print(table(size, rows))
        finally:
            browser.close()
            lab.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
