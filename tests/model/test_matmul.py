"""Linear layers give the same values and gradients by either library of products."""

from __future__ import annotations

import copy
import os
import pickle

import pytest
import torch
from tiny_molmo import model as make_model
from torch import nn

from openmolmo.model.matmul import OneDnnLinear, hold_onednn_back, matmul, prefer_onednn, use_fast_matmul

pytestmark = pytest.mark.skipif(
    not hasattr(torch.ops.mkldnn, "_linear_pointwise"), reason="this build of torch has no oneDNN"
)
needs_onednn = pytest.mark.skipif(not prefer_onednn(), reason="this processor is no faster with oneDNN")


def pair(bias: bool, width: int = 24, out: int = 40) -> tuple[nn.Linear, nn.Linear]:
    torch.manual_seed(0)
    plain = nn.Linear(width, out, bias=bias)
    fast = copy.deepcopy(plain)
    fast.__class__ = OneDnnLinear
    return plain, fast


def layouts() -> dict[str, torch.Tensor]:
    """Inputs of width 24 as they occur: rows of a batch, transposed, cut out, expanded, one row, none."""
    torch.manual_seed(1)
    return {
        "rows": torch.randn(64, 24),
        "batch": torch.randn(3, 17, 24),
        "transposed": torch.randn(24, 64).T,
        "cut out": torch.randn(5, 30, 48)[:, 3:20, 8:32],
        "expanded": torch.randn(1, 24).expand(32, 24),
        "one row": torch.randn(1, 24),
        "none": torch.randn(0, 24),
    }


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layout", layouts())
def test_values_and_gradients_are_those_of_the_plain_layer(layout: str, bias: bool) -> None:
    plain, fast = pair(bias)
    found = []
    for layer in (plain, fast):
        given = layouts()[layout].requires_grad_()
        out = layer(given)
        # The mean's gradient is one number expanded, the square's is not.
        (out.square().sum() + out.sum()).backward()
        found.append([out.detach(), given.grad, *(parameter.grad for parameter in layer.parameters())])
    for expected, got in zip(*found, strict=True):
        assert expected is not None
        assert got is not None
        assert got.shape == expected.shape
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-4)


def test_an_expanded_gradient_is_read_rightly() -> None:
    plain, fast = pair(bias=True)
    given = layouts()["rows"]
    for layer in (plain, fast):
        layer(given).sum().backward()
    torch.testing.assert_close(fast.weight.grad, plain.weight.grad, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(fast.bias.grad, plain.bias.grad)


def test_frozen_weights_and_inputs_get_no_gradient() -> None:
    _, fast = pair(bias=True)
    fast.weight.requires_grad_(False)
    given = layouts()["rows"]
    fast(given).sum().backward()
    assert fast.weight.grad is None
    assert fast.bias.grad is not None
    assert given.grad is None


def test_other_types_and_autocast_go_the_usual_way() -> None:
    plain, fast = pair(bias=True)
    given = layouts()["rows"]
    assert torch.equal(fast.double()(given.double()), plain.double()(given.double()))
    plain, fast = plain.float(), fast.float()
    with torch.autocast("cpu", torch.bfloat16):
        assert fast(given).dtype == torch.bfloat16
        assert torch.equal(fast(given), plain(given))


def test_it_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, fast = pair(bias=True, width=512, out=512)
    given = torch.randn(64, 512)
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    assert torch.equal(fast(given), plain(given))


def test_the_layer_is_saved_copied_and_read_like_any_other() -> None:
    plain, fast = pair(bias=True)
    assert list(fast.state_dict()) == list(plain.state_dict())
    again = pickle.loads(pickle.dumps(fast))
    given = layouts()["rows"]
    assert torch.equal(again(given), fast(given))
    assert isinstance(fast, nn.Linear)


@needs_onednn
def test_a_model_uses_it_where_it_is_faster() -> None:
    kinds = {type(module) for module in make_model().modules() if isinstance(module, nn.Linear)}
    assert OneDnnLinear in kinds
    assert nn.Linear not in kinds


def test_layers_of_other_classes_are_left_alone() -> None:
    class Mine(nn.Linear):
        pass

    model = nn.Sequential(Mine(8, 8), nn.Linear(8, 8))
    use_fast_matmul(model)
    assert type(model[0]) is Mine
    assert type(model[1]) is (OneDnnLinear if prefer_onednn() else nn.Linear)


@pytest.mark.parametrize("rows", [1, 7, 8, 200])
def test_a_product_without_gradients(rows: int) -> None:
    torch.manual_seed(0)
    left, weight = torch.randn(rows, 48), torch.randn(80, 48)
    torch.testing.assert_close(matmul(left, weight), left @ weight.T, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(matmul(left @ weight.T, weight.T), left @ weight.T @ weight, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, None),
        ({"ATEN_CPU_CAPABILITY": "avx512"}, None),
        ({"ATEN_CPU_CAPABILITY": "avx2"}, "AVX2"),
        ({"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX"}, "AVX"),
    ],
)
def test_what_is_hidden_from_pytorch_is_hidden_from_onednn(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], expected: str | None
) -> None:
    """Attention in bfloat16 under ATEN_CPU_CAPABILITY=avx2 (test_training_devices.py) fails on AMX otherwise."""
    monkeypatch.setattr(os, "environ", dict(given))
    hold_onednn_back()
    assert os.environ.get("ONEDNN_MAX_CPU_ISA") == expected
