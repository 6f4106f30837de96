"""The quick GELU in one pass is the library's, values and gradients, and steps aside for what it does not know."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from transformers import CLIPVisionConfig
from transformers.activations import QuickGELUActivation
from transformers.models.clip.modeling_clip import CLIPMLP

from openmolmo.model import activation
from openmolmo.model.activation import use_fast_activations


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mlp = CLIPMLP(CLIPVisionConfig(hidden_size=24, intermediate_size=40, hidden_act="quick_gelu"))


@pytest.fixture
def pair() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    library = Block()
    ours = copy.deepcopy(library)
    use_fast_activations(nn.ModuleList([ours]))
    return library.mlp, ours.mlp


def test_values_and_gradients_are_the_librarys(pair: tuple[nn.Module, nn.Module]) -> None:
    calls: list[nn.Module] = []
    pair[1].activation_fn.register_forward_hook(lambda module, *given: calls.append(module))
    found = []
    for mlp in pair:
        given = (3 * torch.randn(5, 7, 24, generator=torch.Generator().manual_seed(1))).requires_grad_()
        out = mlp(given)
        out.square().sum().backward()
        found.append([out.detach(), given.grad, *(p.grad for p in mlp.parameters())])
    assert not calls  # the library's activation did not run
    for expected, got in zip(*found, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)
    with torch.inference_mode():
        torch.testing.assert_close(pair[1](given.detach()), found[0][0], rtol=1e-5, atol=1e-5)
    assert list(pair[0].state_dict()) == list(pair[1].state_dict())


class Doubled(nn.Linear):
    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(input)


@pytest.mark.parametrize("change", ["type", "autocast", "other layer", "hook"])
def test_it_steps_aside(pair: tuple[nn.Module, nn.Module], change: str) -> None:
    given = torch.randn(5, 24)
    for mlp in pair:
        if change == "type":
            mlp.to(torch.bfloat16)
        elif change == "other layer":
            mlp.fc1.__class__ = Doubled
        elif change == "hook":
            mlp.fc2.register_forward_hook(lambda module, inputs, output: output + 1)
    given = given.to(pair[0].fc1.weight.dtype)
    with torch.autocast("cpu", torch.bfloat16, enabled=change == "autocast"):
        assert torch.equal(pair[0](given), pair[1](given))


def test_other_activations_are_left_alone() -> None:
    block = Block()
    block.mlp.activation_fn = nn.GELU()
    use_fast_activations(nn.ModuleList([block, nn.Linear(2, 2)]))
    assert type(block.mlp) is CLIPMLP
    assert activation._FACTOR == 1.702 and QuickGELUActivation()(torch.tensor(1.0)) == torch.sigmoid(
        torch.tensor(1.702)
    )
