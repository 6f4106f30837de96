"""Small random models that vLLM can run on a processor: heads of 32 numbers, and logits that are far apart."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoConfig, CLIPVisionConfig, Dinov2Config, SiglipVisionConfig

from openmolmo.imaging import CropConfig
from openmolmo.model import Molmo, MolmoConfig, save_model
from openmolmo.prompting import FormatConfig, Processor
from openmolmo.prompting.tokenizer import TextTokenizer
from released_toys import FIXTURES

VOCABULARY, EXTRA = 1024, 128
_VISION: dict[str, Any] = {
    "clip": (CLIPVisionConfig, {"hidden_act": "quick_gelu", "intermediate_size": 48}),
    "siglip": (SiglipVisionConfig, {"intermediate_size": 48}),
    "dinov2": (Dinov2Config, {"mlp_ratio": 2}),
}
_CROPS: dict[str, dict[str, Any]] = {
    "clip": {},
    "siglip": {"resize": "siglip", "normalize": "siglip", "shift_patch_mask": False},
    "dinov2": {"resize": "dinov2", "normalize": "imagenet", "shift_patch_mask": False},
}


def text_config(kind: str, **changes: Any) -> Any:
    options: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1 if kind in ("qwen2", "qwen3", "llama") else 2,
        "max_position_embeddings": 512,
        "initializer_range": 0.2,
        "pad_token_id": None,
        "bos_token_id": None,
        "eos_token_id": None,
    }
    if kind == "olmoe":
        options |= {"num_experts": 4, "num_experts_per_tok": 2, "norm_topk_prob": False}
    if kind in ("qwen3", "llama"):
        options |= {"head_dim": 32}
    return AutoConfig.for_model(kind, **options | changes)


def config(kind: str = "qwen2", encoder: str = "clip", *, text: dict[str, Any] | None = None, **changes: Any) -> Any:
    make, own = _VISION[encoder]
    sizes = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2, "image_size": 56, "patch_size": 14}
    return MolmoConfig(
        vision_config=make(**sizes, **own),
        text_config=text_config(kind, **text or {}),
        image_patch_id=VOCABULARY + 2,
        extra_embeddings=EXTRA,
        feature_layers=[-2, -4],
        pooling_heads=2,
        pooling_head_dim=16,
        projector_hidden=96,
        connector_init=None,
        **changes,
    )


def model(settings: Any, seed: int = 0) -> Molmo:
    torch.manual_seed(seed)
    made = Molmo(settings)
    with torch.no_grad():
        for name, parameter in made.named_parameters():  # norms, biases and padding off their neutral values
            if parameter.dim() == 1 or "padding" in name:
                parameter.add_(0.1 * torch.randn_like(parameter))
            if name == "embedding.extra":
                parameter.mul_(10)
    return made.eval()


def processor(encoder: str = "clip") -> Processor:
    tokenizer = TextTokenizer.from_pretrained(FIXTURES / "prompting" / "tokenizer_base", vocab_size=VOCABULARY)
    crop = CropConfig(crop_size=56, margins=(0, 2), max_crops=4, **_CROPS[encoder])
    return Processor(tokenizer, crop, FormatConfig())


def folder(target: Path, kind: str = "qwen2", encoder: str = "clip", **changes: Any) -> Path:
    """A model folder in our layout."""
    save_model(model(config(kind, encoder, **changes)), target)
    processor(encoder).save_pretrained(target)
    return target


def picture(height: int, width: int, seed: int = 0) -> bytes:
    """A PNG of large random squares: noise would be much the same everywhere."""
    squares = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(squares).resize((width, height), Image.Resampling.NEAREST).save(stream, "PNG")
    return stream.getvalue()


def message(text: str, *pictures: bytes, role: str = "user") -> dict[str, Any]:
    """A message in the form of OpenAI's API, pictures first."""
    urls = [f"data:image/png;base64,{base64.b64encode(one).decode()}" for one in pictures]
    shown = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return {"role": role, "content": [*shown, {"type": "text", "text": text}]}
