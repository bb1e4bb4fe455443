"""The raw OpenGL calls that moderngl does not offer, and nothing more.

moderngl makes contexts, programs and framebuffers; it has no persistent mapping, no fences, no blit of a
part, and its reading and drawing undo what the scene had bound. These entry points close the gap. They come
from libEGL's own loader, are called through ctypes, and work on whichever context is current on the calling thread.
Those that can wait for the GL release the GIL (`_CAN_WAIT`). The rest keep it: whoever releases it while another
thread computes in Python gets it back after 5 ms, and a frame has some fifty of them.

The names of what they take are in `enums`.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import operator
from collections.abc import Callable, Iterator
from ctypes import c_bool, c_char_p, c_double, c_float, c_int, c_int64, c_uint, c_uint64, c_void_p
from typing import Any

from nbpipe.errors import SceneError
from nbpipe.gl import enums

# What glReadPixels obeys of the pack state, with the values it has by default but for the alignment.
PACK_STATE = {
    enums.PACK_ALIGNMENT: 1,
    enums.PACK_ROW_LENGTH: 0,
    enums.PACK_SKIP_ROWS: 0,
    enums.PACK_SKIP_PIXELS: 0,
    enums.PACK_SWAP_BYTES: 0,
    enums.PACK_LSB_FIRST: 0,
}
# What keeps fragments from arriving, or changes them. A framebuffer without depth, stencil or samples passes all
# tests of those.
DRAW_SWITCHES = (
    enums.POLYGON_SMOOTH,
    enums.CULL_FACE,
    enums.DITHER,
    enums.COLOR_LOGIC_OP,
    enums.RASTERIZER_DISCARD,
    *range(enums.CLIP_DISTANCE0, enums.CLIP_DISTANCE0 + 8),
)
# What comes between the pixels of a texture and a shader that fetches them. By a filter that wants mipmaps a texture
# without them is incomplete, and black.
TEXTURE_STATE = {
    enums.TEXTURE_BASE_LEVEL: 0,
    enums.TEXTURE_MIN_FILTER: enums.NEAREST,
    enums.TEXTURE_SWIZZLE_R: enums.RED,
    enums.TEXTURE_SWIZZLE_G: enums.GREEN,
    enums.TEXTURE_SWIZZLE_B: enums.BLUE,
    enums.TEXTURE_SWIZZLE_A: enums.ALPHA,
}
_EGL_DRAW, _EGL_READ = 0x3059, 0x305A

_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "glGetIntegerv": (None, (c_uint, c_void_p)),
    "glGetFloatv": (None, (c_uint, c_void_p)),
    "glGetInteger64i_v": (None, (c_uint, c_uint, c_void_p)),
    "glGetError": (c_uint, ()),
    "glIsEnabled": (c_bool, (c_uint,)),
    "glEnable": (None, (c_uint,)),
    "glDisable": (None, (c_uint,)),
    "glFinish": (None, ()),
    "glEnablei": (None, (c_uint, c_uint)),
    "glDisablei": (None, (c_uint, c_uint)),
    "glBlendFuncSeparate": (None, (c_uint,) * 4),
    "glBlendEquationSeparate": (None, (c_uint,) * 2),
    "glDepthFunc": (None, (c_uint,)),
    "glDepthRange": (None, (c_double,) * 2),
    "glProvokingVertex": (None, (c_uint,)),
    "glPatchParameteri": (None, (c_uint, c_int)),  # OpenGL 4.0
    "glIsBuffer": (c_bool, (c_uint,)),
    "glIsSampler": (c_bool, (c_uint,)),
    "glIsTexture": (c_bool, (c_uint,)),
    "glBindBuffer": (None, (c_uint, c_uint)),
    "glGetBufferPointerv": (None, (c_uint, c_uint, c_void_p)),
    "glBindBufferBase": (None, (c_uint,) * 3),
    "glBindBufferRange": (None, (c_uint,) * 3 + (c_int64,) * 2),
    "glBindImageTexture": (None, (c_uint, c_uint, c_int, c_bool, c_int, c_uint, c_uint)),  # OpenGL 4.2
    "glBufferStorage": (None, (c_uint, c_void_p, c_void_p, c_uint)),
    "glMapBufferRange": (c_void_p, (c_uint, c_void_p, c_void_p, c_uint)),
    "glUnmapBuffer": (c_bool, (c_uint,)),
    "glFenceSync": (c_void_p, (c_uint, c_uint)),
    "glClientWaitSync": (c_uint, (c_void_p, c_uint, c_uint64)),
    "glGetSynciv": (None, (c_void_p, c_uint, c_int, c_void_p, c_void_p)),
    "glDeleteSync": (None, (c_void_p,)),
    "glBindFramebuffer": (None, (c_uint, c_uint)),
    "glBlitFramebuffer": (None, (c_int,) * 8 + (c_uint, c_uint)),
    "glReadBuffer": (None, (c_uint,)),
    "glMemoryBarrier": (None, (c_uint,)),  # OpenGL 4.2
    "glReadPixels": (None, (c_int,) * 4 + (c_uint, c_uint, c_void_p)),
    "glPixelStorei": (None, (c_uint, c_int)),
    "glViewport": (None, (c_int,) * 4),
    "glColorMaski": (None, (c_uint,) * 5),
    "glPolygonMode": (None, (c_uint, c_uint)),
    "glUseProgram": (None, (c_uint,)),
    "glIsProgram": (c_bool, (c_uint,)),
    "glBindVertexArray": (None, (c_uint,)),
    "glActiveTexture": (None, (c_uint,)),
    "glBindTexture": (None, (c_uint, c_uint)),
    "glBindSampler": (None, (c_uint, c_uint)),
    "glGetTexParameteriv": (None, (c_uint, c_uint, c_void_p)),
    "glTexParameteri": (None, (c_uint, c_uint, c_int)),
    "glDrawArrays": (None, (c_uint, c_int, c_int)),
}
# What may have to wait until earlier drawing is done, or touches memory by the megabyte.
_CAN_WAIT = {
    "glFinish",
    "glBufferStorage",
    "glMapBufferRange",
    "glUnmapBuffer",
    "glClientWaitSync",
    "glBlitFramebuffer",
    "glReadPixels",
    "glDrawArrays",
    "glMemoryBarrier",  # llvmpipe draws here all that it has put off
}


class Calls:
    """The entry points as attributes without their ``gl``; use `calls`, which makes this once."""

    def __init__(self) -> None:
        self._egl = ctypes.PyDLL("libEGL.so.1")
        for name, (result, arguments) in {
            "eglGetProcAddress": (c_void_p, (c_char_p,)),
            "eglGetCurrentContext": (c_void_p, ()),
            "eglGetCurrentDisplay": (c_void_p, ()),
            "eglGetCurrentSurface": (c_void_p, (c_int,)),
        }.items():
            function = getattr(self._egl, name)
            function.restype, function.argtypes = result, arguments
        self._make_current = ctypes.CDLL("libEGL.so.1").eglMakeCurrent  # flushes, so it may wait
        self._make_current.restype, self._make_current.argtypes = c_bool, (c_void_p,) * 4
        for name, (result, arguments) in _SIGNATURES.items():
            address = self._egl.eglGetProcAddress(name.encode())
            prototype = ctypes.CFUNCTYPE if name in _CAN_WAIT else ctypes.PYFUNCTYPE
            function = prototype(result, *arguments)(address) if address else None
            setattr(self, name.removeprefix("gl"), function)

    @property
    def barriers(self) -> bool:
        """Whether the current context has glMemoryBarrier; the loader gives an address for it in any case."""
        major, minor = self.integer(enums.MAJOR_VERSION), self.integer(enums.MINOR_VERSION)
        return (major, minor) >= (4, 2)

    @property
    def read_pixels(self) -> int:
        """The address of glReadPixels, for native code."""
        return ctypes.cast(self.ReadPixels, c_void_p).value or 0

    def __getattr__(self, name: str) -> Any:  # which types the entry points, for mypy
        raise AttributeError(name)

    def integer(self, name: int) -> int:
        """Return the value of glGetIntegerv that is one number."""
        value = c_int()
        self.GetIntegerv(name, ctypes.byref(value))
        return value.value

    def integers(self, name: int) -> list[int]:
        """Return up to four values of glGetIntegerv; those that the GL has not are 0."""
        values = (c_int * 4)()
        self.GetIntegerv(name, values)
        return list(values)

    def signaled(self, fence: int) -> bool:
        """Whether the GL has come to a fence. Asks only, and flushes nothing."""
        value = c_int()
        self.GetSynciv(fence, enums.SYNC_STATUS, 1, None, ctypes.byref(value))
        return value.value == enums.SIGNALED

    def two_floats(self, name: int) -> tuple[float, float]:
        """Return two values of glGetFloatv."""
        values = (c_float * 2)()
        self.GetFloatv(name, values)
        return values[0], values[1]

    def integer_at(self, name: int, index: int) -> int:
        """Return what glGetInteger64i_v tells of one of several binding points."""
        value = c_int64()
        self.GetInteger64i_v(name, index, ctypes.byref(value))
        return value.value

    def array_buffer(self, bind: Callable[[], object]) -> tuple[int, int | None]:
        """Call `bind`, and return which array buffer is bound then, and the address where that is mapped, if it is."""
        name, address = c_int(), c_void_p()
        at_once(
            bind,
            functools.partial(self.GetIntegerv, enums.ARRAY_BUFFER_BINDING, ctypes.byref(name)),
            functools.partial(
                self.GetBufferPointerv, enums.ARRAY_BUFFER, enums.BUFFER_MAP_POINTER, ctypes.byref(address)
            ),
        )
        return name.value, address.value

    def current(self) -> tuple[int | None, ...]:
        """Return the calling thread's EGL context, display, and draw and read surfaces; the context first."""
        egl = self._egl
        return (
            egl.eglGetCurrentContext(),
            egl.eglGetCurrentDisplay(),
            egl.eglGetCurrentSurface(_EGL_DRAW),
            egl.eglGetCurrentSurface(_EGL_READ),
        )

    def make_current(self, current: tuple[int | None, ...]) -> None:
        """Make what `current` returned earlier current again on the calling thread."""
        context, display, draw, read = current
        if display:
            self._make_current(display, draw, read, context)

    @contextlib.contextmanager
    def reading(self, framebuffer: int) -> Iterator[None]:
        """Bind a framebuffer for reading its first colour attachment in the block, within `preserved`.

        What shaders have stored in it through image units counts as drawn.
        """
        self.BindFramebuffer(enums.READ_FRAMEBUFFER, framebuffer)
        chosen = self.integer(enums.READ_BUFFER)
        first = enums.COLOR_ATTACHMENT0 if framebuffer else chosen  # a window has no attachments
        try:
            self.ReadBuffer(first)
            if self.barriers:
                self.MemoryBarrier(enums.FRAMEBUFFER_BARRIER_BIT)
            yield
        finally:
            self.ReadBuffer(chosen)

    def blit(
        self, source: int, size: tuple[int, int], target: int, box: tuple[int, int, int, int], how: int = enums.NEAREST
    ) -> None:
        """Copy the colours of a framebuffer of `size` into the corners `box` of another, within `preserved`."""
        self.BindFramebuffer(enums.DRAW_FRAMEBUFFER, target)
        with self.reading(source):
            self.BlitFramebuffer(0, 0, *size, *box, enums.COLOR_BUFFER_BIT, how)

    @contextlib.contextmanager
    def taking_pictures(self, failure: str) -> Iterator[None]:
        """Raise `SceneError` if the block leaves an error of the GL; what the scene left is not ours to report."""
        self.GetError()
        yield
        if error := self.GetError():
            msg = f"{failure} (error {error:#x}); use an 8-bit or floating-point colour format"
            raise SceneError(msg)

    @contextlib.contextmanager
    def packing(self, buffer: int) -> Iterator[None]:
        """Bind a pack buffer in the block, which may delete it."""
        bound = self.integer(enums.PIXEL_PACK_BUFFER_BINDING)
        try:
            self.BindBuffer(enums.PIXEL_PACK_BUFFER, buffer)
            yield
        finally:
            self.BindBuffer(enums.PIXEL_PACK_BUFFER, bound if bound != buffer else 0)

    @contextlib.contextmanager
    def preserved(self) -> Iterator[None]:
        """Give the block plain state to read and blit in, and the scene its own back afterwards.

        Inside, pixels are packed tightly into client memory, nothing is scissored and nothing is converted to
        sRGB, whatever the scene has set; framebuffers and the pack buffer may be bound at will.
        """
        pack_buffer = self.integer(enums.PIXEL_PACK_BUFFER_BINDING)
        read, draw = self.integer(enums.READ_FRAMEBUFFER_BINDING), self.integer(enums.DRAW_FRAMEBUFFER_BINDING)
        packing = {name: self.integer(name) for name in PACK_STATE}
        switched_on = [name for name in (enums.SCISSOR_TEST, enums.FRAMEBUFFER_SRGB) if self.IsEnabled(name)]
        try:
            self.BindBuffer(enums.PIXEL_PACK_BUFFER, 0)
            for name, value in PACK_STATE.items():
                if packing[name] != value:
                    self.PixelStorei(name, value)
            for name in switched_on:
                self.Disable(name)
            yield
        finally:
            for name in switched_on:
                self.Enable(name)
            for name, value in packing.items():
                if PACK_STATE[name] != value:
                    self.PixelStorei(name, value)
            self.BindFramebuffer(enums.READ_FRAMEBUFFER, read)
            self.BindFramebuffer(enums.DRAW_FRAMEBUFFER, draw)
            self.BindBuffer(enums.PIXEL_PACK_BUFFER, pack_buffer)

    @contextlib.contextmanager
    def drawing(self, framebuffer: int, size: tuple[int, int]) -> Iterator[None]:
        """Give the block plain state to draw over all of a framebuffer in, within `preserved`.

        Inside, each fragment is stored in the first draw buffer as the shader makes it, whatever the scene has
        set; program, vertex array, and texture and sampler of unit 0, which is active, may be bound at will.

        All of this goes past moderngl, which remembers what it has switched and bound: because everything is as
        it was afterwards, what it remembers stays true.
        """
        with contextlib.ExitStack() as undo:
            # Noted before it is changed each time, so that an interrupt in between costs the scene nothing.
            undo.callback(self._use, self.integer(enums.CURRENT_PROGRAM))
            undo.callback(self.BindVertexArray, self.integer(enums.VERTEX_ARRAY_BINDING))
            undo.callback(self.Viewport, *self.integers(enums.VIEWPORT))
            undo.callback(self.ColorMaski, 0, *self.integers(enums.COLOR_WRITEMASK))
            undo.callback(self.PolygonMode, enums.FRONT_AND_BACK, self.integers(enums.POLYGON_MODE)[0])  # front, back
            undo.callback(self.ActiveTexture, self.integer(enums.ACTIVE_TEXTURE))
            self.ActiveTexture(enums.TEXTURE0)
            undo.callback(self.BindTexture, enums.TEXTURE_2D, self.integer(enums.TEXTURE_BINDING_2D))
            undo.callback(self.BindSampler, 0, self.integer(enums.SAMPLER_BINDING))
            for switch in DRAW_SWITCHES:
                if self.IsEnabled(switch):
                    undo.callback(self.Enable, switch)
                    self.Disable(switch)
            if self.IsEnabled(enums.BLEND):  # of draw buffer 0; the others have switches and masks of their own
                undo.callback(self.Enablei, enums.BLEND, 0)
                self.Disablei(enums.BLEND, 0)
            self.BindFramebuffer(enums.DRAW_FRAMEBUFFER, framebuffer)
            self.Viewport(0, 0, *size)
            self.ColorMaski(0, 1, 1, 1, 1)
            self.PolygonMode(enums.FRONT_AND_BACK, enums.FILL)
            yield

    def _use(self, program: int) -> None:
        # A program deleted while it was current was gone for good when another one took its place.
        self.UseProgram(program if self.IsProgram(program) else 0)

    @contextlib.contextmanager
    def sampling(self, texture: int) -> Iterator[None]:
        """Bind a texture for fetching its pixels as they are stored, in the block, within `drawing`.

        What shaders have stored in it through image units counts as drawn.
        """
        self.BindTexture(enums.TEXTURE_2D, texture)
        self.BindSampler(0, 0)
        if self.barriers:
            self.MemoryBarrier(enums.TEXTURE_FETCH_BARRIER_BIT)
        with contextlib.ExitStack() as undo:
            for name, plain in TEXTURE_STATE.items():
                found = c_int()
                self.GetTexParameteriv(enums.TEXTURE_2D, name, ctypes.byref(found))
                if found.value != plain:
                    undo.callback(self.TexParameteri, enums.TEXTURE_2D, name, found.value)
                    self.TexParameteri(enums.TEXTURE_2D, name, plain)
            yield


def at_once(*steps: Callable[[], object]) -> None:
    """Call what C has made in turn, with no signal handler in between: they run between two steps of Python alone."""
    list(map(operator.call, steps))


@functools.cache
def calls() -> Calls:
    """Return the entry points, loaded once per process. Raises `OSError` where there is no libEGL."""
    return Calls()
