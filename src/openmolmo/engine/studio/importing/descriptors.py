"""What pictures look like, as numbers: for choosing those that differ most.

A descriptor is a function from encoded pictures to rows of numbers. ``plain`` needs nothing but numpy: a histogram
of colours and of the directions of edges. Others come by the entry point group ``openmolmo.studio_descriptors``: a
function from a text (what stands after the colon: ``encoder:FOLDER``) to such a function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from openmolmo.core.errors import ConfigError
from openmolmo.core.registry import Registry
from openmolmo.pictures import reduced

__all__ = ["DESCRIPTORS", "Descriptor", "descriptor", "plain"]

Floats = npt.NDArray[np.float32]
Descriptor = Callable[[Sequence[bytes]], Floats]
"""(pictures) -> (number of pictures, features); nearness is Euclidean distance."""

DESCRIPTORS: Registry[Callable[[str], Descriptor]] = Registry("studio_descriptor")

_SIDE = 64
_LEVELS = 4  # of each colour: 64 bins
_TURNS = 8  # directions of edges
_PARTS = 2  # the picture is cut into 2 x 2 parts for the edges


def descriptor(name: str) -> Descriptor:
    """The descriptor called ``plain`` or ``NAME:ARGUMENT``."""
    kind, _, argument = name.partition(":")
    if kind == "plain":
        if argument:
            raise ConfigError(f"the descriptor 'plain' takes no argument, not {argument!r}")
        return plain
    return DESCRIPTORS.get(kind)(argument)


def plain(pictures: Sequence[bytes]) -> Floats:
    """(N, 96): square roots of 64 shares of colours and of 4 x 8 shares of edge directions (Hellinger distance)."""
    return np.stack([_one(data) for data in pictures]) if pictures else np.zeros((0, 96), np.float32)


def _one(data: bytes) -> Floats:
    small = reduced(data, _SIDE).resize((_SIDE, _SIDE), Image.Resampling.BOX)
    pixels = np.asarray(small, np.int64)
    levels = pixels * _LEVELS // 256
    codes = (levels[..., 0] * _LEVELS + levels[..., 1]) * _LEVELS + levels[..., 2]
    colours = np.bincount(codes.ravel(), minlength=_LEVELS**3) / codes.size
    down, across = np.gradient(pixels.mean(axis=2))
    strength = np.hypot(down, across)
    turns = np.floor((np.arctan2(down, across) + np.pi) / (2 * np.pi) * _TURNS).astype(np.int64) % _TURNS
    half = _SIDE // _PARTS
    edges = np.concatenate(
        [
            np.bincount(turns[y : y + half, x : x + half].ravel(), strength[y : y + half, x : x + half].ravel(), _TURNS)
            for y in (0, half)
            for x in (0, half)
        ]
    )
    edges /= max(float(strength.sum()), 1.0)
    made: Floats = np.sqrt(np.concatenate([colours, edges])).astype(np.float32)
    return made
