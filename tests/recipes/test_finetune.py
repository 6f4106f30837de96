"""Fine-tuning the bundled model on a user's JSONL file of points: it gets better at just that."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from berries import write_berries
from click.testing import CliRunner

import openmolmo
from openmolmo.core.config import override
from openmolmo.core.errors import CheckpointError, ConfigError, DataError
from openmolmo.core.runlog import read_jsonl
from openmolmo.evaluation.commands import evaluate
from openmolmo.evaluation.held_out import from_folder
from openmolmo.evaluation.runner import run as judge
from openmolmo.evaluation.tasks.pointing import PointingTask
from openmolmo.model.find import bundled_models
from openmolmo.model.folder import steps_done
from openmolmo.training.commands import train
from openmolmo.training.loop import run
from openmolmo.training.recipe import load_recipe, parameters_of

pytestmark = pytest.mark.skipif("nano" not in bundled_models(), reason="no bundled model in this installation")


SMALL = ["loader.rows=1", "loader.workers=0", "loader.streams=1", "threads=1"]


def pointing_f1(model: str | Path, data: Path) -> float:
    held_out = from_folder(data, split="validation")
    predictor = openmolmo.load(model, max_new_tokens=128)
    results = judge([PointingTask(radius=6.0)], held_out.examples, predictor, sample=held_out.sample)
    return float(results.headlines()["pointing"]["model"])


def test_loss_falls_and_the_result_points(tmp_path: Path) -> None:
    data = write_berries(tmp_path / "hedges", 8, validation=2)
    settings = ["steps=6", "loader.rows=1", "loader.workers=0", "loader.streams=1", "threads=1", "precision=float32"]
    config = override(load_recipe("finetune_lora", data=str(data)), settings)
    final = run(config, tmp_path / "run")
    rows = read_jsonl(tmp_path / "run/metrics.jsonl")
    assert rows[-1]["ce"] < rows[0]["ce"]
    assert (final / "adapter/adapter_model.safetensors").is_file()
    answer = openmolmo.load(final, max_new_tokens=16).point(str(data / "pictures/0.png"), "hawberry")
    assert answer.text


def test_one_path_is_enough(tmp_path: Path) -> None:
    data = write_berries(tmp_path / "hedges", 4, validation=1)
    result = CliRunner().invoke(train, ["finetune_lora", f"data={data}", "steps=7", "--dry-run"])
    assert result.exit_code == 0, result.exception
    assert str(data) in result.stdout and '"steps": 7' in result.stdout
    assert '"init_from": "nano"' in result.stdout


def test_data_that_are_not_there_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="mine"):
        run(load_recipe("finetune_lora", data="mine"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_model_that_is_not_there_has_near_names(tmp_path: Path) -> None:
    data = write_berries(tmp_path / "hedges", 4)
    for model, words in (("nanoo", "did you mean nano?"), (str(tmp_path / "gone"), "OWNER/NAME at the hub")):
        with pytest.raises(CheckpointError) as caught:
            run(load_recipe("finetune_lora", data=str(data), model=model), tmp_path / "run")
        assert words in str(caught.value) and "init_from=none" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_picture_that_is_not_there_is_named_by_its_file(tmp_path: Path) -> None:
    data = write_berries(tmp_path / "hedges", 4)
    (gone := data / "pictures/2.png").unlink()
    config = override(load_recipe("finetune_lora", data=str(data)), ["loader.max_skipped=0", "loader.workers=0"])
    with pytest.raises(DataError, match=f"there is no picture {gone} .of example rows-"):
        run(config, tmp_path / "run")


def test_parameters_and_settings_are_told_apart() -> None:
    values, others = parameters_of("finetune_lora", ["data=a b.jsonl", "lora.rank=4", "model=x/y", "seed=2"])
    assert values == {"data": "a b.jsonl", "model": "x/y"} and others == ["lora.rank=4", "seed=2"]
    large = load_recipe("finetune_lora", data="a", model="allenai/Molmo-7B-D-0924")
    small = load_recipe("finetune_lora", data="a")
    assert (large.model, large.init_from) == ("molmo_7b_d", "allenai/Molmo-7B-D-0924")
    assert large.optimizer.llm.lr < small.optimizer.llm.lr and large.loader.row_length > small.loader.row_length


def test_a_run_is_resumed_by_the_same_command_or_without_its_parameters(small_model: Path, tmp_path: Path) -> None:
    data = write_berries(tmp_path / "hedges", 4)
    other = write_berries(tmp_path / "other", 4, seed=1)
    small = ["loader.rows=1", "loader.workers=0", "loader.streams=1", "threads=1", "steps=2", "checkpoint_every=1"]
    command = ["finetune_lora", f"data={data}", f"model={small_model}", *small, "--out", str(tmp_path / "run")]
    assert CliRunner().invoke(train, command).exit_code == 0
    assert CliRunner().invoke(train, [*command, "--resume"]).exit_code == 0
    bare = ["finetune_lora", "--out", str(tmp_path / "run"), "--resume"]
    assert CliRunner().invoke(train, bare).exit_code == 0
    result = CliRunner().invoke(train, [*bare, f"data={other}"])
    assert isinstance(result.exception, ConfigError) and str(other) in str(result.exception)


def test_a_run_is_ended_early_with_a_model(small_model: Path, tmp_path: Path) -> None:
    data = write_berries(tmp_path / "hedges", 4)
    command = [
        "finetune_lora",
        f"data={data}",
        f"model={small_model}",
        *SMALL,
        "steps=3",
        "checkpoint_every=2",
        "--out",
        str(tmp_path / "run"),
    ]
    assert CliRunner().invoke(train, command).exit_code == 0
    for name in ("final", "step-3"):  # as if it had been stopped after the second step
        shutil.rmtree(tmp_path / "run" / name)
    ended = CliRunner().invoke(train, ["finetune_lora", "--finish", "--out", str(tmp_path / "run")])
    assert ended.exit_code == 0, ended.exception
    assert ended.stdout.strip() == str(tmp_path / "run/final")
    assert steps_done(tmp_path / "run/final") == (2, 3)


def test_data_that_the_audit_refuses_are_told_of_or_refused(small_model: Path, tmp_path: Path) -> None:
    data = write_berries(tmp_path / "hedges", 4)
    facts = json.loads((data / "dataset.json").read_text())
    (data / "dataset.json").write_text(json.dumps(facts | {"made": {"pointing": "vision-language-model"}}))
    command = [
        "finetune_lora",
        f"data={data}",
        f"model={small_model}",
        *SMALL,
        "steps=1",
        "--out",
        str(tmp_path / "run"),
    ]
    refused = CliRunner().invoke(train, [*command, "--require-audit"])
    assert isinstance(refused.exception, DataError) and not (tmp_path / "run").exists()
    words = "annotations fail the audit (hedges: "
    assert words in str(refused.exception) and "vision-language-model" in str(refused.exception)
    done = CliRunner().invoke(train, command)
    assert done.exit_code == 0, done.exception
    assert done.stderr.count(words) == 1
    assert words in read_jsonl(tmp_path / "run/metrics.jsonl")[0]["audit"]
    assert words in (tmp_path / "run/final/README.md").read_text()


def test_data_that_pass_the_audit_train_without_a_word(small_model: Path, tmp_path: Path) -> None:
    data = write_berries(tmp_path / "hedges", 4)
    command = [
        "finetune_lora",
        f"data={data}",
        f"model={small_model}",
        *SMALL,
        "steps=1",
        "--require-audit",
        "--out",
        str(tmp_path / "run"),
    ]
    done = CliRunner().invoke(train, command)
    assert done.exit_code == 0, done.exception
    assert "fail the audit" not in done.stderr
    assert "All data pass the audit." in (tmp_path / "run/final/README.md").read_text()


def test_scores_on_the_runs_own_training_data_are_not_called_held_out(tmp_path: Path) -> None:
    data = write_berries(tmp_path / "hedges", 5, validation=2)
    run(override(load_recipe("finetune_lora", data=str(data)), [*SMALL, "steps=1"]), tmp_path / "run")

    def judged(*options: str) -> tuple[str, dict[str, Any], str]:
        out = tmp_path / "out"
        command = [str(tmp_path / "run"), "--data", str(data), "--radius", "5", "--max-new-tokens", "4", *options]
        done = CliRunner().invoke(evaluate, [*command, "--tasks", "pointing", "--out", str(out)])
        assert done.exit_code == 0, done.exception
        meta = json.loads((out / "results.json").read_text())["meta"]
        return " ".join(done.stdout.split()), meta, (out / "report.html").read_text()

    table, meta, page = judged()
    assert "Scores on held-out data" in table and "Scores on held-out data" in page
    assert meta["data"]["split"] == "validation" and meta["training_data"]["compared"] == [str(data)]
    for split, words in (("train", "3 of 3 pictures"), ("all", "3 of 5 pictures")):
        table, meta, page = judged("--split", split)
        assert "held-out data" not in table and "held-out data" not in page
        assert f"NOT held out: {words} of" in table and f"NOT held out: {words} of" in page
        assert meta["training_data"]["seen"] == 3


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_bundled_model_improves_on_points_of_ones_own(tmp_path: Path) -> None:
    data = write_berries(tmp_path / "hedges", 240, validation=40)
    before = pointing_f1("nano", data)
    final = run(load_recipe("finetune_lora", data=str(data)), tmp_path / "run")
    after = pointing_f1(final, data)
    assert after > before + 0.15, (before, after)
