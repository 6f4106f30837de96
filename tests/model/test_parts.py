"""Small parts of models: fingerprints, forms of published weights, what a configuration refuses."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transformers import CLIPVisionConfig, Dinov2Config, Qwen2Config, SiglipVisionConfig

from openmolmo.core.errors import ConfigError, NotRegisteredError
from openmolmo.model import PRESETS, MolmoConfig
from openmolmo.model.encoders import ENCODERS, find_encoder
from openmolmo.model.fingerprint import fingerprint
from openmolmo.model.presets import micro, nano
from openmolmo.model.released.rules import (
    Change,
    Rule,
    conv_patches,
    for_blocks,
    fused_experts,
    stacked_rows,
    with_leading_ones,
)
from openmolmo.model.released.settings import obstacles, written_config

# ------------------------------------------------------------------------------------- fingerprints


def net(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def test_a_copy_has_the_same_fingerprint_and_training_another() -> None:
    model = net()
    before = fingerprint(model)
    assert before == fingerprint(copy.deepcopy(model)) == fingerprint(net())
    assert len(before) == 16 and set(before) <= set("0123456789abcdef")
    with torch.no_grad():
        model[2].bias[1] += 1e-6
    assert fingerprint(model) != before != fingerprint(net(1))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_another_type_is_another_model(dtype: torch.dtype) -> None:
    assert fingerprint(net().to(dtype)) not in (fingerprint(net()), fingerprint(net(1).to(dtype)))


def test_names_shapes_and_buffers_count() -> None:
    marks = {fingerprint(nn.ParameterDict({name: torch.zeros(shape)})) for name in "ab" for shape in ((2, 3), (3, 2))}
    assert len(marks) == 4
    model, before = net(), fingerprint(net())
    model[1].running_mean[0] = 1.0
    assert fingerprint(model) != before


def test_how_weights_lie_in_memory_and_the_number_of_threads_are_nothing() -> None:
    model, before = net(), fingerprint(net())
    with torch.no_grad():
        model[0].weight = nn.Parameter(model[0].weight.T.contiguous().T)
    assert not model[0].weight.is_contiguous() and fingerprint(model) == before


# ------------------------------------------------------------------------- forms of published weights


def there_and_back(change: Change, theirs: list[torch.Tensor]) -> list[torch.Tensor]:
    ours = change.to_ours(theirs)
    back = change.to_theirs([tensor.clone() for tensor in ours])
    assert len(back) == len(theirs)
    assert all(torch.equal(one, other) for one, other in zip(back, theirs, strict=True))
    return ours


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(1, 4))
def test_rows_are_parted_and_stacked_again(sizes: list[int], width: int) -> None:
    stacked = torch.arange(sum(sizes) * width).view(-1, width)
    ours = there_and_back(stacked_rows(*sizes), [stacked])
    assert [len(tensor) for tensor in ours] == sizes and stacked_rows(*sizes).rows == tuple(sizes)


def test_a_patch_matrix_is_a_convolution() -> None:
    torch.manual_seed(0)
    matrix, pixels = torch.randn(5, 2 * 2 * 3), torch.randn(1, 3, 4, 4)
    (kernel,) = there_and_back(conv_patches(2), [matrix])
    patches = pixels.view(1, 3, 2, 2, 2, 2).permute(0, 2, 4, 3, 5, 1).reshape(4, 12)  # row, column, channel
    seen = torch.nn.functional.conv2d(pixels, kernel, stride=2).flatten(2)[0].T
    assert torch.allclose(patches @ matrix.T, seen, atol=1e-5)


def test_leading_ones_and_experts_come_back() -> None:
    (ours,) = there_and_back(with_leading_ones(2), [torch.randn(3)])
    assert ours.shape == (1, 1, 3)
    gates, ups, downs = ([torch.randn(s) for _ in range(3)] for s in ((4, 2), (4, 2), (2, 4)))
    gate_up, down = there_and_back(fused_experts(3), [*gates, *ups, *downs])
    assert gate_up.shape == (3, 8, 2) and down.shape == (3, 2, 4)
    assert torch.equal(gate_up[1], torch.cat((gates[1], ups[1]))) and torch.equal(down[2], downs[2])


def test_rules_are_written_out_for_every_block() -> None:
    rules = for_blocks([Rule(("a.{n}.w",), ("b.{n}.x", "c.{n}")), Rule(("k",), ("k",))], 2)
    assert [rule.theirs for rule in rules] == [("a.0.w",), ("k",), ("a.1.w",), ("k",)]
    assert rules[2].ours == ("b.1.x", "c.1") and for_blocks(rules, 0) == []


# --------------------------------------------------------------------------------- configurations


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"feature_layers": [-3]}, "feature_layers has -3, but the vision encoder has 2 blocks"),
        ({"feature_layers": [2]}, "feature_layers has 2"),
        ({"feature_layers": []}, "feature_layers is empty"),
        ({"residual_dropout": 1.0}, "residual_dropout=1.0 must be at least 0 and below 1"),
        ({"residual_dropout": float("nan")}, "residual_dropout=nan"),
        ({"pooling": "middle"}, "pooling='middle' must be one of attention, stack, mean"),
        ({"dropout_tokens": "some"}, "dropout_tokens='some' must be one of supervised, all, none"),
        ({"image_patch_id": 108}, "image_patch_id=108 lies outside the embedding table of 108 rows"),
        ({"image_patch_id": -1}, "image_patch_id=-1 lies outside"),
    ],
)
def test_impossible_models_are_refused_in_words(changes: dict, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        small(**changes)
    assert said in str(caught.value)


def small(**changes: object) -> MolmoConfig:
    vision = CLIPVisionConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=7)
    text = Qwen2Config(vocab_size=100, hidden_size=16, num_hidden_layers=1, num_attention_heads=2)
    settings = {"image_patch_id": 102, "extra_embeddings": 8, "feature_layers": [-1], **changes}
    return MolmoConfig(vision_config=vision, text_config=text, **settings)


def test_layers_are_counted_from_either_end() -> None:
    assert small(feature_layers=[0, -1]).resolved_feature_layers == [0, 1]
    assert small(feature_layers=[0]).last_feature_layer == 0


def test_a_configuration_comes_back_from_its_json(tmp_path) -> None:
    for config in (small(), micro(), nano()):
        config.save_pretrained(tmp_path)
        again = MolmoConfig.from_pretrained(tmp_path)
        assert again.to_dict() == config.to_dict()
        assert type(again.vision_config) is type(config.vision_config)


def test_small_presets_fit_their_pictures() -> None:
    for make, side in ((nano, 8), (micro, 8)):
        config = make()
        vision, text = config.vision_config, config.text_config
        assert vision.image_size // vision.patch_size == side and vision.image_size % vision.patch_size == 0
        assert config.pooling_heads * config.pooling_head_dim == vision.hidden_size
        assert text.hidden_size % text.num_attention_heads == 0
        assert make(500).image_patch_id == 502 and make(500, residual_dropout=0.5).residual_dropout == 0.5
    assert PRESETS.get("micro") is micro and micro().residual_dropout == 0.0


# --------------------------------------------------------------------------------------- encoders


@pytest.mark.parametrize(
    ("make", "kind"),
    [(CLIPVisionConfig, "clip_vision_model"), (SiglipVisionConfig, "siglip_vision_model"), (Dinov2Config, "dinov2")],
)
def test_an_encoder_is_built_with_the_blocks_that_are_used_and_embeds_every_patch(make, kind: str) -> None:
    config = make(
        hidden_size=16,
        intermediate_size=32,
        mlp_ratio=2,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=28,
        patch_size=7,
    )
    backbone = find_encoder(kind)
    model = backbone.build(config, 2)
    hidden = backbone.embed(model, torch.zeros(3, 3, 28, 28))
    assert len(backbone.blocks(model)) == 2
    assert hidden.shape == (3, backbone.leading_tokens + 16, 16)
    assert backbone.positions(model).shape == (backbone.leading_tokens + 16, 16)
    for block in backbone.blocks(model):
        hidden = backbone.run(block, hidden)
    assert hidden.shape == (3, backbone.leading_tokens + 16, 16)


def test_unknown_encoders_get_the_nearest_name() -> None:
    with pytest.raises(NotRegisteredError, match="did you mean dinov2"):
        find_encoder("dinov3")
    assert {"clip_vision_model", "siglip_vision_model"} <= set(ENCODERS)


# ------------------------------------------------------------------------------- published settings


def test_everything_without_a_place_is_named_at_once() -> None:
    lost = " | ".join(obstacles(nano()))
    for word in ("feature_norm=True", "pooling_heads=6", "vision_config.hidden_size=192"):
        assert word in lost
    with pytest.raises(ConfigError, match=r"feature_norm=True(.|\n)*-> .*--any-size"):
        written_config(nano())
