"""``openmolmo train`` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from openmolmo.core.runlog import read_jsonl
from openmolmo.training.commands import train

RECIPE = f"{Path(__file__).with_name('tiny.py')}:tiny"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(train, [str(a) for a in arguments])


def test_dry_run_tells_everything_and_writes_nothing(tokenizer: Path, tmp_path: Path) -> None:
    result = call(RECIPE, f"tokenizer={tokenizer}", "steps=50", "--dry-run", "--out", tmp_path / "run")
    assert result.exit_code == 0, result.exception
    settings = json.loads(result.stdout[: result.stdout.index("\n}\n") + 3])
    assert settings["steps"] == 50
    assert settings["optimizer"]["llm"]["lr"] == 0.003
    for expected in ("squares", "100.00%", "encoder", "connector", "llm", "optimiser states", "4 (1 x 4)"):
        assert expected in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_train_then_resume(tokenizer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    result = call(RECIPE, f"tokenizer={tokenizer}", "steps=5", "optimizer.llm.lr=1e-2", "--out", out)
    assert result.exit_code == 0, result.exception
    assert result.stdout.strip() == str(out / "final")
    assert read_jsonl(out / "metrics.jsonl")[0]["lr"]["llm"] == 0.01
    again = call(RECIPE, "--out", out)
    assert "is not empty" in str(again.exception) and "--resume" in str(again.exception)
    capsys.readouterr()
    resumed = call(RECIPE, "loader.workers=1", "--resume", "--out", out)  # the other settings are remembered
    assert resumed.exit_code == 0, resumed.exception
    assert (resumed.stderr + capsys.readouterr().err).count("going on from step-5") == 1


def test_to_resume_where_nothing_is_says_so_and_begins(
    tokenizer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = call(RECIPE, f"tokenizer={tokenizer}", "steps=1", "--resume", "--out", tmp_path / "run")
    assert begun.exit_code == 0, begun.exception
    told = " ".join((begun.stderr + capsys.readouterr().err).split())
    assert "to go on from: starting from the beginning" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nano_captoin"], "no recipe called 'nano_captoin'\n  -> did you mean nano_caption"),
        ([RECIPE, "stepps=3"], "no setting 'stepps'\n  -> did you mean steps?"),
        ([RECIPE, "steps=many"], "steps='many' is str, must be int"),
        ([RECIPE, "steps"], "'steps' is not of the form key=value"),
        ([RECIPE, "optimizer.llm.lr=-1"], "optimizer.llm.lr=-1 is refused: lr=-1.0"),
        ([RECIPE, "roof=copies"], "(the recipe has no parameters of its own)"),
        (["finetune_lora", "roof=copies"], "(the recipe's parameters: data, model)"),
        ([RECIPE, "--json"], "--gpu, --gpus, --utilisation and --json only plan a run"),
        ([RECIPE, "loader.row_length=3", "--dry-run"], "the smallest picture alone takes"),
        ([RECIPE, "loader.row_length=3", "tokenizer=none"], "the smallest picture alone takes"),
        ([RECIPE, "watch.writers=wandbb", "--dry-run"], "did you mean wandb?"),
        ([RECIPE, "watch.writers=wandbb"], "did you mean wandb?"),
        ([RECIPE, "watch.callbacks=foo", "--dry-run"], "no callback called 'foo'"),
        ([RECIPE, "watch.callbacks=foo"], "no callback called 'foo'"),
        (["nano_encoder", "watch.callbacks=foo", "--dry-run"], "no callback called 'foo'"),
        (["finetune_lora"], "give data=PATH: a JSONL file"),
        (["nano_encoder", "init_from=nanoo"], "did you mean nano?"),
        (
            [RECIPE, "--out", "/dev/null/x"],
            "/dev/null/x cannot be made: /dev/null is not a folder\n  -> choose another",
        ),
        ([RECIPE, "optimizer.llm.lr=nan"], "lr=nan"),
        ([RECIPE, "optimizer.llm.lr=inf"], "lr=inf"),
        ([RECIPE, "optimizer.betas=[0.9,2]"], "optimizer.betas=(0.9, 2.0)"),
        ([RECIPE, "freeze=encoder,connector,llm,embedding,head", "tokenizer=none"], "nothing would be trained"),
        ([RECIPE, "freeze=encoder,connector,llm,embedding,head", "--dry-run"], "nothing would be trained"),
        ([RECIPE, "device=tpu"], "device='tpu' is not one of auto, cpu, cuda"),
        ([RECIPE, "--gpus", "2"], "--gpu, --gpus, --utilisation and --json only plan a run"),
        (["nowhere.py:f"], "there is no recipe file nowhere.py"),
        ([RECIPE.replace(":tiny", ":tony")], "has no function 'tony'"),
        ([RECIPE.replace(":tiny", "")], "which function?"),
        ([RECIPE.replace(":tiny", ":not_a_recipe")], "returned int, must return RunConfig"),
    ],
)
def test_mistakes_are_explained_and_leave_nothing(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call(*arguments)
    assert result.exit_code != 0
    assert message in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_recipe_file_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import not_there_at_all\n")
    result = call(f"{tmp_path / 'broken.py'}:f")
    assert "broken.py cannot be imported: No module named 'not_there_at_all'" in str(result.exception)


def test_another_recipes_folder_is_not_resumed(tokenizer: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert call(RECIPE, f"tokenizer={tokenizer}", "steps=1", "--out", out).exit_code == 0
    config = json.loads((out / "config.json").read_text()) | {"name": "other"}
    (out / "config.json").write_text(json.dumps(config))
    result = call(RECIPE, "--resume", "--out", out)
    assert "holds a run called 'other', not 'tiny'" in str(result.exception)
