"""The contract of the forward pass: its parameters, and what it says when text and pictures disagree."""

from __future__ import annotations

import inspect

import pytest
import torch
from tiny_molmo import PATCH_ID, batch, config, logits, model, sample

from openmolmo.core.errors import ConfigError, PromptError
from openmolmo.model import Molmo


def test_parameters_are_the_keys_of_a_batch() -> None:
    parameters = inspect.signature(Molmo.forward).parameters
    assert [name for name, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD and name != "self"] == [
        "input_ids", "position_ids", "example_ids", "branch_ids", "labels", "loss_weights",
        "crops", "patch_mask", "pooled_patches",
    ]  # fmt: skip
    assert set(batch([[sample(1)]])) == set(parameters) - {"self", "kwargs"}


def test_features_are_added_to_the_image_tokens() -> None:
    net = model()
    inputs = batch([[sample(1)], [sample(2)]])
    seen = []
    net.decoder.layers[0].register_forward_pre_hook(lambda module, args, kwargs: seen.append(args[0]), with_kwargs=True)
    logits(net, inputs)
    features = net.image_features(inputs["crops"], inputs["patch_mask"], inputs["pooled_patches"])
    expected = net.embedding(inputs["input_ids"])
    assert torch.allclose(seen[0][inputs["input_ids"] != PATCH_ID], expected[inputs["input_ids"] != PATCH_ID])
    assert torch.allclose(
        seen[0][inputs["input_ids"] == PATCH_ID], features + net.embedding(torch.tensor(PATCH_ID)), atol=1e-6
    )


def test_image_tokens_and_features_must_agree() -> None:
    net = model()
    inputs = batch([[sample(1)]])
    with pytest.raises(PromptError, match=r"3 image tokens.*2 features"):
        logits(net, inputs | {"pooled_patches": inputs["pooled_patches"][:2]})
    with pytest.raises(PromptError, match=r"3 image tokens.*0 features"):
        logits(net, {k: v for k, v in inputs.items() if k not in ("crops", "patch_mask", "pooled_patches")})
    with pytest.raises(PromptError, match="no crops"):
        logits(net, {k: v for k, v in inputs.items() if k != "crops"})
    inputs["input_ids"][inputs["input_ids"] == PATCH_ID] = 1
    with pytest.raises(PromptError, match=r"0 image tokens.*3 features"):
        logits(net, inputs)


def test_packed_rows_need_positions_and_no_cache() -> None:
    net = model()
    inputs = batch([[sample(1)]])
    with pytest.raises(PromptError, match="position_ids"):
        logits(net, {k: v for k, v in inputs.items() if k != "position_ids"})
    cache = net(**{k: v for k, v in inputs.items() if k not in ("example_ids", "branch_ids")}).past_key_values
    with pytest.raises(PromptError, match="cache"):
        logits(net, inputs | {"past_key_values": cache})


def test_text_alone_needs_no_pictures() -> None:
    net = model().train()
    ids = torch.tensor([[1, 2, 3, 4]])
    out = net(input_ids=ids, labels=ids, loss_weights=torch.ones(1, 4))
    out.loss.backward()
    assert out.loss > 0
    assert net.connector.projector.up_proj.weight.grad is None
    empty = {"crops": torch.zeros(0, 3, 28, 28), "patch_mask": torch.zeros(0, 4)}
    windows = torch.zeros(0, 4, dtype=torch.int64)
    assert torch.equal(net.eval()(input_ids=ids, **empty, pooled_patches=windows).logits, net(input_ids=ids).logits)


def test_extra_rows_serve_ids_beyond_the_vocabulary() -> None:
    net = model()
    assert torch.equal(net.embedding(torch.tensor([63])), net.embedding.base.weight[63:64])
    assert torch.equal(net.embedding(torch.tensor([64, 71])), net.embedding.extra[[0, 7]])
    net.embedding(torch.tensor([[3, 66]])).sum().backward()
    assert net.embedding.base.weight.grad.nonzero()[:, 0].unique().tolist() == [3]
    assert net.embedding.extra.grad.nonzero()[:, 0].unique().tolist() == [2]
    assert net.get_input_embeddings() is net.embedding


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"image_patch_id": 72}, "72 lies outside the embedding table of 72"),
        ({"residual_dropout": 1.0}, "residual_dropout"),
        ({"pooling": "middle"}, "attention, stack, mean"),
        ({"dropout_tokens": "some"}, "supervised, all, none"),
    ],
)
def test_impossible_settings_are_refused(setting: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(**setting)


def test_mixed_precision_stays_near_full_precision() -> None:
    net = model(residual_dropout=0.0).train()
    inputs = batch([[sample(1), sample(2)], [sample(3)]], length=40)
    full = net(**inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = net(**inputs, return_logits=True)
        chunked = net(**inputs)
    assert chunked.loss.item() == pytest.approx(half.loss.item(), rel=1e-3)
    assert half.logits.dtype == torch.bfloat16
    assert half.loss.dtype == torch.float32
    assert half.loss.item() == pytest.approx(full.loss.item(), rel=0.02)
    chunked.loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())
