"""The tables of the paper as ablations: each can be resolved, says what the paper says, and runs."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from openmolmo.core.errors import ConfigError
from openmolmo.engine.synth.base import GENERATORS
from openmolmo.engine.synth.driver import synthesize
from openmolmo.evaluation.runner import pick_questions
from openmolmo.evaluation.tasks import TASKS
from openmolmo.evaluation.tasks.base import to_request
from openmolmo.inference.load import load
from openmolmo.recipes.ablate.base import ABLATIONS, Ablation, Drawn
from openmolmo.recipes.ablate.resolve import Run, data_folder, resolve
from openmolmo.records.shards import ParquetDataset
from openmolmo.training.config import RunConfig
from openmolmo.training.recipe import run_of

TABLES = ("2a", "2b", "2c", "2d", "2e", "2f", "3a", "3b", "3c", "4a", "4b", "4c", "4d", "12", "15a", "15b", "15c")
OWN = ("loss-normalisation", "isolation")
PUBLISHED = Path(__file__).parents[1] / "fixtures" / "recipes" / "ablations.csv"


def published() -> dict[tuple[str, str, str], float]:
    """(table, setting, metric) -> value."""
    found = {}
    with PUBLISHED.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            for metric in ("cap_f1", "avg11", "CountBenchQA", "PixMoCount"):
                if row[metric]:
                    found[row["table"].split()[0], row["setting"], metric] = float(row[metric])
    return found


def test_every_table_is_there_and_its_arms_differ() -> None:
    assert {*TABLES, *OWN} <= set(ABLATIONS)
    for name in (*TABLES, *OWN):
        ablation = ABLATIONS.get(name)
        assert ablation.name == name and ablation.question.endswith("?")
        runs = resolve(ablation, seeds=2)  # refuses unknown keys, equal arms, and data that differ unsaid
        assert len(runs) == 2 * len(ablation.arms)
        assert len({run.settings for run in runs}) == len(runs)
        for run in runs:
            last = run.stages[-1].config
            assert isinstance(last, RunConfig) and 2 <= last.steps <= 1500


def test_the_papers_numbers_are_the_papers() -> None:
    known = published()
    for name in TABLES:
        rows = ABLATIONS.get(name).paper
        assert rows
        for row in rows:
            assert row.value == known[name, row.setting, row.metric], (name, row)


def test_the_expected_signs_are_those_of_the_papers_numbers() -> None:
    for name in TABLES:
        ablation = ABLATIONS.get(name)
        for contrast in ablation.contrasts:
            told = {
                (row.arm, row.metric): row.value
                for row in ablation.paper
                if row.arm in (contrast.arm, contrast.against)
            }
            for metric in {metric for _, metric in told}:
                if {(contrast.arm, metric), (contrast.against, metric)} <= set(told) and contrast.expected == "better":
                    better, worse = told[contrast.arm, metric], told[contrast.against, metric]
                    assert better > worse or (name, metric) in ROUNDED, (name, contrast, metric)


ROUNDED = {("2c", "avg11"), ("2b", "cap_f1")}
"""Where another of the paper's numbers says a little of the opposite; the sign is that of its text."""


@pytest.mark.slow
@pytest.mark.parametrize("name", [*TABLES, *OWN])
def test_every_arm_trains_and_answers(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # folders of runs are relative to that of all runs
    ablation = ABLATIONS.get(name)
    for run in resolve(ablation, seeds=1, scale=0.002):
        _make(run)
        for stage in run.stages:
            if not (Path(stage.folder) / "final").exists():
                run_of(stage.config)(Path(stage.folder), False)
        scores = _judged(run, ablation)
        assert 0 <= scores[ablation.metric.partition(".")[2]] <= 1


def _make(run: Run) -> None:
    for drawn in run.world.drawn.values():
        for split, count in (("train", drawn.train), ("test", drawn.test)):
            folder = Path(data_folder(drawn, split))
            if count and not folder.exists():
                _draw(drawn, folder, split, count)


def _draw(drawn: Drawn, folder: Path, split: str, count: int) -> None:
    synthesize(GENERATORS.get(drawn.generator), folder, count=count, size=drawn.size, split=split, workers=1)


def _judged(run: Run, ablation: Ablation) -> dict[str, float]:
    """The scores of one answer."""
    folders = [Path(data_folder(drawn, "test")) for drawn in run.world.drawn.values() if drawn.test]
    task = TASKS.get(ablation.metric.partition(".")[0])
    question = pick_questions([task], [e for folder in folders for e in ParquetDataset(folder)], limit=1)[task.name][0]
    predictor = load(str(Path(run.stages[-1].folder) / "final"), max_new_tokens=8)
    request = to_request(question)
    (answer,) = predictor.answer_batch([request])
    return task.score(question, answer)


def test_a_table_with_a_wrong_key_is_refused() -> None:
    table = ABLATIONS.get("4a")
    wrong = Ablation(**{**vars(table), "base": {**table.base, "answer.format.countings": "count"}})
    with pytest.raises(ConfigError, match="no setting"):
        resolve(wrong)
