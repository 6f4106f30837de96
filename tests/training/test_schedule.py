"""Learning rates over a run."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmolmo.core.errors import ConfigError
from openmolmo.training.config import DropoutConfig, PartConfig
from openmolmo.training.schedule import rate_factor


def test_values_of_the_pre_training_schedule() -> None:
    def factor(step: int) -> float:
        return rate_factor(step, steps=22_300, warmup=2000, final_fraction=0.1)

    assert factor(1) == 1 / 2000
    assert factor(1000) == 0.5
    assert factor(2000) == 1.0
    assert factor((2000 + 22_300) // 2) == pytest.approx(0.55)
    assert factor(2000 + (22_300 - 2000) // 4) == pytest.approx(0.1 + 0.9 * (1 + math.cos(math.pi / 4)) / 2)
    assert factor(22_300) == pytest.approx(0.1)


@given(st.integers(1, 500), st.integers(0, 100), st.floats(0, 1))
def test_it_rises_to_the_peak_then_falls_to_the_end(steps: int, warmup: int, final: float) -> None:
    warmup = min(warmup, steps)
    factors = [rate_factor(s, steps=steps, warmup=warmup, final_fraction=final) for s in range(1, steps + 1)]
    assert all(0 < f <= 1 or final == 0 for f in factors)
    assert factors[:warmup] == sorted(factors[:warmup])
    assert factors[warmup:] == sorted(factors[warmup:], reverse=True)
    if warmup < steps:
        assert factors[-1] == pytest.approx(final)


def test_a_short_trial_of_a_long_recipe_warms_up_in_a_fifth_of_it() -> None:
    assert PartConfig(lr=1.0, warmup=2000).warmup_in(22_300) == 2000
    assert PartConfig(lr=1.0, warmup=2000).warmup_in(100) == 20
    assert PartConfig(lr=1.0, warmup=2000).warmup_in(1) == 0
    assert rate_factor(1, steps=1, warmup=0, final_fraction=0.1) == pytest.approx(0.1)


def test_impossible_rates_are_refused() -> None:
    with pytest.raises(ConfigError, match="lr=-1"):
        PartConfig(lr=-1.0)
    with pytest.raises(ConfigError, match="clip=0"):
        PartConfig(lr=1.0, clip=0.0)
    with pytest.raises(ConfigError, match="residual=1"):
        DropoutConfig(residual=1.0)
