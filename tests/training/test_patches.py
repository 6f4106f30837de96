"""Teaching an encoder alone: it learns, goes on exactly, and touches nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from openmolmo.core.config import override
from openmolmo.core.errors import ConfigError, RunError
from openmolmo.core.runlog import read_jsonl
from openmolmo.engine.synth.patch_labels import FACTS
from openmolmo.imaging import CropConfig
from openmolmo.model.checkpoint import load_model
from openmolmo.training import checkpoint
from openmolmo.training.build import build_model, build_processor
from openmolmo.training.commands import train
from openmolmo.training.config import OptimizerConfig, PartConfig, PatchRunConfig, SceneConfig
from openmolmo.training.patch_labels.batches import PatchBatches
from openmolmo.training.patch_labels.head import patch_loss
from openmolmo.training.patch_labels.loop import PatchTrainer, run_patches

SAME = ("step", "loss", "offset", "lr", "norm")
CROP = CropConfig(crop_size=28, patch_size=7, margins=(0, 0), max_crops=2, shift_patch_mask=False)


@pytest.fixture
def settings(tokenizer: Path) -> PatchRunConfig:
    return PatchRunConfig(
        name="patches",
        scenes=(SceneConfig(size=64, windows=2), SceneConfig(size=72, windows=3, most=2)),
        steps=12,
        model="tiny",
        tokenizer=str(tokenizer),
        crop=CROP,
        clocks=0.3,
        clock_sizes=(64,),
        batch=4,
        optimizer=OptimizerConfig(encoder=PartConfig(lr=3e-3, warmup=2), matrices="muon", eps=1e-9),
        checkpoint_every=5,
        workers=0,
        threads=1,
        precision="float32",
    )


def trace(out: Path) -> list[dict[str, Any]]:
    return [{key: row[key] for key in SAME} for row in read_jsonl(out / "metrics.jsonl")]


def test_it_teaches_the_encoder_and_nothing_else(settings: PatchRunConfig, tmp_path: Path) -> None:
    longer = settings.replace(
        steps=60, checkpoint_every=60, batch=16, scenes=(SceneConfig(size=64, windows=4),), clocks=0.0
    )
    before = build_model(longer, build_processor(longer))
    after = load_model(run_patches(longer, tmp_path / "run"))
    changed = {
        name for name, p in after.named_parameters() if not torch.equal(p, dict(before.named_parameters())[name])
    }
    assert changed == {name for name, _ in after.named_parameters() if name.startswith("encoder.")}
    losses = [row["colour"] for row in read_jsonl(tmp_path / "run/metrics.jsonl")]
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10]), (losses[:10], losses[-10:])


def test_behind_the_connector_it_teaches_both(settings: PatchRunConfig, tmp_path: Path) -> None:
    part = PartConfig(lr=3e-3, warmup=2)
    deeper = settings.replace(tokens=True, optimizer=settings.optimizer.replace(connector=part))
    assert PatchBatches(deeper)[0]["facts"].shape == (4, 4, len(FACTS))  # 2x2 patches are a token
    before = build_model(deeper, build_processor(deeper))
    after = load_model(run_patches(deeper, tmp_path / "run"))
    changed = {
        name for name, p in after.named_parameters() if not torch.equal(p, dict(before.named_parameters())[name])
    }
    names = {name for name, _ in after.named_parameters() if name.startswith(("encoder.", "connector."))}
    assert changed == names - {"connector.padding.weight"}  # no crop here is padded
    assert set(read_jsonl(tmp_path / "run/metrics.jsonl")[-1]["lr"]) == {"encoder", "connector"}


def test_an_anchor_holds_what_was_known_and_goes_on_exactly(settings: PatchRunConfig, tmp_path: Path) -> None:
    part = PartConfig(lr=3e-3, warmup=2)
    first = settings.replace(tokens=True, steps=2, optimizer=settings.optimizer.replace(connector=part))
    start = run_patches(first, tmp_path / "first")
    free = first.replace(steps=40, checkpoint_every=25, init_from=str(start), icons=0.4, anchor=1e-9)
    away = {}
    for name, run in {"free": free, "held": free.replace(anchor=100.0)}.items():
        run_patches(run, tmp_path / name)
        away[name] = [row["away"] for row in read_jsonl(tmp_path / name / "metrics.jsonl") if "away" in row]
    assert away["free"][0] == away["held"][0] == 0  # the first step is taken from what they were
    assert sum(away["held"][-10:]) < 0.5 * sum(away["free"][-10:])
    whole = trace(tmp_path / "held")
    shutil.rmtree(tmp_path / "held/final")
    run_patches(free.replace(anchor=100.0), tmp_path / "held", resume=True)  # holds to init_from, not to the checkpoint
    assert trace(tmp_path / "held") == whole


@pytest.mark.parametrize("change", [{"anchor": -1.0}, {"anchor": 1.0, "tokens": True}, {"anchor": 1.0}])
def test_an_anchor_without_an_earlier_model_is_refused(settings: PatchRunConfig, change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"anchor=-?1\.0"):
        settings.replace(**change)


def test_stopped_and_gone_on_with_is_the_same_run(
    settings: PatchRunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_patches(settings, tmp_path / "whole")
    take = PatchTrainer.take_step

    class Killed(BaseException):
        pass

    def die_after_8(trainer: PatchTrainer) -> dict[str, Any]:
        if trainer.step == 8:
            raise Killed
        return take(trainer)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(PatchTrainer, "take_step", die_after_8)
        run_patches(settings, tmp_path / "cut")
    assert checkpoint.latest(tmp_path / "cut") == tmp_path / "cut/step-5"
    run_patches(settings.replace(workers=1), tmp_path / "cut", resume=True)  # made elsewhere, the same batches
    assert trace(tmp_path / "cut") == trace(tmp_path / "whole")
    weights = [(tmp_path / name / "final/model.safetensors").read_bytes() for name in ("cut", "whole")]
    assert weights[0] == weights[1]
    with pytest.raises(ConfigError, match="batch: 4 before, 5 now"):
        run_patches(settings.replace(batch=5), tmp_path / "cut", resume=True)
    with pytest.raises(RunError, match="is not empty"):
        run_patches(settings, tmp_path / "cut")


def test_batches_depend_on_seed_and_step_only(settings: PatchRunConfig) -> None:
    whole, later = PatchBatches(settings), PatchBatches(settings, first=4)
    assert len(whole) == 12 and len(later) == 9
    for key, value in whole[3].items():
        assert torch.equal(value, later[0][key])
    assert not torch.equal(whole[0]["pixels"], whole[1]["pixels"])
    assert not torch.equal(whole[0]["pixels"], PatchBatches(settings.replace(seed=1))[0]["pixels"])
    assert whole[0]["pixels"].shape == (4, 3, 28, 28) and whole[0]["facts"].shape == (4, 16, len(FACTS))


def test_labels_left_out_have_no_say_in_the_loss() -> None:
    torch.manual_seed(0)
    facts = torch.full((1, 3, len(FACTS)), -1)
    facts[0, 0, :6] = torch.tensor([5, 3, 1, 2, 9, 9])
    facts[0, 1, :2] = 0  # background
    logits = {fact: torch.randn(1, 3, len(classes)) for fact, classes in FACTS.items()}
    found, offsets = torch.randn(1, 3, 2), torch.zeros(1, 3, 2)
    total, figures = patch_loss(logits, found, facts, offsets)
    assert "hour" not in figures and "shape_right" in figures
    other = {fact: values.clone() for fact, values in logits.items()}
    for fact, values in other.items():
        values[0, 2] += torch.randn(values.shape[-1])  # nothing is known of that patch
        if fact not in ("shape", "colour"):
            values[0, 1] += torch.randn(values.shape[-1])  # a background has no pattern
    found[0, 1:] += 5
    assert patch_loss(other, found, facts, offsets)[0] == total
    other["shape"][0, 0, 5] += 1
    assert patch_loss(other, found, facts, offsets)[1]["shape"] < figures["shape"]
    nothing = patch_loss(logits, found, torch.full_like(facts, -1), offsets)
    assert float(nothing[0]) == 0 and nothing[1] == {"offset": 0.0}
    some = {fact: logits[fact] for fact in ("shape", "size")}
    assert set(patch_loss(some, found, facts, offsets)[1]) == {"shape", "shape_right", "size", "size_right", "offset"}


def test_dry_run_and_bad_settings(settings: PatchRunConfig, tmp_path: Path) -> None:
    result = CliRunner().invoke(train, ["nano_encoder", "steps=7", "--dry-run"])
    assert result.exit_code == 0, result.exception
    described = json.loads(result.stdout[: result.stdout.index("\n}\n") + 3])
    assert described["name"] == "nano_encoder" and described["steps"] == 7
    assert "224" in result.stdout  # crops in all
    with pytest.raises(ConfigError, match=r"28 px in patches of 7 px, the crops have 56 and 7"):
        run_patches(settings.replace(crop=CROP.replace(crop_size=56)), tmp_path / "run")
    for bad in ("scenes=[]", "clocks=1.5", 'facts=["smell"]', "batch=0", "optimizer.encoder.lr=0", "workers=-1"):
        with pytest.raises(ConfigError):
            override(settings, [bad])
    assert not (tmp_path / "run").exists()
