"""The tables of the paper as ablations: each can be resolved, says what the paper says, and runs."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from openmolmo.core.errors import ConfigError
from openmolmo.data.mixture import BLOCK
from openmolmo.recipes.ablate.base import ABLATIONS, Ablation
from openmolmo.recipes.ablate.resolve import resolve
from openmolmo.recipes.ablate.results import RESULT
from openmolmo.recipes.ablate.work import carry_out
from openmolmo.training.config import CropPolicyRunConfig, RunConfig

TABLES = ("2a", "2b", "2c", "2d", "2e", "2f", "3a", "3b", "3c", "4a", "4b", "4c", "4d", "12", "15a", "15b", "15c")
OWN = ("loss-normalisation", "isolation", "crop-policy", "curriculum")
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
            assert isinstance(last, RunConfig | CropPolicyRunConfig) and 2 <= last.steps <= 1500


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


def test_arms_of_the_crop_policy_share_a_model_and_a_budget() -> None:
    runs = resolve(ABLATIONS.get("crop-policy"), seeds=2)
    first = [run for run in runs if run.seed == 0]
    assert len({run.stages[-1].key for run in first}) == 1 and len({run.stages[-1].key for run in runs}) == 2
    budget = {run.arm: run.judging.keep_crops for run in first}
    assert budget["learned"] == budget["random"] == budget["uniform"] == 1


def test_arms_of_the_curriculum_learn_the_same_in_another_order() -> None:
    runs = {run.arm: run for run in resolve(ABLATIONS.get("curriculum"), seeds=2) if run.seed == 0}
    halves = {}
    for arm, run in runs.items():
        configs = [stage.config for stage in run.stages if isinstance(stage.config, RunConfig)]
        assert len({config.steps * config.loader.rows for config in configs}) == 1
        assert configs[0].steps * configs[0].loader.rows % BLOCK == 0  # so that shares are exact
        halves[arm] = [[group.sources[0] for group in config.mixture.groups] for config in configs]
        assert len(halves[arm][0]) == len(halves[arm][1]) == 2
    sets = [sorted(source.name for half in both for source in half) for both in halves.values()]
    assert sets[0] == sets[1] == sets[2] and len(set(sets[0])) == 4
    first = {arm: [source.name.partition("_")[0] for source in both[0]] for arm, both in halves.items()}
    assert first == {
        "perception first": ["looks", "looks"],
        "mixed": ["looks", "thoughts"],
        "reasoning first": ["thoughts", "thoughts"],
    }


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
