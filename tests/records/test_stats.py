"""The numbers of a data set are those that one would count by hand."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner
from making import example

from openmolmo.core.errors import DataError
from openmolmo.records import write_dataset
from openmolmo.records.commands import data
from openmolmo.records.stats import Spread, dataset_stats


def test_counts_of_a_data_set(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d", [example(0), example(1, split="validation")])
    found = dataset_stats(tmp_path / "d")
    assert found.examples == 2
    assert found.splits == {"train": 1, "validation": 1}
    assert found.kinds["counting"] == 4 and found.kinds["caption"] == 2
    assert found.labels == {"bar": (4, 8, 0), "crowd": (2, 0, 0), "red bar": (2, 0, 2)}
    assert found.not_present_share == pytest.approx(2 / 8)
    assert found.spreads["points per example"].mean == 5
    assert (found.spreads["width, pixels"].least, found.spreads["height, pixels"].most) == (12, 8)
    assert found.spreads["count per counting"].most == 7


def test_jsonl_too(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"image": "a.png", "label": "cup", "points": [{"x": 1, "y": 2}]}\n')
    assert dataset_stats(tmp_path).labels == {"cup": (1, 1, 0)}


def test_a_spread_is_that_of_the_sorted_values() -> None:
    spread = Spread.of(Counter([1, 1, 2, 3, 10]))
    assert spread is not None
    assert (spread.least, spread.quarter, spread.median, spread.three_quarters, spread.most) == (1, 1, 2, 3, 10)
    assert spread.mean == 3.4 and spread.p95 == 10
    assert Spread.of(Counter()) is None


def test_the_command_prints_a_table_or_json(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d", [example(0)])
    shown = CliRunner().invoke(data, ["stats", str(tmp_path / "d")]).stdout
    assert "points per pointing" in shown and "25.0% of the questions about labels" in shown
    values = json.loads(CliRunner().invoke(data, ["stats", str(tmp_path / "d"), "--json"]).stdout)
    assert values["labels"]["bar"] == {"asked": 2, "points": 4, "not_present": 0}


def test_nothing_to_count(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d", [])
    with pytest.raises(DataError, match="no examples"):
        dataset_stats(tmp_path / "d")
