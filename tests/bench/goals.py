"""`make bench`: what nbpipe is held to, measured in one run, each figure beside what limits it.

Ratios to TurboPipe 2 round by round, medians. "FFmpeg alone" is the same FFmpeg doing the same work with its input
in a file in memory, which is what it can do when nobody else takes the processor's time; a frame that comes from a
pipe may still be faster, because it is in the processor's cache. "Both at once" is that FFmpeg while this process does
its own half of the work, with nothing passed between the two: what the machine has for them. Writes the chart of the
README with ``--chart FILE``.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import platform
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
from feed import OUTPUTS, fed, noise, release
from loop import ALONE, BOTH, Bench, compare, compare_apart
from peers import (
    BT709,
    MISSING,
    WAYS,
    Task,
    alone,
    converted_beside,
    converted_only,
    copied_beside,
    finish,
    name_missing,
    packing,
)
from rounds import Rounds

import nbpipe
from nbpipe.gl.context import context
from nbpipe.gl.ring import SLOTS, SLOTS_ON_SOFTWARE
from nbpipe.video.ffmpeg import find_ffmpeg
from nbpipe.video.writer import Conversion

# What FFmpeg does by itself, and with as many frames copied or converted beside it; what nbpipe's loop does by itself.
OWN, OWN_BESIDE = "FFmpeg alone", "both at once"
KEPT, BESIDE = "FFmpeg alone, memory kept", "both at once, memory kept"
LOOP = "the loop alone"
LENT = "nbpipe, lent arrays"
SHADER = "nbpipe, converted by a shader"
PEER = "TurboPipe"  # what all is measured against

_MEMORY = """
import sys, nbpipe
size, frames, shader = (int(sys.argv[1]), int(sys.argv[2])), int(sys.argv[3]), sys.argv[4] == "shader"
def resident(what="VmRSS"):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 2**10
def clear(frame):
    frame.fbo.clear(frame.time % 1, 0.5, 0.2)
scene = "void mainImage(out vec4 c, in vec2 p) { c = vec4(fract(iTime), 0.5, 0.2, 1.0); }" if shader else clear
nbpipe.record(scene, "warm.mp4", size=(64, 64), frames=2, show=False)
before = resident()
open("/proc/self/clear_refs", "w").write("5")  # the peak from here on
nbpipe.record(scene, "x.mp4", size=size, frames=frames, preset="ultrafast", show=False)
print(resident("VmHWM") - before)
"""


class Table:
    """Rows of what, how many times TurboPipe's, the goal, and what limits it."""

    def __init__(self) -> None:
        self.ratios: dict[str, dict[str, float]] = {}
        print(f"{'':58}{'measured':>10}{'goal':>9}   what limits it")

    def row(self, what: str, measured: str, goal: str, limit: str = "") -> None:
        print(f"{what:58}{measured:>10}{goal:>9}   {limit}", flush=True)

    def ratio(self, what: str, figures: Rounds, way: str, goal: str, bounds: Sequence[str] = ()) -> None:
        """Add a row for `way`; `bounds` are ways of the same rounds which it cannot overtake."""
        times, words = "–", beside(figures, way, bounds)
        if PEER in figures.fps:
            self.ratios.setdefault(what, {n: figures.ratio(n, PEER) for n in figures.fps if n in (*WAYS, LENT)})
            times, words = f"{figures.ratio(way, PEER):.2f}x", f"{PEER} {figures.median(PEER):.0f} fps, {words}"
        self.row(f"{what}, {way}" if way != "nbpipe" else what, times, goal, words)


def beside(figures: Rounds, way: str, bounds: Sequence[str]) -> str:
    """Return the frames per second of a way and of its bounds, and what share of the lowest bound that is."""
    words = ", ".join(f"{name.partition(',')[0]} {figures.median(name):.0f}" for name in (way, *bounds))
    if bounds:
        lowest = min(bounds, key=figures.median)
        words += f": {figures.ratio(way, lowest):.0%} of {'that' if len(bounds) == 1 else 'the slowest'}"
    return words


def raw_file(task: Task, folder: Path, *, planes: bool) -> Path:
    """Write what a task feeds into one file of up to 2 GiB, from which FFmpeg takes it again and again."""
    path = folder / f"raw-{planes}"
    frames = []
    for buffer in task.buffers:
        with context().current():
            frames.append(buffer.read())
    if planes:
        conversion = Conversion(task.size, 3, 8, bottom_up=False, target="yuv420p")
        converted = [bytearray(conversion.target_bytes) for _ in frames]
        for picture, target in zip(frames, converted, strict=True):
            conversion.convert(picture, target)
        frames = converted
    with path.open("wb") as file:
        for number in range(min(task.count, 2**31 // len(frames[0]))):
            file.write(frames[number % len(frames)])
    return path


@contextlib.contextmanager
def limits(task: Task, *, planes: bool = False) -> Iterator[dict[str, Callable[[], None]]]:
    """Make the ways of FFmpeg doing this task's work from a file: alone, with its memory kept and as started by itself, and
    while this process does its own part of the work, with nothing passed between the two."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        path = raw_file(task, Path(folder), planes=planes)
        task = replace(task, pixel_format="yuv420p" if planes else task.pixel_format)
        kept = replace(task, keep_memory=True)
        both = converted_beside if planes else copied_beside
        yield {
            BESIDE: partial(both, kept, path),
            OWN_BESIDE: partial(both, task, path),
            KEPT: partial(alone, kept, path),
            OWN: partial(alone, task, path),
        }


def feeding(table: Table, frames: int, runs: int) -> None:
    """RGB24 frames of moderngl buffers into FFmpeg's null output."""
    for height, buffers, goal in ((1080, 4, 3.0), (1080, 1, 2.5), (720, 4, 2.5), (1440, 4, 2.5), (2160, 4, 2.5)):
        task = noise(height, buffers, frames=frames)
        # FFmpeg takes as long to start as for 40 frames of 4K, and the first of them cost it most of its page faults.
        task = replace(task, count=max(task.count, frames // 2))
        names = ("plain", "threaded", "imageio-ffmpeg", "TurboPipe", "nbpipe", "nbpipe, memory kept")
        first = (height, buffers) == (1080, 4)
        with limits(task) as others:
            if buffers > 1:
                others[LENT] = partial(WAYS["nbpipe, memory kept"], replace(task, buffers=arrays(task)))
            figures = fed(task, names if first else names[3:], runs, others)
        what = f"RGB24 to null, {height}p, {buffers} buffer{'s' * (buffers > 1)}"
        table.ratio(what, figures, "nbpipe", f"≥ {goal}", (OWN, OWN_BESIDE))
        table.ratio(what, figures, "nbpipe, memory kept", f"≥ {goal}", (KEPT, BESIDE))
        if buffers > 1:
            table.ratio(what, figures, LENT, "", (KEPT,))
        if first:
            table.row("the same, run by run: page faults of FFmpeg a frame", "", "", faulting(task))
        release(task)


def arrays(task: Task) -> list[np.ndarray]:
    """Return what the task's buffers hold, in numpy's own memory, which it asks for in huge pages."""
    with context().current():
        return [np.array(np.frombuffer(buffer.read(), np.uint8)) for buffer in task.buffers]


def faulting(task: Task) -> str:
    """Feed nine times without the environment; return how often FFmpeg asked for memory anew, and its speed then."""
    seen = []
    for _ in range(9):
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt, time.perf_counter()
        with context().current():
            WAYS["nbpipe"](task)
        fps = task.count / (time.perf_counter() - begun)
        seen.append(((resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt - before) / task.count, fps))
    return ", ".join(f"{faults:.0f}: {fps:.0f} fps" for faults, fps in sorted(seen))


def converting(table: Table, frames: int, runs: int) -> None:
    """The same pictures arriving as BT.709, and encoded."""
    task = noise(1080, 4, frames=frames)
    rescaling = partial(WAYS[PEER], replace(task, output=BT709))
    with limits(task, planes=True) as alone_ways:
        ours = partial(WAYS["nbpipe, converted"], task)
        limiting = {BESIDE: alone_ways[BESIDE], LOOP: partial(converted_only, task), KEPT: alone_ways[KEPT]}
        peer = {} if PEER in MISSING else {PEER: rescaling}
        with contextlib.ExitStack() as textures:
            if not context().software:
                textures.enter_context(context().current())
                limiting[SHADER] = textures.enter_context(packing(task))
            figures = fed(task, [], runs, {**peer, "nbpipe, converted": ours, **limiting})
    table.ratio("arriving as BT.709 yuv420p, 1080p", figures, "nbpipe, converted", "≥ 3.5", (KEPT, LOOP, BESIDE))
    if SHADER in figures.fps:
        table.ratio("the same from textures", figures, SHADER, "≥ 5", (KEPT,))
    task = replace(task, output=OUTPUTS["ultrafast"], count=max(20, frames // 6))
    names = ("plain", "threaded", "imageio-ffmpeg", "PyAV", "TurboPipe", "nbpipe", "nbpipe, converted", "nbpipe.open")
    with limits(task, planes=True) as alone_ways:
        figures = fed(task, names, runs, {name: alone_ways[name] for name in (BESIDE, KEPT)})
    table.ratio("x264 ultrafast, 1080p", figures, "nbpipe, converted", "≥ 1.4", (KEPT, BESIDE))
    table.ratio("x264 ultrafast, 1080p, into a file", figures, "nbpipe.open", "≥ 1.4", (KEPT, BESIDE))
    release(task)


def whole_loop(table: Table, size: tuple[int, int], frames: int, runs: int) -> None:
    """Drawing and encoding together."""
    bench, lines = Bench(size, frames, "ultrafast"), f"{size[1]}p"
    peer = {} if PEER in MISSING else {PEER: bench.turbopipe}
    figures = compare({"plain": bench.plain, **bench.parts(), **peer, "nbpipe": bench.record}, frames, runs)
    table.ratio(f"whole loop, nbpipe.record, {lines} ultrafast", figures, "nbpipe", "≥ 1.3", (BOTH,))
    read, both = figures.beyond("reading", "drawing"), figures.beyond(BOTH, *ALONE)
    theirs = f"; {PEER} {figures.beyond(PEER, *ALONE):.1f} ms" if peer else ""
    parts = ", ".join(f"{name} {figures.beyond(name):.1f} ms" for name in ALONE)
    table.row(
        f"processor time a frame beyond drawing and encoding, {lines}",
        f"{figures.beyond('nbpipe', *ALONE):.1f} ms",
        "≤ 2.5 ms",
        f"{parts}, each alone; reading and converting {read:.1f} more; both at once {both:.1f} more than alone, and "
        f"nbpipe {figures.beyond('nbpipe', BOTH):+.1f} beside that{theirs}",
    )
    against(table, f"nbpipe.record against the slower of the two alone, {lines}", figures)


def apart(table: Table, frames: int, runs: int) -> None:
    """The same with a core for each; x264's next preset, so that encoding is the slower one."""
    # In a new process: llvmpipe counts the cores once, when a context is made.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as another:
        figures = another.submit(compare_apart, "superfast", frames, runs).result()
    against(table, "the same, superfast, with a core for each of the two", figures)


def against(table: Table, what: str, figures: Rounds) -> None:
    """Add a row for `record` beside its parts: each alone, and both at once."""
    slower = min(ALONE, key=figures.median)
    table.row(
        what, f"{figures.ratio('nbpipe', slower):.2f}x", "≥ 0.95", beside(figures, "nbpipe", (*ALONE, "reading", BOTH))
    )


def memory(table: Table) -> None:
    """Peak memory beyond what a recording of 64 × 64 has needed before, in processes of their own."""

    def peak(width: int, height: int, frames: int, scene: str) -> float:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-c", _MEMORY, str(width), str(height), str(frames), scene]
            return float(subprocess.run(command, capture_output=True, check=True, text=True, cwd=folder).stdout)

    software = context().software
    frame = 3840 * 2160 / 2**20  # MiB for each byte of a pixel
    slots = (SLOTS_ON_SOFTWARE if software else SLOTS) * frame
    for what, scene, parts in (("of a shader", "shader", 1), ("of a scene with a depth buffer", "clear", 2)):
        whole, canvas = peak(3840, 2160, 24, scene), parts * 4 * frame if software else 0.0
        table.row(
            f"peak memory of a 4K export {what}",
            f"{whole:.0f} MiB",
            f"≤ {slots * 4 + 64:.0f} MiB",
            f"slots × RGBA frame + 64 MiB, or {slots * 1.5 + 64:.0f} of frames as slots have them; "
            f"{whole - canvas:.0f} beside what a GPU would keep",
        )
    short, long = peak(320, 180, 100, "clear"), peak(320, 180, 10_000, "clear")
    table.row("the same after 10 000 frames of 180p against 100", f"{long - short:+.1f} MiB", "flat")


def heartbeat(table: Table) -> None:
    """How late another thread gets that ticks every 10 ms, while `sync` waits on a stopped FFmpeg."""
    task = noise(1080, 1)
    process = task.start()
    latest, done = 0.0, threading.Event()

    def tick() -> None:
        nonlocal latest
        while not done.is_set():
            due = time.perf_counter() + 0.01
            time.sleep(0.01)
            latest = max(latest, time.perf_counter() - due)

    process.send_signal(signal.SIGSTOP)
    data = np.zeros((1080, 1920, 3), np.uint8)
    nbpipe.pipe(data, process.stdin.fileno())
    ticking = threading.Thread(target=tick)
    ticking.start()
    threading.Timer(2.0, process.send_signal, [signal.SIGCONT]).start()
    nbpipe.sync(data)
    done.set()
    ticking.join()
    nbpipe.close(process.stdin.fileno())
    finish(process, 1)
    release(task)
    table.row(
        "a thread's 10 ms tick while sync waits 2 s on a stopped FFmpeg",
        f"{latest * 1e3:.0f} ms",
        "≤ 50 ms",
        "how late it was at most",
    )


def chart(table: Table, path: Path) -> None:
    """Draw the ways of each row as times TurboPipe's frames per second."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    shown = {
        "RGB24 to null, 1080p, 4 buffers": "feed FFmpeg RGB frames",
        "arriving as BT.709 yuv420p, 1080p": "feed it, and arrive in BT.709",
        "x264 ultrafast, 1080p": "feed it, and encode (x264 ultrafast)",
        "whole loop, nbpipe.record, 1080p ultrafast": "draw, feed and encode",
    }
    colours = {"TurboPipe": "#8a8f98", "plain": "#c9ccd1", "threaded": "#c9ccd1", "imageio-ffmpeg": "#c9ccd1"}
    rows = [(shown[what], name, ratio) for what in shown for name, ratio in table.ratios.get(what, {}).items()]
    figure, axes = plt.subplots(figsize=(9, 0.34 * len(rows) + 1.4), layout="constrained")
    place, ticks, names = 0.0, [], []
    for index, (what, name, ratio) in enumerate(rows):
        if index == 0 or rows[index - 1][0] != what:
            place += 0.9
            axes.text(0, place - 0.75, what, fontweight="bold", va="center", bbox={"color": "white", "pad": 0.6})
        axes.barh(place, ratio, color=colours.get(name, "#c9ccd1") if "nbpipe" not in name else "#2f6fde", height=0.78)
        axes.text(ratio + 0.03, place, f"{ratio:.2f}×", va="center", fontsize=9, bbox={"color": "white", "pad": 0.6})
        ticks.append(place)
        names.append(name)
        place += 1
    axes.set_yticks(ticks, names)
    axes.invert_yaxis()
    axes.margins(x=0.08)
    axes.axvline(1, color="#8a8f98", linewidth=0.8, zorder=0)
    axes.set_xlabel(
        f"frames per second, as a multiple of TurboPipe 2's · 1080p, {os.cpu_count()} cores, {context().renderer}"
    )
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    figure.savefig(path, dpi=110)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--chart", type=Path)
    options = parser.parse_args()
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, {context().renderer}, "
        f"FFmpeg {find_ffmpeg().version}, medians of {options.runs}; peers: {', '.join(sorted(set(WAYS) - MISSING))}"
    )
    name_missing()
    print()
    table = Table()
    feeding(table, options.frames, options.runs)
    converting(table, options.frames, options.runs)
    whole_loop(table, (1920, 1080), options.frames // 2, options.runs)
    if not context().software:
        whole_loop(table, (3840, 2160), options.frames // 4, options.runs)
    apart(table, options.frames // 2, options.runs)
    memory(table)
    heartbeat(table)
    if options.chart and table.ratios:
        chart(table, options.chart)
    return 0


if __name__ == "__main__":
    sys.exit(main())
