"""What the layers of a model keep for the backward pass, and whether they are compiled.

A layer's ``forward`` is wrapped, not the layer: parameters and hooks keep their names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import nn
from torch._dynamo import config as compiler
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

from openmolmo.model.molmo import Molmo
from openmolmo.training.parallel.config import ParallelConfig

__all__ = ["layers_of", "prepare_layers"]

_aten = torch.ops.aten

_KEPT = {
    _aten.mm.default,
    _aten.addmm.default,
    _aten.bmm.default,
    _aten.baddbmm.default,
    _aten._scaled_dot_product_efficient_attention.default,
    _aten._scaled_dot_product_flash_attention.default,
    _aten._scaled_dot_product_flash_attention_for_cpu.default,
    _aten._scaled_dot_product_cudnn_attention.default,
    torch.ops.higher_order.flex_attention,
}
"""What selective checkpointing does not compute twice: nearly all of a layer's time, a third of what it keeps."""

_VARIANTS = 64
"""Kernels of one function that may be compiled. Training and judging, one row and several, one crop and several, and
kinds of layers each have their own; torch's own limit of 8 is soon reached, and what it then runs instead holds every
score of FlexAttention."""


def layers_of(model: Molmo) -> Iterator[nn.Module]:
    """Blocks of the vision encoder, then layers of the language model."""
    yield from model.encoder.blocks
    yield from model.decoder.layers


def prepare_layers(model: Molmo, parallel: ParallelConfig) -> None:
    """Apply ``checkpointing`` and ``compile`` to every layer of both backbones."""
    compiler.recompile_limit = max(compiler.recompile_limit, _VARIANTS)
    compiler.optimize_ddp = False  # it would cut every layer where gradients are sent; layers are cut already
    for layer in layers_of(model):
        forward: Callable[..., Any] = layer.forward
        if parallel.checkpointing != "none":
            forward = _checkpointed(forward, selective=parallel.checkpointing == "selective")
        if parallel.compile:
            forward = torch.compile(forward)
        layer.forward = forward


def _checkpointed(forward: Callable[..., Any], *, selective: bool) -> Callable[..., Any]:
    # The state of the random stream is kept, so that dropout is the same when a layer is computed anew.
    context: dict[str, Any] = (
        {"context_fn": partial(create_selective_checkpoint_contexts, _policy)} if selective else {}
    )

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if not torch.is_grad_enabled():
            return forward(*args, **kwargs)
        return checkpoint(forward, *args, use_reentrant=False, preserve_rng_state=True, **context, **kwargs)

    return wrapped


def _policy(_: Any, operation: Any, *args: Any, **kwargs: Any) -> CheckpointPolicy:
    return CheckpointPolicy.MUST_SAVE if operation in _KEPT else CheckpointPolicy.PREFER_RECOMPUTE
