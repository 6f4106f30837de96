"""Weighted cross-entropy and z-loss over the tokens that are trained on, as sums.

Sums, because every device must divide by the same number: the weight of the *global* batch.
:class:`OutputHead` computes them without ever holding the logits of all tokens;
:func:`loss_sums` is the same from logits that are there already.

Letters: S supervised tokens, C tokens of a chunk, D width of the language model, V rows of the output head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, overload

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from openmolmo.model.matmul import matmul

__all__ = ["LossSums", "OutputHead", "Target", "loss_sums", "supervised_rows"]

_CHUNK_BYTES = {"cpu": 2**26}
_CHUNK_BYTES_ELSEWHERE = 2**29
"""Size of a chunk's float32 logits. Larger chunks are no faster on a processor; an accelerator reads and writes
the head's gradient once a chunk, so there should be few."""


class LossSums(NamedTuple):
    """``loss = (ce + z_loss * z) / weight``, with all three summed over the global batch first."""

    ce: Tensor
    z: Tensor
    weight: Tensor


@dataclass(frozen=True, slots=True)
class Target:
    """What the head is to predict: (S,) int64 labels with (S,) weights.

    ``z_loss`` is the weight of ``z`` for which the gradients are prepared: those of ``ce + z_loss * z`` cost
    nothing in the backward pass, any other combination costs the forward pass once more. (No tuple, so that
    sharding with mixed precision, which rounds the tensors handed to a module, leaves the weights alone.)
    """

    labels: Tensor
    weights: Tensor
    z_loss: float = 0.0


def supervised_rows(loss_weights: Tensor) -> Tensor:
    """Flat indices (S,) of the tokens with a weight, in row-major order, from (B, T) weights."""
    return loss_weights.reshape(-1).nonzero().squeeze(1)


class OutputHead(nn.Linear):
    """The layer that gives the logits, or the sums of a loss from them in chunks of tokens.

    It is one module for both, so that what gathers a sharded weight around a module's forward pass does it here.
    """

    @overload
    def forward(self, input: Tensor) -> Tensor: ...
    @overload
    def forward(self, input: Tensor, target: Target) -> LossSums: ...

    def forward(self, input: Tensor, target: Target | None = None) -> Tensor | LossSums:
        """(..., D) hidden states -> (..., V) logits; with a target (S, D) -> the sums.

        The gradients of hidden states and weight are made in the forward pass, chunk by chunk. Under autocast
        logits are in its type; the logsumexp runs in float32 over the whole table (arXiv 2409.17146, training
        details), in float64 where the logits are.
        """
        if target is None:
            return super().forward(input)
        if not _is_plain(self):
            # Quantised weights know how to give logits and no more.
            return loss_sums(super().forward(input), target.labels, target.weights)
        sums: LossSums = _chunked_sums(input, self.weight, target)
        return sums


def loss_sums(logits: Tensor, labels: Tensor, weights: Tensor) -> LossSums:
    """Sums of w * cross-entropy, w * logsumexp^2 and w, from (S, V) logits, (S,) labels and weights."""
    values = logits.to(_exact(logits.dtype))
    weights = weights.to(values.dtype)
    log_z = torch.logsumexp(values, dim=-1)
    picked = values.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    return LossSums(torch.dot(log_z - picked, weights), torch.dot(log_z * log_z, weights), weights.sum())


@torch.compiler.disable  # type: ignore[untyped-decorator]
def _chunked_sums(hidden: Tensor, weight: Tensor, target: Target) -> LossSums:
    device = hidden.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype
    weights = target.weights.to(_exact(dtype))
    ce, z = _ChunkedSums.apply(  # type: ignore[no-untyped-call]
        hidden, weight, target.labels, weights, target.z_loss, dtype, torch.is_grad_enabled()
    )
    return LossSums(ce, z, weights.sum())


def _is_plain(head: nn.Linear) -> bool:
    return type(head.weight) in (nn.Parameter, Tensor) and getattr(head, "bias", None) is None


def _exact(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)


class _ChunkedSums(torch.autograd.Function):
    """Both sums, and in the same pass the gradients of ``ce + z_loss * z``.

    The backward pass scales these by what arrives at ``ce``. Where that is not the combination they were made
    for, or where it runs a second time, it makes them anew.
    """

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, Tensor]:
        hidden, weight, labels, weights, z_loss, dtype, trained = inputs
        ctx.save_for_backward(hidden, weight, labels, weights)
        ctx.z_loss, ctx.dtype = z_loss, dtype
        wanted = ctx.needs_input_grad[:2] if trained else (False, False)
        made = _sweep(hidden, weight, labels, weights, dtype, wanted, (1.0, z_loss))
        ctx.gradients = (made.hidden, made.weight)
        return made.ce, made.z

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_ce: Tensor, grad_z: Tensor) -> tuple[Tensor | None, ...]:
        # Scaled in place, for a copy of the weight's gradient may not fit: a second time there is nothing to scale.
        gradients, ctx.gradients = ctx.gradients, None
        hidden, weight, labels, weights = ctx.saved_tensors
        expected = ctx.z_loss * grad_ce
        fits = (grad_z - expected).abs() <= 8 * torch.finfo(grad_ce.dtype).eps * expected.abs()
        if gradients is not None and bool(fits):
            made = [None if one is None else one.mul_(grad_ce) for one in gradients]
        else:
            combination = (grad_ce, grad_z)
            sweep = _sweep(hidden, weight, labels, weights, ctx.dtype, ctx.needs_input_grad[:2], combination)
            made = [sweep.hidden, sweep.weight]
        return _to(made[0], hidden), _to(made[1], weight), None, None, None, None, None


class _Sweep(NamedTuple):
    ce: Tensor
    z: Tensor
    hidden: Tensor | None
    weight: Tensor | None


def _sweep(
    hidden: Tensor,
    weight: Tensor,
    labels: Tensor,
    weights: Tensor,
    dtype: torch.dtype,
    wanted: tuple[bool, bool],
    combination: tuple[float | Tensor, float | Tensor],
) -> _Sweep:
    """Sums over all chunks, and the wanted gradients (of hidden states, of the weight) of a combination of them.

    ``dtype`` is the type of the products; sums and the weight's gradient are gathered in at least float32.
    """
    exact = _exact(dtype)
    ce, z = (torch.zeros((), dtype=exact, device=hidden.device) for _ in range(2))
    of_hidden = hidden.new_zeros(hidden.shape, dtype=exact) if wanted[0] else None
    of_weight = weight.new_zeros(weight.shape, dtype=exact) if wanted[1] else None
    table = weight.to(dtype)
    limit = _CHUNK_BYTES.get(hidden.device.type, _CHUNK_BYTES_ELSEWHERE)
    size = max(1, limit // (weight.shape[0] * exact.itemsize))
    with torch.autocast(hidden.device.type, enabled=False):
        for start in range(0, len(hidden), size):
            span = slice(start, start + size)
            states = hidden[span].to(dtype)
            values = matmul(states, table).to(exact)
            sums = _chunk(values, labels[span], weights[span], combination if any(wanted) else None)
            ce, z = ce + sums[0], z + sums[1]
            slope = values.to(dtype)  # of the logits: _chunk has put it there
            if of_hidden is not None:
                of_hidden[span] = matmul(slope, table.T)
            if of_weight is not None and dtype == exact:
                of_weight.addmm_(slope.T, states)
            elif of_weight is not None:
                of_weight.add_(slope.T @ states)
    return _Sweep(ce, z, of_hidden, of_weight)


def _chunk(
    values: Tensor, labels: Tensor, weights: Tensor, combination: tuple[float | Tensor, float | Tensor] | None
) -> tuple[Tensor, Tensor]:
    """Both sums of (C, V) logits, which are overwritten with their gradient of the combination."""
    labels = labels.unsqueeze(-1)
    picked = values.gather(-1, labels).squeeze(-1)
    highest = values.amax(-1, keepdim=True)
    total = values.sub_(highest).exp_().sum(-1, keepdim=True)
    log_z = (highest + total.log()).squeeze(-1)
    if combination is not None:
        ce, z = combination
        values.mul_((weights * (ce + 2.0 * z * log_z)).unsqueeze(-1) / total)
        values.scatter_add_(-1, labels, (-ce * weights).unsqueeze(-1))
    return torch.dot(log_z - picked, weights), torch.dot(log_z * log_z, weights)


def _to(gradient: Tensor | None, like: Tensor) -> Tensor | None:
    return None if gradient is None else gradient.to(like.dtype)
