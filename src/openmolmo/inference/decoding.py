"""A batch of prompts in the course of being continued.

Letters: B rows, T tokens given at once, K tokens in the cache, V rows of the output head.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from openmolmo.inference.batch import first_crops, left_padded
from openmolmo.inference.cache import CacheConfig, crop_cache, has_windows, make_cache
from openmolmo.inference.quick_step import QuickStep
from openmolmo.model.molmo import Molmo
from openmolmo.prompting.sequence import Tokens
from openmolmo.words.answer import worst

__all__ = ["Decoding"]


class Decoding:
    """Cache, mask and positions of a batch.

        decoding = Decoding(model, prompts, room=64)
        logits = decoding.start()            # reads prompts and pictures
        logits = decoding.step(ids)          # and one token a row, as often as there is room

    ``out_of_world``: of each prompt's pictures, the strangest, once they were read.
    ``room``: tokens that may follow the longest prompt. ``step`` is compiled where the cache's settings say so.
    """

    def __init__(
        self,
        model: Molmo,
        prompts: Sequence[Tokens],
        *,
        room: int,
        cache: CacheConfig | None = None,
        step: Callable[..., Any] | None = None,
    ) -> None:
        self.model = model
        self.out_of_world: list[float | None] = [None] * len(prompts)
        self._pictures = [[id(image) for image in tokens.images] for tokens in prompts]
        self._firsts = first_crops(prompts)
        self._config = cache or CacheConfig()
        self._inputs = left_padded(prompts, model.device)
        self._padded = len({len(tokens) for tokens in prompts}) > 1
        self._position = self._inputs["position_ids"][:, -1:]
        self._length = self._inputs["input_ids"].shape[1]
        self._cache = make_cache(model.decoder.config, self._config, self._length + room)
        self._seen = self._step_mask(self._length + room)
        self._forward = model if step is None else step
        quick = step is None and self._config.kind == "dynamic"
        self._quick = QuickStep.of(model) if quick else None

    @property
    def device(self) -> torch.device:
        """Where ids are to be."""
        return self._position.device

    @property
    def length(self) -> int:
        """Tokens in the cache, padding included."""
        return self._length

    @torch.inference_mode()
    def start(self) -> Tensor:
        """Read the prompts with their pictures; logits (B, V) of what follows each."""
        if not self._padded:
            self._inputs.pop("attention_mask")  # no mask is the quickest mask
        world = self.model.known_world
        out = self.model(**self._inputs, **self._always(), return_patches=world is not None)
        if world is not None and out.patch_features is not None:
            mask = self._inputs["patch_mask"]
            scores = {key: world.score(out.patch_features[at], mask[at]) for key, at in self._firsts.items()}
            self.out_of_world = [worst(scores[key] for key in keys) for keys in self._pictures]
        logits: Tensor = out.logits
        return logits[:, -1]

    @torch.inference_mode()
    def step(self, ids: Tensor) -> Tensor:
        """Read (B, T) more tokens, T above 1 only without padding; logits (B, V) of what follows the last ones."""
        count = ids.shape[1]
        assert count == 1 or self._seen is None
        positions = self._position + torch.arange(1, count + 1, device=ids.device)
        self._position = positions[:, -1:]
        mask = self._mask(self._length + count)
        self._length += count
        if self._quick is not None and count == 1 and (mask is None or mask.is_floating_point()):
            return self._quick(ids, positions, mask, self._cache)
        logits: Tensor = self._forward(
            input_ids=ids, position_ids=positions, attention_mask=mask, **self._always()
        ).logits
        return logits[:, -1]

    def keep(self, places: Sequence[int]) -> bool:
        """Go on with these rows only; False, and nothing done, where the cache must keep its shape."""
        if self._config.kind == "static":
            return False
        index = torch.tensor(places, device=self.model.device)
        self._cache.batch_select_indices(index)
        self._position = self._position[index]
        if self._seen is not None:
            self._seen = self._seen[index]
        return True

    def forget(self, length: int) -> bool:
        """Go back to the first ``length`` tokens of a single row; False where the cache cannot."""
        if self._config.kind == "static" or not crop_cache(self._cache, length):
            return False
        self._position = self._position - (self._length - length)
        self._length = length
        return True

    def _always(self) -> dict[str, Any]:
        return {"past_key_values": self._cache, "use_cache": True, "logits_to_keep": 1}

    def _step_mask(self, size: int) -> Tensor | None:
        """The mask of all steps, made once: steps take the part they can see.

        Additive (B, 1, 1, size) where attention takes that, else 1 and 0 (B, size) for the library to
        work out; none where no row is padded and the cache holds no unused places.
        """
        static = self._config.kind == "static"
        if not self._padded and not static:
            return None
        padding = self._inputs["attention_mask"] == 0
        rows, tokens = padding.shape
        text = self.model.decoder.config
        additive = (text._attn_implementation or "sdpa") in ("sdpa", "eager") and not has_windows(text)
        if not additive:
            mask = torch.full((rows, size), int(not static), dtype=torch.long, device=padding.device)
            mask[:, :tokens] = ~padding
            return mask
        dtype = self.model.embedding.weight.dtype
        lowest = torch.finfo(dtype).min
        seen = torch.full((rows, 1, 1, size), lowest if static else 0.0, dtype=dtype, device=padding.device)
        seen[..., :tokens] = torch.where(padding, lowest, 0.0).to(dtype)[:, None, None]
        return seen

    def _mask(self, length: int) -> Tensor | None:
        if self._seen is None:
            return None
        if self._config.kind == "static":
            self._seen[..., length - 1] = 0.0 if self._seen.is_floating_point() else 1
            return self._seen
        return self._seen[..., :length]
