"""Rows of examples -> one batch, whose keys are exactly the keyword parameters of ``Molmo.forward``.

Shapes: B rows, T tokens of the longest row, N crops of the whole batch, P patches of a crop,
M image tokens of the whole batch, in reading order of ``input_ids``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from openmolmo.core.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from openmolmo.prompting.sequence import Tokens

__all__ = ["collate", "collate_arrays", "to_tensors"]

IGNORED = -100
"""The label of a token without loss, as the library has it: its Trainer counts the others."""

_TEXT_KEYS = ("input_ids", "position_ids", "branch_ids", "labels", "loss_weights")


def collate(rows: Sequence[Sequence[Tokens]], row_length: int | None = None) -> dict[str, Tensor]:
    """Stack rows of examples into tensors.

    Returns ``input_ids, position_ids, example_ids, branch_ids, labels`` (B, T) int64,
    ``loss_weights`` (B, T) float32, ``crops`` (N, 3, S, S) and ``patch_mask`` (N, P) float32,
    ``pooled_patches`` (M, pool * pool) int64 into the N * P patches, -1 for a zero patch.
    ``example_ids`` count within a row and are -1 on padding; ``labels`` are -100 where nothing is learnt. Rows
    are as long as the longest, or ``row_length`` where given. Raises DataError for a row that is longer.
    """
    return to_tensors(collate_arrays(rows, row_length))


def to_tensors(arrays: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """The same batch as tensors; memory is shared where it can be."""
    import torch  # here, because mixtures and joined data sets come through this room without it

    return {key: torch.from_numpy(array) for key, array in arrays.items()}


def collate_arrays(
    rows: Sequence[Sequence[Tokens]], row_length: int | None = None, *, isolate: bool = True
) -> dict[str, np.ndarray]:
    """:func:`collate` in numpy, for worker processes. Without ``isolate`` a row is one example (``LoaderConfig``)."""
    longest = max(sum(len(tokens.input_ids) for tokens in row) for row in rows)
    if row_length is not None and longest > row_length:
        raise DataError(f"a row holds {longest} tokens, more than row_length={row_length}")
    shape = (len(rows), row_length or longest)
    batch = {key: np.zeros(shape, np.int64) for key in _TEXT_KEYS}
    batch["loss_weights"] = np.zeros(shape, np.float32)
    batch["example_ids"] = np.full(shape, -1, np.int64)
    for b, row in enumerate(rows):
        start = 0
        for number, tokens in enumerate(row):
            span = slice(start, start + len(tokens.input_ids))
            for key in _TEXT_KEYS:
                batch[key][b, span] = getattr(tokens, key)
            batch["example_ids"][b, span] = number if isolate else 0
            start = span.stop
    batch["labels"][batch["loss_weights"] == 0] = IGNORED
    batch.update(_images([tokens for row in rows for tokens in row]))
    return batch


def _images(examples: Sequence[Tokens]) -> dict[str, np.ndarray]:
    """Crops of all examples one after the other; indices of pooled patches moved accordingly."""
    if not any(tokens.images for tokens in examples):
        return {
            "crops": np.zeros((0, 3, 0, 0), np.float32),
            "patch_mask": np.zeros((0, 0), np.float32),
            "pooled_patches": np.zeros((0, 0), np.int64),
        }
    from openmolmo.prompting.sequence import join_images

    return join_images(examples)
