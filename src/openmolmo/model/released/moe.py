"""The mixture-of-experts layout: MolmoE-1B (OLMoE)."""

from __future__ import annotations

from typing import Any

from openmolmo.model.config import MolmoConfig
from openmolmo.model.released.rules import Change, Rule, for_blocks, fused_experts, stacked_rows
from openmolmo.model.released.shared import shared_rules

__all__ = ["attention_rows", "moe_rules"]

_BLOCK, _LAYER = "model.transformer.blocks.{n}.", "decoder.layers.{n}."


def moe_rules(config: MolmoConfig) -> list[Rule]:
    """The whole map of a mixture-of-experts model."""
    text = config.text_config
    experts = [
        f"{_BLOCK}mlp.experts.{expert}.{part}_proj.weight"
        for part in ("gate", "up", "down")
        for expert in range(text.num_experts)
    ]
    block = [
        Rule(
            (_BLOCK + "attn.att_proj.weight",),
            tuple(f"{_LAYER}self_attn.{part}_proj.weight" for part in "qkv"),
            attention_rows(text),
        ),
        Rule((_BLOCK + "attn.attn_out.weight",), (_LAYER + "self_attn.o_proj.weight",)),
        Rule((_BLOCK + "attn.q_norm.weight",), (_LAYER + "self_attn.q_norm.weight",)),
        Rule((_BLOCK + "attn.k_norm.weight",), (_LAYER + "self_attn.k_norm.weight",)),
        Rule((_BLOCK + "attn.attn_norm.weight",), (_LAYER + "input_layernorm.weight",)),
        Rule((_BLOCK + "mlp.ff_norm.weight",), (_LAYER + "post_attention_layernorm.weight",)),
        Rule((_BLOCK + "mlp.gate.weight",), (_LAYER + "mlp.gate.weight",)),
        Rule(
            tuple(experts),
            (_LAYER + "mlp.experts.gate_up_proj", _LAYER + "mlp.experts.down_proj"),
            fused_experts(text.num_experts),
        ),
    ]
    top = [
        Rule(("model.transformer.ln_f.weight",), ("decoder.norm.weight",)),
        Rule(("lm_head.weight",), ("lm_head.weight",)),
    ]
    return [*shared_rules(config), *for_blocks(block, text.num_hidden_layers), *top]


def attention_rows(text: Any) -> Change:
    """Query, key and value, one below the other."""
    head = text.hidden_size // text.num_attention_heads
    return stacked_rows(text.num_attention_heads * head, *[text.num_key_value_heads * head] * 2)
