"""What each patch of a drawn picture shows: dense labels for teaching an image encoder alone.

A caption says little about a picture, and where it says it about; from random weights an encoder that is
taught by text alone learns colours in minutes and shapes not at all (docs/log.md). The drawing program knows
what covers every pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from openmolmo.engine.synth.cards.words import WORDS
from openmolmo.engine.synth.icons.catalogue import KINDS
from openmolmo.engine.synth.scenes.vocabulary import COLOURS, PATTERNS, SHAPES, SIZES

__all__ = ["BINS", "FACTS", "NAMES", "SPARSE", "Window"]

BINS = 20
"""Parts into which the width and height of a window are divided to say where an object's centre is."""

_BINS = tuple(f"{100 * i // BINS}-{100 * (i + 1) // BINS} %" for i in range(BINS))

_DIGITS = tuple("0123456789")

FACTS: dict[str, tuple[str, ...]] = {
    "shape": ("background", *SHAPES),
    "colour": ("background", *COLOURS),
    "pattern": tuple(PATTERNS),
    "size": tuple(SIZES),
    "column": _BINS,
    "row": _BINS,
    "hour": tuple(str(hour) for hour in range(1, 13)),
    "minute": tuple(f"{minute:02d}" for minute in range(60)),
    "thing": ("background", *sorted(KINDS)),
    "word": ("background", *WORDS),
    "tens": _DIGITS,
    "ones": _DIGITS,
}
"""What is told of a patch -> its classes."""

SPARSE = ("shape", "colour", "thing", "word")
"""Facts whose class 0 is that nothing is there: there is much of it, and it is easy."""

NAMES: dict[str, tuple[tuple[str, ...], ...]] = {
    fact: tuple((name, KINDS[name].plural) if fact == "thing" else (name,) for name in FACTS[fact][1:])
    for fact in SPARSE
}
"""Fact of :data:`SPARSE` -> how people say its classes, from class 1."""


@dataclass(frozen=True, slots=True)
class Window:
    """A square cut of a picture: S pixels a side, P patches.

    ``pixels`` (S, S, 3) uint8, RGB. ``facts`` (P, len(FACTS)) int64: classes of :data:`FACTS`, -1 where a fact
    means nothing (the pattern of the background) or cannot be told. ``offsets`` (P, 2) float32: from the
    patch's centre to the centre of the object that it shows, right and down, in units of two patches.
    """

    pixels: npt.NDArray[np.uint8]
    facts: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.float32]
