"""The library's Trainer with the loss of a whole step, and what it cannot do said before it starts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from transformers import Trainer

from openmolmo.core.errors import ConfigError
from openmolmo.training.hf.loop import require_keys, weight_of_step

__all__ = ["WeightedLoss", "WeightedTrainer"]


class WeightedLoss:
    """For a subclass of the library's Trainer: ``class Tuner(WeightedLoss, SFTTrainer): ...``.

    A step's batches are weighed together (:meth:`get_batch_samples`), and each is told that weight instead of the
    number of its labels. So the loss and the gradient are those of the whole step, however it is cut into batches
    and spread over processes. In evaluation each batch stands for itself.

    Raises ConfigError for settings under which a model of ours cannot learn.
    """

    loss_is_scaled_for_ga = True
    accelerator: Any
    args: Any

    def __init__(self, model: Any = None, args: Any = None, *rest: Any, **named: Any) -> None:
        if args is not None:
            require_arguments(args)
        for name, why in _REFUSED.items():
            if named.get(name) is not None:
                raise ConfigError(f"{name} is given, but {why}", fix=f"leave {name} out")
        super().__init__(model, args, *rest, **named)  # type: ignore[call-arg]  # the Trainer's, which comes next
        require_trainer(self)

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Any], Tensor | None]:
        """The next step's batches and their weight over all processes."""
        batches = list(itertools.islice(epoch_iterator, num_batches))
        return batches, weight_of_step(batches, self.accelerator) if batches else None

    def compute_loss(
        self, model: Any, inputs: Mapping[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """This batch's share of the step's loss; gradients are averaged over processes, so it is times their number."""
        require_keys(inputs)
        whole = num_items_in_batch if model.training else None
        outputs = model(**inputs, num_items_in_batch=whole)
        loss = outputs["loss"] if whole is None else outputs["loss"] * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss


class WeightedTrainer(WeightedLoss, Trainer):  # type: ignore[misc]
    """``transformers.Trainer`` for a Molmo; all of its settings but those that are refused with a reason."""


_REFUSED = {
    "compute_loss_func": "the loss is the model's own: it weighs tokens by loss_weights",
    "compute_metrics": "there are no logits to compute metrics of: the head gives the loss without them",
    "preprocess_logits_for_metrics": "there are no logits: the head gives the loss without them",
}


def require_arguments(args: Any) -> None:
    """Raises ConfigError for arguments that cannot work, before the library meets them."""
    if args.label_smoothing_factor:
        raise ConfigError(
            f"label_smoothing_factor={args.label_smoothing_factor} takes the labels from the model, whose loss it "
            "does not know",
            fix="leave it at 0; the model's z_loss also keeps logits in bounds",
        )
    if args.fp16 and args.device.type == "cpu":
        raise ConfigError(
            "fp16=True on a processor: it computes no half-precision training",
            fix="leave fp16 out (float32), or set bf16=True where the processor multiplies bfloat16",
        )
    if args.n_gpu > 1:
        raise ConfigError(
            f"one process for {args.n_gpu} accelerators: a batch's pictures cannot be split like its rows",
            fix=f"start one process each: torchrun --nproc-per-node {args.n_gpu} your_script.py",
        )


def require_trainer(trainer: Any) -> None:
    """Raises ConfigError where data would lose what the collator needs."""
    columns = getattr(trainer.train_dataset, "column_names", None)
    if columns and trainer.args.remove_unused_columns:
        raise ConfigError(
            f"remove_unused_columns=True would take {', '.join(sorted(columns))} from the rows: none of them is a "
            "parameter of the model, and the collator needs them",
            fix="set remove_unused_columns=False in the arguments",
        )
