"""Weights of the language model in 8 or 4 bits, for answering in less memory.

Rounded are the linear layers of the language model's blocks, which are nearly all of a large model. Embedding, output
head, connector and encoder stay: they are small beside the blocks or see every token, and points suffer first from
them. ``int8`` has one scale for each row, by torchao. ``int4`` has one scale and one lowest value for each 32 weights:
by torchao's packed form on an accelerator; on a processor, for which torchao has none, by PyTorch's own kernel.

Letters: R rows, K width that goes in, N width that comes out, G = K / 32 groups.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, cast, get_args

import torch
from torch import Tensor, nn

from openmolmo.core.errors import CheckpointError, ConfigError
from openmolmo.core.optional import require

__all__ = ["QUANTIZE", "Int4Linear", "Quantize", "check_quantize", "quantize_model", "require_not_quantized"]

Quantize = Literal["int8", "int4"]
QUANTIZE: tuple[Quantize, ...] = get_args(Quantize)

_GROUP = 32  # weights that share a scale
_STEPS = 15  # of 4 bits
_WIDTHS = 16  # PyTorch's kernel takes that many output columns at a time
_INNER = 1  # of the packed form: only this is known to the processor's kernel


def check_quantize(kind: str | None) -> None:
    """ConfigError for a name that is not known; MissingDependencyError where torchao is needed and missing."""
    if kind is None:
        return
    if kind not in QUANTIZE:
        raise ConfigError(f"quantize={kind!r} is not one of {', '.join(QUANTIZE)}")
    if kind == "int8":
        require("torchao.quantization", extra="quantize")


def quantize_model(model: Any, kind: Quantize) -> None:
    """Round the weights of a Molmo's language model in place; the model can answer then, and no more.

    Raises:
        ConfigError: layers of a width that cannot be packed, a model spread over devices, or a type or device that
            has no kernel.
        MissingDependencyError: torchao is not installed.
    """
    check_quantize(kind)
    if any(hasattr(module, "_hf_hook") for module in model.modules()):
        raise ConfigError(f"quantize={kind!r} takes a model on one device", fix="give device= instead of device_map=")
    if kind == "int8":
        torchao = require("torchao.quantization", extra="quantize")
        torchao.quantize_(model.decoder.layers, torchao.Int8WeightOnlyConfig())
    else:
        _check_int4(model)
        if model.device.type == "cpu":
            for parent, name, layer in list(_linears(model)):
                setattr(parent, name, Int4Linear(layer))
        else:
            torchao = require("torchao.quantization", extra="quantize")
            packed = torchao.Int4WeightOnlyConfig(group_size=_GROUP, int4_packing_format="tile_packed_to_4d")
            torchao.quantize_(model.decoder.layers, packed)
    for parameter in model.decoder.layers.parameters():
        parameter.requires_grad_(False)


def require_not_quantized(model: nn.Module) -> None:
    """CheckpointError for a model whose weights cannot be written any more."""
    for name, module in model.named_modules():
        own = list(module.parameters(recurse=False))
        if isinstance(module, Int4Linear) or any(type(p).__module__.startswith("torchao") for p in own):
            raise CheckpointError(
                f"{name} is quantised, and quantised weights are not written",
                fix="load the model without quantize and save that; quantise it where it answers",
            )


class Int4Linear(nn.Module):
    """A linear layer whose weight is 4 bits a value, on a processor.

    ``packed`` (N, K / 2) uint8 in the order of PyTorch's kernel; ``scales`` (G, N, 2) bfloat16, each group's scale and
    the value of its middle step. Products are in bfloat16, whatever comes in: the kernel of other types is a slow one.
    """

    packed: Tensor
    scales: Tensor

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        grouped = layer.weight.detach().float().view(layer.out_features, -1, _GROUP)
        low, high = grouped.aminmax(dim=-1)
        scale = ((high - low) / _STEPS).clamp(min=torch.finfo(torch.float32).tiny)
        steps = ((grouped - low[..., None]) / scale[..., None]).round().clamp(0, _STEPS).int().flatten(1)
        both = torch.stack((scale, low + scale * (_STEPS + 1) / 2), dim=-1)
        self.register_buffer("packed", torch.ops.aten._convert_weight_to_int4pack_for_cpu(steps, _INNER))
        self.register_buffer("scales", both.transpose(0, 1).contiguous().bfloat16())
        self.bias = layer.bias

    def forward(self, input: Tensor) -> Tensor:
        """(..., K) -> (..., N)."""
        rows = input.reshape(-1, self.in_features).bfloat16()
        made = torch.ops.aten._weight_int4pack_mm_for_cpu(rows, self.packed, _GROUP, self.scales)
        product = cast(Tensor, made).to(input.dtype).view(*input.shape[:-1], self.out_features)
        return product if self.bias is None else product + self.bias


def _linears(model: Any) -> Iterator[tuple[nn.Module, str, nn.Linear]]:
    for parent in model.decoder.layers.modules():
        for name, layer in parent.named_children():
            if isinstance(layer, nn.Linear):
                yield parent, name, layer


def _check_int4(model: Any) -> None:
    for name, layer in model.decoder.layers.named_modules():
        if isinstance(layer, nn.Linear) and (layer.in_features % _GROUP or layer.out_features % _WIDTHS):
            raise ConfigError(
                f"quantize='int4' takes {_GROUP} by {_WIDTHS} weights at a time; decoder.layers.{name} has "
                f"{layer.in_features} by {layer.out_features}",
                fix='use quantize="int8"',
            )
    if model.device.type == "cpu":
        if not hasattr(torch.ops.aten, "_weight_int4pack_mm_for_cpu"):
            raise ConfigError(f"PyTorch {torch.__version__} has no products in 4 bits", fix='use quantize="int8"')
    elif model.dtype != torch.bfloat16:
        raise ConfigError(
            f"quantize='int4' on {model.device.type} multiplies in bfloat16; the model is in {model.dtype}",
            fix='give dtype="bfloat16"',
        )
