"""A run becomes a model of the package: half the size, with a card whose numbers come again."""

from __future__ import annotations

import dataclasses
import json
import shutil
from functools import partial
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from openmolmo.core.errors import CheckpointError, ConfigError
from openmolmo.evaluation import card as card_module
from openmolmo.evaluation.card_commands import card as card_command
from openmolmo.evaluation.held_out import from_generators
from openmolmo.evaluation.known_world.fit import statistics_of
from openmolmo.evaluation.known_world.measure import Known
from openmolmo.evaluation.known_world.pictures import noise
from openmolmo.evaluation.known_world.rates import rates
from openmolmo.evaluation.results import Results
from openmolmo.evaluation.session import Setup, judge
from openmolmo.inference.load import load
from openmolmo.inference.predictor import Predictor
from openmolmo.model.checkpoint import load_model
from openmolmo.recipes import bundle as module
from openmolmo.recipes.bundle import bundle, earlier_stages, stage_facts


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
    for where in (module, card_module):
        monkeypatch.setattr(where, "known_pictures", few_pictures)
    monkeypatch.setattr("openmolmo.evaluation.known_world.measure._STRANGE", 20)
    same = lambda predictor, world, known: rates(world, known, {"the same": known})  # noqa: E731
    monkeypatch.setattr(card_module, "measure", same)
    before = tmp_path / "before.md"
    before.write_text("| stage | steps |\n|---|---:|\n| `seeing` | 6,000 | 192,000 | – | 0.29 | 0.530 |\n")
    out = tmp_path / "small"
    result = CliRunner().invoke(
        bundle, [str(last), str(out), "--stage", str(first), "--continues", str(before), "--count", "2"]
    )
    assert result.exit_code == 0, result.exception
    assert (out / "model.safetensors").stat().st_size < 0.52 * (last / "final/model.safetensors").stat().st_size
    card = (out / "README.md").read_text()
    assert "| `encoder` | 1,000 | 8,000 | – | 1.00 | 2.000 |" in card
    assert "| `seeing` | 6,000 | 192,000 | – | 0.29 | 0.530 |\n| `encoder` |" in card
    assert "openmolmo eval card small --count 2" in card
    assert "| the same | 30 |" in card and load(out).model.known_world is not None
    again = judge(Setup(model=str(out), synth=("clocks",), count=2, limit=2, max_new_tokens=4))
    assert json.loads((out / "scores.json").read_text())["scores"]["clocks"] == json.loads(
        json.dumps(again.headlines())
    )
    assert load(out).model.num_parameters() > 8e6
    monkeypatch.setattr("openmolmo.evaluation.card.judge", partial(judge_few, count=2))
    told = CliRunner().invoke(
        card_command, [str(out), "--synth", "clocks", "--count", "2", "--out", str(tmp_path / "card")]
    )
    assert told.exit_code == 0, told.exception
    written = json.loads((out / "scores.json").read_text())
    again = json.loads((tmp_path / "card/scores.json").read_text())
    assert again["scores"]["clocks"] == written["scores"]["clocks"] and again["known_world"] == written["known_world"]
    assert "## clocks" in (tmp_path / "card/scores.md").read_text()
    assert (tmp_path / "card/clocks/report.html").exists()


def test_known_pictures_come_from_a_model_with_the_same_encoder_only(random_model: Path, tmp_path: Path) -> None:
    known, same, other = (shutil.copytree(random_model, tmp_path / name) for name in ("known", "same", "other"))
    with pytest.raises(CheckpointError, match=r"known has nothing on known pictures"):
        module.take_known_world(known, same)
    predictor = load(random_model)
    rows = statistics_of(predictor, noise())
    module.learn(predictor, Known(rows, rows, rows)).write(known)
    module.take_known_world(known, same)
    assert (same / "known_world.json").read_bytes() == (known / "known_world.json").read_bytes()
    assert load(same).model.known_world is not None
    changed = load_model(other)
    with torch.no_grad():
        next(changed.encoder.parameters()).add_(1)
    module.save_model(changed, other)
    with pytest.raises(CheckpointError, match=r"goes with the encoder of .*other"):
        module.take_known_world(known, other)


def judge_few(setup: Setup, count: int) -> Results:
    return judge(dataclasses.replace(setup, limit=count, max_new_tokens=4))


def test_a_card_without_stages_is_not_continued(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# a model\n")
    with pytest.raises(CheckpointError, match="no table of stages"):
        earlier_stages(tmp_path / "README.md")


@pytest.mark.parametrize(
    ("arguments", "said"), [(["--synth", " , "], "names no generator"), (["--out", "FILE"], "is a file")]
)
def test_a_card_needs_worlds_and_a_folder(arguments: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    given = [str(tmp_path / "file") if word == "FILE" else word for word in arguments]
    result = CliRunner().invoke(card_command, ["nano", *given])
    assert isinstance(result.exception, ConfigError) and said in str(result.exception)


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
