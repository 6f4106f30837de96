"""Square pieces of a drawn picture, every patch labelled by the thing that covers most of it."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from openmolmo.engine.synth.patch_labels import BINS, FACTS, SPARSE, Window
from openmolmo.engine.synth.scenes.dice import Dice

__all__ = ["cut_windows"]

_NAMES = list(FACTS)
_PLACE = [_NAMES.index("column"), _NAMES.index("row")]

_OFFSET_UNIT = 2.0
"""Offsets are in units of so many patches, so that most are between -1 and 1."""


def cut_windows(  # noqa: PLR0913  (all of one picture)
    dice: Dice,
    count: int,
    picture: npt.NDArray[np.uint8],
    owner: npt.NDArray[np.uint8],
    table: npt.NDArray[np.int64],
    centres: npt.NDArray[np.float32],
    *,
    side: int,
    patch: int,
    least: float,
    empty: Collection[str] = SPARSE,
) -> list[Window]:
    """``count`` windows of ``side`` pixels at random places; a picture smaller than that stands in a black one.

    Args:
        owner: (H, W) number of what covers each pixel, from 1; 0 is nothing.
        table: (N + 1, len(FACTS)) classes of each, -1 where nothing is told; row 0 is not read.
        centres: (N + 1, 2) their centres in pixels, x and y.
        least: share of a patch that must be covered; with less, but some, nothing is told of it.
        empty: facts that say of a patch without anything that nothing is there.
    """
    height, width = owner.shape
    rows, columns = min(height, side), min(width, side)
    down, right = (side - rows) // 2, (side - columns) // 2
    padding = ((down, side - rows - down), (right, side - columns - right))
    nothing = [_NAMES.index(fact) for fact in empty]
    windows = []
    for _ in range(count):
        left, top = dice.below(max(1, width - side + 1)), dice.below(max(1, height - side + 1))
        pixels, inside = picture[top : top + side, left : left + side], owner[top : top + side, left : left + side]
        shift = np.array((right - left, down - top))  # integers: places are added up in float64
        facts, offsets = _label(np.pad(inside, padding), nothing, table, centres + shift, patch, least)
        windows.append(Window(np.pad(pixels, (*padding, (0, 0))), facts, offsets))
    return windows


def _label(
    owner: npt.NDArray[np.uint8],
    nothing: list[int],
    table: npt.NDArray[np.int64],
    centres: npt.NDArray[np.float64],
    patch: int,
    least: float,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    side, across = owner.shape[0], owner.shape[0] // patch
    cells = owner.reshape(across, patch, across, patch).swapaxes(1, 2).reshape(across**2, patch**2)
    facts, offsets = np.full((across**2, len(FACTS)), -1, np.int64), np.zeros((across**2, 2), np.float32)
    facts[:, nothing] = 0
    for cell in np.flatnonzero(cells.any(axis=1)):
        covered = np.bincount(cells[cell])
        covered[0] = 0
        thing = int(covered.argmax())
        if covered[thing] < least * patch**2:
            facts[cell] = -1
            continue
        facts[cell] = table[thing]
        facts[cell, _PLACE] = (centres[thing] / side * BINS).clip(0, BINS - 1)
        middle = (np.array((cell % across, cell // across)) + 0.5) * patch
        offsets[cell] = (centres[thing] - middle) / (_OFFSET_UNIT * patch)
    return facts, offsets
