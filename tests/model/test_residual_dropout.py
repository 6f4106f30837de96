"""Dropout inside the library's layers: the same layer without it, and only the chosen tokens with it."""

from __future__ import annotations

import copy

import pytest
import torch
from tiny_molmo import ARCHITECTURES, batch, config, model, sample, text_config
from transformers import AutoModel

from openmolmo.core.errors import ConfigError
from openmolmo.model import Molmo
from openmolmo.model.dropout import TEMPLATES, ResidualDropout, add_residual_dropout


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_without_dropout_the_layers_are_the_librarys(kind: str) -> None:
    torch.manual_seed(0)
    library = AutoModel.from_config(text_config(kind)).eval()
    ours = copy.deepcopy(library)
    add_residual_dropout(ours.layers, kind)
    embeds = torch.randn(2, 9, 32)
    expected = library(inputs_embeds=embeds).last_hidden_state
    assert torch.equal(ours(inputs_embeds=embeds).last_hidden_state, expected)
    silent = ours(inputs_embeds=embeds, residual_dropout=ResidualDropout(0.0)).last_hidden_state
    assert torch.equal(silent, expected)
    assert list(ours.state_dict()) == list(library.state_dict())
    assert type(ours.layers[0]).__name__ == type(library.layers[0]).__name__
    loud = ours(inputs_embeds=embeds, residual_dropout=ResidualDropout(0.5)).last_hidden_state
    assert not torch.allclose(loud, expected)


def test_every_template_is_tested() -> None:
    assert set(TEMPLATES) == set(ARCHITECTURES)


def _hidden(net: Molmo, seed: int, weights: bool = True) -> tuple[torch.Tensor, ...]:
    inputs = batch([[sample(1, (8,))]])
    if not weights:
        inputs.pop("loss_weights")
        inputs.pop("labels")
    torch.manual_seed(seed)
    with torch.no_grad():
        return net(**inputs, output_hidden_states=True).hidden_states


@pytest.mark.parametrize("kind", ["qwen2", "olmo2", "olmoe"])
def test_caption_dropout_touches_only_supervised_tokens(kind: str) -> None:
    net = model(kind, residual_dropout=0.5)
    supervised = batch([[sample(1, (8,))]])["loss_weights"][0] > 0
    first = int(supervised.nonzero()[0])
    assert supervised[first:].all()
    still = _hidden(net, 1)
    net.train()
    for quiet, loud in zip(still[1:], _hidden(net, 1)[1:], strict=True):
        # Not to the bit: an expert sees another set of tokens, which rounds differently.
        assert torch.allclose(quiet[:, :first], loud[:, :first], atol=1e-6)
        assert ((quiet - loud)[:, first:].abs().amax(-1) > 0).all()


def test_dropout_over_all_tokens_and_none() -> None:
    everywhere = model(residual_dropout=0.5, dropout_tokens="all")
    still = _hidden(everywhere, 1)
    everywhere.train()
    assert ((still[-1] - _hidden(everywhere, 1)[-1]).abs().amax(-1) > 0).all()
    assert ((still[-1] - _hidden(everywhere, 1, weights=False)[-1]).abs().amax(-1) > 0).all()
    nowhere = model(residual_dropout=0.5, dropout_tokens="none")
    still = _hidden(nowhere, 1)
    assert torch.equal(still[-1], _hidden(nowhere.train(), 1)[-1])


def test_dropout_follows_the_seed_and_keeps_the_mean() -> None:
    net = model(residual_dropout=0.5).train()
    assert torch.equal(_hidden(net, 1)[-1], _hidden(net, 1)[-1])
    assert not torch.equal(_hidden(net, 1)[-1], _hidden(net, 2)[-1])
    torch.manual_seed(0)
    dropped = ResidualDropout(0.25)(torch.ones(1, 100, 1000))
    assert dropped.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.01)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # renamed in the newest library
def test_activation_checkpointing_drops_the_same_elements_again() -> None:
    gradients = []
    for checkpointing in (False, True):
        net = model(residual_dropout=0.5).train()
        if checkpointing:
            net.gradient_checkpointing_enable()
        torch.manual_seed(3)
        net(**batch([[sample(1)]])).loss.backward()
        gradients.append({n: p.grad for n, p in net.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradient, gradients[1][name], atol=1e-6), name


def test_an_architecture_without_a_template_is_refused_only_with_dropout() -> None:
    from transformers import AutoConfig

    bare = config()
    bare.text_config = AutoConfig.for_model(
        "mistral",
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=2,
        sliding_window=None,
    )
    with pytest.raises(ConfigError, match="mistral"):
        Molmo(bare)
    bare.residual_dropout = 0.0
    assert Molmo(bare)(**batch([[sample(1)]])).loss > 0
