"""What vLLM calls in each of its processes: the models' configurations, class and tokenizer get their names."""

from __future__ import annotations

from typing import Any

__all__ = ["TOKENIZER_MODE", "register"]

TOKENIZER_MODE = "openmolmo"
"""The name under which vLLM knows :class:`~openmolmo.serving.vllm.tokenizer.ServedTokenizer`."""


def register() -> None:
    """Entry point ``vllm.general_plugins``; calling it again changes nothing. Imports no model code."""
    from vllm.model_executor.models.config import MODELS_CONFIG_MAP
    from vllm.model_executor.models.registry import ModelRegistry
    from vllm.renderers.registry import RENDERER_REGISTRY
    from vllm.tokenizers.registry import TokenizerRegistry

    from openmolmo.serving.vllm.config import ARCHITECTURE, register_configurations

    register_configurations()
    if ARCHITECTURE in MODELS_CONFIG_MAP:
        return
    ModelRegistry.register_model(ARCHITECTURE, "openmolmo.serving.vllm.model:ServedMolmo")
    TokenizerRegistry.register(TOKENIZER_MODE, "openmolmo.serving.vllm.tokenizer", "ServedTokenizer")
    RENDERER_REGISTRY.register(TOKENIZER_MODE, "vllm.renderers.hf", "HfRenderer")
    MODELS_CONFIG_MAP[ARCHITECTURE] = _Defaults


class _Defaults:
    """vLLM's hook for what a class of models wants in its settings."""

    @staticmethod
    def verify_and_update_model_config(model_config: Any) -> None:
        """Conversations become ids by our tokenizer, unless another was asked for."""
        if model_config.tokenizer_mode == "auto":
            model_config.tokenizer_mode = TOKENIZER_MODE

    @staticmethod
    def verify_and_update_config(vllm_config: Any) -> None:
        """Nothing more."""
