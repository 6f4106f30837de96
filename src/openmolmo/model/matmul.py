"""Matrix products on a processor: in the type that it multiplies, by the library that is fast there.

For float32 PyTorch has two libraries. It takes MKL, which leaves half of the speed of AMD's processors with AVX-512
unused; oneDNN, which it takes for bfloat16 anyway, does not (docs/log.md has the figures). Both round in the same
way, to the last bits that the order of a sum decides.

Letters: R rows, K width that goes in, N width that comes out.
"""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

__all__ = [
    "OneDnnLinear",
    "hold_onednn_back",
    "linear",
    "matmul",
    "multiplies_bfloat16",
    "prefer_onednn",
    "use_fast_matmul",
]

_LEAST_ROWS = 8
"""Fewer rows are bound by reading the weight, and calling oneDNN takes longer than calling MKL."""

_KERNELS = "64"
"""How many kernels oneDNN keeps, one for each shape, instead of 1024. Rows differ in number from batch to batch, so
old ones are of no use; lying about between large tensors they cost training half of its memory again, and making new
ones costs no time that can be measured."""


def hold_onednn_back() -> None:
    """Hide from oneDNN what ``ATEN_CPU_CAPABILITY`` hides from PyTorch; before it is first used, for it looks once.

    PyTorch asks oneDNN whether the processor packs bfloat16, and then packs by kernels that the variable took away:
    attention ended with "pack_vnni2 is only supported when avx512 is supported" on processors with AMX.
    """
    if os.environ.get("ATEN_CPU_CAPABILITY") in ("avx2", "default"):
        os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the device has products in bfloat16. A processor without them emulates each, up to 90 times slower.

    The processor counts as one without them where ``ATEN_CPU_CAPABILITY`` hides what it has.
    """
    if device.type != "cpu":
        return True
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    # They have no public name, so they may be gone one day.
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, check, bool)()) for check in checks)


@cache
def prefer_onednn() -> bool:
    """Whether this processor is one on which oneDNN was measured to be faster: AMD's, with AVX-512."""
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    # What the compiler of the library itself calls; it has no public name, so it may be gone one day.
    return "AuthenticAMD" in _vendor() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def use_fast_matmul(model: nn.Module) -> None:
    """Let the linear layers of a model multiply by oneDNN on processors where that is faster.

    Names, weights and gradients stay as they are, and so does everything on an accelerator, under autocast, in a
    compiled model, and in layers of other classes. ``torch.backends.mkldnn.enabled = False`` turns it off.
    """
    if not prefer_onednn():
        return
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", _KERNELS)
    for module in model.modules():
        if type(module) is nn.Linear:
            module.__class__ = OneDnnLinear


class OneDnnLinear(nn.Linear):
    """A linear layer; see :func:`use_fast_matmul`."""

    def forward(self, input: Tensor) -> Tensor:
        """(..., K) -> (..., N)."""
        return _by_onednn(input, self.weight, self.bias) if _fits(input, self.weight) else super().forward(input)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """(..., K) x (N, K) -> (..., N) by the faster library, with gradients."""
    return (_by_onednn if prefer_onednn() and _fits(input, weight) else F.linear)(input, weight, bias)


def _by_onednn(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    made: Tensor = _Linear.apply(input, weight, bias)  # type: ignore[no-untyped-call]
    return made


def matmul(input: Tensor, weight: Tensor) -> Tensor:
    """(R, K) x (N, K) -> (R, N) without gradients, by the faster library."""
    return _multiply(input, weight) if prefer_onednn() and _fits(input, weight) else F.linear(input, weight)


def _fits(input: Tensor, weight: Tensor) -> bool:
    return (
        input.device.type == "cpu"
        and input.dtype == weight.dtype == torch.float32
        and input.numel() >= _LEAST_ROWS * weight.shape[1]
        and type(weight) in (nn.Parameter, Tensor)  # neither quantised nor a shard
        and not torch.compiler.is_compiling()
        and not torch.is_autocast_enabled("cpu")
        and bool(torch.backends.mkldnn.enabled)
    )


def _multiply(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    made: Tensor = torch.ops.mkldnn._linear_pointwise(input.contiguous(), weight, bias, "none", [], "")
    return made


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(input, weight)
        return _multiply(input, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        input, weight = ctx.saved_tensors
        rows = gradient.reshape(-1, gradient.shape[-1])
        of_input = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            of_input = _multiply(gradient, weight.T)
        if ctx.needs_input_grad[1]:
            # In one piece: with two threads oneDNN is slow to put a transposed left side in order itself.
            of_weight = _multiply(rows.T.contiguous(), input.reshape(-1, input.shape[-1]).T)
        if ctx.needs_input_grad[2]:
            of_bias = rows.sum(0)
        return of_input, of_weight, of_bias


def _vendor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line for line in lines if line.startswith("vendor_id")), platform.processor())
