"""What a saved notebook keeps of a widget: a picture known by its mark, and HTML that holds nothing of the user's as markup."""

from __future__ import annotations

import base64
import io
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from nbpipe.notebook.pictures import jpeg
from nbpipe.notebook.poster import outputs

PICTURE = np.random.default_rng(1).integers(0, 256, (90, 160, 3), np.uint8)
DARK = np.zeros((90, 160, 3), np.uint8)
CLIP = ("video/webm", b"\x1aE\xdf\xa3<script>")


class Elements(HTMLParser):
    """The elements of a page with their attributes, and all text."""

    def __init__(self, page) -> None:
        super().__init__()
        self.tags, self.text = {}, []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        assert tag not in self.tags
        self.tags[tag] = dict(attrs)

    def handle_data(self, data):
        self.text.append(data)


def page(clip, text="out.webm: 160×90"):
    return Elements(outputs(jpeg(PICTURE, 85), text, clip)[1]["page"]["text/html"])


def test_a_mark_leaves_the_picture_as_it_is():
    plain = jpeg(PICTURE, 85)
    mark, made = outputs(plain, "text", None)
    picture = made["picture"]["image/jpeg"]
    assert picture.startswith(mark)
    with Image.open(io.BytesIO(base64.b64decode(picture))) as marked, Image.open(io.BytesIO(plain)) as unmarked:
        assert (np.asarray(marked) == np.asarray(unmarked)).all()
        assert marked.info["jfif"] == unmarked.info["jfif"]


def test_no_other_poster_has_the_mark_not_even_of_the_same_picture():
    mark, made = outputs(jpeg(DARK, 85), "text", None)
    other, others = outputs(jpeg(DARK, 85), "text", None)
    assert made["picture"]["image/jpeg"][-64:] == others["picture"]["image/jpeg"][-64:]
    assert mark not in others["picture"]["image/jpeg"]
    assert other != mark


def test_the_page_holds_the_video_and_the_poster():
    tags = page(CLIP).tags
    assert list(tags) == ["div", "style", "video"]
    kind, _, data = tags["video"]["src"].partition(";base64,")
    assert (kind, base64.b64decode(data)) == ("data:video/webm", CLIP[1])
    with Image.open(io.BytesIO(base64.b64decode(tags["video"]["poster"].partition(",")[2]))) as poster:
        assert poster.size == (160, 90)
    assert {"controls", "loop", "playsinline"} < tags["video"].keys()
    assert tags["video"]["hidden"] == "hidden", "until the style rule shows it"


def test_without_a_video_there_are_rules_alone():
    assert list(page(None).tags) == ["div", "style"]


@pytest.mark.parametrize("clip", [None, CLIP])
def test_where_the_style_is_taken_away_no_text_is_left(clip):
    (rules,) = page(clip).text
    assert "display: none" in rules


def test_what_a_file_is_called_is_no_markup():
    name = "\"><img src=x onerror='alert(1)'></style></video>&amp;.mp4: 160×90"
    tags = page(CLIP, name).tags
    assert list(tags) == ["div", "style", "video"]
    assert tags["video"]["aria-label"] == name
    assert page(None, name).tags.keys() == {"div", "style"}
