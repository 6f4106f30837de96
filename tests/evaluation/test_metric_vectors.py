"""Every metric gives what the public reference gives, on recorded replies, and each benchmark's own score otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openmolmo.core.errors import DataError
from openmolmo.evaluation.metric_file import compare, score_file
from openmolmo.evaluation.metric_rows import METRICS, score_row
from openmolmo.evaluation.metrics.caption_f1 import CaptionCounts, aggregate, strict_labels
from openmolmo.evaluation.metrics.clock_bench import score_clock_reply
from openmolmo.evaluation.metrics.mmmu import mmmu_score
from openmolmo.evaluation.metrics.multiple_choice import read_choice
from openmolmo.evaluation.metrics.point_count import macro_accuracy
from openmolmo.evaluation.metrics.profile import PROFILES

FOLDER = Path(__file__).parents[1] / "fixtures" / "metrics"
FILES = sorted(FOLDER.glob("*.jsonl"))
LISTED = {"android_control": 1, "clock": 7, "count": 3, "elo": 1, "point_parse": 2, "pointing": 1}
"""Rows of defects that are not reproduced, by file."""


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text().splitlines()]


def test_there_are_all_files() -> None:
    assert sum(len(rows(path.stem)) for path in FILES) == 713 + 5


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_released_gives_the_reference_values(path: Path) -> None:
    reports = score_file(path, "released")
    assert [(report.differing, report.unscored) for report in reports] == [([], [])] * len(reports)
    assert sum(report.defects for report in reports) == LISTED.get(path.stem, 0)
    assert sum(report.equal + report.defects for report in reports) == len(rows(path.stem))


def test_a_wrong_value_is_noticed(tmp_path: Path) -> None:
    row = rows("vqa_score")[1]
    file = tmp_path / "wrong.jsonl"
    file.write_text(json.dumps({**row, "expected": row["expected"] + 0.01}) + "\n" + json.dumps({"metric": "nothing"}))
    reports = score_file(file, "released")
    assert [one.id for one in reports[0].differing] == [row["id"]]
    assert "there is no metric 'nothing'" in reports[1].unscored[0]


OWN = {  # implementations of the benchmarks' own protocols, by file
    "vqa_score": ["lmms_eval_vqav2"],
    "anls": ["vlmevalkit"],
    "relaxed_correctness": ["vlmevalkit", "lmms_eval"],
    "pointing": ["molmo2"],
    "pointing_random": ["molmo2"],
}


@pytest.mark.parametrize(("name", "column"), [(name, column) for name, columns in OWN.items() for column in columns])
def test_official_gives_the_benchmarks_own_values(name: str, column: str) -> None:
    for row in rows(name):
        expected = row["scores"][column]
        if expected is not None and not (isinstance(expected, dict) and "error" in expected):
            assert compare(score_row(row, "official", FOLDER), expected), row["id"]


def test_official_parts_from_released_in_the_rows_that_are_listed_and_for_their_reasons() -> None:
    listed = json.loads((FOLDER / "official.json").read_text(encoding="utf-8"))
    parted = {}
    for path in FILES:
        for row in rows(path.stem) if path.stem != "elo" else []:
            released, official = (score_row(row, profile, FOLDER) for profile in PROFILES)
            if not compare(official, released):
                parted[row["id"]] = official
    assert parted.keys() == listed["rows"].keys()
    for name, (expected, reason) in listed["rows"].items():
        assert compare(parted[name], expected), (name, parted[name], listed["reasons"][reason])
    assert {reason for _, reason in listed["rows"].values()} == listed["reasons"].keys()


@pytest.mark.parametrize(
    ("reply", "index"),
    [
        ("B", 1),
        ("b", 1),
        ("(C)", 2),
        ("D.", 3),
        ("C: a bird", 2),
        ("**B**", 1),
        ("The answer is B.", 1),
        ("the correct answer is **B**. Here's why", 1),
        ("a bird", 2),
        ("It is a cat", 1),
        ("a cat and a dog", -1),
        ("The best option is a bird", 2),
        ("A or B", -1),
        ("E", -1),
        ("", -1),
    ],
)
def test_a_choice_is_read_only_where_it_is_clear(reply: str, index: int) -> None:
    assert read_choice(reply, ["a dog", "a cat", "a bird", "a fish"]) == index


def test_a_reply_that_chooses_nothing_earns_what_guessing_does() -> None:
    assert mmmu_score("who knows", ["B"], ["1", "2", "3", "4"], "official") == 0.25
    assert mmmu_score("who knows", ["B"], ["1", "2", "3", "4"], "released") is None


def test_clocks_wrap_and_what_cannot_be_read_is_wrong() -> None:
    assert score_clock_reply("12:00", 11, 59)["overall_close"] == 1.0
    assert score_clock_reply("Time: noon", 12, 0)["overall_close"] == 0.0
    assert score_clock_reply("no time", -1, -1)["overall_exact"] == 1.0


def test_both_ways_to_take_caption_f1() -> None:
    for row in rows("cap_f1"):
        if row["metric"] == "cap_aggregate":
            means = aggregate(
                [
                    CaptionCounts(
                        reference=one["n_ref"],
                        covered=one["covered"],
                        stated=one["n_pred"],
                        consistent=one["consistent"],
                    )
                    for one in row["examples"]
                ]
            )
            assert means["f1_of_means"] == pytest.approx(row["f1_of_macro_means"], abs=1e-4)
            assert means["mean_of_f1"] == pytest.approx(row["mean_of_per_example_f1"], abs=1e-4)


def test_strict_labels_want_one_for_each_statement() -> None:
    assert strict_labels("1. Stated\n2. **Not Stated**.", 2).values == (True, False)
    with pytest.raises(DataError, match="gave 1 labels for 2"):
        strict_labels("1. Stated", 2)
    with pytest.raises(DataError, match="no label of statement 2"):
        strict_labels("1. Stated\n2. Perhaps", 2)
    with pytest.raises(DataError, match="no label of statement 2"):
        strict_labels("1. Stated\n3. Stated", 2)


def test_counts_are_averaged_by_true_count() -> None:
    scored = [(2, {"correct": 1.0}), (2, {"correct": 0.0}), (5, {"correct": 1.0})]
    assert macro_accuracy(scored) == {"correct_2": 0.5, "correct_5": 1.0, "per_category_average": 0.75}


def test_rows_that_lack_fields_are_named() -> None:
    for name in METRICS:
        with pytest.raises(DataError, match="does not have what"):
            score_row({"metric": name}, "released", FOLDER)
