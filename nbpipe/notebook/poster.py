"""What a saved notebook shows where the widget is not alive: a poster, and the video itself where it is small.

Owns the form of both, as two outputs of a cell, and the style rules by which a page shows one of them. Two, because
GitHub shows the HTML of an output that has some, and nothing of a video in it. Where a host takes the rules out of the
HTML it shows the poster alone: JupyterLab leaves a notebook that it does not trust a video, but also ``hidden``.
Any thread. Knows neither IPython nor files.
"""

from __future__ import annotations

import base64
import html
import secrets

Bundle = dict[str, object]

OUTPUTS = ("picture", "page")  # of one poster, in this order: the rules look for the second behind the first

_COMMENT = b"\xff\xfe\x00\x14"  # JPEG: a comment follows, of 18 bytes; after it, base64 is at the end of a group

# What stands in JupyterLab for a widget that is not there, such as "model not found": a panel that holds no element.
_NO_WIDGET = ".jp-OutputArea-child:has(> .lm-Panel):not(:has(> .lm-Panel > *))"
_AREA = ":is(.jp-OutputArea-child, .output_area)"  # one output: in JupyterLab and nbconvert, in nbconvert's older forms


def marked(jpeg: bytes) -> tuple[str, str]:
    """Return a JPEG as base64, and the mark by which a page finds it: how that begins, and no other picture does.

    The mark is a comment in the picture. How pictures end would not do: those with a dark lower corner end alike.
    """
    head = 4 + int.from_bytes(jpeg[4:6], "big")  # JFIF's own segment comes first
    commented = jpeg[:head] + _COMMENT + secrets.token_bytes(18) + jpeg[head:]
    text = base64.b64encode(commented).decode()
    return text, text[: (head + len(_COMMENT) + 18) // 3 * 4]


def outputs(jpeg: bytes, text: str, clip: tuple[str, bytes] | None) -> tuple[str, dict[str, Bundle]]:
    """Return the mark of a poster, and its `OUTPUTS` as Jupyter has them; `clip`: the video's type and its bytes."""
    picture, mark = marked(jpeg)
    page = _page(picture, mark, text, clip)
    return mark, {
        "picture": {"image/jpeg": picture, "text/plain": text},
        "page": {"text/html": page},  # and no text: where that is shown, the picture's says it
    }


def _page(picture: str, mark: str, text: str, clip: tuple[str, bytes] | None) -> str:
    """Return the rules for the outputs before this one, and the video."""
    uri = "data:image/jpeg;base64,"
    image, film = f'img[src^="{uri}{mark}"]', f'video[poster^="{uri}{mark}"]'
    rules = f"{_NO_WIDGET}:has(~ * {image}) {{ display: none; }}\n"
    video = ""
    if clip is not None:
        mime, data = clip
        # The picture goes wherever it stands, and with the space around it where that is known.
        rules += f":root:has({film}) {image} {{ display: none; }}\n"
        rules += f"{_AREA}:has({image}):has(~ * {film}) {{ display: none; }}\n"
        rules += f"{film} {{ display: block !important; max-width: 100%; }}\n"
        # Nothing inside it: where the element is taken away, that would be left. JupyterLab's own way with what it does
        # not trust drops a bare ``hidden``, and keeps one with a value.
        video = (
            f'<video hidden="hidden" controls loop playsinline aria-label="{html.escape(text)}"'
            f' poster="{uri}{picture}" src="data:{mime};base64,{base64.b64encode(data).decode()}"></video>'
        )
    return f"<div><style>\n{rules}</style>{video}</div>"
