"""Weighted cross-entropy and z-loss over the tokens that are trained on, as sums.

Sums, because every device must divide by the same number: the weight of the *global* batch.
Letters: S supervised tokens, V rows of the output head.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

__all__ = ["LossSums", "loss_sums", "supervised_rows"]


class LossSums(NamedTuple):
    """``loss = (ce + z_loss * z) / weight``, with all three summed over the global batch first."""

    ce: Tensor
    z: Tensor
    weight: Tensor


def supervised_rows(loss_weights: Tensor) -> Tensor:
    """Flat indices (S,) of the tokens with a weight, in row-major order, from (B, T) weights."""
    return loss_weights.reshape(-1).nonzero().squeeze(1)


def loss_sums(logits: Tensor, labels: Tensor, weights: Tensor) -> LossSums:
    """Sums of w * cross-entropy, w * logsumexp^2 and w, from (S, V) logits, (S,) labels and weights.

    The logsumexp runs in float32 over the whole output table (arXiv 2409.17146, training details).
    """
    weights = weights.float()
    ce, z = _WeightedSums.apply(logits, labels, weights)  # type: ignore[no-untyped-call]
    return LossSums(ce, z, weights.sum())


class _WeightedSums(torch.autograd.Function):
    """Both sums from one logsumexp; the softmax exists only during the backward pass."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        values = logits.float()
        log_z = torch.logsumexp(values, dim=-1)
        picked = values.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
        ctx.save_for_backward(logits, labels, weights, log_z)
        return torch.dot(log_z - picked, weights), torch.dot(log_z * log_z, weights)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        logits, labels, weights, log_z = ctx.saved_tensors
        grad_ce, grad_z = grads
        gradient = (logits.float() - log_z.unsqueeze(-1)).exp_()
        gradient *= (weights * (grad_ce + 2.0 * grad_z * log_z)).unsqueeze(-1)
        gradient.scatter_add_(-1, labels.unsqueeze(-1), -(weights * grad_ce).unsqueeze(-1))
        return gradient.to(logits.dtype), None, None
