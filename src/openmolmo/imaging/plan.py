"""Which crops a picture is cut into and which patches become tokens, from its size alone.

For a 1024x768 picture and CLIP-336 settings::

    >>> plan = make_plan(1024, 768, CropConfig())
    >>> plan.grid, plan.n_crops, plan.token_grids
    ((3, 4), 13, ((12, 12), (28, 36)))
    >>> plan.high
    Resize(out_h=784, out_w=1008, scaled_h=756, scaled_w=1008, top=14, left=0)

No pixels are needed, so that packing can count tokens before a picture is decoded.
Source: arXiv 2409.17146, section 2 (overlapping crops) and the released models.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from openmolmo.core.errors import ImageError
from openmolmo.imaging.config import CropConfig

__all__ = ["CropPlan", "Resize", "make_plan"]


class Resize(NamedTuple):
    """The picture scaled to (scaled_h, scaled_w) and laid at (top, left) on a black (out_h, out_w); pixels."""

    out_h: int
    out_w: int
    scaled_h: int
    scaled_w: int
    top: int
    left: int


@dataclass(frozen=True, eq=False)
class CropPlan:
    """Everything about the crops of one picture except their pixels.

    ``grid`` is (rows, cols) of high-resolution crops, (0, 0) in single mode, where ``high`` is None.
    ``token_grids``: (rows, cols) of patch tokens of the global crop, then of the high-resolution
    grid. ``pooled_patches`` (n_tokens, pool*pool) int64: for each patch token, in the order of the
    token list, the patches it pools, as indices into the flattened (n_crops * patches_per_crop);
    -1 is the zero patch that fills up an odd patch grid. The array is shared and read-only.
    """

    width: int
    height: int
    grid: tuple[int, int]
    low: Resize
    high: Resize | None
    token_grids: tuple[tuple[int, int], ...]
    pooled_patches: npt.NDArray[np.int64]

    @property
    def n_crops(self) -> int:
        """The global crop and the crops of the grid."""
        return 1 + self.grid[0] * self.grid[1]

    @property
    def n_tokens(self) -> int:
        """Patch tokens, which is the number of image features the language model gets."""
        return sum(rows * cols for rows, cols in self.token_grids)

    @property
    def n_sequence_tokens(self) -> int:
        """Patch tokens with their <im_start>, <im_end> and one <im_col> a row."""
        return sum(rows * (cols + 1) + 2 for rows, cols in self.token_grids)


@lru_cache(maxsize=16384)
def make_plan(width: int, height: int, config: CropConfig) -> CropPlan:
    """The crop plan of a picture of ``width`` x ``height`` pixels. Cached; raises ImageError for sizes below 1."""
    if width < 1 or height < 1:
        raise ImageError(f"a picture of {width}x{height} pixels has nothing to cut, both must be >= 1", kind="empty")
    side = config.crop_size
    low = _fit(width, height, side, side, config)
    if config.mode == "single":
        grid, high = (0, 0), None
    else:
        grid = _choose_grid(width, height, config)
        out_h, out_w = (count * config.stride + config.margin_pixels for count in grid)
        high = _fit(width, height, out_h, out_w, config)
    token_grids, pooled = _pooled_patches(grid, config)
    return CropPlan(width, height, grid, low, high, token_grids, pooled)


def _choose_grid(width: int, height: int, config: CropConfig) -> tuple[int, int]:
    """The (rows, cols) that scales the picture, less its margin, the least, preferring not to shrink it.

    A side at or under the margin gives an infinite or negative ratio: infinity leaves the choice to
    the other side, and with a negative side every scale is negative, which ends in the 1x1 grid.
    """
    grids, extents = _candidate_grids(config)
    inner = np.array([height - config.margin_pixels, width - config.margin_pixels], np.float32)
    with np.errstate(divide="ignore"):
        scales = (extents / inner).min(axis=1)
    if np.all(scales < 1):
        best = int(np.argmax(scales))
    else:
        best = int(np.argmin(np.where(scales < 1, np.float32(np.inf), scales)))
    return grids[best]


@lru_cache(maxsize=64)
def _candidate_grids(config: CropConfig) -> tuple[list[tuple[int, int]], npt.NDArray[np.float32]]:
    """All grids of at most max_crops in the order that decides ties, and their pixels (n, 2) height, width."""
    most = config.max_crops
    grids = [(rows, cols) for rows in range(1, most + 1) for cols in range(1, most // rows + 1)]
    grids.sort(key=lambda grid: (grid[0] * grid[1], grid[0]))
    return grids, np.array(grids, np.float32) * np.float32(config.stride)


def _fit(width: int, height: int, out_h: int, out_w: int, config: CropConfig) -> Resize:
    """Scale into out_h x out_w, aspect kept and centred, or stretched where the encoder wants that."""
    if config.resize != "clip":
        return Resize(out_h, out_w, out_h, out_w, 0, 0)
    # float32 and truncation are part of the released behaviour: 131 pixels become 335 of 336.
    tall, wide = np.float32(height), np.float32(width)
    scale = min(np.float32(out_h) / tall, np.float32(out_w) / wide)
    # At 336x1 and beyond the short side would vanish; rounding up must not leave the canvas either.
    scaled_h = min(max(int(tall * scale), 1), out_h)
    scaled_w = min(max(int(wide * scale), 1), out_w)
    return Resize(out_h, out_w, scaled_h, scaled_w, (out_h - scaled_h) // 2, (out_w - scaled_w) // 2)


@lru_cache(maxsize=1024)
def _pooled_patches(
    grid: tuple[int, int], config: CropConfig
) -> tuple[tuple[tuple[int, int], ...], npt.NDArray[np.int64]]:
    """The token grids, and for each token the patches it pools (n_tokens, pool*pool)."""
    windows = _crop_windows(config)
    side = config.pooled_per_side
    tokens = [windows.reshape(side * side, -1)]
    token_grids = [(side, side)]
    if grid != (0, 0):
        row_of, row_crop = _kept(grid[0], config)
        col_of, col_crop = _kept(grid[1], config)
        # Broadcast rows against columns: the whole picture's pooled patches, row by row.
        chosen = windows[row_of[:, None], col_of[None, :]]
        crop = 1 + row_crop[:, None] * grid[1] + col_crop[None, :]
        offset = (crop * config.patches_per_crop)[..., None]
        tokens.append(np.where(chosen < 0, -1, chosen + offset).reshape(-1, config.pool**2))
        token_grids.append((len(row_of), len(col_of)))
    pooled = np.concatenate(tokens)
    pooled.setflags(write=False)
    return tuple(token_grids), pooled


def _crop_windows(config: CropConfig) -> npt.NDArray[np.int64]:
    """Patch indices inside one crop by pooled position: (pooled, pooled, pool*pool), -1 beyond an odd edge."""
    patches, pooled, pool = config.patches_per_side, config.pooled_per_side, config.pool
    index = np.full((pooled * pool, pooled * pool), -1, np.int64)
    index[:patches, :patches] = np.arange(patches * patches).reshape(patches, patches)
    return index.reshape(pooled, pool, pooled, pool).transpose(0, 2, 1, 3).reshape(pooled, pooled, pool * pool)


def _kept(count: int, config: CropConfig) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Along one axis of ``count`` crops: pooled positions kept and the crop each is in.

    Margins are dropped except at the outer edges, so that what is kept covers the axis once.
    """
    first, last = config.used_margins
    positions, crops = [], []
    for crop in range(count):
        start = 0 if crop == 0 else first
        stop = config.patches_per_side - (0 if crop == count - 1 else last)
        kept = -(-(stop - start) // config.pool)
        positions.append(start // config.pool + np.arange(kept))
        crops.append(np.full(kept, crop))
    return np.concatenate(positions).astype(np.int64), np.concatenate(crops).astype(np.int64)
