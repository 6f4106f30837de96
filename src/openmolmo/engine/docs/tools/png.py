"""Reading and writing the pictures of tools: always RGB on white, the same bytes for the same pixels."""

from __future__ import annotations

import io

from PIL import Image

__all__ = ["on_white", "size_of"]


def size_of(png: bytes) -> tuple[int, int]:
    """(width, height) in pixels."""
    with Image.open(io.BytesIO(png)) as picture:
        return picture.size


def on_white(picture: Image.Image) -> bytes:
    """The picture as PNG without transparency."""
    if picture.mode != "RGB":
        ground = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(ground, picture.convert("RGBA")).convert("RGB")
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=6)
    return out.getvalue()
