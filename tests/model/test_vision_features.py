"""Block outputs of the library's encoder, without the parts that are never used."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_molmo import batch, config, model, sample
from transformers import AutoConfig, CLIPVisionModel, Dinov2Model, MetaClip2VisionModel, SiglipVisionModel

from openmolmo.core.errors import ConfigError, NotRegisteredError
from openmolmo.model import Molmo
from openmolmo.model.encoders import ENCODERS

#: Encoder -> (class of the whole library model, leading tokens).
LIBRARY = {
    "clip_vision_model": (CLIPVisionModel, 1),
    "dinov2": (Dinov2Model, 1),
    "metaclip_2_vision_model": (MetaClip2VisionModel, 1),
    "siglip_vision_model": (SiglipVisionModel, 0),
}


def _vision(kind: str) -> Any:
    return AutoConfig.for_model(
        kind,
        hidden_size=16,
        intermediate_size=24,
        mlp_ratio=2,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=28,
        patch_size=14,
    )


def test_every_encoder_is_tested() -> None:
    assert set(ENCODERS) == set(LIBRARY)


@pytest.mark.parametrize("kind", LIBRARY)
def test_features_are_the_chosen_block_outputs_in_order(kind: str) -> None:
    net = model(vision_config=_vision(kind))
    library, leading = LIBRARY[kind]
    whole = library(net.config.vision_config).eval()
    assert not whole.load_state_dict(net.encoder.backbone.state_dict(), strict=False).unexpected_keys
    crops = torch.randn(3, 3, 28, 28)
    with torch.no_grad():
        states = whole(crops, output_hidden_states=True).hidden_states  # embeddings, then the 4 blocks
        features = net.encoder(crops)
    assert features.shape == (3, 4, 32)
    assert torch.allclose(features[..., :16], states[3][:, leading:], atol=1e-6)  # block -2
    assert torch.allclose(features[..., 16:], states[1][:, leading:], atol=1e-6)  # block -4


@pytest.mark.parametrize("kind", LIBRARY)
def test_no_encoder_keeps_a_parameter_it_never_uses(kind: str) -> None:
    net = model(vision_config=_vision(kind)).train()
    net(**batch([[sample(1)]])).loss.backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == []


def test_blocks_after_the_last_feature_do_not_exist() -> None:
    assert len(model().encoder.backbone.encoder.layers) == 3
    assert len(model(feature_layers=[0]).encoder.backbone.encoder.layers) == 1
    assert not any("post_layernorm" in name for name, _ in model().named_parameters())


@pytest.mark.parametrize("kind", ["qwen2", "olmo2", "olmoe"])
def test_every_parameter_gets_a_gradient(kind: str) -> None:
    net = model(kind).train()
    net(**batch([[sample(1), sample(2)], [sample(3)]])).loss.backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == []


def test_wrong_layers_and_unknown_encoders_are_named() -> None:
    with pytest.raises(ConfigError, match=r"-5.*4 blocks"):
        config(feature_layers=[-2, -5])
    with pytest.raises(ConfigError, match="empty"):
        config(feature_layers=[])
    odd = config()
    odd.vision_config.model_type = "clop_vision_model"
    with pytest.raises(NotRegisteredError, match="clip_vision_model"):
        Molmo(odd)


@pytest.mark.parametrize("kind", LIBRARY)
def test_a_new_encoder_can_start_with_places_to_hear(kind: str) -> None:
    """Sines and cosines of row and column, of the wished strength; the class token is left alone."""
    quiet, loud = (model(vision_config=_vision(kind), position_init=rms) for rms in (None, 1.0))
    spec = ENCODERS.get(kind)
    before, after = (spec.positions(net.encoder.backbone)[spec.leading_tokens :].detach() for net in (quiet, loud))
    assert before.pow(2).mean().sqrt() < 0.5
    assert after.pow(2).mean().sqrt() == pytest.approx(1.0, abs=0.05)
    distances = torch.cdist(after, after) + 9 * torch.eye(len(after))
    assert distances.min() > 0.5, "every place has an embedding of its own"


def test_normed_features_keep_their_size_whatever_the_weights() -> None:
    net = model(feature_norm=True)
    crops, windows = torch.randn(2, 3, 28, 28), torch.arange(4).view(1, 4)
    with torch.no_grad():
        before = net.image_features(crops, None, windows)
        for parameter in net.connector.projector.parameters():
            parameter.mul_(10.0)
        after = net.image_features(crops, None, windows)
    assert float(before.pow(2).mean()) == pytest.approx(1.0, abs=1e-2)
    assert float(after.pow(2).mean()) == pytest.approx(1.0, abs=1e-2)
