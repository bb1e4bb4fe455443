"""Measure the main job in one run: drawing alone, encoding alone, both at once with nothing passed between them, and
`nbpipe.record`.

Prints frames per second, processor time per frame (this process and FFmpeg together), and the ratios to the slower of
the two parts and to both at once. Absolute figures are this machine's; quote the ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path

import moderngl
from peers import MISSING, finish, name_missing
from rounds import Rounds, measure

import nbpipe
from nbpipe.drive import Drive
from nbpipe.gl.context import context
from nbpipe.gl.source import SceneSource
from nbpipe.job import reading
from nbpipe.notebook.stream import ThumbnailStream
from nbpipe.onlookers import Onlookers
from nbpipe.pipeline import Pipeline
from nbpipe.progress import Steering
from nbpipe.scene.adapters import adapt
from nbpipe.video.encoding import Encoding, argv, encoding
from nbpipe.video.export import Export, in_pipe
from nbpipe.video.ffmpeg import find_ffmpeg
from nbpipe.video.pixels import Layout
from nbpipe.video.process import give_way
from nbpipe.video.target import Target

SCENE = """
void mainImage(out vec4 colour, in vec2 point) {
    vec2 p = (2.0 * point - iResolution.xy) / iResolution.y;
    vec2 centre = 0.6 * vec2(cos(iTime), sin(iTime));
    float ring = abs(sin(9.0 * length(p - centre) - 4.0 * iTime));
    colour = vec4(mix(vec3(0.05, 0.1, 0.25), 0.6 + 0.4 * cos(iTime + p.xyx + vec3(0, 2, 4)), ring), 1.0);
}
"""

ALONE, BOTH = ("drawing", "encoding"), "both at once"


class Bench:
    """One size and preset; each way takes a folder and makes `frames` frames in it."""

    def __init__(self, size: tuple[int, int], frames: int, preset: str) -> None:
        self.size, self.frames, self.preset = size, frames, preset
        self.thumbnails_share = 0.0

    def parts(self) -> dict[str, Callable[[Path], None]]:
        """Return what takes part in it: each of the two alone, and both at once."""
        return {"drawing": self.drawing, "encoding": self.encoding, "reading": self.reading, BOTH: self.both}

    def drawing(self, _: Path) -> None:
        source = SceneSource(adapt(SCENE), context(), self.size, Fraction(60), self.frames, 0)
        with source.current():
            for index in range(self.frames):
                source.draw(index)
                context().ctx.finish()
            source.release()

    def reading(self, folder: Path) -> None:
        """Draw, and read every frame back as `record` does, converted, into one slot again and again."""
        self._read(encoding(find_ffmpeg(), folder / "x.mp4", preset=self.preset), lambda frame: None)

    def encoding(self, folder: Path) -> None:
        """Encode frames that are there already, and converted: from a file in memory into the same FFmpeg."""
        assert self._encode(folder).wait() == 0

    def both(self, folder: Path) -> None:
        """`reading` and `encoding` at once, with nothing passed between them: what this machine has to give."""
        process = self._encode(folder)
        if context().software:  # as `record` does
            give_way(process.pid)
        self.reading(folder)
        assert process.wait() == 0

    def _encode(self, folder: Path) -> subprocess.Popen[bytes]:
        raw = Path("/dev/shm") / f"nbpipe-bench-{os.getpid()}.yuv"
        ffmpeg = find_ffmpeg()
        wanted = encoding(ffmpeg, folder / "x.mp4", preset=self.preset)
        if not raw.exists():
            self._fill(raw, wanted)
        piped = in_pipe(Layout(self.size, wanted.pixel_format, bottom_up=False), wanted)
        command = argv(ffmpeg.path, wanted, piped, Fraction(60), folder / "x.mp4")
        command[command.index("pipe:0")] = f"file:{raw}"
        command[command.index("warning")] = "error"  # it guesses a duration for raw files and says so
        devnull = subprocess.DEVNULL
        return subprocess.Popen(command, stdout=devnull, stdin=devnull, env=nbpipe.ffmpeg_environment())

    def plain(self, folder: Path) -> None:
        """What people write without a library: draw, read, write."""
        self._by_hand(folder, lambda process, fbo, _: process.stdin.write(fbo.read(components=3)), 0)

    def turbopipe(self, folder: Path) -> None:
        """The same with TurboPipe and three buffers, as its readme shows it."""
        import turbopipe

        def send(process: subprocess.Popen[bytes], fbo: moderngl.Framebuffer, buffer: moderngl.Buffer) -> None:
            turbopipe.sync(buffer.mglo)
            fbo.read_into(buffer, components=3)
            turbopipe.pipe(buffer.mglo, process.stdin.fileno())

        self._by_hand(folder, send, 3, turbopipe.sync)

    def record(self, folder: Path) -> None:
        nbpipe.record(SCENE, folder / "x.mp4", size=self.size, frames=self.frames, preset=self.preset, show=False)

    def record_with_thumbnails(self, folder: Path) -> None:
        """The same with pictures made for a browser that answers at once."""
        stream = ThumbnailStream(lambda message, _: stream.ack(message["index"]), self.frames)
        onlookers = Onlookers([], stream)
        ffmpeg = find_ffmpeg()
        target = Target(folder / "x.mp4")
        wanted = encoding(ffmpeg, target.path, preset=self.preset)
        source = self._converting(wanted)
        layout = Layout(self.size, source.pixel_format, source.bottom_up)
        begun = time.perf_counter()
        pipeline = Pipeline(
            source,
            lambda: Export(ffmpeg, wanted, layout, Fraction(60), target),
            self.frames,
            steering=Steering(),
            onlookers=onlookers,
        )
        Drive(pipeline).wait()
        self.thumbnails_share = onlookers.cost / (time.perf_counter() - begun)

    def _by_hand(
        self,
        folder: Path,
        send: Callable[..., object],
        count: int,
        sync: Callable[..., object] = lambda _: None,
    ) -> None:
        size = "x".join(map(str, self.size))
        process = subprocess.Popen(
            [
                *(find_ffmpeg().path, "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size),
                *("-r", "60", "-i", "-", "-vf", "vflip", "-c:v", "libx264", "-preset", self.preset),
                *("-pix_fmt", "yuv420p", "-nostats", "-progress", "pipe:1", folder / "x.mp4"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        source = SceneSource(adapt(SCENE), context(), self.size, Fraction(60), self.frames, 0)
        with source.current():
            buffers = [context().ctx.buffer(reserve=self.size[0] * self.size[1] * 3) for _ in range(count)]
            for index in range(self.frames):
                source.draw(index)
                send(process, context().ctx.fbo, buffers[index % count] if count else None)
            for buffer in buffers:
                sync(buffer.mglo)
                buffer.release()
            source.release()
        finish(process, self.frames)

    def _converting(self, wanted: Encoding) -> SceneSource:
        return SceneSource(adapt(SCENE), context(), self.size, Fraction(60), self.frames, 0, reading(wanted))

    def _fill(self, raw: Path, wanted: Encoding) -> None:
        with raw.open("wb") as file:
            self._read(wanted, file.write)

    def _read(self, wanted: Encoding, take: Callable[[memoryview], object]) -> None:
        source = self._converting(wanted)
        memory = source.memory()
        with source.current():
            for index in range(self.frames):
                source.draw(index)
                source.read(memory)
                while not memory.arrived(1.0):
                    pass
                take(memory.view)
            memory.release()
            source.release()


def compare(ways: Mapping[str, Callable[[Path], None]], frames: int, runs: int) -> Rounds:
    """Measure ways of a bench that make `frames` frames each."""
    try:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            return measure({name: partial(way, Path(folder)) for name, way in ways.items()}, frames, runs)
    finally:
        for raw in Path("/dev/shm").glob(f"nbpipe-bench-{os.getpid()}.*"):
            raw.unlink()


def compare_apart(preset: str, frames: int, runs: int) -> Rounds:
    """Measure drawing, encoding and both of 1080p with a core for each, in this process, which has no context yet."""
    with apart():
        bench = Bench((1920, 1080), frames, preset)
        return compare({**bench.parts(), "nbpipe": bench.record}, frames, runs)


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """Let this process draw on one core, and FFmpeg work on another. Before there is a context: llvmpipe counts cores."""
    first, second = sorted(os.sched_getaffinity(0))[:2]
    os.environ["LP_NUM_THREADS"] = "0"
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "ffmpeg")
        program.write_text(f'#!/bin/sh\nexec taskset -c {second} {find_ffmpeg().path} "$@"\n')
        program.chmod(0o755)
        os.environ["NBPIPE_FFMPEG"] = str(program)
        os.sched_setaffinity(0, {first})
        yield


def main() -> int:
    """Print the table that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--preset", default="ultrafast")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--apart", action="store_true", help="draw on one core and encode on another")
    options = parser.parse_args()
    with apart() if options.apart else contextlib.nullcontext():
        show(options)
    return 0


def show(options: argparse.Namespace) -> None:
    """Measure, and print the table."""
    width, height = map(int, options.size.split("x"))
    bench = Bench((width, height), options.frames, options.preset)
    ways = {**bench.parts(), "record": bench.record}
    if not options.apart:
        ways |= {
            "plain": bench.plain,
            "TurboPipe": bench.turbopipe,
            "record with thumbnails": bench.record_with_thumbnails,
        }
    rounds = compare({n: way for n, way in ways.items() if n not in MISSING}, options.frames, options.runs)
    slower = min(ALONE, key=rounds.median)
    print(
        f"{options.size}, libx264 {options.preset}, {options.frames} frames, {options.runs} runs, {os.cpu_count()} cores"
    )
    print(f"{context().renderer}; FFmpeg {find_ffmpeg().version}")
    name_missing()
    print()
    print(f"{'':22}{'fps':>8}{'of the slower part':>20}{'of both at once':>17}{'cpu ms/frame':>14}")
    for name in rounds.fps:
        shares = f"{rounds.ratio(name, slower):19.2f}x{rounds.ratio(name, BOTH):16.2f}x"
        print(f"{name:22}{rounds.median(name):8.1f}{shares}{rounds.beyond(name):14.1f}")
    extra, both = rounds.beyond("record", *ALONE), rounds.beyond("record", BOTH)
    print(
        f"\nprocessor time of record beyond drawing and encoding alone: {extra:.1f} ms a frame; "
        f"beyond both at once: {both:.1f} ms"
    )
    if not options.apart:
        print(f"share of the time spent on thumbnails: {bench.thumbnails_share:.1%}")


if __name__ == "__main__":
    sys.exit(main())
