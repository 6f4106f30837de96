"""The model run over rows that share one memory of keys and values: chunks of prompts, and steps of all.

Letters: B rows, T tokens of a chunk, K tokens that a row has, D width, V rows of the output head.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from openmolmo.inference.continuous.config import BatchingConfig
from openmolmo.inference.continuous.features import FeatureCache, look
from openmolmo.inference.continuous.reply import Reply
from openmolmo.inference.continuous.slots import SlotCache
from openmolmo.inference.quick_step import QuickStep
from openmolmo.model.molmo import Molmo

__all__ = ["Rows", "SlotRows", "can_share"]

_LEAST_SHARED = 16
"""Tokens that two prompts must have in common for copying their keys and values to be worth it."""


class Rows(Protocol):
    """What the engine asks of a batch. ``active``: the replies that take part in steps; ``prefix_tokens``: tokens of
    prompts that were known from others, since the start."""

    active: list[Reply]
    prefix_tokens: int

    def read(self, reply: Reply, chunk: int) -> Iterator[Tensor | None]:
        """Read a prompt, a piece whenever the next value is asked for: None, and at last logits (1, V)."""

    def join(self, reply: Reply) -> None:
        """The reply, whose prompt was read, takes part in steps from now on."""

    def step(self) -> Tensor:
        """Read the last token of all replies that take part; logits (B, V), in the order of ``active``."""

    def leave(self, reply: Reply, *, trusted: bool = True) -> None:
        """The reply is over, wherever it was; ``trusted``: what was read for it may serve others."""


def can_share(model: Molmo) -> bool:
    """Whether a mask can say all that the model's layers see, so that its rows can share one memory."""
    text = model.decoder.config
    kinds = set(getattr(text, "layer_types", None) or ("full_attention",))
    known = kinds <= {"full_attention", "sliding_attention"} and getattr(text, "is_causal", True)
    return known and (text._attn_implementation or "sdpa") in ("sdpa", "eager")


class SlotRows:
    """Rows in slots. Those that take part in steps stand in the first ones."""

    def __init__(self, model: Molmo, config: BatchingConfig, features: FeatureCache) -> None:
        self.active: list[Reply] = []
        self.prefix_tokens = 0
        self._model, self._config, self._features = model, config, features
        self._slots = config.rows + config.kept
        self._cache = SlotCache(self._slots)
        self._owners: list[Reply | None] = [None] * self._slots
        self._used = np.zeros(self._slots, np.int64)
        self._clock = 0
        self._quick = QuickStep.of(model)
        text = model.decoder.config
        kinds = getattr(text, "layer_types", None) or ()
        self._window = int(text.sliding_window) if "sliding_attention" in kinds else None
        self._patch = model.config.image_patch_id

    # -------------------------------------------------------------------------- reading prompts

    def read(self, reply: Reply, chunk: int) -> Iterator[Tensor | None]:
        """Read a prompt, a piece whenever the next value is asked for: None, and at last logits (1, V)."""
        self._begin(reply)
        ids = reply.prompt.input_ids
        yield from self._look(reply)
        features = self._unread_features(reply)
        start = int(self._cache.lengths[reply.slot])
        while True:
            end = min(start + chunk, len(ids))
            logits, features = self._chunk(reply, start, end, features)
            start = end
            if end == len(ids):
                yield logits
                return
            yield None

    def _begin(self, reply: Reply) -> None:
        """Give the reply a slot, with as much of its prompt as is known from others."""
        source, shared = self._cache.longest(reply.spelling)
        if shared < _LEAST_SHARED:
            shared = 0
        slot = self._free_slot(source, shared)
        if slot != source and shared:
            self._cache.copy(source, slot, shared)
        self._cache.lengths[slot] = shared
        self._owners[slot] = reply
        reply.slot, reply.reused = slot, shared
        self._touch(slot)
        self.prefix_tokens += shared

    def _free_slot(self, source: int, shared: int) -> int:
        """The slot that has the beginning, if little else is lost; else an empty one; else that used least lately."""
        free = [slot for slot, owner in enumerate(self._owners) if owner is None]
        kept = [slot for slot in free if self._cache.lengths[slot] > 0]
        if source in kept and shared * 2 >= self._cache.lengths[source]:
            return source
        empty = [slot for slot in free if slot not in kept]
        if empty and len(kept) < max(1, self._config.kept):
            return empty[0]
        return min(kept or empty, key=lambda slot: (slot == source and shared > 0, self._used[slot]))

    def _look(self, reply: Reply) -> Iterator[None]:
        """Look at the pictures that have tokens still to be read."""
        before = int((reply.prompt.input_ids[: self._cache.lengths[reply.slot]] == self._patch).sum())
        for seen in reply.pictures:
            before -= seen.tokens
            if seen.features is not None:
                continue
            self._features.again(seen)
            if before < 0 and seen.features is None:
                for _ in look(self._model, seen, self._config.crops):
                    yield None
                self._features.put(seen)

    def _unread_features(self, reply: Reply) -> Tensor | None:
        """(M, D) of the tokens of pictures that are still to be read."""
        read = int((reply.prompt.input_ids[: self._cache.lengths[reply.slot]] == self._patch).sum())
        parts = []
        for seen in reply.pictures:
            if read < seen.tokens:
                assert seen.features is not None
                parts.append(seen.features[read:])
            read = max(0, read - seen.tokens)
        return torch.cat(parts) if parts else None

    @torch.inference_mode()
    def _chunk(self, reply: Reply, start: int, end: int, features: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Read tokens of a prompt; (1, V) logits of what follows, and the features that are left."""
        model, ids = self._model, reply.prompt.input_ids[start:end]
        given = torch.from_numpy(ids).to(model.device)
        embeds = model.embedding(given)
        places = np.flatnonzero(ids == self._patch)
        if len(places) and features is not None:
            at = torch.from_numpy(places).to(embeds.device)
            embeds = embeds.index_add(0, at, features[: len(places)].to(embeds))
            features = features[len(places) :]
        self._cache.chunk(reply.slot, end - start)
        seen = torch.arange(end, device=model.device)
        queries = torch.arange(start, end, device=model.device)[:, None]
        if self._quick is not None:
            mask = self._mask(queries, seen[None], None)[None, None]
            logits = self._quick.read(embeds[None], queries.T, mask, self._cache)
        else:
            logits = self._run(embeds[None], queries.T, queries, seen[None])
        self._cache.wrote(reply.slot, reply.spelling[start:end])
        return logits, features

    # -------------------------------------------------------------------------- steps

    def join(self, reply: Reply) -> None:
        """The reply, whose prompt was read, takes part in steps from now on."""
        self._exchange(reply.slot, len(self.active))
        self.active.append(reply)

    @torch.inference_mode()
    def step(self) -> Tensor:
        """Read the last token of all replies that take part; logits (B, V), in the order of ``active``."""
        device, count = self._model.device, len(self.active)
        last = np.array([reply.ids[-1] for reply in self.active])
        lengths = self._cache.lengths[:count].copy()
        ids = torch.from_numpy(last[:, None]).to(device)
        positions = torch.from_numpy(lengths[:, None]).to(device)
        self._cache.step(count)
        keys = torch.arange(int(lengths.max()) + 1, device=device)[None]
        if self._quick is not None:
            mask = None if lengths.min() == lengths.max() else self._mask(positions, keys, None)[:, None, None]
            logits = self._quick(ids, positions, mask, self._cache)
        else:
            logits = self._run(self._model.embedding(ids), positions, positions[:, :, None], keys[None])
        for slot, token in enumerate(last.tolist()):
            self._cache.wrote(slot, token)
        self._clock += 1
        return logits

    def leave(self, reply: Reply, *, trusted: bool = True) -> None:
        """The reply is over, wherever it was; ``trusted``: what was read for it may serve others."""
        if reply.slot < 0:
            return
        if reply in self.active:
            self._exchange(reply.slot, len(self.active) - 1)
            self.active.sort(key=lambda other: other.slot)
            self.active.remove(reply)
        if not trusted:
            self._cache.wipe(reply.slot)
        self._owners[reply.slot] = None
        self._touch(reply.slot)
        reply.slot = -1

    def _exchange(self, one: int, other: int) -> None:
        """Let two slots, and whose they are, change places."""
        self._cache.swap(one, other)
        self._owners[one], self._owners[other] = self._owners[other], self._owners[one]
        self._used[[one, other]] = self._used[[other, one]]
        for slot in (one, other):
            owner = self._owners[slot]
            if owner is not None:
                owner.slot = slot

    def _touch(self, slot: int) -> None:
        self._clock += 1
        self._used[slot] = self._clock

    # -------------------------------------------------------------------------- the model

    def _run(self, embeds: Tensor, positions: Tensor, queries: Tensor, keys: Tensor) -> Tensor:
        """(B, T, D) embeddings at (B, T) positions -> (B, V) logits; ``queries`` (.., T, 1) and ``keys`` (.., K) say
        where the tokens of the mask stand."""
        model = self._model
        mask: Any = self._additive(queries, keys, None)
        if self._window is not None:
            mask = {"full_attention": mask, "sliding_attention": self._additive(queries, keys, self._window)}
        out = model.decoder(
            inputs_embeds=embeds,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
        )
        logits: Tensor = model.lm_head(out.last_hidden_state[:, -1])
        return logits

    def _additive(self, queries: Tensor, keys: Tensor, window: int | None) -> Tensor:
        """(B, 1, T, K)."""
        mask = self._mask(queries, keys, window)
        return mask[None, None] if mask.dim() == 2 else mask[:, None]

    def _mask(self, queries: Tensor, keys: Tensor, window: int | None) -> Tensor:
        """0 where a query's position sees a key's, else the lowest number."""
        hidden = keys > queries
        if window is not None:
            hidden = hidden | (queries - keys >= window)
        dtype = self._model.embedding.weight.dtype
        zeros = torch.zeros(hidden.shape, dtype=dtype, device=hidden.device)
        return zeros.masked_fill_(hidden, torch.finfo(dtype).min)
