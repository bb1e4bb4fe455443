"""`nbpipe.frames`: a scene as an iterator of arrays, for whatever is not FFmpeg: a network, a socket, a model.

Checks and joins like `record`; the frames go to the caller instead of a pipeline, and their memory comes from a
`Pool`, which knows when the caller has let a frame go (`gl/loan.py`). Render thread only, which is the one that
called `frames`; the arrays may be used and dropped on any.
"""

from __future__ import annotations

import functools
import logging
import weakref
from collections.abc import Iterator
from fractions import Fraction
from types import TracebackType
from typing import TYPE_CHECKING, Self, SupportsIndex

import numpy as np
import numpy.typing as npt

from nbpipe.arguments import DEFAULT_SIZE, checked_samples, checked_size, whole_number
from nbpipe.callers import check_not_amid
from nbpipe.errors import NbpipeError, SceneError, folded
from nbpipe.gl.loan import Pool
from nbpipe.gl.readback import Reading
from nbpipe.gl.setups import context_for
from nbpipe.gl.source import SceneSource, Source, picture_source
from nbpipe.gl.stage import CHANNELS, DTYPES
from nbpipe.scene.adapters import Pictures, adapt, picture_size
from nbpipe.scene.frame import Rate, frame_count, frame_rate
from nbpipe.scene.scene import picture_size_of

if TYPE_CHECKING:
    import moderngl

_log = logging.getLogger("nbpipe")

_AHEAD = 2  # one frame being read while the next is drawn
_LEAST = 8 << 10  # bytes that a frame counts for: what Python and the GL need for one of a few pixels is 6 KiB
_FEWEST = 2  # a for loop holds one frame while it asks for the next


@folded
def frames(
    scene: object,
    *,
    size: tuple[int, int] | None = None,
    fps: Rate = 60,
    duration: float | Fraction | None = None,
    frames: SupportsIndex | None = None,
    samples: int = 0,
    ctx: moderngl.Context | None = None,
    dtype: npt.DTypeLike = "uint8",
    memory: SupportsIndex = 1 << 30,
) -> Frames:
    """Iterate over the frames of a scene as arrays that lie where the GL put them.

    Each is a read-only C-contiguous array (height, width, 4), top row first: RGBA, not a copy. (An iterable of
    arrays with three channels gives arrays with three.) It is yours until the last view of it is gone: slices,
    memoryviews and what ``np.asarray`` makes of it count, on any thread, also after the iteration has ended. Its
    memory is then used for another frame.

    Parameters
    ----------
    scene, size, fps, samples
        As for `nbpipe.record`.
    duration : float, optional
        Seconds. Without this and `frames`, a scene goes on until you stop asking.
    frames : int, optional
        Number of frames.
    ctx : moderngl.Context, optional
        As for `nbpipe.record`. Frames outlive a context of your own, but reading from it waits for the GPU; from
        nbpipe's own, a frame is read while the next is drawn.
    dtype : "uint8", "uint16", "float16" or "float32"
        What a channel is drawn in and comes as. 0 to 1 is 0 to 255 or 0 to 65535 in whole numbers; floats keep
        values below 0 and above 1. Arrays, which are of uint8 or uint16, are not converted: say which they are.
    memory : int
        Bytes that all frames together may take, those you keep and two or three more: 1 GiB is 129 frames of
        1920 × 1080 in uint8, and none counts for less than 8 KiB. It is taken as it is needed, and given back at the
        end.

    Returns
    -------
    Frames
        An iterator; ``close()`` or a ``with`` block ends it early, and so does dropping it.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong; nothing was drawn yet.
    NoOpenGL
        A part is missing; the text says how to get it.
    SceneError
        The scene is no scene, such as GLSL that does not compile.
    NbpipeError
        From the iterator: you hold as many frames as `memory` has room for. Drop some and ask again.

    Examples
    --------
    ::

        for picture in nbpipe.frames(scene, size=(640, 360), fps=30, frames=90):
            connection.sendall(picture)
    """
    rate = frame_rate(fps)
    count = frame_count(rate, duration, frames)
    dimensions = checked_size(size)
    multisamples = checked_samples(samples)
    numbers = _checked_dtype(dtype)
    room = whole_number(memory, "memory must be a whole number of bytes")
    adapted = adapt(scene)
    reading = Reading(dtype=numbers.name, upright=True)

    source: Source
    if isinstance(adapted, Pictures):
        first = adapted.first()
        most = _most_frames(room, dimensions or picture_size(first), numbers)
        if isinstance(first, np.ndarray) and numbers != first.dtype:
            msg = f"dtype must be {first.dtype.name!r} for these arrays, which nbpipe does not convert, not {dtype!r}"
            raise ValueError(msg)
        source = picture_source(adapted, dimensions, reading)
    else:
        drawn = picture_size_of(adapted, dimensions, DEFAULT_SIZE)
        most = _most_frames(room, drawn, numbers)
        where = context_for(adapted, ctx)
        source = SceneSource(adapted, where, drawn, rate, count, multisamples, reading)
    return Frames(source, count, numbers, most)


class Frames(Iterator[np.ndarray]):
    """The frames of a scene, one after another; made by `nbpipe.frames`.

    While you look at a frame, the one after it is already drawn and on its way. An exception in the scene rises
    after the frames that were drawn before it.

    Parameters
    ----------
    source : Source
        Is released at the end.
    frames : int or None
        ``None``: until the source has no more.
    dtype : numpy.dtype
        What the source brings.
    most : int
        How many frames there may be in memory.
    """

    def __init__(self, source: Source, frames: int | None, dtype: np.dtype, most: int) -> None:
        width, height = source.size
        self._shape, self._dtype = (height, width, source.channels), dtype
        self._source, self._frames, self._index = source, frames, 0
        self._pool = Pool(functools.partial(source.memory, lasting=True), most)
        self._ended = False
        self._error: BaseException | None = None
        end = functools.partial(_end, source, self._pool)
        # Dropped anywhere, even on another thread, it is ended where the GL is.
        self._dropped = weakref.finalize(self, source.later, end)

    @folded
    def __next__(self) -> np.ndarray:
        check_not_amid(self, "__next__", "close")
        if not self._dropped.alive:
            raise StopIteration
        with self._source.current():  # on the wrong thread this raises, and does no harm
            try:
                self._draw_ahead()
                lent = self._pool.lend() if self._pool.filling else None
            except BaseException:
                self.close()
                raise
            if lent is not None:
                return np.frombuffer(lent, self._dtype).reshape(self._shape)
            if not self._ended:
                msg = (
                    f"all {self._pool.on_loan} frames that memory= has room for are being held; drop some of the "
                    "arrays or views of them, keep copies (array.copy()), or give more memory="
                )
                raise NbpipeError(msg)
            self.close()
        error, self._error = self._error, None
        try:
            raise error or StopIteration
        finally:
            del error  # its traceback leads here

    def close(self) -> None:
        """End it; arrays that you have stay as they are. Again does nothing."""
        if self._dropped.alive:
            with self._source.current():
                check_not_amid(self, "_draw_ahead")
                _end(self._source, self._pool)
                self._dropped.detach()  # last: after an interrupt in between, what is left is ended another time

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _draw_ahead(self) -> None:
        """Draw and issue reads, as far as there is memory; keep what ends it for when the rest has been lent."""
        while not self._ended and self._pool.filling < _AHEAD:
            if self._index == self._frames:
                self._ended = True
                return
            memory = self._pool.spare()
            if memory is None:
                return
            try:
                self._ended = not self._source.draw(self._index)
            except Exception as error:  # noqa: BLE001  it rises in its turn
                self._ended, self._error = True, _not_an_end(error)
            if not self._ended:
                self._source.read(memory)
                self._pool.issued(memory)
                self._index += 1
            elif self._error is None and self._frames is not None:
                self._error = SceneError(f"the scene ended after {self._index} of {self._frames} frames")


def _end(source: Source, pool: Pool) -> None:
    with source.current():
        pool.release()
        try:
            source.release()
        except Exception:  # noqa: BLE001  what ended it matters more
            _log.exception("nbpipe: an error while releasing the scene was ignored")


def _not_an_end(error: Exception) -> Exception:
    """Return what may rise from an iterator for `error`: a StopIteration would pass for its end."""
    if not isinstance(error, StopIteration):
        return error
    stopped = SceneError("the scene raised StopIteration")
    stopped.__cause__ = error
    return stopped


def _checked_dtype(dtype: npt.DTypeLike) -> np.dtype:
    """Return one of `DTYPES` as a dtype; raise `TypeError` or `ValueError` if it is none."""
    allowed = ", ".join(repr(name) for name in DTYPES)
    try:
        found: np.dtype = np.dtype(dtype)
    except (TypeError, ValueError):
        msg = f"dtype must be one of {allowed}, not {dtype!r}"
        raise TypeError(msg) from None
    if found.name not in DTYPES or not found.isnative:
        msg = f"dtype must be one of {allowed}, not {dtype!r}"
        raise ValueError(msg)
    return np.dtype(found.name)


def _most_frames(memory: int, size: tuple[int, int], dtype: np.dtype) -> int:
    """Return how many frames `memory` bytes hold; raise `ValueError` if they are too few to go on with."""
    one = size[0] * size[1] * CHANNELS * dtype.itemsize
    if memory < _FEWEST * one:
        msg = (
            f"memory must hold at least {_FEWEST} frames, which are {_FEWEST * one} bytes for {size[0]}x{size[1]} in "
            f"{dtype.name}, not {memory}"
        )
        raise ValueError(msg)
    return max(memory // max(one, _LEAST), _FEWEST)
