"""The native layout: checkpoints of the released models' own training, the caption-only ones among them.

Dense models name their weights as the published dense layout does, less a prefix; experts are stacked into
three matrices a block. Their settings are a training configuration, read here into the published form.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from openmolmo.core.errors import CheckpointError
from openmolmo.model.config import MolmoConfig
from openmolmo.model.released.dense import dense_rules
from openmolmo.model.released.moe import attention_rows
from openmolmo.model.released.rules import Change, Rule, for_blocks
from openmolmo.model.released.shared import shared_rules

__all__ = ["native_rules", "published_form"]

_PREFIX = "model."
_BLOCK, _LAYER = "transformer.blocks.{n}.", "decoder.layers.{n}."

#: Native key -> key of the published dense ``config.json``. All other keys are the same in both.
_DENSE_KEYS = {
    "d_model": "hidden_size",
    "n_layers": "num_hidden_layers",
    "n_heads": "num_attention_heads",
    "n_kv_heads": "num_key_value_heads",
    "mlp_hidden_size": "intermediate_size",
}
#: Settings of which only this value is reproduced; a file that lacks one has it.
_ONLY: dict[str, Any] = {
    "activation_type": "swiglu",
    "include_bias": False,
    "image_projector": "mlp",
    "normalize_input_embeds": False,
    "scale_logits": False,
    "block_group_size": 1,
    "rope": True,
    "use_cls_feature": False,
    "moe_interleave": False,
    "moe_shared_expert": False,
}


def published_form(values: dict[str, Any]) -> dict[str, Any]:
    """The section ``model`` of a native ``config.yaml`` as a published ``config.json``.

    Raises:
        CheckpointError: it has a setting that this code does not reproduce.
    """
    for key, only in _ONLY.items():
        if values.get(key, only) != only:
            raise CheckpointError(f"config.yaml has {key}={values[key]!r}; known here: {only!r}")
    kind = values.get("block_type")
    if kind not in ("sequential", "moe"):
        raise CheckpointError(f"config.yaml has block_type={kind!r}; known here: 'sequential', 'moe'")
    form = dict(values) if kind == "moe" else {_DENSE_KEYS.get(key, key): value for key, value in values.items()}
    form["model_type"] = "molmo"
    # Files from before this setting existed and that do not have it use no padding embedding.
    form.setdefault("image_padding_embed", None)
    if form.get("image_pooling_2d") == "attention_meanq":  # later files' spelling
        form["image_pooling_2d"] = "attention-meanq"
    if kind == "sequential" and form.get("intermediate_size") is None and "mlp_ratio" in form:
        form["intermediate_size"] = form["mlp_ratio"] * form["hidden_size"]
    return form


def native_rules(config: MolmoConfig) -> list[Rule]:
    """The whole map of a native checkpoint."""
    if config.text_config.model_type != "olmoe":
        return [_without_prefix(rule) for rule in dense_rules(config)]
    text = config.text_config
    block = [
        Rule(
            (_BLOCK + "att_proj.weight",),
            tuple(f"{_LAYER}self_attn.{part}_proj.weight" for part in "qkv"),
            attention_rows(text),
        ),
        Rule((_BLOCK + "attn_out.weight",), (_LAYER + "self_attn.o_proj.weight",)),
        Rule((_BLOCK + "q_norm.weight",), (_LAYER + "self_attn.q_norm.weight",)),
        Rule((_BLOCK + "k_norm.weight",), (_LAYER + "self_attn.k_norm.weight",)),
        Rule((_BLOCK + "attn_norm.weight",), (_LAYER + "input_layernorm.weight",)),
        Rule((_BLOCK + "ff_norm.weight",), (_LAYER + "post_attention_layernorm.weight",)),
        Rule((_BLOCK + "ffn.router.layer.weight",), (_LAYER + "mlp.gate.weight",)),
        Rule(
            tuple(f"{_BLOCK}ffn.experts.mlp.{part}" for part in ("w1", "v1", "w2")),
            (_LAYER + "mlp.experts.gate_up_proj", _LAYER + "mlp.experts.down_proj"),
            _stacked_experts(text.num_experts),
        ),
    ]
    top = [
        Rule(("transformer.ln_f.weight",), ("decoder.norm.weight",)),
        Rule(("transformer.ff_out.weight",), ("lm_head.weight",)),
    ]
    shared = [_without_prefix(rule) for rule in shared_rules(config)]
    return [*shared, *for_blocks(block, text.num_hidden_layers), *top]


def _without_prefix(rule: Rule) -> Rule:
    return replace(rule, theirs=tuple(name.removeprefix(_PREFIX) for name in rule.theirs))


def _stacked_experts(experts: int) -> Change:
    """Native: gate, up, and down turned around, (experts x inner, width) each; ours: (experts, gate over up, in)
    and (experts, out, inner)."""

    def to_ours(tensors: list[Tensor]) -> list[Tensor]:
        gate, up, down = (tensor.view(experts, -1, tensor.shape[-1]) for tensor in tensors)
        return [torch.cat((gate, up), dim=1), down.transpose(1, 2)]

    def to_theirs(tensors: list[Tensor]) -> list[Tensor]:
        gate, up = tensors[0].chunk(2, dim=1)
        return [part.flatten(0, 1) for part in (gate, up, tensors[1].transpose(1, 2))]

    return Change(to_ours, to_theirs)
