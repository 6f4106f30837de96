"""One loss for a whole step, however many batches or devices it is spread over.

loss = sum over all supervised tokens of (cross-entropy + z_loss * logsumexp^2) * weight,
divided by the sum of all weights of the step. Dividing each batch by its own weight instead
would over-weight short answers (arXiv 2409.17146, appendix on training); ``normalise=batch`` does that, to be
compared with.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from openmolmo.core.errors import RunError
from openmolmo.data.loader import Batch

__all__ = ["LossSums", "StepLoss", "batch_weight", "micro_loss", "own_weight", "require_weight", "step_weight"]


_NOTHING = 1e-12  # a batch without loss has sum 0


class LossSums(Protocol):
    """What a model returns of a batch: weighted sums over its supervised tokens (float32)."""

    ce_sum: Tensor
    z_sum: Tensor
    weight_sum: Tensor


@dataclass(slots=True)
class StepLoss:
    """Loss of one step and its two terms, each divided by the step's weight."""

    z_weight: float
    ce: float = 0.0
    z: float = 0.0
    _sums: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    @property
    def total(self) -> float:
        """Cross-entropy plus the weighted z term: what the gradients are of."""
        return self.ce + self.z_weight * self.z

    def add(self, output: LossSums) -> None:
        """Note one batch. Its sums are not read yet: that would wait for the device before the next one is sent."""
        self._sums.append((output.ce_sum.detach(), output.z_sum.detach()))

    def read(self, weight: float) -> None:
        """Count in the noted batches; ``weight`` is the step's."""
        for ce, z in self._sums:
            self.ce += float(ce) / weight
            self.z += float(z) / weight
        self._sums.clear()


def batch_weight(batches: Iterable[Batch]) -> float:
    """Total loss weight of batches."""
    return sum(float(batch.tensors["loss_weights"].double().sum()) for batch in batches)


def own_weight(batch: Batch, batches: int) -> float:
    """What to divide one of a step's ``batches`` by so that each counts the same, however much of it has loss."""
    return max(batch_weight([batch]), _NOTHING) * batches


def step_weight(batches: Iterable[Batch]) -> float:
    """Total loss weight of a step. Raises RunError where nothing in it has loss."""
    return require_weight(batch_weight(batches))


def require_weight(weight: float) -> float:
    """``weight``, a step's; raises RunError where nothing in it has loss."""
    if weight <= 0:
        raise RunError(
            "a step has no token with loss: every loss weight is 0",
            fix="make loader.row_length longer (replies may be cut off), or check the annotations",
        )
    return weight


def micro_loss(output: LossSums, weight: float, z_loss: float) -> Tensor:
    """One batch's share of the step's loss; gradients of all shares add up to the step's."""
    return (output.ce_sum + z_loss * output.z_sum) / weight
