"""Leave crops out of a picture: their pixels, their patches, and their image tokens.

Every token of the high-resolution grid pools patches of one crop, which owns it. When crops are left out, the tokens of
the others stand as before: row by row over the whole picture, each row with one ``<im_col>`` at its end. A row of
which nothing is left has none, and nothing tells in the sequence where a gap was.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

import numpy as np
import numpy.typing as npt

from openmolmo.core.errors import ConfigError
from openmolmo.imaging.config import CropConfig
from openmolmo.imaging.crops import Crops
from openmolmo.imaging.plan import CropPlan

__all__ = ["Grid", "Grids", "bands_of", "count_tokens", "keep_crops", "regions_of"]

Grid = tuple[int, int] | tuple[tuple[int, int], ...]
"""(rows, columns) of patch tokens; or several such, one below the other, where crops were left out of some rows."""
Grids = tuple[Grid, ...]
"""The global crop's, then that of the high-resolution crops, if there are any."""


def bands_of(grid: Grid) -> tuple[tuple[int, int], ...]:
    """(rows, columns) one below the other; several where crops were left out."""
    match grid:
        case (int(rows), int(columns)):
            return ((rows, columns),)
        case _:
            return grid


def count_tokens(grids: Grids) -> int:
    """How many patch tokens a picture has; those between its rows are not among them."""
    return sum(rows * columns for grid in grids for rows, columns in bands_of(grid))


def keep_crops(crops: Crops, plan: CropPlan, kept: Iterable[int], config: CropConfig) -> tuple[Grids, Crops]:
    """The token grids and crops of a picture with the global crop and, of the others, those of ``kept`` (from 0).

    Raises ConfigError for a crop that is not there, or is named twice.
    """
    chosen = sorted(int(one) for one in kept)
    if len({*chosen}) < len(chosen) or any(not 0 <= one < plan.n_crops - 1 for one in chosen):
        raise ConfigError(
            f"the crops {chosen} are kept of a picture that has {plan.n_crops - 1} (from 0), each once",
            fix="a crop policy must name different crops of the picture's own",
        )
    if len(chosen) == plan.n_crops - 1:
        return plan.token_grids, crops
    places = np.full(plan.n_crops, -1)
    rows = np.array([0, *(one + 1 for one in chosen)])
    places[rows] = np.arange(len(rows))
    size = config.patches_per_crop
    pooled = crops.pooled_patches
    owner = places[pooled.max(axis=1) // size]  # the crop of each token among those kept, or -1
    inside = owner >= 0
    moved = np.where(pooled >= 0, owner[:, None] * size + pooled % size, -1)[inside]
    grids: Grids = (plan.token_grids[0],)
    if chosen:
        first = plan.token_grids[0][0] * plan.token_grids[0][1]
        lengths = inside[first:].reshape(plan.token_grids[1]).sum(axis=1).tolist()
        bands = tuple((len(list(same)), length) for length, same in groupby(lengths) if length)
        grids = (*grids, bands)
    return grids, Crops(crops.pixels[rows], crops.patch_mask[rows], moved)


def regions_of(plan: CropPlan, config: CropConfig) -> npt.NDArray[np.bool_]:
    """(high-resolution crops, P): the patches of the global crop that show some of what each crop shows."""
    assert plan.high is not None
    rows = _spans(plan.grid[0], plan.low[0], plan.low[2], plan.low[4], plan.high[2], plan.high[4], config)
    cols = _spans(plan.grid[1], plan.low[1], plan.low[3], plan.low[5], plan.high[3], plan.high[5], config)
    both = rows[:, None, :, None] & cols[None, :, None, :]
    return both.reshape(plan.n_crops - 1, config.patches_per_crop)


def _spans(
    count: int, size: int, low: int, low_start: int, high: int, high_start: int, config: CropConfig
) -> npt.NDArray[np.bool_]:
    """Along one axis: (count, patches a side). ``low`` and ``high``: the picture's pixels on either canvas."""
    starts = np.arange(count) * config.stride
    ends = starts + config.crop_size
    scale = low / high

    def placed(pixels: npt.NDArray[np.int64]) -> npt.NDArray[np.floating]:
        return low_start + np.clip(pixels - high_start, 0, high) * scale

    edges = np.arange(config.patches_per_side) * config.patch_size
    first, last = placed(starts)[:, None], placed(ends)[:, None]
    first = np.minimum(first, size - 1)  # a crop of padding alone still has the patch beside it
    inside: npt.NDArray[np.bool_] = (edges < np.maximum(last, first + 1)) & (edges + config.patch_size > first)
    return inside
