"""Feed the same noise to FFmpeg in every known way, and compare frames per second.

TurboPipe's own table, redone beside the field: RGB frames in moderngl buffers, by size, number of buffers and what
FFmpeg does with them. Quote the ratios, the rest is this machine's.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import numpy as np
from peers import MISSING, NULL, WAYS, Task, name_missing
from rounds import Rounds, measure

from nbpipe.gl.context import context
from nbpipe.video.ffmpeg import find_ffmpeg

OUTPUTS = {"null": NULL} | {
    preset: ("-c:v", "libx264", "-preset", preset, "-pix_fmt", "yuv420p") for preset in ("ultrafast", "slow")
}
SHARE = {"null": 1, "ultrafast": 0.4, "slow": 0.07}  # of the frames, which take so much longer
IN_NULL = ("plain", "threaded", "imageio-ffmpeg", "TurboPipe", "nbpipe", "nbpipe, memory kept")
ENCODED = (*IN_NULL[:3], "PyAV", *IN_NULL[3:], "nbpipe, converted", "nbpipe.open")


def noise(height: int, buffers: int, output: tuple[str, ...] = NULL, frames: int = 300) -> Task:
    """Return a task whose frames compress badly; larger frames are fewer."""
    width = height * 16 // 9
    random = np.random.default_rng(0)
    with context().current():
        ctx = context().ctx
        made = [
            ctx.buffer(random.integers(128, 136, (height, width, 3), dtype=np.uint8).tobytes()) for _ in range(buffers)
        ]
    return Task(made, max(20, round(frames * (1080 / height) ** 2)), (width, height), output)


def release(task: Task) -> None:
    """Free its buffers."""
    for buffer in task.buffers:
        buffer.release()


def fed(
    task: Task, names: Iterable[str], runs: int, others: Mapping[str, Callable[[], object]] | None = None
) -> Rounds:
    """Measure each way that is installed, and `others` in the same rounds."""
    ways = {name: partial(WAYS[name], task) for name in names if name not in MISSING}

    def within(way: Callable[[], object]) -> None:
        with context().current():
            way()

    return measure({name: partial(within, way) for name, way in {**ways, **(others or {})}.items()}, task.count, runs)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heights", default="720,1080,1440,2160")
    parser.add_argument("--buffers", default="1,4")
    parser.add_argument("--outputs", default="null,ultrafast,slow")
    parser.add_argument("--frames", type=int, default=300, help="of 1080p to null; of others as many as take as long")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    print(f"{context().renderer}; FFmpeg {find_ffmpeg().version}")
    name_missing()
    print(f"frames per second, and times TurboPipe's\n\n{'':22}" + "".join(f"{name:>22}" for name in ENCODED))
    for output in options.outputs.split(","):
        frames = round(options.frames * SHARE[output])
        for height in map(int, options.heights.split(",")):
            for buffers in map(int, options.buffers.split(",")):
                task = noise(height, buffers, OUTPUTS[output], frames)
                figures = fed(task, IN_NULL if output == "null" else ENCODED, options.runs)
                release(task)
                cells = "".join(cell(figures, name) for name in ENCODED)
                print(f"{height:4}p {output:10} {buffers} buf{cells}", flush=True)
    return 0


def cell(figures: Rounds, name: str) -> str:
    """Return a way's frames per second, and how many times TurboPipe's they are, where both are there."""
    if name not in figures.fps:
        return f"{'–':>22}"
    times = f"x{figures.ratio(name, 'TurboPipe'):4.2f}" if "TurboPipe" in figures.fps else "–"
    return f"{figures.median(name):14.0f}  {times:5} "


if __name__ == "__main__":
    sys.exit(main())
