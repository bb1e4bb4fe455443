"""The command line: ``python -m nbpipe record``, ``doctor`` and ``bench``.

Words in, calls of `nbpipe.record` and its neighbours out, and an exit status: 0 done, 1 failed, 2 wrong usage, 130
interrupted (the file then holds what was recorded). The options of a recording are made here for whoever else reads
them from a line of text: `add_recording_options`, `recording_options` and `size_in`. Main thread. What takes long to
import is imported by the command that needs it.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import inspect
import io
import operator
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from nbpipe.errors import NbpipeError, SceneError, from_outside
from nbpipe.scene.frame import frame_rate

GLSL = (".glsl", ".frag", ".fs")

_FAILED, _INTERRUPTED = 1, 130  # 2 for wrong usage is argparse's own
_REFUSALS = (TypeError, ValueError, OSError, ImportError)
_OPTIONS = (
    *("size", "fps", "duration", "frames", "samples"),
    *("codec", "crf", "preset", "pixel_format", "conversion", "dither"),
)

_RECORD = """\
Record a scene to a video file.

SCENE is one of
  waves.glsl          a file of GLSL (.glsl .frag .fs): Shadertoy's mainImage, or a whole fragment shader
  scenes.py:lagoon    a name in a Python file: an object with render(frame), its class, a function of a frame,
                      a generator of pictures, or a string of GLSL
  package.scenes:sea  the same in a module that can be imported

Ctrl-C ends the recording early, and the file holds what was recorded.
"""
_EXAMPLES = """\
examples:
  python -m nbpipe record waves.glsl waves.mp4 --size 1920x1080 --fps 60 --duration 5
  python -m nbpipe record scenes.py:lagoon lagoon.webm --frames 300 --samples 4
"""
_DOCTOR = """\
Try out what recording needs, and say what works here.

OpenGL, FFmpeg and its encoders, the pipe between them, notebooks. It takes some seconds. The exit status is 1 if
nbpipe.record does not work here.
"""
_BENCH = """\
Measure what this machine can do, and say what limits it.

Drawing, reading back in the video's colours, and encoding by themselves, and nbpipe.record, which does them all at
once. It takes a minute or two; other programs that work meanwhile make the figures worse.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, by default this process's own; return the exit status."""
    for stream in (sys.stdout, sys.stderr):  # a terminal may not know every letter: a mark is better than no report
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    options = _parsed(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except KeyboardInterrupt as interrupt:
        _say("\n".join(getattr(interrupt, "__notes__", ["nbpipe: interrupted"])))
        return _INTERRUPTED


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse a command line; OUT may stand behind options, where argparse leaves it over."""
    options, rest = _parser().parse_known_args(arguments)
    if rest and getattr(options, "out", "") is None and (rest[0] == "--" or not rest[0].startswith("-")):
        options.out = rest.pop(1 if rest[0] == "--" and len(rest) > 1 else 0)
        rest = [word for word in rest if word != "--"]
    if rest:
        options.misused(f"unrecognized arguments: {' '.join(rest)}")
    return options


def add_recording_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--size``, ``--fps`` and the other options of `nbpipe.record` that one can type."""
    parser.add_argument("--size", type=size_in, metavar="WxH", help="width and height in pixels (default: 1280x720)")
    parser.add_argument(
        "--fps", type=_rate, metavar="RATE", help="frames per second: 60, 29.97, 24000/1001 (default: 60)"
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--duration", type=float, metavar="SECONDS", help="length of the video (default: 5, or all of a generator)"
    )
    length.add_argument("--frames", type=int, metavar="N", help="the same as a number of frames")
    parser.add_argument("--samples", type=int, metavar="N", help="samples per pixel against jagged edges, such as 4")
    parser.add_argument(
        "--codec",
        metavar="NAME",
        help="FFmpeg's encoder, such as libx265 or h264_nvenc (default: by the file's ending)",
    )
    parser.add_argument(
        "--crf", type=float, metavar="N", help="quality: lower means better quality and a larger file (H.264: 20)"
    )
    parser.add_argument("--preset", metavar="NAME", help="speed for size: ultrafast … medium … veryslow")
    parser.add_argument("--pixel-format", metavar="NAME", help="how pixels are stored (default: yuv420p)")
    parser.add_argument(
        "--conversion",
        choices=("auto", "gpu", "cpu", "ffmpeg"),
        help="who converts the colours (default: whichever is fast here)",
    )
    parser.add_argument(
        "--dither", action="store_true", default=None, help="no bands in gradients; with H.264, give --crf 16 or less"
    )


def recording_options(options: argparse.Namespace) -> dict[str, Any]:
    """Return those of `add_recording_options` that were given, as keyword arguments of `nbpipe.record`."""
    return {name: value for name in _OPTIONS if (value := getattr(options, name)) is not None}


def find_scene(text: str) -> object:
    """Return what `nbpipe.record` takes for a scene's name as it is typed.

    Parameters
    ----------
    text : str
        A GLSL file, ``file.py:name`` or ``module:name``. A class is called without arguments (but not one of
        moderngl-window), and so is a generator function; anything else is taken as it is.

    Raises
    ------
    ValueError, OSError, ImportError
        There is no such thing; or whatever the file itself raises.
    """
    if text.endswith(GLSL):
        with open(text, encoding="utf-8", errors="replace") as file:  # GLSL has other letters in comments alone
            return file.read()
    place, _, name = text.rpartition(":")
    if not place or not name:
        msg = f"SCENE must be a GLSL file ({' '.join(GLSL)}), FILE.py:NAME or MODULE:NAME, not {text!r}"
        raise ValueError(msg)
    module = _module(place)
    try:
        found = operator.attrgetter(name)(module)
    except AttributeError:
        msg = f"there is no {name!r} in {place}"
        raise ValueError(msg) from None
    # Of moderngl-window's classes, which have on_render, the class itself is the scene.
    is_class = isinstance(found, type) and not hasattr(found, "on_render")
    return found() if is_class or inspect.isgeneratorfunction(found) else found


def _module(place: str) -> ModuleType:
    if not place.endswith(".py"):
        return importlib.import_module(place)
    path = Path(place).resolve()
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))  # as for a script, so that it finds its neighbours
    sys.modules[path.stem] = module  # as for an import, because dataclasses look there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module


def _record(options: argparse.Namespace) -> int:
    from nbpipe.record import record
    from nbpipe.scene.take import Take

    recording = None
    try:
        scene = find_scene(options.scene)
        take = Take.load(options.take) if options.take is not None else None
        chosen = recording_options(options)
        recording = record(
            scene, options.out or "recording.mp4", **chosen, take=take, show=not options.quiet, wait=False
        )
        recording.wait()
    except NbpipeError as error:
        of_file = isinstance(error, SceneError) and options.scene.endswith(GLSL)
        return _failed(error, f"{options.scene}: " if of_file else "")
    except Exception as error:  # noqa: BLE001  most are the scene's own
        part = from_outside(error.__traceback__, "importlib", "codecs", "pathlib")
        if part is None and isinstance(error, _REFUSALS):
            if recording is None:
                options.misused(_words(error))  # ends the program
            return _failed(error)
        # A mistake of the scene is shown from its own first line on; that of its grammar shows its line itself.
        part = None if isinstance(error, SyntaxError) else part or error.__traceback__
        traceback.print_exception(error.with_traceback(part))
        return _FAILED
    if not options.quiet:
        sys.stdout.write(f"{recording}, in {recording.elapsed:.1f} s\n")
    return 0


def _doctor(_: argparse.Namespace) -> int:
    from nbpipe.doctor import examine

    if sys.stderr.isatty():
        _say("trying everything out …")
    report = examine()
    sys.stdout.write(f"{report}\n")
    return 0 if report.fit else _FAILED


def _bench(options: argparse.Namespace) -> int:
    from nbpipe.bench import measure

    if sys.stderr.isatty():
        _say("measuring …")
    try:
        sys.stdout.write(f"{measure(options.size, options.frames)}\n")
    except NbpipeError as error:
        return _failed(error)
    except ValueError as error:
        options.misused(error)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m nbpipe", description="Record GPU scenes to video files, and look at what this machine can do."
    )
    parser.add_argument("--version", action="version", version=f"nbpipe {version('nbpipe-gl')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(
        name: str, run: Callable[[argparse.Namespace], int], words: str, epilog: str = ""
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(
            name,
            help=words.splitlines()[0],
            description=words,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog=epilog,
        )
        command.set_defaults(command=run, misused=command.error)
        return command

    record = add("record", _record, _RECORD, epilog=_EXAMPLES)
    record.add_argument("scene", metavar="SCENE", help="what to record; see above")
    record.add_argument(
        "out",
        metavar="OUT",
        nargs="?",
        help="where to: .mp4 .m4v .mov .mkv or .webm (default: recording.mp4)",
    )
    add_recording_options(record)
    record.add_argument(
        "--take", metavar="FILE", help="replay what was done in nbpipe.preview: a file that view.take.save has written"
    )
    record.add_argument("--quiet", action="store_true", help="no progress bar, and no word when it is done")
    add("doctor", _doctor, _DOCTOR)
    bench = add("bench", _bench, _BENCH)
    bench.add_argument(
        "--size", type=size_in, default=(1920, 1080), metavar="WxH", help="in pixels (default: 1920x1080)"
    )
    bench.add_argument("--frames", type=_positive, default=200, metavar="N", help="frames of each run (default: 200)")
    return parser


def size_in(text: str) -> tuple[int, int]:
    """Return the width and the height that ``1920x1080`` means; for argparse."""
    found = re.fullmatch(r"([1-9]\d*)[x×]([1-9]\d*)", text)
    if found is None:
        msg = f"must be WIDTHxHEIGHT in pixels, such as 1920x1080, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return int(found[1]), int(found[2])


def _rate(text: str) -> Fraction:
    try:
        return frame_rate(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _positive(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d*", text):
        msg = f"must be a whole number from 1 on, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _failed(error: Exception, of: str = "") -> int:
    _say("\n".join([f"nbpipe: {of}{error}", *getattr(error, "__notes__", [])]))
    return _FAILED


def _words(error: Exception) -> str:
    """Return what an error says; one of the system as a shell would: file first, and no number."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)
