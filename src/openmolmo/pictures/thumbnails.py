"""Small pictures with the pixels that a model sees: for pages, and for comparing."""

from __future__ import annotations

import io

import PIL.Image

from openmolmo.pictures.addresses import to_address
from openmolmo.pictures.decoding import MAX_PIXELS, decode, upright_rgb
from openmolmo.pictures.reading import Encoded, opened

__all__ = ["reduced", "thumbnail"]

_QUALITY = 85  # of JPEG; enough for a page


def thumbnail(source: Encoded, side: int, *, name: str | None = None) -> tuple[str, int, int]:
    """A data URL of at most ``side`` pixels each way, its width and height; raises ImageError as open_image does."""
    picture = reduced(source, side, name=name)
    picture.thumbnail((side, side))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=_QUALITY)
    return to_address(stream.getvalue(), "image/jpeg"), picture.width, picture.height


def reduced(source: Encoded, side: int, *, name: str | None = None) -> PIL.Image.Image:
    """The picture as RGB, upright; JPEGs are decoded no larger than ``side`` pixels need, which is quicker."""
    with opened(source, name) as (stream, called):

        def small(image: PIL.Image.Image) -> PIL.Image.Image:
            if image.format == "JPEG":
                image.draft(image.mode, (side, side))
            made = upright_rgb(image, MAX_PIXELS, called)
            return made.copy() if made is image else made

        return decode(stream, MAX_PIXELS, called, small)
