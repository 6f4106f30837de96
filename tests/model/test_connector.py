"""From patch features to image tokens, against plain loops."""

from __future__ import annotations

import math

import pytest
import torch
from tiny_molmo import config, model
from torch.nn.functional import linear

from openmolmo.model.connector import AttentionPool, Connector, PaddingEmbedding, gather_windows

F = 12


def _plain_pool(pool: AttentionPool, window: torch.Tensor) -> torch.Tensor:
    """One window (W, F), head by head."""
    width = pool.width // pool.heads
    query = pool.q_proj(window.mean(0))
    out = []
    for head in range(pool.heads):
        part = slice(head * width, (head + 1) * width)
        scores = [
            float(query[part] @ linear(p, pool.k_proj.weight, pool.k_proj.bias)[part]) / math.sqrt(width)
            for p in window
        ]
        top = [math.exp(s - max(scores)) for s in scores]
        out.append(sum(t / sum(top) * pool.v_proj(p)[part] for t, p in zip(top, window, strict=True)))
    return pool.o_proj(torch.cat(out))


def test_attention_pooling_equals_a_plain_loop() -> None:
    torch.manual_seed(0)
    pool = AttentionPool(F, heads=3, head_dim=5)
    windows = torch.randn(6, 4, F)
    with torch.no_grad():
        expected = torch.stack([_plain_pool(pool, window) for window in windows])
        assert torch.allclose(pool(windows), expected, atol=1e-6)
    assert pool(windows).shape == (6, 15)


def test_windows_gather_patches_of_all_crops_and_zero_vectors() -> None:
    patches = torch.arange(1.0, 7.0)[:, None].repeat(1, 2)  # 2 crops of 3 patches: 1..6
    windows = gather_windows(patches, torch.tensor([[0, 5], [-1, 2]]))
    assert windows[..., 0].tolist() == [[1, 6], [0, 3]]
    assert windows.shape == (2, 2, 2)


def test_padding_embedding_rows() -> None:
    pad = PaddingEmbedding(2)
    with torch.no_grad():
        pad.weight.copy_(torch.tensor([[10.0, 10.0], [1.0, 1.0]]))
    mask = torch.tensor([[0.0, 0.3, 1.0, -1.0]])
    added = pad(torch.zeros(1, 4, 2), mask)[0, :, 0]
    assert added.tolist() == [10.0, 1.0, 0.0, 1.0]  # all padding, partly, none, the filler -1


def test_zero_patches_come_after_the_padding_embedding() -> None:
    torch.manual_seed(0)
    made = Connector(config(pooling="stack"), F)
    with torch.no_grad():
        made.padding.weight.fill_(5.0)
    seen = []
    made.pool.register_forward_hook(lambda module, args, out: seen.append(args[0]))
    made(torch.zeros(1, 4, F), torch.zeros(1, 4), torch.tensor([[0, 1, -1, -1]]))
    assert seen[0][0, :, 0].tolist() == [5.0, 5.0, 0.0, 0.0]


def test_no_mask_means_no_padding() -> None:
    net = model()
    crops, windows = torch.randn(2, 3, 28, 28), torch.tensor([[0, 1, 2, 3], [4, 5, 6, -1]])
    without = net.image_features(crops, None, windows)
    assert torch.equal(without, net.image_features(crops, torch.ones(2, 4), windows))
    assert not torch.allclose(without, net.image_features(crops, torch.zeros(2, 4), windows))


@pytest.mark.parametrize("pooling", ["attention", "stack"])
def test_both_poolings_train(pooling: str) -> None:
    torch.manual_seed(0)
    made = Connector(config(pooling=pooling), F)
    features = torch.randn(2, 4, F, requires_grad=True)
    out = made(features, torch.rand(2, 4), torch.tensor([[0, 1, 2, 3], [4, 5, 6, 7], [3, 4, 3, -1]]))
    assert out.shape == (3, 32)
    out.square().sum().backward()
    assert all(p.grad is not None for p in made.parameters())
    assert features.grad is not None
    assert features.grad.abs().sum() > 0


def test_stacking_keeps_the_order_of_the_window() -> None:
    net = model(pooling="stack")
    crops, mask = torch.randn(1, 3, 28, 28), torch.ones(1, 4)
    there = net.image_features(crops, mask, torch.tensor([[0, 1, 2, 3]]))
    back = net.image_features(crops, mask, torch.tensor([[3, 2, 1, 0]]))
    assert not torch.allclose(there, back)
    net = model(pooling="attention")
    there = net.image_features(crops, mask, torch.tensor([[0, 1, 2, 3]]))
    back = net.image_features(crops, mask, torch.tensor([[3, 2, 1, 0]]))
    assert torch.allclose(there, back, atol=1e-6)  # attention has no order inside a window


def test_the_mean_of_a_window_is_a_pooling_too() -> None:
    connector = Connector(config(pooling="mean"), F)
    assert not list(connector.pool.parameters())
    windows = torch.arange(24.0).view(2, 4, 3)
    assert connector.pool(windows).tolist() == windows.mean(1).tolist()
    inputs = [model(pooling=kind).connector.projector.gate_proj.in_features for kind in ("mean", "stack")]
    assert inputs[1] == 4 * inputs[0]
