"""A model's weights as a short text: the same weights give the same, retrained ones another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["fingerprint"]

_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def fingerprint(model: nn.Module) -> str:
    """16 hex digits that depend on name, shape, type and every value of every weight in memory.

    Of each weight the bits are summed as integers, which takes about as long as reading it once; sums of floats would
    depend on the number of threads.
    """
    digest = hashlib.sha256()
    for name, weight in _parts(sorted(model.state_dict().items())):
        digest.update(f"{name} {tuple(weight.shape)} {weight.dtype} {_sum(weight)}\n".encode())
    return digest.hexdigest()[:16]


def _parts(weights: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
    """A quantised weight as the tensors that it consists of, any other as it is."""
    for name, weight in weights:
        if type(weight).__module__.startswith("torchao"):
            quantised: Any = weight
            inner, _ = quantised.__tensor_flatten__()
            yield from _parts((f"{name}.{part}", getattr(weight, part)) for part in inner)
        else:
            yield name, weight


def _sum(weight: Tensor) -> int:
    if weight.is_meta:  # offloaded: its values are on a disk, and of those that are here there are many
        return 0
    bits = weight.detach().contiguous().view(_INTEGERS[weight.element_size()])
    return int(bits.sum(dtype=torch.int64))
