"""Whether bytes are a whole picture. Whoever skips this stores error pages as pictures."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

from PIL import Image

from openmolmo.core.files import sha256_bytes
from openmolmo.engine.download.states import FetchFailed, State

__all__ = ["HEAD", "Limits", "Verdict", "judge", "starts_like_a_picture"]

HEAD = 32
"""Bytes from which a format can be told."""

_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")
_STARTS = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n",
    b"GIF8",
    b"BM",
    b"II*\x00",
    b"MM\x00*",
    b"\x00\x00\x00\x0cjP  ",
    b"\xff\x4f\xff\x51",
    b"P5",
    b"P6",
)

# What Pillow's decoders raise on damaged files.
_DAMAGE = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, AttributeError, OverflowError,
    RuntimeError, struct.error, zlib.error,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bytes of a file and pixels of a picture beyond which it is refused."""

    bytes: int = 32 * 2**20
    pixels: int = 89_478_485  # where Pillow starts to warn of decompression bombs


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A whole picture: SHA-256 of the file, its bytes, width and height in pixels as stored."""

    sha256: str
    bytes: int
    width: int
    height: int


def starts_like_a_picture(head: bytes) -> bool:
    """Whether the first bytes (``HEAD`` of them, or the whole file) are those of a format that is read here."""
    boxed = head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis", b"mif1")
    return head.startswith(_STARTS) or boxed or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def judge(data: bytes, *, expected: str | None = None, limits: Limits | None = None) -> Verdict:
    """Decode a file to its end and compare its hash; whatever is wrong raises :class:`FetchFailed`.

    JPEGs are decoded at an eighth of their size: every byte of them is read all the same.
    """
    limits = limits or Limits()
    if len(data) > limits.bytes:
        raise FetchFailed(State.TOO_LARGE, f"{len(data)} bytes, the limit is {limits.bytes}")
    if not data:
        raise FetchFailed(State.NOT_AN_IMAGE, "the answer is empty")
    if not starts_like_a_picture(data[:HEAD]):
        raise FetchFailed(State.NOT_AN_IMAGE, f"starts with {data[:12]!r}")
    width, height = _decode(data, limits)
    digest = sha256_bytes(data)
    if expected is not None and digest != expected:
        raise FetchFailed(State.HASH_DIFFERS, f"sha256 {digest}, on record {expected}")
    return Verdict(sha256=digest, bytes=len(data), width=width, height=height)


def _decode(data: bytes, limits: Limits) -> tuple[int, int]:
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            width, height = picture.size
            if width * height > limits.pixels:
                raise FetchFailed(State.TOO_LARGE, f"{width} x {height} pixels, the limit is {limits.pixels}")
            if width < 1 or height < 1:
                raise FetchFailed(State.CORRUPT, f"{width} x {height} pixels")
            picture.draft(picture.mode, (max(width // 8, 1), max(height // 8, 1)))
            picture.load()
    except Image.DecompressionBombError as error:
        raise FetchFailed(State.TOO_LARGE, str(error)) from error
    except MemoryError as error:
        raise FetchFailed(State.TOO_LARGE, "it does not fit into memory") from error
    except _DAMAGE as error:
        said = str(error).partition(" <_io")[0] or type(error).__name__
        raise FetchFailed(State.CORRUPT, said) from error
    return width, height
