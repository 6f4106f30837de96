"""The vocabulary of the name maps: which published tensors make which of ours, and how, both ways.

A map is a table of :class:`Rule`. ``{n}`` in a name stands for the number of a block and is filled
in by :func:`for_blocks`. Every change of form is invertible to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

__all__ = ["SAME", "Change", "Rule", "conv_patches", "for_blocks", "fused_experts", "stacked_rows", "with_leading_ones"]


@dataclass(frozen=True)
class Change:
    """A change of form: published tensors to ours and back.

    ``rows``: where ours are just rows of the published one, how many each has; they are then read apart.
    """

    to_ours: Callable[[list[Tensor]], list[Tensor]]
    to_theirs: Callable[[list[Tensor]], list[Tensor]]
    rows: tuple[int, ...] | None = None


SAME = Change(lambda tensors: tensors, lambda tensors: tensors)


@dataclass(frozen=True)
class Rule:
    """Published names, our names, and the change of form between them."""

    theirs: tuple[str, ...]
    ours: tuple[str, ...]
    change: Change = SAME


def for_blocks(rules: Sequence[Rule], count: int) -> list[Rule]:
    """Fill in ``{n}`` for blocks 0 .. count-1."""
    return [
        replace(
            rule,
            theirs=tuple(name.replace("{n}", str(n)) for name in rule.theirs),
            ours=tuple(name.replace("{n}", str(n)) for name in rule.ours),
        )
        for n in range(count)
        for rule in rules
    ]


def stacked_rows(*sizes: int) -> Change:
    """One published tensor holds several of ours, one below the other, of these heights."""
    return Change(
        lambda tensors: list(torch.split(tensors[0], list(sizes))),
        lambda tensors: [torch.cat(tensors, dim=0)],
        rows=sizes,
    )


def conv_patches(patch: int, channels: int = 3) -> Change:
    """Published patches are flattened (row, column, channel) for a matrix; ours are convolution kernels."""
    return Change(
        lambda tensors: [tensors[0].view(-1, patch, patch, channels).permute(0, 3, 1, 2)],
        lambda tensors: [tensors[0].permute(0, 2, 3, 1).flatten(1)],
    )


def with_leading_ones(count: int) -> Change:
    """Ours has that many dimensions of size 1 before the published one's."""
    return Change(
        lambda tensors: [tensors[0][(None,) * count]],
        lambda tensors: [tensors[0][(0,) * count]],
    )


def fused_experts(experts: int) -> Change:
    """Published: gate, up and down of each expert; ours: (experts, gate over up, in) and (experts, out, inner)."""

    def to_ours(tensors: list[Tensor]) -> list[Tensor]:
        gates, ups, downs = tensors[:experts], tensors[experts : 2 * experts], tensors[2 * experts :]
        # Written in place: a stack of pairs would hold every expert three times.
        fused = gates[0].new_empty(experts, gates[0].shape[0] + ups[0].shape[0], gates[0].shape[1])
        for expert, pair in enumerate(zip(gates, ups, strict=True)):
            torch.cat(pair, out=fused[expert])
        return [fused, torch.stack(downs)]

    def to_theirs(tensors: list[Tensor]) -> list[Tensor]:
        gates, ups = tensors[0].chunk(2, dim=1)
        return [*gates.unbind(), *ups.unbind(), *tensors[1].unbind()]

    return Change(to_ours, to_theirs)
