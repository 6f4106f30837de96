"""The decoding loop: one pass over the prompts with their pictures, then one token a step from the cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache

from openmolmo.core.rng import derive
from openmolmo.inference.batch import left_padded
from openmolmo.inference.sampling import Sampling, next_tokens
from openmolmo.model.molmo import Molmo
from openmolmo.prompting.sequence import Tokens

__all__ = ["Generated", "generate"]


@dataclass(slots=True)
class Generated:
    """New tokens of one prompt, the end token left out; ``finished`` when the end token came in time."""

    ids: list[int] = field(default_factory=list)
    finished: bool = False


@torch.inference_mode()
def generate(
    model: Molmo,
    prompts: Sequence[Tokens],
    *,
    max_new_tokens: Sequence[int],
    end_id: int,
    sampling: Sampling,
    seeds: Sequence[int] | None = None,
) -> list[Generated]:
    """Continue every prompt until its end token or its own limit.

    Rows that are done leave the batch once they are half of it, so that one long reply does not
    make all others wait in vain. ``seeds``: one a prompt, for sampling; the prompt's place by default.
    """
    rngs = [derive(sampling.seed, "sample", s) for s in (range(len(prompts)) if seeds is None else seeds)]
    results = [Generated() for _ in prompts]
    rows = list(range(len(prompts)))  # which prompt each row of the batch belongs to
    for tokens, keep in _steps(model, prompts, sampling, rngs):
        for place, token in enumerate(tokens):
            result = results[rows[place]]
            if result.finished or len(result.ids) >= max_new_tokens[rows[place]]:
                continue
            if token == end_id:
                result.finished = True
            else:
                result.ids.append(token)
        alive = [
            place
            for place, row in enumerate(rows)
            if not results[row].finished and len(results[row].ids) < max_new_tokens[row]
        ]
        if not alive:
            break
        if len(alive) <= len(rows) // 2:
            keep.extend(alive)
            rows = [rows[place] for place in alive]
    return results


def _steps(
    model: Molmo, prompts: Sequence[Tokens], sampling: Sampling, rngs: list[np.random.Generator]
) -> Iterator[tuple[list[int], list[int]]]:
    """Yield (next token of every row, an empty list). Places put into that list are the rows to go on with."""
    device = model.device
    inputs = left_padded(prompts, device)
    mask, position = inputs["attention_mask"], inputs["position_ids"][:, -1:]
    cache = DynamicCache(config=model.config.text_config)
    while True:
        logits: Tensor = model(**inputs, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1]
        chosen = next_tokens(logits, sampling, rngs)
        keep: list[int] = []
        yield chosen.tolist(), keep
        if keep:
            index = torch.tensor(keep, device=device)
            cache.batch_select_indices(index)
            chosen, mask, position = chosen[index], mask[index], position[index]
            rngs = [rngs[place] for place in keep]
        position = position + 1
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
        inputs = {"input_ids": chosen[:, None], "position_ids": position, "attention_mask": mask}
