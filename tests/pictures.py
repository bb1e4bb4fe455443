"""What a page reads out of a message that brings pictures."""

from __future__ import annotations


def pictures_in(content, buffers=()):
    """Return the pictures of a message, each as a dict with its `buffers`; none if it brings none.

    Those of an H.264 stream are of the type ``packet``; a key packet also has what a decoder must know.
    """
    if content.get("type") == "frame":
        return [{**content, "buffers": buffers}]
    if content.get("type") != "packets":
        return []
    key = content.get("key")
    if key:
        ((index, time, frame),) = content["pictures"]
        return [
            {"type": "packet", "index": index, "time": time, "frame": frame, "key": True, **key, "buffers": buffers}
        ]
    return [
        {"type": "packet", "index": index, "time": time, "frame": frame, "key": False, "buffers": [data]}
        for (index, time, frame), data in zip(content["pictures"], buffers, strict=True)
    ]
