"""Who sees whom: one rule for branches, several examples in a row, and padding.

A token of a row has an example number (-1: padding) and a branch number (0: the prefix that all
branches share, that is the image; 1, 2 ...: one annotation each). A query sees a key if

    the key is not later  and  of the same example  and  (in the prefix or in the query's own branch)

so that a row of several examples and branches gives the same numbers as each branch alone:

    example  0 0 0 0 1        q\\k  0 1 2 3 4
    branch   0 0 1 2 0        0    x              prefix
                              1    x x            prefix
                              2    x x x          branch 1 sees the prefix and itself
                              3    x x . x        branch 2 does not see branch 1
                              4    . . . . x      another example

Letters: B rows, T tokens of a row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask

from openmolmo.core.errors import ConfigError

__all__ = ["UNDECLARED_FLEX", "attention_mask", "block_mask", "dense_mask", "mask_rule"]

UNDECLARED_FLEX = ("olmoe",)
"""Language models whose classes do not say that FlexAttention works with them, and it does (tested)."""

_UNRELIABLE_FLEX: tuple[str, ...] = ("cpu",)
"""Where kernels that PyTorch 2.13 compiles of FlexAttention give wrong numbers for some lengths (docs/log.md)."""

MaskRule = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def mask_rule(example_ids: Tensor, branch_ids: Tensor, position_ids: Tensor, window: int | None = None) -> MaskRule:
    """The rule above as a function (row, head, query, key) -> bool, in the form FlexAttention takes.

    The three tensors are (B, T) int64. ``window`` also hides keys that many positions back or more
    (sliding-window layers); distance is counted in positions, as it would be in a row of its own.
    """

    def rule(row: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        key_branch = branch_ids[row, key]
        visible = key <= query
        visible = visible & (example_ids[row, query] == example_ids[row, key])
        visible = visible & ((key_branch == 0) | (key_branch == branch_ids[row, query]))
        if window is not None:
            visible = visible & (position_ids[row, query] - position_ids[row, key] < window)
        return visible

    return rule


def dense_mask(rule: MaskRule, rows: int, tokens: int, device: torch.device) -> Tensor:
    """The rule written out: (B, 1, T, T) bool, True where the query (third axis) sees the key.

    Padding tokens count as one more example, so that no query is left without a key (an empty row
    of a softmax is not a number).
    """
    row = torch.arange(rows, device=device)[:, None, None]
    index = torch.arange(tokens, device=device)
    return rule(row, row.new_zeros(()), index[None, :, None], index[None, None, :])[:, None]


def block_mask(rule: MaskRule, rows: int, tokens: int, device: torch.device) -> BlockMask:
    """The rule in the form FlexAttention takes: it passes over blocks that are hidden as a whole."""
    return create_block_mask(rule, rows, None, tokens, tokens, device=str(device))


def attention_mask(
    decoder_config: Any, example_ids: Tensor, branch_ids: Tensor, position_ids: Tensor, dtype: torch.dtype
) -> Any:
    """The mask in the form which the language model's attention implementation takes.

    A float mask of 0 and the lowest number for ``sdpa`` and ``eager`` (a boolean one would be *added*
    as 0 and 1 by eager attention), a block mask for ``flex_attention``; for a model with sliding-window
    layers a dictionary of two.

    Raises:
        ConfigError: for an attention implementation that cannot express branches, and for ``flex_attention`` on a
            processor, which cannot be relied on there (docs/log.md).
    """
    kind = decoder_config._attn_implementation or "sdpa"
    rows, tokens = example_ids.shape

    def build(window: int | None) -> Any:
        rule = mask_rule(example_ids, branch_ids, position_ids, window)
        if kind == "flex_attention":
            return block_mask(rule, rows, tokens, example_ids.device)
        mask = dense_mask(rule, rows, tokens, example_ids.device)
        return torch.zeros_like(mask, dtype=dtype).masked_fill_(~mask, torch.finfo(dtype).min)

    if kind not in ("sdpa", "eager", "flex_attention"):
        raise ConfigError(
            f"attention implementation {kind!r} cannot keep branches apart",
            fix="choose sdpa, eager or flex_attention with model.set_attn_implementation(...)",
        )
    if kind == "flex_attention" and example_ids.device.type in _UNRELIABLE_FLEX:
        raise ConfigError(
            "flex_attention on a processor gives wrong numbers for some lengths (PyTorch 2.13)",
            fix="choose sdpa or eager with model.set_attn_implementation(...), or an accelerator",
        )
    if "sliding_attention" in (getattr(decoder_config, "layer_types", None) or ()):
        return {"full_attention": build(None), "sliding_attention": build(decoder_config.sliding_window)}
    return build(None)
