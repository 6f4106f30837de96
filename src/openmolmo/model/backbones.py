"""Published backbones, from the hub or a folder: their settings, and their weights under our names.

Only models that the library itself knows are read: code in a repository is never run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from openmolmo.core.errors import CheckpointError, ConfigError
from openmolmo.model.encoders import ENCODERS, find_encoder

__all__ = ["read_language_model", "read_vision_encoder", "resized_positions", "text_settings", "vision_settings"]


def vision_settings(source: str) -> Any:
    """The vision part of a model's configuration.

    Raises:
        CheckpointError: there is no such model, or it has no vision encoder known here.
        ConfigError: its encoder cannot work here.
    """
    whole = _settings(source)
    vision = getattr(whole, "vision_config", whole)
    if vision.model_type not in ENCODERS and not vision.model_type.startswith("siglip2"):
        raise CheckpointError(
            f"{source} is a model of type {vision.model_type!r}, which is no vision encoder known here; "
            f"known: {', '.join(ENCODERS)}",
            fix="give a CLIP, SigLIP, SigLIP 2, DINOv2 or MetaCLIP model as --vision",
        )
    find_encoder(vision.model_type)
    return vision


def text_settings(source: str) -> Any:
    """A language model's configuration.

    Raises:
        CheckpointError: there is no such model, or it is no decoder of text alone.
    """
    text = _settings(source)
    if text.model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES or hasattr(text, "vision_config"):
        raise CheckpointError(
            f"{source} is a model of type {text.model_type!r}, which is no language model that only decodes text",
            fix="give e.g. a Qwen2, Qwen3, OLMo 2, OLMo 3, OLMoE, Llama or SmolLM3 model as --llm",
        )
    return text


def read_vision_encoder(source: str) -> dict[str, Tensor]:
    """Weights of a vision encoder by their names in the library's model, in their stored type.

    Raises:
        CheckpointError: they cannot be read, or are not whole.
    """
    model = _read(AutoModel, source)
    return _parameters(getattr(model, "vision_model", model))


def read_language_model(source: str) -> dict[str, Tensor]:
    """Weights of a language model by our names (``decoder.``, ``embedding.base``, ``lm_head``).

    Raises:
        CheckpointError: they cannot be read, or are not whole.
        ConfigError: the model is not built of one decoder, one table and one head.
    """
    model = _read(AutoModelForCausalLM, source)
    table, head = model.get_input_embeddings(), model.get_output_embeddings()
    decoder = model.get_decoder()
    if table is None or head is None or decoder is None or getattr(head, "bias", None) is not None:
        raise ConfigError(f"{source} is not made of an embedding table, a decoder and a head without bias")
    weights = {"embedding.base.weight": table.weight.detach(), "lm_head.weight": head.weight.detach()}
    for name, tensor in _parameters(decoder).items():
        if tensor.data_ptr() != table.weight.data_ptr():
            weights[f"decoder.{name}"] = tensor
    return weights


def resized_positions(table: Tensor, places: int, leading: int) -> Tensor:
    """Position embeddings (leading + P, width) for another square grid, by bicubic interpolation.

    The first ``leading`` rows (class tokens) stay. With as many places the table itself is given back.
    """
    if table.shape[0] == places:
        return table
    side, wanted = math.isqrt(table.shape[0] - leading), math.isqrt(places - leading)
    assert side**2 == table.shape[0] - leading and wanted**2 == places - leading
    grid = table[leading:].float().T.reshape(1, -1, side, side)
    resized = F.interpolate(grid, size=(wanted, wanted), mode="bicubic", align_corners=False)
    return torch.cat((table[:leading], resized[0].flatten(1).T.to(table.dtype)))


def _parameters(model: Any) -> dict[str, Tensor]:
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def _settings(source: str) -> Any:
    try:
        return AutoConfig.from_pretrained(source, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(source, error) from error


def _read(auto: Any, source: str) -> Any:
    try:
        model, found = auto.from_pretrained(
            source, dtype="auto", trust_remote_code=False, output_loading_info=True, low_cpu_mem_usage=True
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise _unreadable(source, error) from error
    _whole(source, found)
    return model


def _whole(source: str, found: Mapping[str, Any]) -> None:
    missing = sorted(found["missing_keys"])
    misshaped = [str(entry[0]) for entry in found.get("mismatched_keys") or ()]
    if missing or misshaped:
        shown = ", ".join([*missing, *misshaped][:4])
        raise CheckpointError(
            f"{source} lacks {len(missing)} of its weights and has {len(misshaped)} of another shape than its "
            f"config.json says: {shown}",
            fix="get the folder again",
        )


def _unreadable(source: str, error: Exception) -> CheckpointError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return CheckpointError(
        f"{source} cannot be read as a model: {reason}",
        fix="give a folder with config.json and weights, or OWNER/NAME at the hub; code in a repository is not run",
    )
