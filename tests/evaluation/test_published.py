"""The paper's numbers in the package: they add up, have their source, and can be printed."""

from __future__ import annotations

import csv
import io
import json

import pytest
from click.testing import CliRunner

from openmolmo.data.presets import TABLE_ROWS
from openmolmo.evaluation.published.commands import published
from openmolmo.evaluation.published.tables import (
    BENCHMARKS,
    TABLES,
    ablations,
    academic,
    mixture,
    published_table,
    skills,
)


def test_the_averages_of_table_1_are_the_means_of_its_eleven_columns() -> None:
    assert len(academic()) == 14 and len(BENCHMARKS) == 11
    for one in academic():
        # Eleven numbers that were rounded to 0.05 have a mean that is rounded as much; so is the printed mean.
        assert abs(one.mean - one.average) < 0.1, one.model
    assert [one.model for one in academic() if round(one.mean, 1) != one.average] == ["Molmo-7B-O"]  # 74.65 of 74.6


def test_the_rating_ranks_of_table_1_fall_with_the_ratings() -> None:
    ranked = sorted(academic(), key=lambda one: one.elo_rank)
    ratings = [one.elo for one in ranked]
    assert ratings == sorted(ratings, reverse=True)


def test_every_ablation_has_a_baseline_and_baselines_agree() -> None:
    topics = {one.topic for one in ablations()}
    with_baseline = {one.topic for one in ablations() if one.baseline}
    assert topics - with_baseline == {"high resolution"}
    assert {one.caption_f1 for one in ablations() if one.baseline} == {54.1, None}


def test_tables_agree_with_one_another() -> None:
    opaque = {(one.model, one.metric): one.value for one in skills() if one.topic == "AI2D"}
    for one in academic():
        if one.model in ("Molmo-7B-D", "Molmo-72B"):
            assert opaque[one.model, "transparent"] == one.scores["ai2d"]
    assert all(one.low is None or one.low < one.value < (one.high or 0) for one in skills())
    assert sum(mixture().values()) == pytest.approx(100, abs=1)
    assert set(TABLE_ROWS) == set(mixture())  # the same rows as the mixture of that name


@pytest.mark.parametrize("name", TABLES)
def test_every_row_has_its_source(name: str) -> None:
    columns, rows = published_table(name)
    assert columns[-1] == "source" and rows and all(row[-1].startswith("arXiv:") for row in rows)


def test_the_command_prints_tables_csv_and_json() -> None:
    listed = CliRunner().invoke(published, [])
    assert all(name in listed.output for name in TABLES)
    shown = CliRunner().invoke(published, ["academic", "--only", "molmo-7b"])
    assert "77.3" in shown.output and "GPT-4V" not in shown.output and "Table 1" in shown.output
    rows = list(csv.DictReader(io.StringIO(CliRunner().invoke(published, ["skills", "--csv"]).output)))
    assert {row["topic"] for row in rows} >= {"clocks", "pointing"}
    assert json.loads(CliRunner().invoke(published, ["mixture", "--json"]).output)[0]["dataset"] == "Points"
    wrong = CliRunner().invoke(published, ["elo"])
    assert wrong.exit_code == 1 and "academic" in str(wrong.exception)
