"""What both published layouts name alike: encoder, connector, embeddings."""

from __future__ import annotations

from openmolmo.model.config import MolmoConfig
from openmolmo.model.released.rules import Rule, conv_patches, for_blocks

__all__ = ["UNUSED_BLOCK", "shared_rules"]

_VIT = "model.vision_backbone.image_vit."
_CLIP = "encoder.backbone."
_BLOCK = _VIT + "transformer.resblocks.{n}."
_LAYER = _CLIP + "encoder.layers.{n}."

#: Prefix of the encoder's blocks; those after the last feature layer are stored but never used.
UNUSED_BLOCK = _VIT + "transformer.resblocks."

_LINEARS = {
    "attention.wq": "self_attn.q_proj",
    "attention.wk": "self_attn.k_proj",
    "attention.wv": "self_attn.v_proj",
    "attention.wo": "self_attn.out_proj",
    "feed_forward.w1": "mlp.fc1",
    "feed_forward.w2": "mlp.fc2",
    "attention_norm": "layer_norm1",
    "ffn_norm": "layer_norm2",
}
_POOLING = {"wq": "q_proj", "wk": "k_proj", "wv": "v_proj", "wo": "o_proj"}
_PROJECTOR = {"w1": "gate_proj", "w2": "down_proj", "w3": "up_proj"}


def shared_rules(config: MolmoConfig) -> list[Rule]:
    """Rules for encoder, connector and the two embedding tables."""
    vision = config.vision_config
    blocks = [
        Rule((f"{_BLOCK}{theirs}.{kind}",), (f"{_LAYER}{ours}.{kind}",))
        for theirs, ours in _LINEARS.items()
        for kind in ("weight", "bias")
    ]
    rules = [
        Rule(("model.transformer.wte.embedding",), ("embedding.base.weight",)),
        Rule(("model.transformer.wte.new_embedding",), ("embedding.extra",)),
        Rule((_VIT + "class_embedding",), (_CLIP + "embeddings.class_embedding",)),
        Rule((_VIT + "positional_embedding",), (_CLIP + "embeddings.position_embedding.weight",)),
        Rule(
            (_VIT + "patch_embedding.weight",),
            (_CLIP + "embeddings.patch_embedding.weight",),
            conv_patches(vision.patch_size, vision.num_channels),
        ),
        Rule((_VIT + "pre_ln.weight",), (_CLIP + "pre_layrnorm.weight",)),
        Rule((_VIT + "pre_ln.bias",), (_CLIP + "pre_layrnorm.bias",)),
        *for_blocks(blocks, config.last_feature_layer + 1),
    ]
    for theirs, ours in _POOLING.items():
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
