"""A run becomes a model of the package: half the size, with a card whose numbers come again."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from openmolmo.core.errors import CheckpointError
from openmolmo.evaluation.held_out import from_generators
from openmolmo.evaluation.known_world.fit import statistics_of
from openmolmo.evaluation.known_world.measure import Known
from openmolmo.evaluation.known_world.pictures import noise
from openmolmo.evaluation.known_world.rates import rates
from openmolmo.evaluation.session import Setup, judge
from openmolmo.inference.load import load
from openmolmo.inference.predictor import Predictor
from openmolmo.recipes import bundle as module
from openmolmo.recipes.bundle import bundle, stage_facts


def make_run(folder: Path, name: str, every: int, **fields: float) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"name": name}))
    lines = [
        {"step": step, "loss": 2.0, "examples": step * 8, "seconds": 3.6, **fields}
        for step in range(every, 10 * every + 1, every)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture
def runs(tmp_path: Path, random_model: Path) -> tuple[Path, Path]:
    first = make_run(tmp_path / "first", "encoder", every=100)
    last = make_run(tmp_path / "last", "sft", every=1, tokens_per_s=1000.0)
    shutil.copytree(random_model, last / "final")
    return first, last


def test_facts_of_a_run_count_the_steps_between_lines(runs: tuple[Path, Path]) -> None:
    first, last = (stage_facts(run) for run in runs)
    assert first.pop("hours") == pytest.approx(1.0)
    assert first == {"name": "encoder", "steps": 1000, "examples": 8000, "tokens": 0, "loss": 2.0}
    assert last["hours"] == pytest.approx(0.01) and last["tokens"] == 36_000


def few_pictures(predictor: Predictor, *_: object, **__: object) -> Known:
    rows = statistics_of(predictor, noise())
    return Known(rows, rows, rows)


def test_the_bundle_is_small_loads_and_its_card_comes_again(
    runs: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, last = runs
    monkeypatch.setattr(module, "Setup", lambda **values: Setup(**values, limit=2, max_new_tokens=4))
    monkeypatch.setattr("openmolmo.evaluation.session.from_generators", partial(from_generators, sample=20))
    monkeypatch.setattr(module, "known_pictures", few_pictures)
    monkeypatch.setattr("openmolmo.evaluation.known_world.measure._STRANGE", 20)
    monkeypatch.setattr(module, "measure", lambda predictor, world, known: rates(world, known, {"the same": known}))
    out = tmp_path / "small"
    result = CliRunner().invoke(bundle, [str(last), str(out), "--stage", str(first), "--count", "2"])
    assert result.exit_code == 0, result.exception
    assert (out / "model.safetensors").stat().st_size < 0.52 * (last / "final/model.safetensors").stat().st_size
    card = (out / "README.md").read_text()
    assert "| `encoder` | 1,000 | 8,000 | – | 1.00 | 2.000 |" in card
    assert "openmolmo eval small --count 2" in card
    assert "| the same | 30 |" in card and load(out).model.known_world is not None
    again = judge(Setup(model=str(out), count=2, limit=2, max_new_tokens=4))
    assert json.loads((out / "scores.json").read_text())["scores"] == json.loads(json.dumps(again.headlines()))
    assert load(out).model.num_parameters() > 8e6


def test_a_model_too_large_for_the_package_is_refused(
    runs: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 1_000_000)
    result = CliRunner().invoke(bundle, [str(runs[1]), str(tmp_path / "out")])
    assert isinstance(result.exception, CheckpointError) and "1,000,000" in str(result.exception)
    assert not (tmp_path / "out").exists()
    (runs[0] / "metrics.jsonl").write_text("")
    with pytest.raises(CheckpointError, match="no training metrics"):
        stage_facts(runs[0])
