"""The next token of every row: each by its own rules, and how likely the model held it.

Letters: B rows, V rows of the output head.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from openmolmo.inference.continuous.reply import Reply
from openmolmo.inference.sampling import Sampling, next_tokens

__all__ = ["Chosen", "choose"]

_GREEDY = Sampling()


class Chosen(NamedTuple):
    """A token, its natural log-probability (before temperature and penalties), and the likeliest with theirs."""

    token: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


@torch.inference_mode()
def choose(logits: Tensor, replies: Sequence[Reply]) -> list[Chosen]:
    """(B, V) logits -> a token for each reply."""
    tokens = next_tokens(logits, _GREEDY, [])
    for row, reply in enumerate(replies):
        if _is_special(reply):
            tokens[row] = _next(logits[row], reply)
    whole = logits.float().logsumexp(-1)
    found = (logits.gather(-1, tokens[:, None]).float().squeeze(-1) - whole).tolist()
    chosen = [Chosen(token, value) for token, value in zip(tokens.tolist(), found, strict=True)]
    for row, reply in enumerate(replies):
        if reply.choosing.logprobs:
            chosen[row] = chosen[row]._replace(top=_top(logits[row].float() - whole[row], reply.choosing.logprobs))
        if reply.counts is not None:
            reply.counts[chosen[row].token] += 1
    return chosen


def _top(logprobs: Tensor, count: int) -> tuple[tuple[int, float], ...]:
    values, places = logprobs.topk(min(count, logprobs.shape[0]))
    return tuple(zip(places.tolist(), values.tolist(), strict=True))


def _is_special(reply: Reply) -> bool:
    return reply.choosing.temperature > 0 or _is_penalised(reply)


def _is_penalised(reply: Reply) -> bool:
    choosing = reply.choosing
    return choosing.repetition_penalty != 1 or choosing.presence_penalty != 0 or choosing.frequency_penalty != 0


def _next(logits: Tensor, reply: Reply) -> Tensor:
    """(V,) -> a token: penalties, then min_p and top_k, then a draw among top_p."""
    choosing, logits = reply.choosing, logits.float()
    if _is_penalised(reply):
        logits = _penalised(logits, reply)
    if choosing.temperature == 0:
        return logits.argmax()
    lowest = -math.inf
    if choosing.min_p > 0:
        lowest = float(logits.max()) + choosing.temperature * math.log(choosing.min_p)
    if 0 < choosing.top_k < logits.shape[0]:
        lowest = max(lowest, float(logits.topk(choosing.top_k).values[-1]))
    if lowest > -math.inf:
        logits = logits.masked_fill(logits < lowest, -math.inf)
    sampling = Sampling(temperature=choosing.temperature, top_p=choosing.top_p)
    return next_tokens(logits[None], sampling, [reply.rng])[0]


def _penalised(logits: Tensor, reply: Reply) -> Tensor:
    """Repetition counts prompt and reply, presence and frequency the reply alone."""
    choosing = reply.choosing
    if reply.counts is None or reply.prompted is None:
        reply.counts = torch.zeros_like(logits)
        ids = reply.prompt.input_ids
        prompted = torch.from_numpy(ids[ids < logits.shape[0]]).to(logits.device)  # extra tokens have no logit
        reply.prompted = torch.zeros_like(logits, dtype=torch.bool).index_fill_(0, prompted, True)
    written = reply.counts > 0
    repeated = torch.where(logits > 0, logits / choosing.repetition_penalty, logits * choosing.repetition_penalty)
    logits = torch.where(written | reply.prompted, repeated, logits)
    return logits - choosing.frequency_penalty * reply.counts - choosing.presence_penalty * written
