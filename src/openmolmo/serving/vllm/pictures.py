"""Pictures on their way through vLLM: cut by our processor, cached by vLLM, put into the prompt by their grids.

Letters: N crops, S side of a crop, P patches of a crop, M image tokens, W patches of a window, G token grids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from transformers import BatchFeature
from vllm.exceptions import VLLMValidationError
from vllm.multimodal.inputs import MultiModalFieldConfig
from vllm.multimodal.media import MediaWithBytes
from vllm.multimodal.parse import ImageProcessorItems, MultiModalDataParser
from vllm.multimodal.processing import (
    BaseDummyInputsBuilder,
    BaseMultiModalProcessor,
    BaseProcessingInfo,
    PromptIndexTargets,
    PromptInsertion,
    PromptReplacement,
    PromptUpdateDetails,
)

from openmolmo.core.errors import OpenMolmoError
from openmolmo.prompting.processor import Processor
from openmolmo.serving.vllm.prompts import largest_picture, picture_ids, processor_of

__all__ = ["MolmoDummyInputs", "MolmoInfo", "MolmoPictures"]


class MolmoInfo(BaseProcessingInfo):  # type: ignore[misc]
    """What vLLM wants to know of a model's pictures before there are any."""

    @cached_property
    def processor(self) -> Processor:
        """The processor of training, inference and evaluation."""
        model = self.ctx.model_config
        return processor_of(model.model, model.revision)

    def get_supported_mm_limits(self) -> Mapping[str, int | None]:
        """Any number of pictures."""
        return {"image": None}

    def get_data_parser(self) -> Any:
        """Keeps the bytes of pictures, so that our reader sees what the client sent."""
        return _Parser(expected_hidden_size=self._get_expected_hidden_size())


class MolmoDummyInputs(BaseDummyInputsBuilder):  # type: ignore[misc]
    """The largest pictures that there can be, for measuring memory."""

    def get_dummy_text(self, mm_counts: Mapping[str, int]) -> str:
        """A place for each picture."""
        return "<|image|>" * mm_counts.get("image", 0)

    def get_dummy_mm_data(self, seq_len: int, mm_counts: Mapping[str, int], mm_options: Any) -> dict[str, Any]:
        """As many pictures of the size that takes the most tokens."""
        plan = largest_picture(self.info.processor.crop)
        count, overrides = mm_counts.get("image", 0), mm_options.get("image")
        made = self._get_dummy_images(width=plan.width, height=plan.height, num_images=count, overrides=overrides)
        return {"image": made}


class MolmoPictures(BaseMultiModalProcessor):  # type: ignore[misc]
    """Pictures -> crops, masks and pooled patches, and the ids that stand for each picture.

    ``mm_processor_kwargs``: ``max_crops``, as in :meth:`Processor.pictures`.
    """

    def _call_hf_processor(self, hf_data: Mapping[str, Any], hf_kwargs: Mapping[str, object]) -> BatchFeature:
        kwargs = self.info.ctx.get_merged_mm_kwargs(hf_kwargs)
        sources = [one.original_bytes if isinstance(one, MediaWithBytes) else one for one in hf_data["images"]]
        try:
            read = self.info.processor.pictures(sources, kwargs.get("max_crops"))
        except OpenMolmoError as error:
            raise VLLMValidationError(str(error), parameter="image") from error
        crops = [one.crops for one in read]
        return BatchFeature(
            {
                # Rounded here, as the encoder does first of all; masks are compared with 1, so they are not.
                "crops": _joined([c.pixels for c in crops]).to(self.info.ctx.model_config.dtype),
                "patch_mask": _joined([c.patch_mask for c in crops]),
                "pooled_patches": _joined([c.pooled_patches for c in crops]),
                "n_crops": torch.tensor([len(c.pixels) for c in crops]),
                "n_tokens": torch.tensor([len(c.pooled_patches) for c in crops]),
                "grids": [torch.tensor(one.grids) for one in read],
            }
        )

    def _get_mm_fields_config(self, hf_inputs: BatchFeature, hf_processor_mm_kwargs: Mapping[str, object]) -> Any:
        crops, tokens = hf_inputs.get("n_crops", torch.empty(0)), hf_inputs.get("n_tokens", torch.empty(0))
        return {
            "crops": MultiModalFieldConfig.flat_from_sizes("image", crops),
            "patch_mask": MultiModalFieldConfig.flat_from_sizes("image", crops),
            "pooled_patches": MultiModalFieldConfig.flat_from_sizes("image", tokens),
            "n_crops": MultiModalFieldConfig.batched("image", keep_on_cpu=True),
            "n_tokens": MultiModalFieldConfig.batched("image", keep_on_cpu=True),
            "grids": MultiModalFieldConfig.batched("image", keep_on_cpu=True),
        }

    def _get_prompt_updates(
        self, mm_items: Any, hf_processor_mm_kwargs: Mapping[str, object], out_mm_kwargs: Any
    ) -> Sequence[Any]:
        """Each picture in the place of its ``<|image|>``; all of them behind BOS where the prompt has none."""
        special = self.info.processor.tokenizer.special

        def span(place: int) -> Any:
            grids = out_mm_kwargs["image"][place]["grids"].data.tolist()
            ids = picture_ids(tuple((rows, columns) for rows, columns in grids), special)
            return PromptUpdateDetails.select_token_id(ids, embed_token_id=special.im_patch)

        return [
            PromptReplacement(modality="image", target=[special.image], replacement=span),
            PromptInsertion(modality="image", target=PromptIndexTargets.prefix([special.bos]), insertion=span),
        ]


class _Pictures(ImageProcessorItems):  # type: ignore[misc]
    """Pictures with the bytes that they were read from, where there are any."""

    def _unwrap(self, item: Any) -> Any:
        return item

    def get_image_size(self, item_idx: int) -> Any:
        """(width, height) as vLLM read it."""
        return self.get(item_idx).size


class _Parser(MultiModalDataParser):  # type: ignore[misc]
    def _parse_image_data(self, data: Any) -> Any:
        items = super()._parse_image_data(data)
        return _Pictures(items.data) if isinstance(items, ImageProcessorItems) else items


def _joined(arrays: Sequence[np.ndarray[Any, Any]]) -> torch.Tensor:
    return torch.from_numpy(np.concatenate(arrays))
