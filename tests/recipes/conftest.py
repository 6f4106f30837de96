"""A model with random weights, as large as the bundled one, saved once."""

from __future__ import annotations

from pathlib import Path

import pytest

from curves import no_curves  # noqa: F401  (a fixture)
from openmolmo.model import save_model
from openmolmo.recipes.nano import nano_sft
from openmolmo.training.build import build_model, build_processor


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "random"
    config = nano_sft().replace(init_from=None)
    processor = build_processor(config)
    save_model(build_model(config, processor), folder)
    processor.save_pretrained(folder)
    return folder
