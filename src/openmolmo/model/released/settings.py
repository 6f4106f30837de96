"""Our configuration as a published ``config.json``, or the names of the settings that it has no place for.

What was written is read again and compared, so that nothing is lost in silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from openmolmo.core.errors import CheckpointError, ConfigError
from openmolmo.model.config import MolmoConfig
from openmolmo.model.released.config import read_config

__all__ = ["obstacles", "written_config"]

#: Settings of training, and entries of the library without meaning for what a model computes.
_FREE = {
    "residual_dropout", "dropout_tokens", "z_loss", "connector_init", "position_init", "feature_layers",
    "vision_config", "text_config", "architectures", "dtype", "torch_dtype", "transformers_version",
    "model_type", "_name_or_path", "auto_map", "use_cache", "bos_token_id", "eos_token_id", "pad_token_id",
    "initializer_range", "initializer_factor", "attention_dropout", "dropout", "projection_dim",
    "num_hidden_layers", "chunk_size_feed_forward", "id2label", "label2id", "problem_type", "return_dict",
    "output_hidden_states", "output_attentions", "is_encoder_decoder", "output_router_logits",
    "router_aux_loss_coef", "use_sliding_window", "sliding_window", "max_window_layers", "pretraining_tp",
    "torchscript", "head_dim", "tie_word_embeddings",
}  # fmt: skip

_ENCODER = "clip_vision_model"

_DENSE_CODE, _MOE_CODE = "allenai/Molmo-7B-D-0924--", "allenai/MolmoE-1B-0924--"


def written_config(
    config: MolmoConfig, *, any_size: bool = False, like: dict[str, Any] | None = None, dtype: str = "float32"
) -> dict[str, Any]:
    """The values of a published ``config.json``.

    Args:
        config: what to write.
        any_size: also write encoder settings that the published dense code has built in and does not read.
        like: a published configuration; used as it stands where it says the same, else its other entries are kept.
        dtype: type of the stored weights.

    Raises:
        ConfigError: the layout cannot express a setting; the message names it, with both values.
    """
    lost = obstacles(config, any_size=any_size, like=like)
    if lost:
        moe = config.text_config.model_type == "olmoe"
        sizes = "" if moe or any_size else "; any_size=True (--any-size) writes what openmolmo alone reads"
        raise ConfigError(
            f"the released layout cannot express {'; '.join(lost)}",
            fix=f"use the model with openmolmo, or export one that is built like a released model{sizes}",
        )
    if like is not None and not any(_lost(config, like)):
        return {**like, "torch_dtype": dtype} if "torch_dtype" in like else dict(like)
    return (like or {}) | _values(config, any_size) | {"torch_dtype": dtype}


def obstacles(config: MolmoConfig, *, any_size: bool = False, like: dict[str, Any] | None = None) -> list[str]:
    """All settings of ``config`` that a published ``config.json`` has no place for; arguments as above."""
    encoder, kind = config.vision_config.model_type, config.text_config.model_type
    lost = [] if encoder == _ENCODER else [f"the encoder {encoder!r}; it has {_ENCODER!r} alone"]
    if kind not in ("qwen2", "olmo2", "olmoe"):
        return [*lost, f"the language model {kind!r}; it has 'qwen2', 'olmo2' and 'olmoe'"]
    if lost:
        return [*lost, *_lost(config, _values(config, any_size=False), encoder=False)]
    if like is not None and not any(_lost(config, like)):
        return []
    return list(_lost(config, _values(config, any_size)))


def _values(config: MolmoConfig, any_size: bool) -> dict[str, Any]:
    moe = config.text_config.model_type == "olmoe"
    encoder = _encoder(config) if config.vision_config.model_type == _ENCODER and (moe or any_size) else {}
    return (_moe(config) if moe else _dense(config)) | encoder


def _lost(config: MolmoConfig, values: dict[str, Any], *, encoder: bool = True) -> Iterator[str]:
    """Settings that reading ``values`` would not give back; those of the ``encoder`` where it is one to compare."""
    try:
        back = read_config(values)
    except CheckpointError as error:
        yield error.message
        return
    if encoder and back.resolved_feature_layers != config.resolved_feature_layers:
        yield (
            f"feature layers {config.resolved_feature_layers} (counted from block 0); "
            f"it has {back.resolved_feature_layers}"
        )
    if back.text_config.num_hidden_layers != config.text_config.num_hidden_layers:
        yield f"{config.text_config.num_hidden_layers} blocks of the language model"
    if back.tie_word_embeddings != config.tie_word_embeddings:
        yield f"tie_word_embeddings={config.tie_word_embeddings}"
    yield from _differences("", config, back)
    if encoder:
        yield from _differences("vision_config.", config.vision_config, back.vision_config)
    yield from _differences("text_config.", config.text_config, back.text_config)
    if _head_dim(config.text_config) != _head_dim(back.text_config):
        yield f"text_config.head_dim={_head_dim(config.text_config)}"


def _differences(before: str, ours: Any, back: Any) -> Iterator[str]:
    theirs = back.to_dict()
    for key, value in ours.to_dict().items():
        if key in _FREE:
            continue
        if key not in theirs or theirs[key] != value:
            yield f"{before}{key}={value!r}; it has {theirs.get(key)!r}"


def _head_dim(text: Any) -> int:
    return int(getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads)


def _dense(config: MolmoConfig) -> dict[str, Any]:
    text = config.text_config
    after = text.model_type == "olmo2"
    return {
        "architectures": ["MolmoForCausalLM"],
        "auto_map": {
            "AutoConfig": f"{_DENSE_CODE}config_molmo.MolmoConfig",
            "AutoModelForCausalLM": f"{_DENSE_CODE}modeling_molmo.MolmoForCausalLM",
        },
        "model_type": "molmo",
        "attention_layer_norm": after,
        "clip_qkv": None,
        "embedding_size": text.vocab_size,
        "hidden_size": text.hidden_size,
        "initializer_range": text.initializer_range,
        "intermediate_size": 2 * text.intermediate_size,  # both input branches of the MLP
        "layer_norm_eps": text.rms_norm_eps,
        "layer_norm_type": "rms",
        "max_position_embeddings": text.max_position_embeddings,
        "norm_after": after,
        "num_attention_heads": text.num_attention_heads,
        "num_hidden_layers": text.num_hidden_layers,
        "num_key_value_heads": text.num_key_value_heads,
        "qkv_bias": not after,
        "rope_theta": text.rope_parameters["rope_theta"],
        "tie_word_embeddings": config.tie_word_embeddings,
        "use_cache": True,
        "use_position_ids": True,
        "vocab_size": config.image_patch_id - 2,  # <im_start> is the first id after it
        "weight_tying": config.tie_word_embeddings,
    }


def _moe(config: MolmoConfig) -> dict[str, Any]:
    text = config.text_config
    fused = 2 * text.intermediate_size
    whole = fused % text.hidden_size == 0
    return {
        "architectures": ["OLMoForCausalLM"],
        "auto_map": {
            "AutoConfig": f"{_MOE_CODE}config_molmoe.MolmoConfig",
            "AutoModelForCausalLM": f"{_MOE_CODE}modeling_molmoe.MolmoForCausalLM",
        },
        "model_type": "molmo",
        "activation_type": "swiglu",
        "attention_dropout": 0.0,
        "attention_layer_norm": True,
        "attention_layer_norm_with_affine": True,
        "attention_type": "sdpa",
        "bias_for_layer_norm": False,
        "block_type": "moe",
        "clip_qkv": text.clip_qkv,
        "crop_mode": "overlap-and-resize-c2",
        "d_model": text.hidden_size,
        "embedding_size": text.vocab_size,
        "float32_attention": True,
        "image_pooling_h": 2,
        "image_pooling_w": 2,
        "image_projector": "mlp",
        "include_bias": False,
        "init_device": None,
        "initializer_range": text.initializer_range,
        "layer_norm_eps": text.rms_norm_eps,
        "layer_norm_type": "rms",
        "layer_norm_with_affine": True,
        "max_position_embeddings": text.max_position_embeddings,
        "max_sequence_length": text.max_position_embeddings,
        "mlp_hidden_size": None if whole else fused,
        "mlp_ratio": fused // text.hidden_size if whole else 1,
        "moe_dropless": True,
        "moe_mlp_impl": "sparse",
        "moe_num_experts": text.num_experts,
        "moe_shared_expert": False,
        "moe_top_k": text.num_experts_per_tok,
        "n_heads": text.num_attention_heads,
        "n_kv_heads": text.num_key_value_heads,
        "n_layers": text.num_hidden_layers,
        "norm_after": False,
        "qkv_bias": False,
        "residual_dropout": 0.0,
        "rope": True,
        "rope_full_precision": True,
        "rope_impl": "llama",
        "rope_theta": text.rope_parameters["rope_theta"],
        "scale_logits": False,
        "use_cache": True,
        "use_cls_feature": False,
        "use_col_tokens": True,
        "use_position_ids": True,
        "vocab_size": config.image_patch_id - 2,
        "weight_tying": False,
    }


def _encoder(config: MolmoConfig) -> dict[str, Any]:
    vision = config.vision_config
    heads = vision.num_attention_heads
    return {
        "additional_vocab_size": config.extra_embeddings,
        "image_padding_embed": "pad_and_partial_pad" if config.padding_embedding else None,
        "image_pooling_2d": "attention-meanq",
        "vit_layers": list(config.feature_layers),
        "vision_backbone": {
            "image_model_type": "openai",
            "image_default_input_size": [vision.image_size, vision.image_size],
            "image_patch_size": vision.patch_size,
            "image_pos_patch_size": vision.patch_size,
            "image_emb_dim": vision.hidden_size,
            "image_num_heads": heads,
            "image_num_key_value_heads": heads,
            "image_num_layers": vision.num_hidden_layers,
            "image_head_dim": vision.hidden_size // heads,
            "image_mlp_dim": vision.intermediate_size,
            "image_mlp_activations": vision.hidden_act,
            "image_dropout_rate": 0.0,
            "image_num_pos": (vision.image_size // vision.patch_size) ** 2 + 1,
            "image_norm_eps": vision.layer_norm_eps,
            "attention_dropout": 0.0,
            "residual_dropout": 0.0,
            "initializer_range": 0.02,
        },
    }
