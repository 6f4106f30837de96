"""What both published layouts name alike: encoder, connector, embeddings."""

from __future__ import annotations

from openmolmo.model.config import MolmoConfig
from openmolmo.model.released.rules import Rule, conv_patches, for_blocks, with_leading_ones

__all__ = ["ENCODERS", "UNUSED_BLOCK", "shared_rules"]

_VIT = "model.vision_backbone.image_vit."
_OURS = "encoder.backbone."
_BLOCK = _VIT + "transformer.resblocks.{n}."

#: Prefix of the encoder's blocks; those after the last feature layer are stored but never used.
UNUSED_BLOCK = _VIT + "transformer.resblocks."

#: Parts of a block with weight and bias: published name -> ours.
_BLOCK_PARTS = {
    "attention.wq": "self_attn.q_proj",
    "attention.wk": "self_attn.k_proj",
    "attention.wv": "self_attn.v_proj",
    "attention.wo": "self_attn.out_proj",
    "feed_forward.w1": "mlp.fc1",
    "feed_forward.w2": "mlp.fc2",
    "attention_norm": "layer_norm1",
    "ffn_norm": "layer_norm2",
}
_DINOV2_PARTS = {
    "attention.wq": "attention.q_proj",
    "attention.wk": "attention.k_proj",
    "attention.wv": "attention.v_proj",
    "attention.wo": "attention.o_proj",
    "feed_forward.w1": "mlp.fc1",
    "feed_forward.w2": "mlp.fc2",
    "attention_norm": "norm1",
    "ffn_norm": "norm2",
}
_POOLING = {"wq": "q_proj", "wk": "k_proj", "wv": "v_proj", "wo": "o_proj"}
_PROJECTOR = {"w1": "gate_proj", "w2": "down_proj", "w3": "up_proj"}


def shared_rules(config: MolmoConfig) -> list[Rule]:
    """Rules for encoder, connector and the two embedding tables."""
    rules = [
        Rule(("model.transformer.wte.embedding",), ("embedding.base.weight",)),
        Rule(("model.transformer.wte.new_embedding",), ("embedding.extra",)),
        *_ENCODERS[config.vision_config.model_type](config),
    ]
    for theirs, ours in _POOLING.items() if config.pooling == "attention" else ():
        rules += [
            Rule((f"model.vision_backbone.image_pooling_2d.{theirs}.{kind}",), (f"connector.pool.{ours}.{kind}",))
            for kind in ("weight", "bias")
        ]
    rules += [
        Rule((f"model.vision_backbone.image_projector.{theirs}.weight",), (f"connector.projector.{ours}.weight",))
        for theirs, ours in _PROJECTOR.items()
    ]
    if config.padding_embedding:
        rules.append(Rule(("model.vision_backbone.pad_embed",), ("connector.padding.weight",)))
    return rules


def _clip(config: MolmoConfig) -> list[Rule]:
    return [
        Rule((_VIT + "class_embedding",), (_OURS + "embeddings.class_embedding",)),
        Rule((_VIT + "positional_embedding",), (_OURS + "embeddings.position_embedding.weight",)),
        _patches(config, "embeddings.patch_embedding"),
        Rule((_VIT + "pre_ln.weight",), (_OURS + "pre_layrnorm.weight",)),
        Rule((_VIT + "pre_ln.bias",), (_OURS + "pre_layrnorm.bias",)),
        *_blocks(config, "encoder.layers.{n}.", _BLOCK_PARTS),
    ]


def _siglip(config: MolmoConfig) -> list[Rule]:
    return [
        Rule((_VIT + "positional_embedding",), (_OURS + "embeddings.position_embedding.weight",)),
        _patches(config, "embeddings.patch_embedding"),
        Rule((_VIT + "patch_embedding.bias",), (_OURS + "embeddings.patch_embedding.bias",)),
        *_blocks(config, "encoder.layers.{n}.", _BLOCK_PARTS),
    ]


def _dinov2(config: MolmoConfig) -> list[Rule]:
    layer = "encoder.layer.{n}."
    scales = [Rule((f"{_BLOCK}lambda{n}",), (f"{_OURS}{layer}layer_scale{n}.lambda1",)) for n in (1, 2)]
    return [
        Rule((_VIT + "class_embedding",), (_OURS + "embeddings.cls_token",), with_leading_ones(2)),
        Rule((_VIT + "positional_embedding",), (_OURS + "embeddings.position_embeddings",), with_leading_ones(1)),
        _patches(config, "embeddings.patch_embeddings.projection"),
        Rule((_VIT + "patch_embedding.bias",), (_OURS + "embeddings.patch_embeddings.projection.bias",)),
        *_blocks(config, layer, _DINOV2_PARTS),
        *for_blocks(scales, config.last_feature_layer + 1),
    ]


_ENCODERS = {"clip_vision_model": _clip, "siglip_vision_model": _siglip, "dinov2": _dinov2}
ENCODERS = tuple(_ENCODERS)
"""The encoders of released models, by the library's names; the published layout has the first alone."""


def _patches(config: MolmoConfig, ours: str) -> Rule:
    vision = config.vision_config
    return Rule(
        (_VIT + "patch_embedding.weight",),
        (f"{_OURS}{ours}.weight",),
        conv_patches(vision.patch_size, vision.num_channels),
    )


def _blocks(config: MolmoConfig, layer: str, parts: dict[str, str]) -> list[Rule]:
    rules = [
        Rule((f"{_BLOCK}{theirs}.{kind}",), (f"{_OURS}{layer}{ours}.{kind}",))
        for theirs, ours in parts.items()
        for kind in ("weight", "bias")
    ]
    return for_blocks(rules, config.last_feature_layer + 1)
