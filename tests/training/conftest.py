"""Fixtures of the training room."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny

from curves import no_curves, with_curves  # noqa: F401  (fixtures)
from openmolmo.training.config import RunConfig


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture
def config(tokenizer: Path) -> RunConfig:
    return tiny.tiny().replace(tokenizer=str(tokenizer))
