"""The output head's loss in chunks: the sums and gradients of the plain formula, whatever is asked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from tiny_molmo import batch, model, sample
from torch import Tensor

from openmolmo.model import loss
from openmolmo.model.loss import LossSums, OutputHead, Target

ROWS, WIDTH, VOCAB = 11, 5, 13
Z = 1e-2


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rows a chunk, in float64 one."""
    monkeypatch.setattr(loss, "_CHUNK_BYTES", {"cpu": 3 * VOCAB * 4})


def example(rows: int = ROWS, dtype: torch.dtype = torch.float64) -> tuple[OutputHead, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    head = OutputHead(WIDTH, VOCAB, bias=False, dtype=dtype)
    hidden = torch.randn(rows, WIDTH, generator=generator, dtype=dtype).requires_grad_()
    labels = torch.randint(0, VOCAB, (rows,), generator=generator)
    weights = torch.rand(rows, generator=generator, dtype=dtype)
    weights[::4] = 0.0
    return head, hidden, labels, weights


def plain(head: OutputHead, hidden: Tensor, labels: Tensor, weights: Tensor) -> LossSums:
    logits = hidden @ head.weight.T
    ce = (F.cross_entropy(logits, labels, reduction="none") * weights).sum()
    return LossSums(ce, (logits.logsumexp(-1).square() * weights).sum(), weights.sum())


COMBINATIONS: dict[str, Callable[[LossSums], Tensor]] = {
    "as prepared": lambda sums: (sums.ce + Z * sums.z) / sums.weight,
    "cross-entropy alone": lambda sums: 3.0 * sums.ce,
    "z alone": lambda sums: sums.z,
    "other weights": lambda sums: 0.5 * sums.ce - 2.0 * sums.z,
    "nothing": lambda sums: 0.0 * sums.ce,
}


@pytest.mark.parametrize("rows", [ROWS, 1, 0])
@pytest.mark.parametrize("combination", COMBINATIONS.values(), ids=COMBINATIONS)
def test_sums_and_gradients_are_those_of_the_plain_formula(
    combination: Callable[[LossSums], Tensor], rows: int
) -> None:
    head, hidden, labels, weights = example(rows)
    weights = weights + (rows == 1)
    wanted = (hidden, head.weight)
    sums, expected = head(hidden, Target(labels, weights, Z)), plain(head, hidden, labels, weights)
    for ours, theirs in zip(sums, expected, strict=True):
        assert ours.dtype == torch.float64
        assert (ours - theirs).abs().item() < 1e-9
    if rows == 0:
        sums, expected = sums._replace(weight=1.0), expected._replace(weight=1.0)
    found = torch.autograd.grad(combination(sums), wanted)
    truth = torch.autograd.grad(combination(expected), wanted)
    for ours, theirs in zip(found, truth, strict=True):
        assert (ours - theirs).abs().max().item() < 1e-9 if theirs.numel() else ours.shape == theirs.shape


def test_a_second_backward_pass_gives_the_same() -> None:
    head, hidden, labels, weights = example()
    sums = head(hidden, Target(labels, weights, Z))
    total = sums.ce + Z * sums.z
    total.backward(retain_graph=True)
    first = head.weight.grad.clone()
    total.backward()
    assert torch.allclose(head.weight.grad, 2 * first, rtol=1e-12)


@pytest.mark.parametrize("frozen", ["head", "below", "both"])
def test_only_what_learns_gets_a_gradient(frozen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    head, hidden, labels, weights = example()
    truth = torch.autograd.grad(plain(head, hidden, labels, weights).ce, (hidden, head.weight))
    asked = []
    sweep = loss._sweep
    monkeypatch.setattr(loss, "_sweep", lambda *given: asked.append(given[5]) or sweep(*given))
    head.weight.requires_grad_(frozen == "below")
    hidden = hidden.detach().requires_grad_(frozen == "head")
    sums = head(hidden, Target(labels, weights))
    assert asked == [(frozen == "head", frozen == "below")]
    assert sums.ce.requires_grad == (frozen != "both")
    if frozen != "both":
        sums.ce.backward()
    for tensor, gradient, learns in ((hidden, truth[0], "head"), (head.weight, truth[1], "below")):
        assert (tensor.grad is None) == (frozen != learns)
        assert tensor.grad is None or torch.allclose(tensor.grad, gradient, atol=1e-9)


def test_without_gradients_none_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    head, hidden, labels, weights = example()
    seen = []
    chunk = loss._chunk
    monkeypatch.setattr(loss, "_chunk", lambda *given: seen.append(given[3]) or chunk(*given))
    with torch.no_grad():
        head(hidden, Target(labels, weights, Z))
    assert set(seen) == {None}
    assert len(seen) == ROWS  # float64: chunks of a row


@pytest.mark.parametrize("everything", [False, True], ids=["autocast", "bfloat16 throughout"])
def test_products_in_bfloat16_and_sums_in_float32(everything: bool) -> None:
    head, hidden, labels, weights = example(dtype=torch.float32)
    truth = torch.autograd.grad(plain(head, hidden, labels, weights).ce, (hidden, head.weight))
    if everything:
        head, hidden = head.bfloat16(), hidden.detach().bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=not everything):
        sums = head(hidden, Target(labels, weights))
        expected = loss.loss_sums(head(hidden), labels, weights)
    assert sums.ce.dtype == sums.z.dtype == torch.float32
    assert sums.ce.item() == pytest.approx(expected.ce.item(), rel=1e-6)  # the same rounding of the same logits
    found = torch.autograd.grad(sums.ce, (hidden, head.weight))
    assert sums.z.item() == pytest.approx(expected.z.item(), rel=1e-6)
    for ours, theirs in zip(found, truth, strict=True):
        assert ours.dtype == head.weight.dtype
        assert (ours.float() - theirs).abs().max() < 0.03 * theirs.abs().max()


def test_the_model_has_the_gradients_of_its_logits() -> None:
    inputs = batch([[sample(1), sample(2)], [sample(3)]], length=40)
    gradients = []
    for return_logits in (False, True):
        net = model().double()
        out = net(
            **{k: v.double() if v.is_floating_point() else v for k, v in inputs.items()}, return_logits=return_logits
        )
        assert (out.logits is not None) == return_logits
        out.loss.backward()
        gradients.append({name: p.grad for name, p in net.named_parameters()})
    for name, gradient in gradients[0].items():
        assert (gradient - gradients[1][name]).abs().max() < 1e-6, name


def test_another_layer_may_stand_in_the_heads_place() -> None:
    net, inputs = model(), batch([[sample(1)]])
    expected = net(**inputs).loss.item()
    plain_head = torch.nn.Linear(net.lm_head.in_features, net.lm_head.out_features, bias=False)
    plain_head.weight = net.lm_head.weight
    net.lm_head = plain_head
    out = net(**inputs)
    assert out.logits is None
    assert out.loss.item() == pytest.approx(expected, rel=1e-6)
