"""A picture from anywhere: its pixels, or what there is to say of it, by the same rules."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import PIL.Image

from openmolmo.core.errors import ImageError
from openmolmo.pictures.addresses import from_address
from openmolmo.pictures.arrays import from_array
from openmolmo.pictures.decoding import (
    MAX_PIXELS,
    decode,
    hidden_by_transparency,
    turned,
    upright,
    upright_rgb,
)
from openmolmo.pictures.jpeg import decode_jpeg

__all__ = ["Encoded", "Facts", "ImageSource", "header_size", "open_image", "opened", "verify"]

Encoded = bytes | str | Path
"""The bytes of a file, a path, or a ``data:`` or ``file:`` address."""

ImageSource = bytes | str | Path | PIL.Image.Image | npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """A whole picture: its format (Pillow's name of it), and width and height in pixels when upright.

    ``hidden``: people see something else than the model, for all of it is transparent, or its drawing is in the
    transparency alone.
    """

    format: str
    width: int
    height: int
    hidden: bool = False


def open_image(source: ImageSource, *, max_pixels: int = MAX_PIXELS, name: str | None = None) -> npt.NDArray[np.uint8]:
    """Read a picture as (height, width, 3) uint8 RGB, upright as its EXIF orientation says.

    ``source`` is the bytes of a file, a path, a ``data:`` or ``file:`` address, a Pillow image or an array
    (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of uint8, uint16, bool or floats in [0, 1]. Animations give their
    first frame, transparency is dropped, more than 8 bits are scaled to 8. ``max_pixels`` is checked against
    the header before anything is decoded. ``name`` is what errors call the picture (default: its path).

    Raises ImageError with ``kind`` missing, empty, not_an_image, truncated, corrupt, too_large or unsupported.
    """
    if isinstance(source, np.ndarray):
        return from_array(source, max_pixels, name or "the array")
    if isinstance(source, PIL.Image.Image):
        return np.array(upright_rgb(source, max_pixels, name or "the Pillow image"), dtype=np.uint8)
    with opened(source, name) as (stream, called):

        def pixels(image: PIL.Image.Image) -> npt.NDArray[np.uint8]:
            quick = _from_jpeg(image, stream)
            return np.array(upright_rgb(image, max_pixels, called), dtype=np.uint8) if quick is None else quick

        return decode(stream, max_pixels, called, pixels)


def verify(source: Encoded, *, max_pixels: int = MAX_PIXELS, name: str | None = None) -> Facts:
    """Decode a picture to its end and say what it is; raises ImageError where, and only where, open_image does.

    JPEGs are decoded at an eighth of their size: every byte of them is read all the same.
    """
    with opened(source, name) as (stream, called):

        def facts(image: PIL.Image.Image) -> Facts:
            width, height = image.size
            if image.format == "JPEG":
                image.draft(image.mode, (max(width // 8, 1), max(height // 8, 1)))
            rgb = upright_rgb(image, max_pixels, called)
            if turned(image):
                width, height = height, width
            hidden = hidden_by_transparency(image, rgb)
            return Facts(format=image.format or "", width=width, height=height, hidden=hidden)

        return decode(stream, max_pixels, called, facts)


def header_size(source: Encoded, *, max_pixels: int = MAX_PIXELS, name: str | None = None) -> tuple[int, int]:
    """Width and height in pixels when upright, from the header alone; raises ImageError where that is wrong."""

    def size(image: PIL.Image.Image) -> tuple[int, int]:
        return (image.height, image.width) if turned(image) else (image.width, image.height)

    with opened(source, name) as (stream, called):
        return decode(stream, max_pixels, called, size)


def _from_jpeg(image: PIL.Image.Image, stream: BinaryIO) -> npt.NDArray[np.uint8] | None:
    """The quicker way for ordinary photographs, with the same result; None leaves the file to Pillow."""
    if (image.format, image.mode) != ("JPEG", "RGB"):
        return None
    stream.seek(0)
    pixels = decode_jpeg(stream.read(), image.width, image.height)
    if pixels is None:
        return None
    plain = PIL.Image.fromarray(pixels)
    made = upright(plain, image)
    return pixels if made is plain else np.array(made)


@contextmanager
def opened(source: Encoded, name: str | None) -> Iterator[tuple[BinaryIO, str]]:
    """A stream at the start of the file, and what errors are to call it."""
    if isinstance(source, str):
        source = from_address(source)
    if isinstance(source, bytes | bytearray | memoryview):
        yield io.BytesIO(source), name or f"the {len(source)} bytes given"
    elif isinstance(source, str | Path):
        called = name or str(source)
        with _open_file(Path(source), called) as stream:
            yield stream, called
    else:
        raise ImageError(
            f"a picture of type {type(source).__name__} cannot be read",
            kind="unsupported",
            fix="give a path, the file's bytes, a Pillow image or a numpy array",
        )


def _open_file(path: Path, name: str) -> BinaryIO:
    if str(path).startswith(("http:/", "https:/")):
        raise ImageError(f"{name} is an address, not a file", kind="missing", fix="download it and give its path")
    try:
        if path.is_dir():
            raise ImageError(f"{name} is a folder, not a picture", kind="not_an_image", fix="give a file inside it")
        if path.exists() and not path.is_file():
            raise ImageError(f"{name} is a device or pipe, not a file", kind="not_an_image")
        return path.open("rb")
    except FileNotFoundError as error:
        raise ImageError(
            f"there is no picture {name}", kind="missing", fix="check the path; it is relative to the current folder"
        ) from error
    except OSError as error:
        raise ImageError(f"{name} cannot be read: {error.strerror}", kind="missing") from error
    except ValueError as error:  # a NUL byte in the path, or half a surrogate
        raise ImageError(f"{name!r} is not a path: {error}", kind="missing") from error
