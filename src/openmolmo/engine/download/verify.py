"""Whether bytes are a whole picture. Whoever skips this stores error pages as pictures."""

from __future__ import annotations

from dataclasses import dataclass

from openmolmo.core.errors import ImageError
from openmolmo.core.files import sha256_bytes
from openmolmo.engine.download.states import FetchFailed, State
from openmolmo.pictures import FORMATS, MAX_PIXELS, format_of, verify

__all__ = ["HEAD", "Limits", "Verdict", "verify_download", "starts_like_a_picture"]

HEAD = 32
"""Bytes from which a format can be told."""

_STATES = {
    "empty": State.NOT_AN_IMAGE,
    "not_an_image": State.NOT_AN_IMAGE,
    "unsupported": State.NOT_AN_IMAGE,
    "too_large": State.TOO_LARGE,
}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bytes of a file and pixels of a picture beyond which it is refused."""

    bytes: int = 32 * 2**20
    pixels: int = MAX_PIXELS


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A whole picture: SHA-256 of the file, its bytes, width and height in pixels when upright, and the ending
    that files of its format have."""

    sha256: str
    bytes: int
    width: int
    height: int
    ending: str


def starts_like_a_picture(head: bytes) -> bool:
    """Whether the first bytes (``HEAD`` of them, or the whole file) are those of a format that is read here."""
    return format_of(head) is not None


def verify_download(data: bytes, *, expected: str | None = None, limits: Limits | None = None) -> Verdict:
    """Decode a file to its end and compare its hash; whatever is wrong raises :class:`FetchFailed`."""
    limits = limits or Limits()
    if len(data) > limits.bytes:
        raise FetchFailed(State.TOO_LARGE, f"{len(data)} bytes, the limit is {limits.bytes}")
    try:
        facts = verify(data, max_pixels=limits.pixels, name="the answer")
    except ImageError as error:
        raise FetchFailed(_STATES.get(error.kind, State.CORRUPT), error.message) from error
    digest = sha256_bytes(data)
    if expected is not None and digest != expected:
        raise FetchFailed(State.HASH_DIFFERS, f"sha256 {digest}, on record {expected}")
    ending = FORMATS[facts.format].ending
    return Verdict(sha256=digest, bytes=len(data), width=facts.width, height=facts.height, ending=ending)
