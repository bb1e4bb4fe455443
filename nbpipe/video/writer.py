"""The native parts: the writer, whose thread moves the bytes of slots into FFmpeg, and the loop that converts pixels.

The only module that imports the compiled `_native`, whose stub documents it. The native thread needs no GIL. Knows no
FFmpeg: a descriptor, memory, and what glReadPixels looks like.
"""

from __future__ import annotations

try:
    from nbpipe._native import Closed, Conversion, PipeWriter
except ModuleNotFoundError as error:
    error.add_note("nbpipe's native part is not built. From a clone of the project: make build")
    raise

__all__ = ["Closed", "Conversion", "PipeWriter"]
