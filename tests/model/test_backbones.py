"""Every encoder gives the features of the library's own model; every pair of encoder and language model answers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_molmo import ARCHITECTURES, CROP, batch, logits, model, prompt_batch, sample
from transformers import (
    AutoConfig,
    CLIPVisionModel,
    Dinov2Model,
    MetaClip2VisionModel,
    SiglipVisionModel,
)

from openmolmo.core.errors import ConfigError, NotRegisteredError
from openmolmo.model import Molmo
from openmolmo.model.encoders import ENCODERS

CLASSES = {
    "clip_vision_model": (CLIPVisionModel, 1),
    "dinov2": (Dinov2Model, 1),
    "metaclip_2_vision_model": (MetaClip2VisionModel, 1),
    "siglip_vision_model": (SiglipVisionModel, 0),
}
"""The library's model of each encoder, and how many tokens stand before its patches; a new encoder needs a line."""


def vision_config(kind: str) -> Any:
    return AutoConfig.for_model(
        kind,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=CROP,
        patch_size=14,
    )


def with_encoder(kind: str, llm: str = "qwen2") -> Molmo:
    return model(llm, vision_config=vision_config(kind))


@pytest.mark.parametrize("kind", sorted(ENCODERS))
def test_features_are_those_of_the_librarys_own_model(kind: str) -> None:
    net = with_encoder(kind)
    whole, leading = CLASSES[kind]
    torch.manual_seed(1)
    theirs = whole(net.config.vision_config).eval()
    ours = net.encoder.backbone
    used = dict(ours.named_parameters())
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            if name in used:
                used.pop(name).copy_(parameter)
        assert not used
        crops = torch.randn(3, 3, CROP, CROP)
        states = theirs(crops, output_hidden_states=True).hidden_states
        expected = torch.cat([states[layer + 1][:, leading:] for layer in (2, 0)], dim=-1)  # layers -2 and -4 of 4
        assert (net.encoder(crops) - expected).abs().max() < 1e-5


@pytest.mark.parametrize("kind", sorted(ENCODERS))
def test_no_parameter_of_an_encoder_goes_without_gradient(kind: str) -> None:
    net = with_encoder(kind).train()
    net(**batch([[sample(1)]])).loss.backward()
    assert not [name for name, p in net.named_parameters() if p.grad is None]


@pytest.mark.parametrize("llm", ARCHITECTURES)
@pytest.mark.parametrize("kind", sorted(set(ENCODERS) - {"clip_vision_model"}))  # CLIP has tests of its own
def test_branches_and_generation_with_every_language_model(kind: str, llm: str) -> None:
    net = with_encoder(kind, llm)
    one = sample(1, (4, 6))
    packed = batch([[one]])
    together = logits(net, packed)[0]
    for branch in (0, 1):
        here = (packed["branch_ids"][0] == 0) | (packed["branch_ids"][0] == branch + 1)
        alone = logits(net, batch([[one.alone(branch)]]))[0]
        assert (together[here] - alone).abs().max() < 1e-5
    prompts = prompt_batch([one.alone(0), sample(2, (2,), crops=1, tokens=1)])
    options = {"max_new_tokens": 3, "do_sample": False, "pad_token_id": 0}
    assert torch.equal(net.generate(**prompts, **options), net.generate(**prompts, use_cache=False, **options))


def test_encoders_that_cannot_work_are_explained() -> None:
    with pytest.raises(ConfigError, match="NaFlex"):
        with_encoder("siglip2_vision_model")
    with pytest.raises(NotRegisteredError, match="clip_vision_model"):
        model(vision_config=AutoConfig.for_model("vit", num_hidden_layers=4))
