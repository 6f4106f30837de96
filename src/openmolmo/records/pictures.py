"""What the records need of a picture file: can it be read, how large is it, and a thumbnail.

Turning pictures into model input is the business of the imaging room, which stands above this one.
"""

from __future__ import annotations

import base64
import io
import struct
import zlib
from pathlib import Path

from PIL import Image, ImageOps

from openmolmo.core.errors import DataError
from openmolmo.records.example import ImageRef

__all__ = ["picture_bytes", "picture_size", "thumbnail"]

MAX_PIXELS = 178_956_970
"""Pillow's own limit, beyond which it refuses a file as a decompression bomb."""

# What Pillow's decoders raise on damaged files, beside OSError.
_DAMAGE = (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, struct.error, zlib.error)


def picture_bytes(image: ImageRef) -> bytes | None:
    """The encoded file; None for a picture that is only a URL. A missing file is a :class:`DataError`."""
    if image.data is not None:
        return image.data
    if image.path is None:
        return None
    path = Path(image.path)
    try:
        if not path.is_file():
            raise DataError(f"{path} does not exist", field="image", rule="exists")
        return path.read_bytes()
    except OSError as error:  # a name that is too long, a file that may not be read
        raise DataError(f"{path} cannot be read: {error.strerror}", field="image", rule="readable") from error


def picture_size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels after EXIF rotation; decodes everything, so damage is a :class:`DataError`."""
    opened = _open(data)
    return opened.width, opened.height


def thumbnail(data: bytes, side: int) -> tuple[str, int, int]:
    """A data URL of at most ``side`` pixels each way, and its width and height."""
    picture = _open(data)
    if picture.mode not in ("RGB", "L"):
        flat = Image.new("RGB", picture.size, "white")
        flat.paste(picture.convert("RGB"), mask=picture.convert("RGBA").getchannel("A"))
        picture = flat
    picture.thumbnail((side, side))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}", picture.width, picture.height


def _open(data: bytes) -> Image.Image:
    if not data:
        raise DataError("the file is empty", field="image", rule="readable")
    try:
        with Image.open(io.BytesIO(data)) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise DataError(
                    f"{opened.width} x {opened.height} pixels, the limit is {MAX_PIXELS} in all",
                    field="image",
                    rule="readable",
                )
            opened.load()
            return ImageOps.exif_transpose(opened)
    except Image.DecompressionBombError as error:
        raise DataError(f"the picture is refused: {error}", field="image", rule="readable") from error
    except _DAMAGE as error:
        said = str(error).replace("cannot identify image file", "it is not a picture:").partition(" <_io")[0]
        raise DataError(f"the picture cannot be read: {said.rstrip(':')}", field="image", rule="readable") from error
