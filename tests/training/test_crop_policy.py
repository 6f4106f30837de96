"""Teaching a crop policy: it learns what its examples say, is saved beside the model, and fits that model only."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from openmolmo.core.errors import CheckpointError, ConfigError, RunError
from openmolmo.inference.load import load
from openmolmo.model import save_model
from openmolmo.model.crop_scorer import CROP_POLICY, CropScorer
from openmolmo.recipes.micro import MICRO_CROPS, micro_sft
from openmolmo.recipes.micro_policy import micro_crop_policy
from openmolmo.training.build import build_model, build_processor
from openmolmo.training.config import CropPolicyRunConfig
from openmolmo.training.crop_policy import CropPolicyTrainer, _Asked, run_crop_policy
from openmolmo.training.describe import describe

FOUR = MICRO_CROPS.replace(mode="no_overlap", max_crops=4, policy="random", keep=4, keep_from=0)


def save_random(folder: Path, crop: Any = FOUR, seed: int = 0) -> Path:
    config = micro_sft().replace(init_from=None, crop=crop, seed=seed)
    processor = build_processor(config)
    save_model(build_model(config, processor), folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model with random weights, and the same with a policy taught in two steps."""
    model = save_random(tmp_path_factory.mktemp("policy") / "model")
    final = run_crop_policy(recipe(model), model.parent / "run")
    return model, final


def recipe(model: Path, **changes: Any) -> CropPolicyRunConfig:
    return micro_crop_policy().replace(init_from=str(model), steps=2, batch=1, updates=2, threads=1, **changes)


def test_the_scorer_learns_where_what_is_asked_for_is() -> None:
    rng = np.random.default_rng(0)
    config = recipe(Path("none"), lr=1e-2)
    torch.manual_seed(0)
    scorer = CropScorer(12, 8, 16)
    optimizer = torch.optim.AdamW(scorer.parameters(), lr=config.lr)
    nothing: Any = None
    trainer = CropPolicyTrainer(
        config=config,
        out=Path(),
        model=nothing,
        processor=nothing,
        alone=nothing,
        looking=nothing,
        mixture=nothing,
        scorer=scorer,
        optimizer=optimizer,
    )
    trainer.asked = [asked(rng) for _ in range(200)]
    for _ in range(80):
        trainer._update(rng)
    held_out = [asked(rng) for _ in range(60)]
    with torch.inference_mode():
        right = [
            int(scorer(one.patches, one.words, one.regions).argmax()) == int(one.worth.argmax()) for one in held_out
        ]
    assert np.mean(right) > 0.9  # 0.25 by chance, 0.5 for who sees things and not the question


def asked(rng: np.random.Generator) -> _Asked:
    """16 patches in four crops: two things of four kinds in two of them, and the words name one."""
    patches = torch.from_numpy(rng.normal(0, 0.3, (16, 12))).float()
    regions = torch.eye(4, dtype=torch.bool).repeat_interleave(4, dim=1)
    kinds, crops = rng.permutation(4)[:2], rng.permutation(4)[:2]
    for kind, crop in zip(kinds, crops, strict=True):
        patches[4 * crop + rng.integers(4), 3 * kind : 3 * kind + 3] += 3
    words = torch.from_numpy(rng.normal(0, 0.1, 8)).float()
    words[kinds[0]] += 1
    worth = torch.zeros(4)
    worth[crops[0]] = 2.0
    return _Asked(patches, words, regions, worth)


def test_a_policy_is_taught_saved_and_used(taught: tuple[Path, Path]) -> None:
    model, final = taught
    rows = [json.loads(line) for line in (final.parent / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2] and rows[-1]["examples"] == 2
    predictor = load(final, max_new_tokens=2)
    assert (predictor.processor.crop.policy, predictor.processor.crop.keep) == ("learned", 1)
    picture = np.full((192, 192, 3), 255, np.uint8)
    picture[20:40, 120:140] = (255, 0, 0)
    prompt = predictor.processor.prompt("What shape is the red object?", [picture], style="vqa2")
    assert len(prompt.images[0].pixels) == 2
    predictor.ask(picture, "What shape is the red object?", style="vqa2")
    weights = [(folder / "model.safetensors").read_bytes() for folder in (model, final)]
    assert weights[0] == weights[1]  # the model itself is as it was
    for policy, keep, crops in (("all", None, 5), ("uniform", 2, 3), ("learned", 3, 4), ("random", 0, 1)):
        other = load(final, crop_policy=policy, keep_crops=keep)
        assert len(other.processor.pictures([picture])[0].crops.pixels) == crops


def test_what_cannot_be_is_said(taught: tuple[Path, Path], tmp_path: Path) -> None:
    model, final = taught
    with pytest.raises(CheckpointError, match="no learned crop policy"):
        load(model, crop_policy="learned", keep_crops=1)
    whole = save_random(tmp_path / "whole", FOUR.replace(policy="all", keep=None, keep_from=None))
    for given, said in (({"crop_policy": "random"}, "how many"), ({"keep_crops": 2}, "which crops")):
        with pytest.raises(ConfigError, match=said):
            load(whole, **given)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"keep=5.*max_crops=4"):
        load(final, keep_crops=5)
    other = save_random(tmp_path / "other", seed=1)
    shutil.copyfile(final / CROP_POLICY, other / CROP_POLICY)
    with pytest.raises(CheckpointError, match="of another model"):
        load(other, crop_policy="learned", keep_crops=1)
    (other / CROP_POLICY).write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(CheckpointError, match="cannot be read"):
        load(other, crop_policy="learned", keep_crops=1)
    assert load(other).processor.crop.policy == "random"  # who does not use it needs no whole one
    with pytest.raises(ConfigError, match="nothing to choose from"):
        run_crop_policy(recipe(save_random(tmp_path / "single", MICRO_CROPS)), tmp_path / "run")
    with pytest.raises(ConfigError, match="keep=9"):
        run_crop_policy(recipe(model, keep_crops=9), tmp_path / "run")
    with pytest.raises(RunError, match="no checkpoints"):
        run_crop_policy(recipe(model), tmp_path / "run", finish=True)
    with pytest.raises(ConfigError, match="unasked=2"):
        recipe(model, unasked=2)
    learner = micro_sft().replace(init_from=None, crop=FOUR.replace(policy="learned", keep_from=None))
    with pytest.raises(ConfigError, match="training draws crops without one"):
        build_processor(learner)
    assert "questions asked" in str(describe(recipe(model)).tables)
