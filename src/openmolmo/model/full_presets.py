"""Models at full size: the four released ones, a fully open one, and two for a single consumer GPU.

A preset has the sizes of its backbones, so that a run can be planned without any file; the weights come from a
composed folder (docs/how-to/compose-a-model.md) or a released one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from transformers import (
    CLIPVisionConfig,
    Olmo2Config,
    OlmoeConfig,
    Qwen2Config,
    Qwen3Config,
    SiglipVisionConfig,
    SmolLM3Config,
)

from openmolmo.model.config import MolmoConfig

__all__ = ["molmo_1b", "molmo_72b", "molmo_7b_d", "molmo_7b_o", "open_7b", "siglip_qwen3_0_6b", "siglip_smollm3_3b"]


@dataclass(frozen=True, kw_only=True)
class _Size:
    """A language model's sizes (arXiv 2409.17146, appendix, and the models' own cards).

    ``words``: tokens before the special ones, which follow at once (``vocab`` counts the rows of the table).
    """

    kind: Callable[..., Any]
    vocab: int
    words: int
    width: int
    layers: int
    heads: tuple[int, int]
    mlp: int
    theta: float
    eps: float = 1e-6
    context: int = 4096
    tied: bool = False
    more: tuple[tuple[str, Any], ...] = ()


_MOE = (("num_experts", 64), ("num_experts_per_tok", 8), ("norm_topk_prob", False))
_QWEN2 = {"kind": Qwen2Config, "vocab": 152_064, "words": 152_064, "theta": 1e6, "context": 32_768}
_OLMO = {"kind": Olmo2Config, "vocab": 100_352, "width": 4096, "layers": 32, "heads": (32, 32), "mlp": 11_008}

_SIZES = {
    "1b": _Size(
        kind=OlmoeConfig,
        vocab=50_304,
        words=50_280,
        width=2048,
        layers=16,
        heads=(16, 16),
        mlp=1024,
        theta=1e4,
        eps=1e-5,
        more=_MOE,
    ),
    "7b_o": _Size(**_OLMO, words=100_278, theta=5e5),
    "7b_d": _Size(**_QWEN2, width=3584, layers=28, heads=(28, 4), mlp=18_944),
    "72b": _Size(**_QWEN2, width=8192, layers=80, heads=(64, 8), mlp=29_568, eps=1e-5),
    "open_7b": _Size(**_OLMO, words=100_352, theta=5e5),
    "smollm3_3b": _Size(
        kind=SmolLM3Config,
        vocab=128_256,
        words=128_256,
        width=2048,
        layers=36,
        heads=(16, 4),
        mlp=11_008,
        theta=5e6,
        context=65_536,
        tied=True,
    ),
    "qwen3_0_6b": _Size(
        kind=Qwen3Config,
        vocab=151_936,
        words=151_936,
        width=1024,
        layers=28,
        heads=(16, 8),
        mlp=3072,
        theta=1e6,
        context=40_960,
        tied=True,
        more=(("head_dim", 128),),
    ),
}


def molmo_1b(vocab_size: int | None = None, image_patch_id: int | None = None) -> MolmoConfig:
    """MolmoE-1B: CLIP ViT-L/14 at 336 px, and OLMoE-1B-7B, of whose 64 experts a layer each token uses 8."""
    return _molmo(_SIZES["1b"], _clip(), vocab_size, image_patch_id)


def molmo_7b_o(vocab_size: int | None = None, image_patch_id: int | None = None) -> MolmoConfig:
    """Molmo-7B-O: CLIP ViT-L/14 at 336 px, and OLMo-7B-1024."""
    return _molmo(_SIZES["7b_o"], _clip(), vocab_size, image_patch_id)


def molmo_7b_d(vocab_size: int | None = None, image_patch_id: int | None = None) -> MolmoConfig:
    """Molmo-7B-D: CLIP ViT-L/14 at 336 px, and Qwen2-7B."""
    return _molmo(_SIZES["7b_d"], _clip(), vocab_size, image_patch_id)


def molmo_72b(vocab_size: int | None = None, image_patch_id: int | None = None) -> MolmoConfig:
    """Molmo-72B: CLIP ViT-L/14 at 336 px, and Qwen2-72B."""
    return _molmo(_SIZES["72b"], _clip(), vocab_size, image_patch_id)


def open_7b(vocab_size: int | None = None, image_patch_id: int | None = None) -> MolmoConfig:
    """MetaCLIP ViT-L/14 at 336 px and OLMo-2-7B: backbones whose data are open too."""
    return _molmo(_SIZES["open_7b"], _clip(), vocab_size, image_patch_id, layers=(-2, -8))


def siglip_smollm3_3b(vocab_size: int | None = None, image_patch_id: int | None = None) -> MolmoConfig:
    """SigLIP 2 base (patches of 16 px, at 384 px) and SmolLM3-3B."""
    return _molmo(_SIZES["smollm3_3b"], _siglip(), vocab_size, image_patch_id, layers=(-3, -9))


def siglip_qwen3_0_6b(vocab_size: int | None = None, image_patch_id: int | None = None) -> MolmoConfig:
    """SigLIP 2 base (patches of 16 px, at 384 px) and Qwen3-0.6B: about 0.7 billion parameters."""
    return _molmo(_SIZES["qwen3_0_6b"], _siglip(), vocab_size, image_patch_id, layers=(-3, -9))


def _clip() -> CLIPVisionConfig:
    """ViT-L/14 at 336 px: 23 of its 24 blocks, as the released models store them."""
    return CLIPVisionConfig(
        hidden_size=1024,
        intermediate_size=4096,
        num_hidden_layers=23,
        num_attention_heads=16,
        image_size=336,
        patch_size=14,
        hidden_act="quick_gelu",
    )


def _siglip() -> SiglipVisionConfig:
    return SiglipVisionConfig(
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
        image_size=384,
        patch_size=16,
    )


def _molmo(
    size: _Size,
    vision: Any,
    vocab_size: int | None,
    image_patch_id: int | None,
    *,
    layers: tuple[int, int] = (-2, -9),
) -> MolmoConfig:
    """A configuration; by default with the vocabulary of the language model and its own place of ``<im_patch>``."""
    heads, kv_heads = size.heads
    text = size.kind(
        vocab_size=vocab_size or size.vocab,
        hidden_size=size.width,
        intermediate_size=size.mlp,
        num_hidden_layers=size.layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=size.context,
        rms_norm_eps=size.eps,
        rope_parameters={"rope_type": "default", "rope_theta": size.theta},
        tie_word_embeddings=size.tied,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
        **dict(size.more),
    )
    words = size.words if vocab_size is None else vocab_size
    return MolmoConfig(
        vision_config=vision,
        text_config=text,
        image_patch_id=words + 2 if image_patch_id is None else image_patch_id,
        feature_layers=list(layers),
        pooling_heads=vision.num_attention_heads,
        pooling_head_dim=vision.hidden_size // vision.num_attention_heads,
        projector_hidden=size.mlp,
    )
