"""SDPA, eager attention and FlexAttention are one computation, for every language model, with branches and packing."""

from __future__ import annotations

import pytest
import torch
from tiny_molmo import ARCHITECTURES, batch, logits, model, sample, text_config
from torch import Tensor

from openmolmo.model import Molmo, mask

TOLERANCE = 1e-5  # measured worst case 3e-6, for logits of about 5


def rows(length: int = 48) -> dict[str, Tensor]:
    """Two rows: two examples with branches, one with more and longer ones; padding behind both."""
    return batch(
        [[sample(1), sample(2, (3,), crops=1, tokens=2)], [sample(3, (9, 2, 5), crops=3, tokens=5)]], length=length
    )


def with_attention(net: Molmo, kind: str) -> Molmo:
    net.decoder.set_attn_implementation(kind)
    return net


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_three_backends_give_one_result(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mask, "_UNRELIABLE_FLEX", ())  # that is of compiled kernels
    net, inputs = model(kind), rows()
    real = inputs["example_ids"] >= 0
    found = {name: logits(with_attention(net, name), inputs)[real] for name in ("sdpa", "eager")}
    with torch.compiler.set_stance("force_eager"):  # the library compiles FlexAttention, which takes a minute
        found["flex_attention"] = logits(with_attention(net, "flex_attention"), inputs)[real]
    for name, values in found.items():
        assert (values - found["sdpa"]).abs().max() < TOLERANCE, name


def gradients(net: Molmo, inputs: dict[str, Tensor], *, half: bool) -> tuple[float, dict[str, Tensor]]:
    net.zero_grad()
    # Every shape and type has a kernel of its own; without one more it would not be compiled, and pass unseen.
    with torch._dynamo.config.patch(recompile_limit=64, fail_on_recompile_limit_hit=True):
        with torch.autocast("cuda", torch.bfloat16, enabled=half):
            loss = net(**inputs).loss
        loss.backward()
    return float(loss.detach()), {name: p.grad.clone() for name, p in net.named_parameters()}


@pytest.mark.gpu  # FlexAttention has no backward pass on a processor
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
@pytest.mark.parametrize("length", [48, 200, 256])  # less than a block, no whole number of blocks, whole blocks
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_flex_attention_has_the_gradients_of_sdpa(kind: str, length: int) -> None:
    text = text_config(kind)
    text.hidden_size, text.head_dim, text.max_position_embeddings = 64, 16, 256  # the smallest heads that it takes
    net = model(kind, text_config=text, residual_dropout=0.0).train().cuda()
    inputs = {key: value.cuda() for key, value in rows(length).items()}
    (loss, wanted), (flex_loss, found) = (
        gradients(with_attention(net, name), inputs, half=False) for name in ("sdpa", "flex_attention")
    )
    assert flex_loss == pytest.approx(loss, rel=1e-4)
    largest = max(float(gradient.abs().max()) for gradient in wanted.values())
    for name, gradient in wanted.items():
        scale = max(float(gradient.abs().max()), 1e-3 * largest)  # a key's bias has none: rounding noise
        assert (found[name] - gradient).abs().max() < 1e-3 * scale, name
    # In bfloat16 an expert may be chosen otherwise, which is no small difference.
    (loss, wanted), (flex_loss, found) = (
        gradients(with_attention(net, name), inputs, half=True) for name in ("sdpa", "flex_attention")
    )
    assert flex_loss == pytest.approx(loss, rel=5e-2 if kind == "olmoe" else 1e-2)
    if kind != "olmoe":
        whole = [torch.cat([gradient.flatten() for gradient in each.values()]) for each in (wanted, found)]
        assert (whole[1] - whole[0]).norm() < 0.1 * whole[0].norm()
