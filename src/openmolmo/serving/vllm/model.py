"""The model that vLLM builds: our encoder and connector, and a language model of vLLM's own.

Letters: N crops, S side of a crop, P patches of a crop, M image tokens, W patches of a window, T tokens of a step,
D width of the language model.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
from vllm.model_executor.models.interfaces import SupportsLoRA, SupportsMultiModal, SupportsPP
from vllm.model_executor.models.module_mapping import MultiModelKeys
from vllm.model_executor.models.utils import (
    AutoWeightsLoader,
    WeightsMapper,
    init_vllm_registered_model,
    maybe_prefix,
)
from vllm.multimodal import MULTIMODAL_REGISTRY

from openmolmo.model.connector import Connector
from openmolmo.model.released import our_weights
from openmolmo.model.vision import VisionEncoder
from openmolmo.serving.vllm.config import ServedConfig, register_configurations
from openmolmo.serving.vllm.features import added, image_features
from openmolmo.serving.vllm.pictures import MolmoDummyInputs, MolmoInfo, MolmoPictures
from openmolmo.serving.vllm.weights import LANGUAGE_MODEL, RENAMED, vllm_weights, without_extra_rows

__all__ = ["ServedMolmo"]

register_configurations()  # importing the model has put its own in their place


@MULTIMODAL_REGISTRY.register_processor(MolmoPictures, info=MolmoInfo, dummy_inputs=MolmoDummyInputs)
class ServedMolmo(nn.Module, SupportsMultiModal, SupportsLoRA, SupportsPP):  # type: ignore[misc]
    """Any Molmo, ours or released, on vLLM.

    The language model is spread over accelerators as vLLM does it; encoder and connector, small beside it, are whole
    on each. Adapters on the language model's layers are found by our names.
    """

    hf_to_vllm_mapper = WeightsMapper(orig_to_new_prefix=RENAMED)
    _mark_tower_model: Any  # SupportsMultiModal has them; where vLLM is not installed, types know only the module
    _mark_language_model: Any

    @classmethod
    def get_placeholder_str(cls, modality: str, i: int) -> str | None:
        """What stands for a picture in a text."""
        return "<|image|>" if modality == "image" else None

    def __init__(self, *, vllm_config: Any, prefix: str = "") -> None:
        super().__init__()
        config: ServedConfig = vllm_config.model_config.hf_config
        self.config, molmo = config, config.molmo_config()
        self.molmo = molmo
        with self._mark_tower_model(vllm_config, "image"):
            self.encoder = VisionEncoder(molmo)
            self.connector = Connector(molmo, self.encoder.width)
        kind = config.text_config.model_type
        with self._mark_language_model(vllm_config):
            self.language_model = init_vllm_registered_model(
                vllm_config=vllm_config,
                hf_config=config.text_config,
                prefix=maybe_prefix(prefix, LANGUAGE_MODEL),
                architectures=[MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[kind]],
            )
        self.make_empty_intermediate_tensors = self.language_model.make_empty_intermediate_tensors

    def embed_multimodal(self, **inputs: Any) -> list[Tensor]:
        """(M, D) features of each picture.

        Args:
            **inputs: as :class:`MolmoPictures` makes them, of several pictures one after the other.
        """
        if inputs.get("crops") is None:
            return []
        return image_features(self.encoder, self.connector, inputs)

    def embed_input_ids(
        self, input_ids: Tensor, multimodal_embeddings: Any = None, *, is_multimodal: Tensor | None = None
    ) -> Tensor:
        """(T,) -> (T, D): a picture's features are *added* to the embedding of its tokens."""
        embeds: Tensor = self.language_model.embed_input_ids(input_ids)
        if multimodal_embeddings is None or is_multimodal is None or len(multimodal_embeddings) == 0:
            return embeds
        return added(embeds, torch.cat(list(multimodal_embeddings)), is_multimodal)

    def forward(
        self,
        input_ids: Tensor | None,
        positions: Tensor,
        intermediate_tensors: Any = None,
        inputs_embeds: Tensor | None = None,
        **_: object,
    ) -> Any:
        """Hidden states of a step's tokens, or what the next stage of a pipeline takes."""
        if intermediate_tensors is not None:
            inputs_embeds = None
        return self.language_model(input_ids, positions, intermediate_tensors, inputs_embeds=inputs_embeds)

    def compute_logits(self, hidden_states: Tensor) -> Tensor | None:
        """Logits over the vocabulary that vLLM knows; None where another process has them."""
        logits: Tensor | None = self.language_model.compute_logits(hidden_states)
        return None if logits is None else without_extra_rows(logits, self.molmo.extra_embeddings)

    def load_weights(self, weights: Iterable[tuple[str, Tensor]]) -> set[str]:
        """Weights as a folder of either layout has them; names of those that were loaded."""
        ours = weights if self.config.layout == "ours" else our_weights(self.molmo, weights)
        loaded: set[str] = AutoWeightsLoader(self).load_weights(vllm_weights(ours, self.molmo.extra_embeddings))
        return loaded

    def get_mm_mapping(self) -> Any:
        """Which part is what, for adapters."""
        return MultiModelKeys.from_string_field(
            language_model=LANGUAGE_MODEL, connector="connector", tower_model="encoder"
        )
