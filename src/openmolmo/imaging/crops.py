"""Pixels of the crops of one picture, normalised, with how much of each patch is real."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from openmolmo.core.errors import ConfigError, ImageError
from openmolmo.imaging.config import NORMALIZATIONS, CropConfig
from openmolmo.imaging.plan import CropPlan, Resize
from openmolmo.imaging.resize import resize_exact, resize_fast

__all__ = ["Crops", "cut_crops"]

Mode = Literal["exact", "fast"]
_RESIZERS: dict[str, Callable[..., list[torch.Tensor]]] = {"exact": resize_exact, "fast": resize_fast}


@dataclass(frozen=True, eq=False)
class Crops:
    """The crops of one picture, the global one first and then the grid row by row.

    ``pixels`` (n_crops, 3, S, S) float32, normalised. ``patch_mask`` (n_crops, n_patches) float32:
    the share of real (not padded) pixels in each patch; -1 throughout the last crop where the
    configuration shifts the mask. ``pooled_patches`` as in CropPlan.
    """

    pixels: npt.NDArray[np.float32]
    patch_mask: npt.NDArray[np.float32]
    pooled_patches: npt.NDArray[np.int64]


def cut_crops(image: npt.NDArray[np.uint8], plan: CropPlan, config: CropConfig, *, mode: Mode = "exact") -> Crops:
    """Cut ``image`` (H, W, 3) uint8 as ``plan`` says, which must have been made for its size and ``config``.

    ``mode``: ``exact`` gives the values released weights were trained on; ``fast`` resizes in whole
    numbers, at most 1/255 of the range away. Raises ImageError where picture and plan disagree.
    """
    if mode not in _RESIZERS:
        raise ConfigError(f"crop mode {mode!r} is not one of {', '.join(_RESIZERS)}")
    if image.dtype != np.uint8 or image.shape != (plan.height, plan.width, 3):
        raise ImageError(
            f"the picture is {image.dtype} of shape {image.shape}, the plan is for uint8 of shape "
            f"{(plan.height, plan.width, 3)}",
            kind="unsupported",
            fix="read pictures with open_image and make the plan for that width and height",
        )
    resizes = [plan.low] if plan.high is None else [plan.low, plan.high]
    scaled = _RESIZERS[mode](image, [(r.scaled_h, r.scaled_w) for r in resizes], config.resize)
    side = config.crop_size
    pixels = torch.empty(plan.n_crops, 3, side, side)
    _place(scaled[0], plan.low, config, out=pixels[0])
    if plan.high is not None:
        canvas = torch.empty(3, plan.high.out_h, plan.high.out_w)
        _place(scaled[1], plan.high, config, out=canvas)
        rows, cols = plan.grid
        windows = canvas.unfold(1, side, config.stride).unfold(2, side, config.stride)
        pixels[1:].view(rows, cols, 3, side, side).copy_(windows.permute(1, 2, 0, 3, 4))
    return Crops(pixels.numpy(), _patch_mask(plan, config), plan.pooled_patches)


def _place(scaled: torch.Tensor, resize: Resize, config: CropConfig, *, out: torch.Tensor) -> None:
    """Normalise ``scaled`` onto the canvas ``out``; padding is black before normalisation."""
    mean, std, black = _statistics(config.normalize)
    top, left, height, width = resize.top, resize.left, resize.scaled_h, resize.scaled_w
    if (height, width) != (resize.out_h, resize.out_w):
        out.copy_(black.expand_as(out))
    inside = out[:, top : top + height, left : left + width]
    torch.sub(scaled, mean, out=scaled)
    torch.div(scaled, std, out=scaled)
    inside.copy_(scaled)


@lru_cache(maxsize=8)
def _statistics(name: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean, standard deviation and normalised black, each (3, 1, 1) float32."""
    mean, std = (torch.tensor(values, dtype=torch.float32)[:, None, None] for values in NORMALIZATIONS[name])
    return mean, std, (torch.zeros(3, 1, 1) - mean) / std


def _patch_mask(plan: CropPlan, config: CropConfig) -> npt.NDArray[np.float32]:
    """Real share of each patch (n_crops, n_patches), one crop late if the configuration says so.

    A patch's real pixels are rows x columns of the picture inside it, so the mask is an outer
    product of two covers and no mask picture is needed.
    """
    low = _real_pixels(plan.low, (1, 1), config)
    if plan.high is None:
        # Shifting would leave a single crop with nothing but -1: it keeps its own mask.
        return low
    high = _real_pixels(plan.high, plan.grid, config)
    if not config.shift_patch_mask:
        return np.concatenate([low, high])
    return np.concatenate([high, np.full_like(low, -1)])


def _real_pixels(resize: Resize, grid: tuple[int, int], config: CropConfig) -> npt.NDArray[np.float32]:
    """Share of real pixels by crop and patch: (rows * cols, n_patches) float32."""
    rows = _cover(resize.top, resize.scaled_h, grid[0], config)
    cols = _cover(resize.left, resize.scaled_w, grid[1], config)
    counts = rows[:, None, :, None] * cols[None, :, None, :]
    shares = counts.astype(np.float32) / np.float32(config.patch_size**2)
    return shares.reshape(-1, config.patches_per_crop)


def _cover(start: int, length: int, count: int, config: CropConfig) -> npt.NDArray[np.int64]:
    """Along one axis: real pixels in each patch of each of ``count`` crops, (count, patches_per_side)."""
    edges = np.arange(count)[:, None] * config.stride + np.arange(config.patches_per_side) * config.patch_size
    covered = np.minimum(edges + config.patch_size, start + length) - np.maximum(edges, start)
    real: npt.NDArray[np.int64] = np.maximum(covered, 0)
    return real
