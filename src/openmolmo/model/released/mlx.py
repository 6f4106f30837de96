"""The settings that mlx-vlm reads of a Molmo, in blocks of its own names beside the published ones.

Its code knows one decoder (Qwen2: norms before, a bias on q, k and v), has other sizes than 7B-D's only from
``text_config`` and ``vision_config``, and always has a head and a padding embedding of its own.
"""

from __future__ import annotations

from typing import Any

from openmolmo.model.config import MolmoConfig

__all__ = ["mlx_blocks", "mlx_obstacles", "untied"]

_ACTIVATION = "quick_gelu"  # built into its encoder


def mlx_obstacles(config: MolmoConfig) -> list[str]:
    """What its code has no place for, of a model that fits the released layout; each with both values."""
    kind, activation = config.text_config.model_type, config.vision_config.hidden_act
    if kind != "qwen2":
        return [f"the language model {kind!r}; it has 'qwen2' alone (no norms of q and k, none behind a block)"]
    lost = [] if activation == _ACTIVATION else [f"vision_config.hidden_act={activation!r}; it has {_ACTIVATION!r}"]
    return lost if config.padding_embedding else [*lost, "padding_embedding=False; it has True"]


def untied(config: MolmoConfig) -> MolmoConfig:
    """The same with an output head of its own, which is a copy where the tables were one."""
    values = config.to_dict()
    values["text_config"] = {**values["text_config"], "tie_word_embeddings": False}
    return MolmoConfig(**values)


def mlx_blocks(config: MolmoConfig) -> dict[str, Any]:
    """``text_config`` and ``vision_config`` for mlx-vlm."""
    text, vision = config.text_config, config.vision_config
    heads, side = vision.num_attention_heads, vision.image_size // vision.patch_size
    return {
        "text_config": {
            "model_type": "molmo",
            "additional_vocab_size": config.extra_embeddings,
            "d_model": text.hidden_size,
            "embedding_size": text.vocab_size,
            "layer_norm_eps": text.rms_norm_eps,
            "max_position_embeddings": text.max_position_embeddings,
            "max_sequence_length": text.max_position_embeddings,
            "mlp_hidden_size": 2 * text.intermediate_size,  # both input branches of the MLP
            "n_heads": text.num_attention_heads,
            "n_kv_heads": text.num_key_value_heads,
            "n_layers": text.num_hidden_layers,
            "rope_theta": text.rope_parameters["rope_theta"],
            "vocab_size": text.vocab_size,  # rows of the head
            "weight_tying": False,
        },
        "vision_config": {
            "model_type": "molmo",
            "d_model": text.hidden_size,
            "hidden_size": config.projector_hidden,
            "image_default_input_size": [vision.image_size, vision.image_size],
            "image_emb_dim": vision.hidden_size,
            "image_head_dim": vision.hidden_size // heads,
            "image_mlp_activations": vision.hidden_act,
            "image_mlp_dim": vision.intermediate_size,
            "image_norm_eps": vision.layer_norm_eps,
            "image_num_heads": heads,
            "image_num_key_value_heads": heads,
            "image_num_layers": vision.num_hidden_layers,
            "image_num_pos": side**2 + 1,
            "image_padding_embed": "pad_and_partial_pad",
            "image_patch_size": vision.patch_size,
            "image_pooling_2d": "attention-meanq",
            "image_pos_patch_size": vision.patch_size,
            "intermediate_size": 3 * vision.patch_size**2,  # values of a patch
            "vit_layers": list(config.feature_layers),
        },
    }
