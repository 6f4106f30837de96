"""Each part of the model has its own learning rate and is clipped by its own norm."""

from __future__ import annotations

import pytest
import torch

from openmolmo.model import Molmo
from openmolmo.training.build import build_model, build_processor
from openmolmo.training.config import PARTS, OptimizerConfig, PartConfig, RunConfig
from openmolmo.training.optim import Optimizer, trained_parameters

SETTINGS = OptimizerConfig(
    encoder=PartConfig(lr=1e-3, warmup=10, clip=1.0),
    connector=PartConfig(lr=2e-3, warmup=0, clip=0.5),
    llm=PartConfig(lr=4e-3, warmup=2, clip=1e9),
)


@pytest.fixture
def model(config: RunConfig) -> Molmo:
    return build_model(config, build_processor(config))


def test_norms_are_clipped_part_by_part(model: Molmo) -> None:
    parameters = trained_parameters(model, SETTINGS)
    for part, size in zip(PARTS, (3.0, 0.1, 50.0), strict=True):
        count = sum(p.numel() for p in parameters[part])
        for p in parameters[part]:
            p.grad = torch.full_like(p, size / count**0.5)
    optimizer = Optimizer(parameters, SETTINGS, steps=100)
    assert optimizer.clip() == pytest.approx({"encoder": 3.0, "connector": 0.1, "llm": 50.0}, rel=1e-4)
    after = {
        part: float(torch.cat([p.grad.flatten() for p in members if p.grad is not None]).norm())
        for part, members in parameters.items()
    }
    assert after == pytest.approx({"encoder": 1.0, "connector": 0.1, "llm": 50.0}, rel=1e-4)


def test_rates_differ_by_part_and_reach_the_weights(model: Molmo) -> None:
    parameters = trained_parameters(model, SETTINGS)
    optimizer = Optimizer(parameters, SETTINGS, steps=100)
    before = {part: members[0].detach().clone() for part, members in parameters.items()}
    for members in parameters.values():
        for p in members:
            p.grad = torch.ones_like(p)
    rates = optimizer.update(1)
    expected = {"encoder": 1e-4, "connector": 2e-3, "llm": 2e-3}
    assert rates == pytest.approx(expected, rel=1e-3)
    for part, members in parameters.items():  # Adam's first step moves every weight by the rate
        moved = (before[part] - members[0].detach()).abs().mean()
        assert moved.item() == pytest.approx(expected[part], rel=0.02)
        assert members[0].grad is None


def test_a_part_with_rate_0_is_frozen(model: Molmo) -> None:
    frozen = SETTINGS.replace(encoder=PartConfig(lr=0.0))
    parameters = trained_parameters(model, frozen)
    assert set(parameters) == {"connector", "llm"}
    assert not any(p.requires_grad for p in model.encoder.parameters())
    assert Optimizer(parameters, frozen, steps=10).rates(10).keys() == {"connector", "llm"}


def test_parts_cover_every_parameter_once(model: Molmo) -> None:
    members = [p for part in trained_parameters(model, SETTINGS).values() for p in part]
    assert len({id(p) for p in members}) == len(members) == len(list(model.parameters()))
