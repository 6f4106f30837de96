"""Rows of models whose memory cannot be shared: each has its own, and they take turns.

For language models with layers of other kinds than full and sliding attention, and for attention that takes no mask.
Nothing is gained from the batch there, but the tokens are right, and no reply waits for another's end.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from openmolmo.inference.continuous.reply import Reply
from openmolmo.inference.decoding import Decoding
from openmolmo.model.molmo import Molmo

__all__ = ["OwnRows"]


class OwnRows:
    """Rows that share nothing. Prompts are read in one piece, with their pictures."""

    prefix_tokens = 0

    def __init__(self, model: Molmo) -> None:
        self.active: list[Reply] = []
        self._model = model
        self._decodings: dict[Reply, Decoding] = {}

    def read(self, reply: Reply, chunk: int) -> Iterator[Tensor | None]:
        """Read a prompt: logits (1, V)."""
        decoding = self._decodings[reply] = Decoding(self._model, [reply.prompt], room=reply.limit)
        logits = decoding.start()
        if reply.pictures:
            reply.pictures[0].out_of_world = decoding.out_of_world[0]
        yield logits

    def join(self, reply: Reply) -> None:
        """The reply, whose prompt was read, takes part in steps from now on."""
        self.active.append(reply)

    def step(self) -> Tensor:
        """Read the last token of all replies that take part; logits (B, V), in the order of ``active``."""
        device = self._model.device
        steps = [self._decodings[reply].step(torch.tensor([[reply.ids[-1]]], device=device)) for reply in self.active]
        return torch.cat(steps)

    def leave(self, reply: Reply, *, trusted: bool = True) -> None:
        """The reply is over, wherever it was."""
        self._decodings.pop(reply, None)
        if reply in self.active:
            self.active.remove(reply)
