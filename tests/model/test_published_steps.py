"""Three optimiser steps give the losses, gradient norms and weights recorded from the published code."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from published_batch import FIXTURES, ragged, recorded, sampled

from openmolmo.model.released import load_released, released_weights
from openmolmo.training.config import OptimizerConfig, PartConfig
from openmolmo.training.loss import micro_loss
from openmolmo.training.optim import Optimizer, trained_parameters, undecayed_of

STEP = 1e-5
"""Largest difference of a weight; measured worst case 5e-6, where three steps have moved weights by 1.5e-3 to 6e-3."""

SETTINGS = OptimizerConfig(
    encoder=PartConfig(lr=5e-4, warmup=0, weight_decay=0.05),
    connector=PartConfig(lr=2e-3, warmup=0, weight_decay=0.1),
    llm=PartConfig(lr=1e-3, warmup=0, weight_decay=0.2),
    decayed="layers",
    final_fraction=1.0,
)
"""What they were recorded with: three rates and decays, gradients clipped to a norm of 1 part by part."""


@pytest.mark.parametrize("pieces", [1, 3])
def test_losses_norms_and_weights_of_three_steps(pieces: int) -> None:
    """The whole batch at once, or row by row with accumulated gradients."""
    expected = recorded("qwen2_like/steps")
    net = load_released(FIXTURES / "qwen2_like").train()
    before = {name: tensor.clone() for name, tensor in released_weights(net).items()}
    batch, where = ragged("train")
    batches = [batch] if pieces == 1 else _by_row(batch, where)
    weight = float(batch["loss_weights"].double().sum())
    optimizer = Optimizer(trained_parameters(net, SETTINGS), SETTINGS, steps=3, undecayed=undecayed_of(net))
    for step in range(1, 5):
        ce = z = 0.0
        for one in batches:
            out = net(**one)
            ce, z = ce + out.ce_sum.item() / weight, z + 1e-4 * out.z_sum.item() / weight
            micro_loss(out, weight, 1e-4).backward()
        assert [ce, z] == pytest.approx(expected["losses"][step - 1], abs=1e-5)
        if step == 4:
            break
        assert list(optimizer.clip().values()) == pytest.approx(expected["norms"][step - 1], rel=1e-4)
        assert optimizer.update(step) == {"encoder": 5e-4, "connector": 2e-3, "llm": 1e-3}
    after = released_weights(net)
    names = {name for name in expected if not name.endswith(".at")} - {"losses", "norms"}
    assert names == set(after)
    for name, tensor in after.items():
        assert sampled(tensor, expected, name) < STEP, name
        moved = float((tensor - before[name]).abs().max())
        assert moved > 1e-3 or name.endswith("wk.bias"), name  # a key's bias has no gradient but rounding noise


def _by_row(batch: dict[str, torch.Tensor], where: dict[str, torch.Tensor]) -> list[dict[str, torch.Tensor]]:
    """Each row of the batch with its crops; where none are left out the sums are the same."""
    patches = batch["patch_mask"].shape[1]
    pieces = []
    for row in range(len(batch["input_ids"])):
        piece = {
            key: value[row : row + 1] for key, value in batch.items() if value.shape[:1] == batch["labels"].shape[:1]
        }
        crops = np.flatnonzero(where["crop_rows"][:, 0].numpy() == row)
        piece |= {key: batch[key][crops] for key in ("crops", "patch_mask")}
        windows = batch["pooled_patches"][where["windows"][:, 0] == row]
        piece["pooled_patches"] = windows - int(crops[0]) * patches
        pieces.append(piece)
    return pieces
