"""The tables of the paper as ablations: each can be resolved, says what the paper says, and runs."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from openmolmo.core.errors import ConfigError
from openmolmo.recipes.ablate.base import ABLATIONS, Ablation
from openmolmo.recipes.ablate.resolve import resolve
from openmolmo.recipes.ablate.results import RESULT
from openmolmo.recipes.ablate.work import carry_out
from openmolmo.training.config import RunConfig

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
def test_every_arm_trains_and_is_judged(name: str, tmp_path: Path) -> None:
    ablation = ABLATIONS.get(name)
    for run in resolve(ablation, seeds=1, scale=0.004):
        assert carry_out(run, tmp_path)
        result = json.loads((tmp_path / run.folder / RESULT).read_text())
        assert result["run"]["status"] == "done"
        rows = result["rows"][ablation.metric.partition(".")[0]]
        assert rows and all(row for row in rows)


def test_a_table_with_a_wrong_key_is_refused() -> None:
    table = ABLATIONS.get("4a")
    wrong = Ablation(**{**vars(table), "base": {**table.base, "answer.format.countings": "count"}})
    with pytest.raises(ConfigError, match="no setting"):
        resolve(wrong)
