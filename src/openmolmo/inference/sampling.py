"""Choosing the next token: the likeliest one, or a draw among the likely ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from openmolmo.core.config import Config
from openmolmo.core.errors import ConfigError

__all__ = ["Sampling", "logprobs", "next_tokens"]


@dataclass(frozen=True, kw_only=True)
class Sampling(Config):
    """``temperature`` 0 is greedy; above it, draws are made among the likeliest tokens that together
    have probability ``top_p``. The same ``seed`` gives the same draws, whatever the batch.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise ConfigError(f"temperature={self.temperature} must be 0 (greedy) or more, and finite")
        if not 0 < self.top_p <= 1:
            raise ConfigError(f"top_p={self.top_p} must be above 0 and at most 1")


def next_tokens(logits: Tensor, sampling: Sampling, rngs: Sequence[np.random.Generator]) -> Tensor:
    """(B, V) logits -> (B,) token ids; each row draws from its own generator."""
    if sampling.temperature == 0:
        return _likeliest(logits)
    probabilities, order = (logits.float() / sampling.temperature).softmax(-1).sort(-1, descending=True)
    below = probabilities.cumsum(-1)
    # The first token that reaches top_p is the last one kept.
    kept = (below < sampling.top_p).sum(-1, keepdim=True).clamp(max=logits.shape[-1] - 1)
    draws = torch.tensor([[rng.random()] for rng in rngs], dtype=below.dtype, device=below.device)
    place = torch.searchsorted(below, draws * below.gather(-1, kept), right=True)
    return order.gather(-1, torch.minimum(place, kept)).squeeze(-1)


def logprobs(logits: Tensor, chosen: Tensor) -> Tensor:
    """(B, V) logits and (B,) ids -> (B,) natural log-probabilities, float32, of the ids at temperature 1."""
    logits = logits.float()
    return logits.gather(-1, chosen[:, None]).squeeze(-1) - logits.logsumexp(-1)


def _likeliest(logits: Tensor) -> Tensor:
    """(B, V) -> (B,). On a processor torch takes ten times as long as NumPy to find the largest of a row."""
    if logits.device.type != "cpu" or logits.dtype != torch.float32:
        return logits.argmax(-1)
    return torch.from_numpy(logits.numpy().argmax(-1))
