"""Padded batches of the published models as ragged batches of ours, and the recorded numbers.

A published batch pads every example to the same number of crops (filled with -1) and says for each
pooled window of each crop which token of the row it becomes (negative: none).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

FIXTURES = Path(__file__).parents[1] / "fixtures" / "model"
FAMILIES = ("qwen2_like", "olmo_like", "olmoe_like")
PATCH, SIDE = 14, 8  # pixels of a patch, patches of a crop's side


@cache
def recorded(name: str) -> dict[str, NDArray[Any]]:
    with np.load(FIXTURES / f"{name}.npz") as stored:
        return dict(stored)


def sampled(values: Tensor, expected: dict[str, NDArray[Any]], name: str) -> float:
    """Largest difference at the recorded positions; ``values`` has the published padded shape."""
    found = values.detach().reshape(-1)[torch.from_numpy(expected[f"{name}.at"]).long()]
    return float((found - torch.from_numpy(expected[name])).abs().max())


def ragged(kind: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(our batch, where things were): ``crop_rows`` (n, 2) example and slot of each crop,
    ``windows`` (M, 3) example, slot and window of each image token."""
    inputs = recorded("inputs")
    part = {key.split(".", 1)[1]: value for key, value in inputs.items() if key.startswith(f"{kind}.")}
    rows = np.argwhere(part["crops"] >= 0)
    flat = torch.from_numpy(inputs["crops"][part["crops"][tuple(rows.T)]])
    pixels = (
        flat.view(-1, SIDE, SIDE, PATCH, PATCH, 3).permute(0, 5, 1, 3, 2, 4).reshape(-1, 3, SIDE * PATCH, SIDE * PATCH)
    )
    number = {tuple(row): index for index, row in enumerate(rows.tolist())}
    used = np.argwhere(part["image_input_idx"] >= 0).tolist()
    used.sort(key=lambda place: (place[0], part["image_input_idx"][tuple(place)]))
    windows = [_window(number[(example, slot)], window) for example, slot, window in used]
    ids = torch.from_numpy(part["input_ids"]).long()
    real = ids >= 0
    segments = torch.from_numpy(part.get("subsegment_ids", np.zeros_like(part["input_ids"]))).long()
    batch = {
        "input_ids": ids.clamp(min=0),
        "position_ids": torch.from_numpy(part["position_ids"]).long().clamp(min=0),
        "example_ids": torch.where(real, 0, -1),
        "branch_ids": torch.where(segments == 10000, 0, segments).clamp(min=0),  # 10000: the shared prefix
        "labels": torch.from_numpy(part["labels"]).long().clamp(min=0),
        "loss_weights": torch.from_numpy(part["loss_masks"]).clamp(min=0.0),
        "crops": pixels,
        "patch_mask": torch.from_numpy(part["image_masks"][tuple(rows.T)]),
        "pooled_patches": torch.tensor(windows),
    }
    return batch, {"crop_rows": torch.from_numpy(rows), "windows": torch.tensor(used)}


def _window(crop: int, window: int) -> list[int]:
    row, column = divmod(window, SIDE // 2)
    first = crop * SIDE * SIDE + 2 * row * SIDE + 2 * column
    return [first, first + 1, first + SIDE, first + SIDE + 1]
