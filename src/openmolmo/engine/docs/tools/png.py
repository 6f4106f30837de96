"""Reading and writing the pictures of tools: always RGB on white, the same bytes for the same pixels."""

from __future__ import annotations

import io

from PIL import Image

__all__ = ["on_white", "picture_of", "size_of"]

_LEVEL = 3
"""Of compression: half of the time of 6, for files that are a tenth larger."""
_latest: tuple[bytes, Image.Image] | None = None
"""The last picture that was written or read, as a program, its questions and its signature look at the same one."""


def size_of(png: bytes) -> tuple[int, int]:
    """(width, height) in pixels."""
    with Image.open(io.BytesIO(png)) as picture:
        return picture.size


def picture_of(png: bytes) -> Image.Image:
    """The picture, RGB; not to be changed. Asked for again, the last one is not read again."""
    global _latest
    latest = _latest  # looked at once: a tool that was given up may still draw in a thread of its own
    if latest is None or latest[0] is not png:
        with Image.open(io.BytesIO(png)) as opened:
            _latest = latest = (png, opened.convert("RGB"))
    return latest[1]


def on_white(picture: Image.Image) -> bytes:
    """The picture, which is not to be changed any more, as PNG without transparency."""
    global _latest
    if picture.mode != "RGB":
        ground = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(ground, picture.convert("RGBA")).convert("RGB")
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=_LEVEL)
    png = out.getvalue()
    _latest = (png, picture)
    return png
