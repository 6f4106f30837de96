"""What Molmo needs to know of a vision backbone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

__all__ = ["Backbone"]


def _without_mask(block: nn.Module, hidden: Tensor) -> Tensor:
    output: Tensor = block(hidden, None)
    return output


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A library vision model seen as: embed the pixels, run a list of blocks, drop the leading tokens.

    ``build(config, blocks)`` makes the model with that many blocks only and without any parameter
    that would never get a gradient (final norm, pooling head): those break sharded checkpoints.
    """

    build: Callable[[Any, int], nn.Module]
    #: (model, pixels (N, 3, S, S)) -> (N, leading + P, width), ready for the first block.
    embed: Callable[[Any, Tensor], Tensor]
    #: The blocks.
    blocks: Callable[[Any], nn.ModuleList]
    #: The learned position embedding, (leading + P, width).
    positions: Callable[[Any], Tensor]
    #: Class and register tokens in front of the patches.
    leading_tokens: int
    #: (block, hidden) -> hidden; most blocks ask for a mask, and there is none.
    run: Callable[[nn.Module, Tensor], Tensor] = _without_mask
