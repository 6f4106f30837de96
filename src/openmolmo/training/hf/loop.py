"""Batches for a loop of one's own under accelerate: each knows the weight of the step it belongs to."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from openmolmo.core.errors import ConfigError, RunError
from openmolmo.training.loss import require_weight

__all__ = ["require_keys", "weight_of_step", "weighted"]

_KEYS = ("input_ids", "labels", "loss_weights")


def weighted(batches: Iterable[dict[str, Tensor]], accelerator: Any) -> Iterator[dict[str, Any]]:
    """The same batches with ``num_items_in_batch``, for a loop of the usual form:

        for batch in weighted(loader, accelerator):
            with accelerator.accumulate(model):
                accelerator.backward(model(**batch).loss)
                optimizer.step()
                optimizer.zero_grad()

    accelerate divides each loss by ``gradient_accumulation_steps`` and averages over processes; the number given
    makes that the loss of the step. Last batches that fill no step are left out.

    Raises:
        ConfigError: the accelerator ends a step with the loader, which is read ahead of the step here.
        RunError: a batch lacks what the loss needs, or a step has nothing to learn.
    """
    steps = accelerator.gradient_accumulation_steps
    if steps > 1 and accelerator.gradient_state.sync_with_dataloader:
        raise ConfigError(
            f"gradient_accumulation_steps={steps} with sync_with_dataloader=True: the last batches of an epoch would "
            "be steps of their own",
            fix="Accelerator(gradient_accumulation_plugin=GradientAccumulationPlugin("
            f"num_steps={steps}, sync_with_dataloader=False))",
        )
    source = iter(batches)
    while len(step := list(itertools.islice(source, steps))) == steps:
        whole = weight_of_step(step, accelerator)
        for batch in step:
            yield {**batch, "num_items_in_batch": whole / (steps * accelerator.num_processes)}


def weight_of_step(batches: Sequence[Mapping[str, Any]], accelerator: Any) -> Tensor:
    """Total loss weight of a step's batches over all processes, a scalar on the accelerator's device."""
    for batch in batches:
        require_keys(batch)
    weight = torch.stack([batch["loss_weights"].float().sum() for batch in batches]).sum().to(accelerator.device)
    if accelerator.num_processes > 1:
        weight = accelerator.gather(weight.reshape(1)).sum()
    require_weight(float(weight))
    return weight


def require_keys(batch: Mapping[str, Any]) -> None:
    """Raises RunError for a batch that another collator made."""
    missing = [key for key in _KEYS if key not in batch]
    if missing:
        raise RunError(
            f"a batch has no {' and no '.join(missing)}; it has {', '.join(map(str, batch)) or 'nothing'}",
            fix="data_collator=openmolmo.training.hf.collate_tokens (or openmolmo.data.collate for packed rows), "
            "and remove_unused_columns=False",
        )
