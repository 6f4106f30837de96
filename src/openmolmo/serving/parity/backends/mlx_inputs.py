"""Our numbers in the form that mlx-vlm's Molmo takes: so that its arithmetic is compared, without its own pixels.

C crops, N patches of a crop, D values of a patch, W pooled windows of a crop.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from openmolmo.core.errors import PromptError
from openmolmo.prompting.processor import Processor, Prompt
from openmolmo.serving.parity.asked import Question

__all__ = ["MlxInputs", "mlx_arrays"]

_NOWHERE = -100  # the place of a window that becomes no token


class MlxInputs:
    """Writes the arrays of each question beside it."""

    def __init__(self, processor: Processor) -> None:
        self._processor = processor

    def __call__(self, place: int, question: Question, folder: Path) -> Mapping[str, Any]:
        """More of a request: where its arrays are."""
        request = question.request
        prompt = self._processor.prompt([*request.history, request.text], request.images)
        path = folder / f"{place}.npz"
        arrays: dict[str, Any] = {**mlx_arrays(prompt, self._processor)}
        np.savez(path, **arrays)
        return {"arrays": str(path)}


def mlx_arrays(prompt: Prompt, processor: Processor) -> dict[str, npt.NDArray[Any]]:
    """``input_ids`` (1, T); with a picture ``pixel_values`` (C, N, D), ``image_masks`` (C, N), ``image_input_idx``
    (C, W). Raises PromptError for several pictures."""
    arrays: dict[str, npt.NDArray[Any]] = {"input_ids": prompt.input_ids[None].astype(np.int32)}
    if not prompt.images:
        return arrays
    if len(prompt.images) > 1:
        raise PromptError(f"there are {len(prompt.images)} pictures; mlx-vlm's Molmo takes one", fix="ask about one")
    (crops,) = prompt.images
    patch, pool = processor.crop.patch_size, processor.crop.pool
    count, side = len(crops.pixels), processor.crop.crop_size // patch
    pixels = crops.pixels.reshape(count, 3, side, patch, side, patch).transpose(0, 2, 4, 3, 5, 1)
    places = np.full((count, (side // pool) ** 2), _NOWHERE, np.int32)
    crop, inside = np.divmod(crops.pooled_patches[:, 0], side * side)
    row, column = np.divmod(inside, side)
    tokens = np.flatnonzero(prompt.input_ids == processor.tokenizer.special.im_patch)
    places[crop, row // pool * (side // pool) + column // pool] = tokens
    return arrays | {
        "pixel_values": pixels.reshape(count, side * side, -1).astype(np.float32),
        "image_masks": crops.patch_mask.astype(np.float32),
        "image_input_idx": places,
    }
