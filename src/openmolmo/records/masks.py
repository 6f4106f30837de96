"""Masks as run lengths: encode, decode, and ask whether a point lies inside.

A 2x4 mask and its run lengths (row-major, zeros first):

    0 1 1 0
    1 1 0 0     ->  Mask(height=2, width=4, counts=(1, 2, 1, 2, 2))
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from openmolmo.records.example import Mask, Point

__all__ = ["contains", "decode", "encode"]


def encode(mask: NDArray[np.bool_]) -> Mask:
    """Run lengths of a boolean array (height, width)."""
    assert mask.ndim == 2, f"a mask has two dimensions, this one {mask.ndim}"
    height, width = mask.shape
    flat = np.asarray(mask, dtype=np.bool_).ravel()
    if flat.size == 0:
        return Mask(height=height, width=width, counts=())
    borders = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    edges = np.concatenate(([0], borders, [flat.size]))
    counts = np.diff(edges).tolist()
    return Mask(height=height, width=width, counts=tuple([0, *counts] if flat[0] else counts))


def decode(mask: Mask) -> NDArray[np.bool_]:
    """The boolean array (height, width) of a mask whose counts sum to height * width."""
    assert sum(mask.counts) == mask.height * mask.width, "the run lengths do not fill the mask"
    values = np.arange(len(mask.counts)) % 2 == 1
    return np.repeat(values, mask.counts).reshape(mask.height, mask.width)


def contains(mask: Mask, point: Point) -> bool:
    """Whether the pixel under ``point`` (percent of width and height) belongs to the mask.

    100 percent is the last pixel; points outside 0-100 (or not finite) are in no mask.
    """
    if not (0 <= point.x <= 100 and 0 <= point.y <= 100) or mask.height * mask.width == 0:
        return False
    column = min(math.floor(point.x / 100 * mask.width), mask.width - 1)
    row = min(math.floor(point.y / 100 * mask.height), mask.height - 1)
    ends = np.cumsum(mask.counts)
    return bool(np.searchsorted(ends, row * mask.width + column, side="right") % 2 == 1)
