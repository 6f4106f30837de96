"""Several prompts of different lengths as one left-padded batch.

Letters: B prompts, T tokens of the longest, N crops of all pictures, P patches of a crop, M image tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from openmolmo.prompting.sequence import Tokens, join_images

__all__ = ["first_crops", "left_padded"]


def left_padded(prompts: Sequence[Tokens], device: torch.device) -> dict[str, Tensor]:
    """``input_ids, position_ids, attention_mask`` (B, T) and, where there are pictures, ``crops``
    (N, 3, S, S), ``patch_mask`` (N, P), ``pooled_patches`` (M, pool * pool).

    Crops that are one object in several prompts are there once: its picture is looked at once.
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
    images = join_images(prompts, once=True) if any(tokens.images for tokens in prompts) else {}
    arrays = {"input_ids": ids, "position_ids": positions, "attention_mask": mask, **images}
    return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}


def first_crops(prompts: Sequence[Tokens]) -> dict[int, int]:
    """``id`` of the crops of each picture -> place of its first, the whole picture, among all crops of the batch."""
    places: dict[int, int] = {}
    count = 0
    for image in (image for tokens in prompts for image in tokens.images):
        if id(image) not in places:
            places[id(image)] = count
            count += len(image.pixels)
    return places
