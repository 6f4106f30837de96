"""Checkpoints in the published formats give the numbers recorded from the published models."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from published_batch import FAMILIES, FIXTURES, ragged, recorded, sampled
from safetensors.torch import load_file, save_file
from torch import Tensor

from openmolmo.core.errors import CheckpointError
from openmolmo.model import Molmo, load_model, save_model
from openmolmo.model.released import load_released, read_config, released_weights, unused_weights

FEATURES, LOSS, GRADIENT = 2e-4, 1e-5, 1e-4  # absolute, absolute, relative to the tensor's largest value
NEW = 20


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def net(family: str) -> Molmo:
    return load_released(FIXTURES / family)


def _prompts() -> dict[str, Tensor]:
    batch, _ = ragged("inference")
    return {key: value for key, value in batch.items() if key not in ("labels", "loss_weights")}


def test_there_and_back_to_the_bit(family: str, net: Molmo) -> None:
    stored = load_file(FIXTURES / family / "model.safetensors")
    unused = unused_weights(FIXTURES / family)
    assert len(unused) == 16  # the last block of the encoder
    back = released_weights(net, unused)
    assert back.keys() == stored.keys()
    assert all(torch.equal(back[name], stored[name]) for name in stored)


def test_image_features(family: str, net: Molmo) -> None:
    expected = recorded(f"{family}/inference")
    batch, where = ragged("inference")
    padded = torch.zeros(3, 7, 64, 128)
    with torch.no_grad():
        padded[tuple(where["crop_rows"].T)] = net.encoder(batch["crops"])
        assert sampled(padded, expected, "vit_features") < FEATURES
        features = net.image_features(batch["crops"], batch["patch_mask"], batch["pooled_patches"])
    padded = torch.zeros(3, 7, 16, features.shape[-1])
    padded[tuple(where["windows"].T)] = features
    assert sampled(padded, expected, "image_features") < FEATURES


def test_hidden_states_and_logits(family: str, net: Molmo) -> None:
    expected = recorded(f"{family}/inference")
    batch = _prompts()
    with torch.no_grad():
        out = net(**batch, output_hidden_states=True)
    for index, hidden in enumerate(out.hidden_states):
        assert sampled(hidden, expected, f"hidden.{index}") < FEATURES
    assert sampled(out.logits, expected, "logits") < FEATURES
    real = batch["example_ids"] >= 0
    assert torch.equal(out.logits.argmax(-1)[real], torch.from_numpy(expected["argmax"]).long()[real])


def test_routing() -> None:
    net, expected = load_released(FIXTURES / "olmoe_like"), recorded("olmoe_like/inference")
    batch = _prompts()
    real = (batch["example_ids"] >= 0).reshape(-1)
    with torch.no_grad():
        logits = net(**batch, output_router_logits=True).router_logits
    assert len(logits) == 2
    for index, layer in enumerate(logits):
        assert (layer - torch.from_numpy(expected[f"router_logits.{index}"]))[real].abs().max() < FEATURES
        probabilities = layer.softmax(-1)
        assert (probabilities - torch.from_numpy(expected[f"router_probs.{index}"]))[real].abs().max() < FEATURES
        chosen = probabilities.topk(2).indices.sort().values
        assert torch.equal(chosen[real], torch.from_numpy(expected[f"expert_idx.{index}"]).long().sort().values[real])


def test_greedy_tokens_and_their_scores(family: str, net: Molmo) -> None:
    expected = recorded(f"{family}/inference")
    batch = _prompts()
    left = {key: value.clone() for key, value in batch.items()}
    for row, length in enumerate((batch["example_ids"] >= 0).sum(1).tolist()):
        for key in ("input_ids", "position_ids", "example_ids", "branch_ids"):
            left[key][row] = batch[key][row].roll(batch[key].shape[1] - length)
    out = net.generate(
        **left, max_new_tokens=NEW, do_sample=False, pad_token_id=0, output_logits=True, return_dict_in_generate=True
    )
    tokens = out.sequences[:, -NEW:]
    assert tokens.tolist() == expected["generated"].tolist()
    steps = torch.stack(out.logits, dim=1).log_softmax(-1)
    scores = steps.gather(-1, tokens.unsqueeze(-1)).sum(dim=(1, 2))
    assert np.allclose(scores.numpy(), expected["generated_score"], atol=2e-3)


def test_training_losses_and_gradients() -> None:
    net, expected = load_released(FIXTURES / "qwen2_like").train(), recorded("qwen2_like/train")
    batch, _ = ragged("train")
    out = net(**batch)
    weights = batch["loss_weights"]
    with torch.no_grad():
        logits = net(**batch, return_logits=True).logits
    assert out.weight_sum.item() == pytest.approx(float(expected["loss_divisor"]), abs=LOSS)
    assert (out.ce_sum / out.weight_sum).item() == pytest.approx(float(expected["ce_loss"]), abs=LOSS)
    assert (1e-4 * out.z_sum / out.weight_sum).item() == pytest.approx(float(expected["z_loss"]), abs=LOSS)
    assert out.loss.item() == pytest.approx(float(expected["loss"]), abs=LOSS)
    log_z = logits.logsumexp(-1)
    tokens = log_z - logits.gather(-1, batch["labels"][weights > 0].unsqueeze(-1)).squeeze(-1)
    recorded_tokens = torch.from_numpy(expected["ce_loss_tokens"])[weights > 0]
    assert (tokens * weights[weights > 0] - recorded_tokens).abs().max() < FEATURES
    recorded_z = torch.from_numpy(expected["z_loss_tokens"])[weights > 0]
    assert (1e-4 * log_z.square() * weights[weights > 0] - recorded_z).abs().max() < LOSS

    out.loss.backward()
    gradients = recorded("qwen2_like/gradients")
    for parameter in net.parameters():
        assert parameter.grad is not None
        parameter.data = parameter.grad
    found = released_weights(net)
    names = {name for name in gradients if not name.endswith((".at", "|max"))}
    assert set(found) <= names
    assert all(gradients[f"{name}|max"] == 0 for name in names - set(found))  # the encoder's unused block
    for name, gradient in found.items():
        # A key bias shifts all scores of a query alike: its gradient is rounding noise around zero.
        scale = max(float(gradients[f"{name}|max"]), 1e-3 if name.endswith("wk.bias") else 0.0)
        assert sampled(gradient, gradients, name) / scale < GRADIENT, name


def test_a_released_model_is_saved_as_one_of_ours(tmp_path: Path) -> None:
    net = load_released(FIXTURES / "olmoe_like")
    save_model(net, tmp_path)
    batch = _prompts()
    with torch.no_grad():
        assert torch.equal(load_model(tmp_path)(**batch).logits, net(**batch).logits)


def test_the_published_dense_file_is_completed_from_the_code() -> None:
    """Settings of Molmo-7B-D that its config.json does not hold."""
    values = json.loads((FIXTURES / "qwen2_like" / "config.json").read_text())
    for key in ("additional_vocab_size", "image_padding_embed", "image_pooling_2d", "vit_layers", "vision_backbone"):
        values.pop(key)
    made = read_config(values | {"vocab_size": 152064, "embedding_size": 152064})
    assert made.vision_config.image_size == 336
    assert made.resolved_feature_layers == [21, 14]
    assert (made.image_patch_id, made.extra_embeddings, made.pooling_heads) == (152066, 128, 16)


def test_folders_that_do_not_fit_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        load_released(tmp_path)
    with pytest.raises(CheckpointError, match="does not exist"):
        load_released(tmp_path / "absent")
    shutil.copytree(FIXTURES / "olmo_like", tmp_path / "m")
    state = load_file(tmp_path / "m" / "model.safetensors")
    lost = state.pop("model.transformer.ln_f.weight")
    save_file(state | {"odd": lost}, tmp_path / "m" / "model.safetensors")
    with pytest.raises(
        CheckpointError, match=r"model.transformer.ln_f.weight \[64\] is missing; odd \[64\] is left over"
    ):
        load_released(tmp_path / "m")
    save_file(state | {"model.transformer.ln_f.weight": lost[:7].clone()}, tmp_path / "m" / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"ln_f.weight is \[7\] in the file, \[64\] in the model"):
        load_released(tmp_path / "m")
    values = json.loads((tmp_path / "m" / "config.json").read_text())
    for change, message in (
        ({"model_type": "llama"}, "'llama', not 'molmo'"),
        ({"qkv_bias": True}, "norm_after"),
        ({"layer_norm_type": "default"}, "layer_norm_type='default'"),
        ({"vision_backbone": values["vision_backbone"] | {"image_model_type": "dino"}}, "image_model_type='dino'"),
    ):
        with pytest.raises(CheckpointError, match=message):
            read_config(values | change)
    del values["rope_theta"]
    with pytest.raises(CheckpointError, match="no setting 'rope_theta'"):
        read_config(values)
