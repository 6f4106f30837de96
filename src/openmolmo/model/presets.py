"""Named models. Each is a function (vocabulary, id of ``<im_patch>``) -> configuration."""

from __future__ import annotations

from collections.abc import Callable

from transformers import CLIPVisionConfig, Qwen2Config

from openmolmo.core.registry import Registry
from openmolmo.model.config import MolmoConfig

__all__ = ["PRESETS", "micro", "nano"]

Preset = Callable[..., MolmoConfig]

#: Names of models; others come in by entry point ``openmolmo.presets``.
PRESETS: Registry[Preset] = Registry("preset")


def nano(
    vocab_size: int = 4096,
    image_patch_id: int | None = None,
    *,
    extra_embeddings: int = 128,
    residual_dropout: float = 0.1,
) -> MolmoConfig:
    """About 9M parameters: trains on a laptop's processor, and fits a package at 18 MB in float16.

    112 px crops of 14 px patches (8x8, so 4x4 image tokens a crop at most); a CLIP-style encoder of 2.8M,
    a connector of 0.7M, a Qwen2-style language model of 5.6M with a vocabulary of about 4096.
    The default id of ``<im_patch>`` is that of the third special token after the vocabulary.
    """
    return MolmoConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=192,
            intermediate_size=768,
            num_hidden_layers=6,
            num_attention_heads=6,
            image_size=112,
            patch_size=14,
            hidden_act="quick_gelu",
        ),
        text_config=Qwen2Config(
            vocab_size=vocab_size,
            hidden_size=256,
            intermediate_size=640,
            num_hidden_layers=5,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=2048,
            rope_parameters={"rope_type": "default", "rope_theta": 1e4},
            tie_word_embeddings=False,
            bos_token_id=None,
            eos_token_id=None,
        ),
        image_patch_id=vocab_size + 2 if image_patch_id is None else image_patch_id,
        extra_embeddings=extra_embeddings,
        feature_layers=[-1, -4],
        pooling_heads=6,
        pooling_head_dim=32,
        projector_hidden=640,
        connector_init=None,
        feature_norm=True,
        position_init=1.0,
        residual_dropout=residual_dropout,
    )


def micro(
    vocab_size: int = 1024,
    image_patch_id: int | None = None,
    *,
    extra_embeddings: int = 128,
    residual_dropout: float = 0.0,
) -> MolmoConfig:
    """About 3.3M parameters: learns an easy world from random weights in minutes on two cores; for trying things out.

    96 px crops of 12 px patches (8x8, so 4x4 image tokens a picture); a CLIP-style encoder of 1.1M, a connector
    of 0.3M, a Qwen2-style language model of 2.0M with a vocabulary of about 1024.
    """
    return MolmoConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=128,
            intermediate_size=512,
            num_hidden_layers=5,
            num_attention_heads=4,
            image_size=96,
            patch_size=12,
            hidden_act="quick_gelu",
        ),
        text_config=Qwen2Config(
            vocab_size=vocab_size,
            hidden_size=192,
            intermediate_size=512,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=1024,
            rope_parameters={"rope_type": "default", "rope_theta": 1e4},
            tie_word_embeddings=False,
            bos_token_id=None,
            eos_token_id=None,
        ),
        image_patch_id=vocab_size + 2 if image_patch_id is None else image_patch_id,
        extra_embeddings=extra_embeddings,
        feature_layers=[-1, -3],
        pooling_heads=4,
        pooling_head_dim=32,
        projector_hidden=384,
        connector_init=None,
        feature_norm=True,
        position_init=1.0,
        residual_dropout=residual_dropout,
    )
