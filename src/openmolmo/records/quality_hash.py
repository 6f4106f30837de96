"""Pictures that look alike though their files differ: re-encoded, resized, lightly retouched.

A difference hash: the picture shrunk to 9 x 9 grey pixels, and for each whether it is brighter than its left and
than its upper neighbour; 128 bits. Alike are those that differ in few bits and hardly in their mean colour.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from openmolmo.core.errors import ConfigError
from openmolmo.pictures import reduced

__all__ = ["LookAlikes", "Signature", "signature", "signature_of"]

_BITS = 128
_NOISE = 2  # grey values by which a neighbour must be brighter: flat areas have the noise of their encoder
_COLOUR = 10.0  # grey values by which mean colours may differ


@dataclass(frozen=True, slots=True)
class Signature:
    """128 bits of differences, and the mean red, green and blue, 0-255."""

    bits: int
    colour: tuple[float, float, float]

    def distance(self, other: Signature) -> int:
        """Bits in which the two differ, 0-128; 128 if their colours do."""
        if any(abs(mine - its) > _COLOUR for mine, its in zip(self.colour, other.colour, strict=True)):
            return _BITS
        return (self.bits ^ other.bits).bit_count()


def signature(data: bytes) -> Signature:
    """The signature of an encoded picture that is known to be readable (see ``picture_size``)."""
    return signature_of(reduced(data, 64))


def signature_of(picture: Image.Image) -> Signature:
    """The signature of an RGB picture."""
    small = picture.resize((9, 9), Image.Resampling.BOX)
    pixels = np.asarray(small, np.int16)
    grey = pixels.sum(axis=2) // 3
    across = grey[:8, 1:] > grey[:8, :-1] + _NOISE
    down = grey[1:, :8] > grey[:-1, :8] + _NOISE
    bits = np.packbits(np.concatenate([across.ravel(), down.ravel()]))
    red, green, blue = (float(value) for value in pixels.mean(axis=(0, 1)))
    return Signature(int.from_bytes(bits.tobytes(), "big"), (red, green, blue))


class LookAlikes:
    """Signatures seen so far; finds one within ``distance`` bits without comparing with all of them.

    The bits are cut into ``distance + 1`` bands: two signatures that differ in at most ``distance`` bits have
    at least one band in common.
    """

    def __init__(self, distance: int) -> None:
        if not 0 <= distance <= 15:
            raise ConfigError(f"distance={distance} must be from 0 to 15 bits", fix="6 is a good start")
        self.distance = distance
        self._bands: list[dict[int, list[tuple[Signature, str]]]] = [{} for _ in range(distance + 1)]

    def find(self, wanted: Signature) -> str | None:
        """The name of the first signature that is near enough, or None."""
        return next(self._near(wanted), None)

    def find_all(self, wanted: Signature) -> list[str]:
        """The names of all signatures that are near enough, each once."""
        return list(dict.fromkeys(self._near(wanted)))

    def _near(self, wanted: Signature) -> Iterator[str]:
        for bucket, key in zip(self._bands, self._keys(wanted), strict=True):
            for known, name in bucket.get(key, ()):
                if wanted.distance(known) <= self.distance:
                    yield name

    def add(self, new: Signature, name: str) -> None:
        """Remember a signature."""
        for bucket, key in zip(self._bands, self._keys(new), strict=True):
            bucket.setdefault(key, []).append((new, name))

    def _keys(self, one: Signature) -> list[int]:
        count = self.distance + 1
        edges = [_BITS * index // count for index in range(count + 1)]
        return [one.bits >> low & ((1 << (high - low)) - 1) for low, high in itertools.pairwise(edges)]
