"""The published ``config.json``, in its two forms, as a :class:`MolmoConfig`."""

from __future__ import annotations

from typing import Any

from huggingface_hub.errors import StrictDataclassError
from transformers import CLIPVisionConfig, Dinov2Config, Olmo2Config, OlmoeConfig, Qwen2Config, SiglipVisionConfig

from openmolmo.core.errors import CheckpointError, ConfigError
from openmolmo.model.config import MolmoConfig

__all__ = ["is_moe", "read_config"]

#: The published dense code holds these settings itself, not in its files (arXiv 2409.17146, appendix);
#: where a file has them, the file wins.
_IN_CODE: dict[str, Any] = {
    "additional_vocab_size": 128,
    "image_padding_embed": "pad_and_partial_pad",
    "image_pooling_2d": "attention-meanq",
    "vit_layers": [-2, -9],
    "vision_backbone": {
        "image_model_type": "openai",
        "image_default_input_size": [336, 336],
        "image_patch_size": 14,
        "image_emb_dim": 1024,
        "image_num_heads": 16,
        "image_num_layers": 23,
        "image_head_dim": 64,
        "image_mlp_dim": 4096,
        "image_mlp_activations": "quick_gelu",
        "image_norm_eps": 1e-5,
    },
}


def is_moe(values: dict[str, Any]) -> bool:
    """Whether a published configuration is of the mixture-of-experts form."""
    return values.get("block_type") == "moe"


def read_config(values: dict[str, Any], residual_dropout: float = 0.0, *, native: bool = False) -> MolmoConfig:
    """A published configuration as ours; ``native`` ones know SigLIP and DINOv2 as well.

    Raises:
        CheckpointError: it has a setting that this code does not reproduce, or lacks one.
    """
    if values.get("model_type") != "molmo":
        raise CheckpointError(
            f"config.json is of type {values.get('model_type')!r}, not 'molmo'", fix="give a released Molmo folder"
        )
    settings = _IN_CODE | values
    try:
        text = _moe_text(values) if is_moe(values) else _dense_text(values)
        vision = _vision(settings["vision_backbone"], native)
        pooling = settings["vision_backbone"]
        return MolmoConfig(
            vision_config=vision,
            text_config=text,
            image_patch_id=values["vocab_size"] + 2,  # after <im_start> and <im_end>
            extra_embeddings=settings["additional_vocab_size"],
            feature_layers=settings["vit_layers"],
            padding_embedding=_known(settings, "image_padding_embed", ("pad_and_partial_pad", None)) is not None,
            pooling="attention"
            if _known(settings, "image_pooling_2d", ("attention-meanq", "stack")) != "stack"
            else "stack",
            pooling_heads=pooling["image_num_heads"],
            pooling_head_dim=pooling["image_head_dim"],
            projector_hidden=text.intermediate_size,
            residual_dropout=residual_dropout,
            dropout_tokens="all",
        )
    except KeyError as error:
        raise CheckpointError(
            f"config.json has no setting {error}", fix="give the folder as it was published"
        ) from error
    except (TypeError, ValueError, ConfigError, StrictDataclassError) as error:
        raise CheckpointError(
            f"config.json has a setting of a wrong form: {' '.join(str(error).split())}",
            fix="give the folder as it was published",
        ) from error


def _known(values: dict[str, Any], key: str, known: tuple[Any, ...]) -> Any:
    value = values.get(key)
    if value not in known:
        raise CheckpointError(f"config.json has {key}={value!r}; known here: {', '.join(map(repr, known))}")
    return value


def _vision(values: dict[str, Any], native: bool) -> Any:
    kind = _known(values, "image_model_type", ("openai", "siglip", "dino") if native else ("openai",))
    width, inner, heads = values["image_emb_dim"], values["image_mlp_dim"], values["image_num_heads"]
    side, patch = values["image_default_input_size"][0], values["image_patch_size"]
    # Their code would stretch positions of another grid; none of its encoders has one.
    _known(values, "image_num_pos", ((side // patch) ** 2 + (kind != "siglip"), None))
    _known(values, "image_num_key_value_heads", (heads, None))
    options = {
        "hidden_size": width,
        "num_hidden_layers": values["image_num_layers"],
        "num_attention_heads": heads,
        "image_size": side,
        "patch_size": patch,
        "hidden_act": values["image_mlp_activations"],
        "layer_norm_eps": values["image_norm_eps"],
    }
    if kind == "dino":
        if inner % width:
            raise CheckpointError(f"image_mlp_dim={inner} is not a multiple of image_emb_dim={width}, as DINOv2 has it")
        return Dinov2Config(**options, mlp_ratio=inner // width)
    return (SiglipVisionConfig if kind == "siglip" else CLIPVisionConfig)(**options, intermediate_size=inner)


def _dense_text(values: dict[str, Any]) -> Any:
    heads = values["num_attention_heads"]
    options = {
        "vocab_size": values.get("embedding_size") or values["vocab_size"],
        "hidden_size": values["hidden_size"],
        "intermediate_size": values["intermediate_size"] // 2,  # stored fused: both input branches of the MLP
        "num_hidden_layers": values["num_hidden_layers"],
        "num_attention_heads": heads,
        "num_key_value_heads": values.get("num_key_value_heads") or heads,
        "max_position_embeddings": values["max_position_embeddings"],
        "rms_norm_eps": values["layer_norm_eps"],
        "rope_parameters": {"rope_type": "default", "rope_theta": values["rope_theta"]},
        "tie_word_embeddings": bool(values.get("weight_tying")),
        **_NO_IDS,
    }
    _known(values, "layer_norm_type", ("rms",))
    _known(values, "clip_qkv", (None,))
    form = (bool(values["norm_after"]), bool(values["attention_layer_norm"]), bool(values["qkv_bias"]))
    if form == (False, False, True):
        return Qwen2Config(**options)
    if form == (True, True, False):
        return Olmo2Config(**options)
    raise CheckpointError(
        f"config.json has norm_after, attention_layer_norm, qkv_bias = {form}; "
        "known here: (False, False, True) for Qwen2 and (True, True, False) for OLMo"
    )


def _moe_text(values: dict[str, Any]) -> Any:
    _known(values, "activation_type", ("swiglu",))
    _known(values, "norm_after", (False,))
    _known(values, "attention_layer_norm", (True,))
    _known(values, "weight_tying", (False,))
    fused = values.get("mlp_hidden_size") or values["mlp_ratio"] * values["d_model"]
    return OlmoeConfig(
        vocab_size=values.get("embedding_size") or values["vocab_size"],
        hidden_size=values["d_model"],
        intermediate_size=fused // 2,
        num_hidden_layers=values["n_layers"],
        num_attention_heads=values["n_heads"],
        num_key_value_heads=values.get("n_kv_heads") or values["n_heads"],
        max_position_embeddings=values["max_position_embeddings"],
        rms_norm_eps=values["layer_norm_eps"],
        rope_parameters={"rope_type": "default", "rope_theta": values["rope_theta"]},
        num_experts=values["moe_num_experts"],
        num_experts_per_tok=values["moe_top_k"],
        norm_topk_prob=False,
        clip_qkv=values.get("clip_qkv"),
        **_NO_IDS,
    )


_POOLING: dict[str, Any] = {"attention-meanq": "attention", "stack": "stack"}

#: The tokenizer says which ids end a reply; the library's defaults belong to other vocabularies.
_NO_IDS = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
