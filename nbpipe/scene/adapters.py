"""Turns whatever a person calls a scene into one of two things: a `Scene`, or `Pictures`.

A callable or GLSL becomes a `Scene` that draws; an iterable becomes `Pictures`, which brings finished ones.
Render thread only. Makes no GL object itself; knows nothing of readback or video.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import moderngl
import numpy as np

from nbpipe.errors import SceneError
from nbpipe.scene.scene import Adapted, Scene
from nbpipe.scene.shader import Shader

if TYPE_CHECKING:
    from nbpipe.scene.frame import Frame

GLPicture = moderngl.Texture | moderngl.Framebuffer


@dataclass(frozen=True, slots=True)
class BufferPicture:
    """A buffer of the GL, and what it does not know of itself: tightly packed pixels, bottom row first.

    Attributes
    ----------
    buffer : moderngl.Buffer
    size : tuple of int
        Width and height in pixels.
    channels : int
        Bytes per pixel: 3 or 4.
    """

    buffer: moderngl.Buffer
    size: tuple[int, int]
    channels: int


Picture = np.ndarray | GLPicture | BufferPicture


class FunctionScene(Adapted):
    """A plain function ``draw(frame)`` as a scene."""

    def __init__(self, draw: Callable[[Frame], object]) -> None:
        self.name: str = getattr(draw, "__name__", type(draw).__name__)
        self._draw = draw

    @property
    def subject(self) -> object:
        """The function; an object that can be called may have attributes."""
        return self._draw

    def render(self, frame: Frame) -> None:
        """Call it. Raises `SceneError` when it gives a picture, or a coroutine, instead of drawing one."""
        given = self._draw(frame)
        if isinstance(given, (np.ndarray, Coroutine)):
            msg = f"{self.name}(frame) gave a {type(given).__name__}; it must draw into frame.fbo, and not await. "
            if isinstance(given, Coroutine):
                given.close()  # else Python warns that nobody awaits it
            raise SceneError(msg + "For pictures that are made elsewhere, hand over an iterator of arrays")


class Pictures:
    """Finished pictures, one after another: uint8 or uint16 arrays, textures, framebuffers or buffers.

    The first one is looked at early, because its kind and size decide how the rest are carried.
    """

    def __init__(self, pictures: Iterable[Picture]) -> None:
        self._iterator: Iterator[Picture] = iter(pictures)
        self._count = 0
        self._ahead: list[Picture] = []

    @property
    def waiting(self) -> bool:
        """Whether a picture was looked at and not yet used."""
        return bool(self._ahead)

    def first(self) -> Picture:
        """Return the first picture without using it up.

        Raises
        ------
        SceneError
            There is none, or it is no picture.
        """
        if not self._ahead:
            picture = self.next()
            if picture is None:
                msg = "the iterator gave no picture at all"
                raise SceneError(msg)
            self._count = 0
            self._ahead.append(picture)
        return self._ahead[0]

    def next(self) -> Picture | None:
        """Return the next picture, ``None`` after the last."""
        if self._ahead:
            picture = self._ahead.pop()
        else:
            try:
                picture = next(self._iterator)
            except StopIteration:
                return None
        self.check(picture, self._count)
        self._count += 1
        return picture

    @staticmethod
    def check(picture: object, number: int) -> None:
        """Raise `SceneError` unless `picture` is of a kind that can be recorded."""
        if isinstance(picture, (moderngl.Texture, moderngl.Framebuffer, BufferPicture)):
            return
        wanted = (
            "a uint8 or uint16 array of shape (height, width, 3 or 4) in native byte order, a moderngl Texture or a "
            "Framebuffer (or a Buffer, for nbpipe.open with a size)"
        )
        if not isinstance(picture, np.ndarray):
            msg = f"picture {number} is a {type(picture).__name__}; expected {wanted}"
            raise SceneError(msg)
        if np.ma.is_masked(picture):
            msg = f"picture {number} is an array with masked pixels, and videos have none: give array.filled(value)"
            raise SceneError(msg)
        if (
            picture.dtype not in (np.uint8, np.uint16)
            or picture.ndim != 3  # noqa: PLR2004
            or picture.shape[2] not in (3, 4)
            or not picture.size
        ):
            msg = f"picture {number} is an array of shape {picture.shape} and dtype {picture.dtype}; expected {wanted}"
            if picture.dtype.kind == "f":
                msg += ". Floats from 0 to 1 become one by (array.clip(0, 1) * 255).round().astype(numpy.uint8)"
            raise SceneError(msg)


def picture_size(picture: Picture) -> tuple[int, int]:
    """Return the width and height of a picture in pixels."""
    if isinstance(picture, np.ndarray):
        return picture.shape[1], picture.shape[0]
    width, height = picture.size[:2]
    return width, height


def kind(picture: Picture) -> str:
    """Return what a picture is, in words."""
    names = {np.ndarray: "an array", BufferPicture: "a buffer"}
    return names.get(type(picture), f"a {type(picture).__name__}")


def check_like(index: int, got: tuple[int, int], expected: tuple[int, int]) -> None:
    """Raise `SceneError` unless picture `index` has the size that is expected."""
    if got != expected:
        swapped = " (the shape of an array is height, width, channels: transpose it)" if got == expected[::-1] else ""
        raise unlike(index, f"{got[0]}x{got[1]}", f"{expected[0]}x{expected[1]}{swapped}")


def unlike(index: int, got: str, expected: str) -> SceneError:
    """Return the error that says what picture `index` is, and what it should be."""
    return SceneError(f"picture {index} is {got}, expected {expected}")


def adapt(scene: object) -> Scene | Pictures:
    """Find out what kind of scene this is; the first match wins.

    Raises
    ------
    TypeError
        It is none, with what was given.
    """
    if isinstance(scene, type) and _is_window_config(scene):
        from nbpipe.scene.window import WindowScene

        return WindowScene(scene)
    if isinstance(scene, type):
        msg = f"scene is the class {scene.__name__}; pass an instance of it: {scene.__name__}()"
        raise TypeError(msg)
    _check_that_it_runs(scene)
    if _is_window_config(type(scene)):
        name = type(scene).__name__
        msg = f"scene is an instance of the WindowConfig {name}, which has a window already; pass the class: {name}"
        raise TypeError(msg)
    if isinstance(scene, str):
        return Shader(scene)
    if isinstance(scene, Scene):
        return scene
    if isinstance(scene, Pictures):
        return scene
    if callable(scene):
        return FunctionScene(scene)
    if isinstance(scene, Iterable) and not isinstance(scene, (bytes, bytearray, memoryview)):
        return Pictures(scene)
    msg = (
        "scene must be a GLSL string, an object with render(frame), a function of a frame, an iterable of pictures, "
        f"or a WindowConfig class, not {scene!r}"
    )
    if isinstance(scene, os.PathLike):
        msg += "; if the file holds GLSL, pass its text: Path(…).read_text()"
    raise TypeError(msg)


def playable(scene: object) -> Scene:
    """Do as `adapt`, and refuse what cannot be played again and again."""
    adapted = adapt(scene)
    if isinstance(adapted, Pictures):
        msg = "an iterable of pictures cannot be played twice; make it a function of a frame, or use nbpipe.record"
        raise TypeError(msg)
    return adapted


def _check_that_it_runs(scene: object) -> None:
    """Refuse a function of which a call runs nothing: each frame would be black, or that before."""
    if inspect.isgeneratorfunction(scene) and not inspect.signature(scene).parameters:
        msg = f"scene is a generator function; pass what it returns: {scene.__name__}()"
        raise TypeError(msg)
    draws: Any = getattr(scene, "render", scene)
    if inspect.isgeneratorfunction(draws) or inspect.iscoroutinefunction(draws) or inspect.isasyncgenfunction(draws):
        msg = (
            f"{draws.__name__}(frame) has yield or async in it, so that calling it runs nothing of it; "
            "make it a plain function that draws into frame.fbo"
        )
        raise TypeError(msg)


def _is_window_config(kind: type) -> bool:
    """Whether a class is one of moderngl-window's; whoever has such a class has imported that already."""
    base = getattr(sys.modules.get("moderngl_window"), "WindowConfig", None)
    return isinstance(base, type) and issubclass(kind, base)
