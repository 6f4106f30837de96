"""Our names of weights -> those of vLLM's language models, and the rows that only the embedding has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

__all__ = ["LANGUAGE_MODEL", "RENAMED", "vllm_weights", "without_extra_rows"]

LANGUAGE_MODEL = "language_model"

#: Beginnings of our names and what vLLM calls them; adapters are found by the same table. Encoder and connector keep
#: theirs.
RENAMED = {"decoder.": f"{LANGUAGE_MODEL}.model.", "lm_head.": f"{LANGUAGE_MODEL}.lm_head."}

_TABLES = ("embedding.base.weight", "embedding.extra")


def vllm_weights(ours: Iterable[tuple[str, Tensor]], extra_rows: int) -> Iterator[tuple[str, Tensor]]:
    """Weights under vLLM's names: one table of embeddings, a head with as many rows, experts one by one.

    The head's ``extra_rows`` are zeros: see :func:`without_extra_rows`.
    """
    tables: dict[str, Tensor] = {}
    for name, weight in ours:
        if name in _TABLES:
            tables[name] = weight
            if len(tables) == len(_TABLES):
                joined = torch.cat([tables[table].to(weight.dtype) for table in _TABLES])
                yield f"{LANGUAGE_MODEL}.model.embed_tokens.weight", joined
        elif name == "lm_head.weight":
            rest = weight.new_zeros(extra_rows, weight.shape[1])
            yield _renamed(name), torch.cat([weight, rest])
        elif ".experts." in name and weight.dim() == 3:
            yield from _experts(_renamed(name), weight)
        else:
            yield _renamed(name), weight


def without_extra_rows(logits: Tensor, extra_rows: int) -> Tensor:
    """(..., V + extra) -> the same, in place: a token that the head does not know is never chosen."""
    if extra_rows:
        logits[..., logits.shape[-1] - extra_rows :] = -torch.inf
    return logits


def _renamed(name: str) -> str:
    for ours, theirs in RENAMED.items():
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    return name


def _experts(name: str, weight: Tensor) -> Iterator[tuple[str, Tensor]]:
    """``experts.gate_up_proj`` (E, 2I, D) or ``experts.down_proj`` (E, D, I) as matrices of single experts."""
    before, _, kind = name.rpartition(".")
    for expert, matrix in enumerate(weight):
        if kind == "gate_up_proj":
            gate, up = matrix.chunk(2)
            yield f"{before}.{expert}.gate_proj.weight", gate
            yield f"{before}.{expert}.up_proj.weight", up
        else:
            yield f"{before}.{expert}.{kind}.weight", matrix
