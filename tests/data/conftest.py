"""Fixtures of the data room."""

from __future__ import annotations

import pytest
from data_toys import ToyProcessor, one_group, toy_config

from openmolmo.data.mixture import MixtureConfig


@pytest.fixture
def processor() -> ToyProcessor:
    return ToyProcessor()


@pytest.fixture
def mixture() -> MixtureConfig:
    return MixtureConfig(
        groups=(
            one_group(toy_config("big", 400), toy_config("small", 25), rate=3.0, name="demo"),
            one_group(toy_config("other", 60), rate=1.0, name="aux"),
        )
    )
