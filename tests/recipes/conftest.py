"""Models with random weights, saved once: one as large as the bundled one, and a smaller one."""

from __future__ import annotations

from pathlib import Path

import pytest

from curves import no_curves  # noqa: F401  (a fixture)
from openmolmo.model import save_model
from openmolmo.recipes.micro import micro_sft
from openmolmo.recipes.nano import nano_sft
from openmolmo.training.build import build_model, build_processor
from openmolmo.training.config import RunConfig


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random(nano_sft(), tmp_path_factory.mktemp("models") / "random")


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random(micro_sft(), tmp_path_factory.mktemp("models") / "small")


def save_random(recipe: RunConfig, folder: Path) -> Path:
    config = recipe.replace(init_from=None)
    processor = build_processor(config)
    save_model(build_model(config, processor), folder)
    processor.save_pretrained(folder)
    return folder
