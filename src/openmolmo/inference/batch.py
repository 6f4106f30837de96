"""Several prompts of different lengths as one left-padded batch.

Letters: B prompts, T tokens of the longest, N crops of all pictures, P patches of a crop, M image tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from openmolmo.prompting.sequence import Tokens

__all__ = ["left_padded"]


def left_padded(prompts: Sequence[Tokens], device: torch.device) -> dict[str, Tensor]:
    """``input_ids, position_ids, attention_mask`` (B, T) and, where there are pictures, ``crops``
    (N, 3, S, S), ``patch_mask`` (N, P), ``pooled_patches`` (M, pool * pool).

    Padding stands on the left, so that the last column is every prompt's last token. Its ids and
    positions are 0 and its attention mask is 0.
    """
    shape = (len(prompts), max(len(tokens.input_ids) for tokens in prompts))
    ids, positions, mask = (np.zeros(shape, np.int64) for _ in range(3))
    for row, tokens in enumerate(prompts):
        start = shape[1] - len(tokens.input_ids)
        ids[row, start:] = tokens.input_ids
        positions[row, start:] = tokens.position_ids
        mask[row, start:] = 1
    arrays = {"input_ids": ids, "position_ids": positions, "attention_mask": mask, **_images(prompts)}
    return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}


def _images(prompts: Sequence[Tokens]) -> dict[str, np.ndarray]:
    """Crops of all prompts one after the other; window indices moved accordingly."""
    images = [image for tokens in prompts for image in tokens.images]
    if not images:
        return {}
    windows, before = [], 0
    for image in images:
        windows.append(np.where(image.pooled_patches >= 0, image.pooled_patches + before, -1))
        before += image.patch_mask.size
    return {
        "crops": np.concatenate([image.pixels for image in images]),
        "patch_mask": np.concatenate([image.patch_mask for image in images]),
        "pooled_patches": np.concatenate(windows),
    }
