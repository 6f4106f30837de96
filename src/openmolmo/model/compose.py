"""An untrained Molmo out of a published vision encoder and a published language model."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from openmolmo.core.errors import CheckpointError
from openmolmo.model.backbones import read_language_model, read_vision_encoder, resized_positions
from openmolmo.model.config import MolmoConfig
from openmolmo.model.dropout import TEMPLATES
from openmolmo.model.encoders import find_encoder
from openmolmo.model.materialize import empty_model
from openmolmo.model.molmo import Molmo

__all__ = ["Sources", "compose_config", "compose_model", "default_layers"]


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where the two backbones come from: a folder or a repository of the hub each."""

    vision: str
    llm: str


def default_layers(kind: str, blocks: int) -> list[int]:
    """Feature layers that the published recipe takes, as far as an encoder of so many blocks has them.

    CLIP: third and tenth from the last block; others: third and ninth (arXiv 2409.17146, appendix).
    """
    wanted = (-3, -10) if kind == "clip_vision_model" else (-3, -9)
    return sorted({max(layer, -blocks) for layer in wanted}, reverse=True)


def compose_config(
    vision: Any,
    text: Any,
    *,
    crop_size: int,
    feature_layers: list[int],
    pooling: Literal["attention", "stack"] = "attention",
    patches_per_token: int = 4,
) -> MolmoConfig:
    """The configuration: both backbones as they are, the connector of the released models between them.

    The special tokens follow the language model's table, in rows of their own.
    """
    vision, text = copy.deepcopy(vision), copy.deepcopy(text)
    vision.image_size = crop_size
    vision.dtype = text.dtype = None  # the weights say it
    known = text.model_type in TEMPLATES
    return MolmoConfig(
        vision_config=vision,
        text_config=text,
        image_patch_id=text.vocab_size + 2,
        feature_layers=feature_layers,
        pooling=pooling,
        patches_per_token=patches_per_token,
        pooling_heads=vision.num_attention_heads,
        pooling_head_dim=vision.hidden_size // vision.num_attention_heads,
        projector_hidden=getattr(text, "intermediate_size", 4 * text.hidden_size),
        residual_dropout=0.1 if known else 0.0,
        dropout_tokens="supervised" if known else "none",
    )


def compose_model(config: MolmoConfig, sources: Sources, seed: int = 0) -> Molmo:
    """The weights of both backbones in their stored types, a fresh connector and fresh extra rows in float32.

    Raises:
        CheckpointError: a backbone cannot be read, or its weights do not fit its configuration.
    """
    with torch.random.fork_rng(devices=[]):  # the global random state stays as it is
        model = empty_model(config)
        _fill(model, _encoder_weights(model, sources.vision), sources.vision)
        _fill(model, read_language_model(sources.llm), sources.llm)
        model.tie_weights()
        _check_whole(model, sources)
        torch.manual_seed(seed)
        _begin(model)
    model.eval()
    return model


def _check_whole(model: Molmo, sources: Sources) -> None:
    left = [name for name, parameter in model.named_parameters() if parameter.is_meta and not _fresh(name)]
    if left:
        raise CheckpointError(
            f"{sources.vision} and {sources.llm} give no weights for {', '.join(left[:3])} ({len(left)} in all)",
            fix="they are built otherwise than their configurations say; choose other models",
        )


def _encoder_weights(model: Molmo, source: str) -> dict[str, Tensor]:
    """Those that are used here; the position embedding for the side of a crop."""
    spec = find_encoder(model.config.vision_config.model_type)
    used = {name for name, _ in model.encoder.backbone.named_parameters()}
    weights = {name: tensor for name, tensor in read_vision_encoder(source).items() if name in used}
    table = spec.positions(model.encoder.backbone)
    for name, tensor in weights.items():
        if "position_embedding" in name:
            flat = tensor.reshape(-1, tensor.shape[-1])
            resized = resized_positions(flat, table.shape[0], spec.leading_tokens)
            weights[name] = resized.reshape(*tensor.shape[:-2], *resized.shape)
    return {f"encoder.backbone.{name}": tensor for name, tensor in weights.items()}


def _fill(model: Molmo, weights: dict[str, Tensor], source: str) -> None:
    shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
    if model.config.tie_word_embeddings:
        weights.pop("lm_head.weight", None)
    for name, tensor in weights.items():
        if shapes.get(name) != tensor.shape:
            raise CheckpointError(
                f"{source}: {name} is {list(tensor.shape)} in the weights, "
                f"{list(shapes[name]) if name in shapes else 'nothing'} by its config.json",
                fix="weights and config.json must come from the same model",
            )
        _set(model, name, tensor)


def _begin(model: Molmo) -> None:
    """New weights for connector and extra rows."""
    for name, parameter in list(model.named_parameters()):
        if parameter.is_meta:
            _set(model, name, torch.empty(parameter.shape))
    for module in (*model.connector.modules(), model.embedding):
        model._init_weights(module)


def _fresh(name: str) -> bool:
    return name.startswith("connector.") or name == "embedding.extra"


def _set(model: Molmo, name: str, tensor: Tensor) -> None:
    parent, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(parent), leaf, nn.Parameter(tensor))
