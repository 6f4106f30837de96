"""The decoding loop: one pass over the prompts with their pictures, then one token a step from the cache."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch

from openmolmo.core.rng import derive
from openmolmo.inference.decoding import Decoding
from openmolmo.inference.sampling import Sampling, logprobs, next_tokens
from openmolmo.words.reply import ReplyText

__all__ = ["Generated", "Limit", "generate", "generate_one"]


@dataclass(frozen=True, slots=True)
class Limit:
    """What ends a reply: ``end_id``, ``tokens`` of it, or a stop string of ``text``, which then reads along.

    ``seed``: of this reply's draws, together with that of the sampling.
    """

    tokens: int
    end_id: int
    seed: int = 0
    text: ReplyText | None = None


@dataclass(slots=True)
class Generated:
    """New tokens of one prompt, the end token left out; ``finished`` when the reply came to its end in time.

    ``logprobs``: the natural log-probability of each token, whatever the temperature it was drawn at.
    """

    limit: Limit
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    finished: bool = False

    @property
    def done(self) -> bool:
        """Whether no more tokens are wanted."""
        return self.finished or len(self.ids) >= self.limit.tokens

    def take(self, token: int, logprob: float = math.nan) -> None:
        """One more token; nothing happens when the reply is done."""
        if self.done:
            return
        if token == self.limit.end_id:
            self.finished = True
            return
        self.ids.append(token)
        self.logprobs.append(logprob)
        if self.limit.text is not None:
            self.finished = self.limit.text.add(token)


def generate(decoding: Decoding, limits: Sequence[Limit], sampling: Sampling) -> list[Generated]:
    """Continue every prompt of a batch up to its own limit.

    Rows that are done leave the batch once they are half of it, so that one long reply does not
    make all others wait in vain.
    """
    replies = [Generated(limit) for limit in limits]
    rngs = [derive(sampling.seed, "sample", limit.seed) for limit in limits]
    rows = list(replies)  # whose each row of the batch is
    logits = decoding.start()
    while True:
        chosen = next_tokens(logits, sampling, rngs)
        for reply, token, logprob in zip(rows, chosen.tolist(), logprobs(logits, chosen).tolist(), strict=True):
            reply.take(token, logprob)
        going = [place for place, reply in enumerate(rows) if not reply.done]
        if not going:
            return replies
        if len(going) <= len(rows) // 2 and decoding.keep(going):
            rows, rngs = [rows[place] for place in going], [rngs[place] for place in going]
            chosen = chosen[going]
        logits = decoding.step(chosen[:, None])


def generate_one(
    decoding: Decoding, limit: Limit, sampling: Sampling, *, more: Sequence[int] = ()
) -> Iterator[Generated]:
    """Continue the one prompt of ``decoding``; the same reply is given after each of its tokens.

    ``more``: tokens to read first where the prompt itself has been read before.
    """
    reply = Generated(limit)
    rng = derive(sampling.seed, "sample", limit.seed)
    logits = decoding.step(torch.tensor([more], device=decoding.device)) if more else decoding.start()
    while True:
        chosen = next_tokens(logits, sampling, [rng])
        reply.take(int(chosen), float(logprobs(logits, chosen)))
        yield reply
        if reply.done:
            return
        logits = decoding.step(chosen[:, None])
