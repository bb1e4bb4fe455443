"""Measure the main job in one run: drawing alone, encoding alone, and `nbpipe.record` doing both.

Prints frames per second, processor time per frame (this process and FFmpeg together) and the ratio to the
slower of the two parts, as medians. Absolute figures are this machine's; quote the ratios.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

import nbpipe
from nbpipe.drive import Drive
from nbpipe.gl.context import context
from nbpipe.gl.source import SceneSource
from nbpipe.notebook.stream import PreviewStream
from nbpipe.onlookers import Onlookers
from nbpipe.pipeline import Pipeline
from nbpipe.progress import Steering
from nbpipe.scene.adapters import adapt
from nbpipe.video.encoding import argv, encoding
from nbpipe.video.export import Export
from nbpipe.video.ffmpeg import find_ffmpeg
from nbpipe.video.pixels import Layout
from nbpipe.video.target import Target

SCENE = """
void mainImage(out vec4 colour, in vec2 point) {
    vec2 p = (2.0 * point - iResolution.xy) / iResolution.y;
    vec2 centre = 0.6 * vec2(cos(iTime), sin(iTime));
    float ring = abs(sin(9.0 * length(p - centre) - 4.0 * iTime));
    colour = vec4(mix(vec3(0.05, 0.1, 0.25), 0.6 + 0.4 * cos(iTime + p.xyx + vec3(0, 2, 4)), ring), 1.0);
}
"""


class Bench:
    """One size and preset; each way takes a folder and makes `frames` frames in it."""

    def __init__(self, size: tuple[int, int], frames: int, preset: str) -> None:
        self.size, self.frames, self.preset = size, frames, preset
        self.preview_share = 0.0

    def drawing(self, _: Path) -> None:
        source = SceneSource(adapt(SCENE), context(), self.size, Fraction(60), self.frames, 0)
        with source.current():
            for index in range(self.frames):
                source.draw(index)
                context().ctx.finish()
            source.release()

    def encoding(self, folder: Path) -> None:
        """Encode frames that are there already: raw RGBA from a file in memory into the same FFmpeg."""
        raw = Path("/dev/shm") / f"nbpipe-bench-{os.getpid()}.rgba"
        if not raw.exists():
            self._fill(raw)
        ffmpeg = find_ffmpeg()
        wanted = encoding(ffmpeg, folder / "x.mp4", preset=self.preset)
        command = argv(ffmpeg.path, wanted, Layout(self.size, "rgba", bottom_up=True), Fraction(60), folder / "x.mp4")
        command[command.index("pipe:0")] = f"file:{raw}"
        command[command.index("warning")] = "error"  # it guesses a duration for raw files and says so
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    def record(self, folder: Path) -> None:
        nbpipe.record(SCENE, folder / "x.mp4", size=self.size, frames=self.frames, preset=self.preset, show=False)

    def record_with_preview(self, folder: Path) -> None:
        """The same with pictures made for a browser that answers at once."""
        stream = PreviewStream(lambda message, _: stream.ack(message["index"]), self.frames)
        onlookers = Onlookers(None, stream)
        ffmpeg = find_ffmpeg()
        target = Target(folder / "x.mp4")
        wanted = encoding(ffmpeg, target.path, preset=self.preset)
        source = SceneSource(adapt(SCENE), context(), self.size, Fraction(60), self.frames, 0)
        layout = Layout(self.size, "rgba", bottom_up=True)
        begun = time.perf_counter()
        pipeline = Pipeline(
            source,
            lambda: Export(ffmpeg, wanted, layout, Fraction(60), target),
            self.frames,
            steering=Steering(),
            onlookers=onlookers,
        )
        Drive(pipeline).wait()
        self.preview_share = onlookers.cost / (time.perf_counter() - begun)

    def _fill(self, raw: Path) -> None:
        source = SceneSource(adapt(SCENE), context(), self.size, Fraction(60), self.frames, 0)
        memory = source.memory()
        with source.current(), raw.open("wb") as file:
            for index in range(self.frames):
                source.draw(index)
                source.read(memory)
                while not memory.arrived(1.0):
                    pass
                file.write(np.frombuffer(memory.view, np.uint8))
            memory.release()
            source.release()


def measure(way: Callable[[Path], None], frames: int, folder: Path) -> tuple[float, float]:
    """Return frames per second, and processor milliseconds per frame."""
    before, begun = os.times(), time.perf_counter()
    way(folder)
    wall, after = time.perf_counter() - begun, os.times()
    return frames / wall, (sum(after[:4]) - sum(before[:4])) / frames * 1e3


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--preset", default="ultrafast")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    bench = Bench((width, height), options.frames, options.preset)
    ways = [bench.drawing, bench.encoding, bench.record, bench.record_with_preview]
    figures: dict[str, list[tuple[float, float]]] = {way.__name__: [] for way in ways}
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        for run in range(options.runs + 1):
            for way in ways:
                figure = measure(way, options.frames, Path(folder))
                if run:  # the first round warms caches up and fills the raw file
                    figures[way.__name__].append(figure)
    for raw in Path("/dev/shm").glob(f"nbpipe-bench-{os.getpid()}.rgba"):
        raw.unlink()
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in figures.items()
    }
    slower = min(medians["drawing"][0], medians["encoding"][0])
    parts = medians["drawing"][1] + medians["encoding"][1]
    print(
        f"{options.size}, libx264 {options.preset}, {options.frames} frames, {options.runs} runs, {os.cpu_count()} cores"
    )
    print(f"{context().renderer}; FFmpeg {find_ffmpeg().version}\n")
    print(f"{'':22}{'fps':>8}{'of the slower part':>20}{'cpu ms/frame':>14}")
    for name, (fps, cpu) in medians.items():
        print(f"{name.replace('_', ' '):22}{fps:8.1f}{fps / slower:19.2f}x{cpu:14.1f}")
    extra = medians["record"][1] - parts
    print(f"\nprocessor time of record beyond drawing and encoding alone: {extra:.1f} ms a frame")
    print(f"share of the time spent on previews: {bench.preview_share:.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
