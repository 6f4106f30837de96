"""SDPA, eager attention and FlexAttention are one computation, for every language model, with branches and packing."""

from __future__ import annotations

import pytest
import torch
from tiny_molmo import ARCHITECTURES, batch, logits, model, sample, text_config
from torch import Tensor

from openmolmo.model import Molmo

TOLERANCE = 1e-5  # measured worst case 3e-6, for logits of about 5


def rows() -> dict[str, Tensor]:
    """Two rows: two examples with branches, one with more and longer ones; padding behind both."""
    return batch(
        [[sample(1), sample(2, (3,), crops=1, tokens=2)], [sample(3, (9, 2, 5), crops=3, tokens=5)]], length=48
    )


def with_attention(net: Molmo, kind: str) -> Molmo:
    net.decoder.set_attn_implementation(kind)
    return net


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_three_backends_give_one_result(kind: str) -> None:
    net, inputs = model(kind), rows()
    real = inputs["example_ids"] >= 0
    found = {name: logits(with_attention(net, name), inputs)[real] for name in ("sdpa", "eager")}
    with torch.compiler.set_stance("force_eager"):  # the library compiles FlexAttention, which takes a minute
        found["flex_attention"] = logits(with_attention(net, "flex_attention"), inputs)[real]
    for name, values in found.items():
        assert (values - found["sdpa"]).abs().max() < TOLERANCE, name


@pytest.mark.gpu  # FlexAttention has no backward pass on a processor
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_flex_attention_has_the_gradients_of_sdpa(kind: str) -> None:
    text = text_config(kind)
    text.hidden_size, text.head_dim = 64, 16  # the smallest heads that it takes
    net = model(kind, text_config=text, residual_dropout=0.0).train().cuda()
    inputs = {key: value.cuda() for key, value in rows().items()}
    gradients = []
    for name in ("sdpa", "flex_attention"):
        net.zero_grad()
        with_attention(net, name)(**inputs).loss.backward()
        gradients.append({name: p.grad for name, p in net.named_parameters()})
    largest = max(float(gradient.abs().max()) for gradient in gradients[0].values())
    for name, gradient in gradients[0].items():
        scale = max(float(gradient.abs().max()), 1e-3 * largest)  # a key's bias has none: rounding noise
        assert (gradients[1][name] - gradient).abs().max() < 1e-3 * scale, name
