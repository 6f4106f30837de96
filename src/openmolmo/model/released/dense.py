"""The dense layout: Molmo-7B-D and 72B (Qwen2), Molmo-7B-O (OLMo, norms after attention and MLP)."""

from __future__ import annotations

from openmolmo.model.config import MolmoConfig
from openmolmo.model.released.rules import Rule, for_blocks, stacked_rows
from openmolmo.model.released.shared import shared_rules

__all__ = ["dense_rules"]

_BLOCK, _LAYER = "model.transformer.blocks.{n}.", "decoder.layers.{n}."


def dense_rules(config: MolmoConfig) -> list[Rule]:
    """The whole map of a dense model."""
    text = config.text_config
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    qkv = stacked_rows(text.num_attention_heads * head, *[text.num_key_value_heads * head] * 2)
    after = text.model_type == "olmo2"
    norms = ("post_attention_layernorm", "post_feedforward_layernorm") if after else _NORMS_BEFORE

    def attention(kind: str) -> tuple[str, ...]:
        return tuple(f"{_LAYER}self_attn.{part}_proj.{kind}" for part in "qkv")

    block = [
        Rule((_BLOCK + "att_proj.weight",), attention("weight"), qkv),
        Rule((_BLOCK + "attn_out.weight",), (_LAYER + "self_attn.o_proj.weight",)),
        # The fused input of the MLP: the linear branch first, then the one that goes through SiLU.
        Rule(
            (_BLOCK + "ff_proj.weight",),
            (_LAYER + "mlp.up_proj.weight", _LAYER + "mlp.gate_proj.weight"),
            stacked_rows(text.intermediate_size, text.intermediate_size),
        ),
        Rule((_BLOCK + "ff_out.weight",), (_LAYER + "mlp.down_proj.weight",)),
        Rule((_BLOCK + "attn_norm.weight",), (f"{_LAYER}{norms[0]}.weight",)),
        Rule((_BLOCK + "ff_norm.weight",), (f"{_LAYER}{norms[1]}.weight",)),
    ]
    if text.model_type == "qwen2":
        block.append(Rule((_BLOCK + "att_proj.bias",), attention("bias"), qkv))
    else:
        block += [Rule((f"{_BLOCK}{part}_norm.weight",), (f"{_LAYER}self_attn.{part}_norm.weight",)) for part in "qk"]
    top = [Rule(("model.transformer.ln_f.weight",), ("decoder.norm.weight",))]
    if not config.tie_word_embeddings:
        top.append(Rule(("model.transformer.ff_out.weight",), ("lm_head.weight",)))
    return [*shared_rules(config), *for_blocks(block, text.num_hidden_layers), *top]


_NORMS_BEFORE = ("input_layernorm", "post_attention_layernorm")
