"""Weighted cross-entropy and z-loss: values and gradients against the plain formula."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_molmo import batch, model, sample

from openmolmo.model.loss import loss_sums


@given(rows=st.integers(0, 6), seed=st.integers(0, 999), z=st.sampled_from([0.0, 1e-4, 0.3]))
@settings(max_examples=40, deadline=None)
def test_sums_and_gradients(rows: int, seed: int, z: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = (3 * torch.randn(rows, 11, generator=generator)).requires_grad_()
    labels = torch.randint(0, 11, (rows,), generator=generator)
    weights = torch.rand(rows, generator=generator)
    sums = loss_sums(logits, labels, weights)
    (gradient,) = torch.autograd.grad(0.7 * sums.ce + z * sums.z, logits)

    ce = (F.cross_entropy(logits, labels, reduction="none") * weights).sum()
    z_sum = (logits.logsumexp(-1).square() * weights).sum()
    (expected,) = torch.autograd.grad(0.7 * ce + z * z_sum, logits)
    assert torch.allclose(sums.ce, ce, atol=1e-5)
    assert torch.allclose(sums.z, z_sum, rtol=1e-5, atol=1e-5)
    assert torch.allclose(sums.weight, weights.sum())
    assert torch.allclose(gradient, expected, atol=1e-5)


def test_only_supervised_rows_meet_the_head() -> None:
    net = model()
    inputs = batch([[sample(1), sample(2)], [sample(3)]], length=40)
    out = net(**inputs, return_logits=True)
    without = {k: v for k, v in inputs.items() if k not in ("labels", "loss_weights")}
    full = net(**without).logits
    assert out.logits.shape == (int((inputs["loss_weights"] > 0).sum()), 64)
    assert torch.allclose(out.logits, full[inputs["loss_weights"] > 0], atol=1e-6)
    expected = F.cross_entropy(full.transpose(1, 2), inputs["labels"], reduction="none") * inputs["loss_weights"]
    assert out.ce_sum.item() == pytest.approx(expected.sum().item(), rel=1e-5)
    assert out.weight_sum.item() == pytest.approx(inputs["loss_weights"].sum().item())
    loss = (out.ce_sum + 1e-4 * out.z_sum) / out.weight_sum
    assert out.loss.item() == pytest.approx(loss.item())


def test_a_batch_without_supervision_has_no_loss() -> None:
    inputs = batch([[sample(1)]])
    inputs["loss_weights"] = torch.zeros_like(inputs["loss_weights"])
    out = model()(**inputs, return_logits=True)
    assert out.loss.item() == 0.0
    assert out.logits.shape == (0, 64)
    net = model()
    net(**inputs).loss.backward()  # another process of the run may have some: every weight takes part
    assert net.lm_head.weight.grad.abs().max() == 0
