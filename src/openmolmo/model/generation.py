"""Generation: the picture goes through the encoder once, then tokens come from the cache."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import GenerationMixin

from openmolmo.core.errors import PromptError

__all__ = ["MolmoGeneration"]

_IMAGE_INPUTS = ("crops", "patch_mask", "pooled_patches")
_TRAINING_INPUTS = ("example_ids", "branch_ids", "labels", "loss_weights")


class MolmoGeneration(GenerationMixin):  # type: ignore[misc]
    """The library's ``generate`` for batches of ragged images."""

    def generate(self, input_ids: Tensor | None = None, **kwargs: Any) -> Any:
        """The library's ``generate``; takes a collated batch of prompts as it stands.

        Rows are padded on the left; padding is given by ``attention_mask`` (B, T) or by ``example_ids``
        of -1. Positions continue from each prompt's real length.

        Raises:
            PromptError: a row is padded on the right, or holds more than one example or branch.
        """
        if input_ids is not None and kwargs.get("attention_mask") is None:
            kwargs["attention_mask"] = _prompt_mask(input_ids, kwargs.get("example_ids"), kwargs.get("branch_ids"))
        for name in _TRAINING_INPUTS:
            kwargs.pop(name, None)
        return super().generate(input_ids, **kwargs)

    def prepare_inputs_for_generation(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, past_key_values: Any = None, **kwargs: Any
    ) -> dict[str, Any]:
        """Inputs of one step; after the first the images are left out, their tokens are in the cache."""
        inputs: dict[str, Any] = super().prepare_inputs_for_generation(
            input_ids, attention_mask=attention_mask, past_key_values=past_key_values, **kwargs
        )
        if not kwargs.get("is_first_iteration", False) and kwargs.get("use_cache", True):
            for name in _IMAGE_INPUTS:
                inputs.pop(name, None)
        return inputs

    def _supports_logits_to_keep(self) -> bool:
        return True  # it travels in **kwargs, where the library's inspection does not see it

    def _expand_inputs_for_generation(
        self, expand_size: int = 1, is_encoder_decoder: bool = False, input_ids: Tensor | None = None, **kwargs: Any
    ) -> tuple[Tensor, dict[str, Any]]:
        """Repeat prompts for beams or several samples; copies of a row share its crops."""
        images = {name: kwargs.pop(name) for name in _IMAGE_INPUTS if name in kwargs}
        windows = images.get("pooled_patches")
        if expand_size > 1 and windows is not None and input_ids is not None:
            counts = (input_ids == self.config.image_patch_id).sum(dim=1).tolist()
            rows = [part for part in windows.split(counts) for _ in range(expand_size)]
            images["pooled_patches"] = torch.cat(rows)
        ids, expanded = super()._expand_inputs_for_generation(
            expand_size=expand_size, is_encoder_decoder=is_encoder_decoder, input_ids=input_ids, **kwargs
        )
        return ids, {**expanded, **images}


def _prompt_mask(input_ids: Tensor, example_ids: Tensor | None, branch_ids: Tensor | None) -> Tensor:
    if example_ids is None:
        return torch.ones_like(input_ids)
    mask = example_ids >= 0
    if bool((mask[:, :-1] & ~mask[:, 1:]).any()):
        raise PromptError(
            "a prompt is padded on the right; new tokens would follow the padding", fix="pad prompts on the left"
        )
    for name, ids, least in (("examples", example_ids, 0), ("branches", branch_ids, 1)):
        if ids is None:
            continue
        counts = [row[row >= least].unique().numel() for row in ids]
        if max(counts) > 1:
            raise PromptError(f"a row holds {max(counts)} {name}, but one prompt continues one", fix="one row a prompt")
    return mask.long()
