"""Were the judged pictures trained on? What is known of it, and what a table of scores may then be called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openmolmo.evaluation.held_out import from_folder, from_generators
from openmolmo.evaluation.overlap import heading, overlap_of
from openmolmo.records.shards import write_dataset


@pytest.fixture
def data(tmp_path: Path) -> Path:
    made = from_generators(("scenes",), count=4, size=64, sample=1).examples
    splits = ("train", "train", "validation", "test")
    write_dataset(tmp_path / "data", [e.replace(split=split) for e, split in zip(made, splits, strict=True)])
    return tmp_path / "data"


def run_on(folder: Path, *sources: dict[str, object], **more: object) -> Path:
    """The settings of a run on data sets, beside its final model."""
    (folder / "final").mkdir(parents=True)
    groups = [{"rate": 1.0, "sources": [{"name": "", "options": {}, **source} for source in sources]}]
    (folder / "config.json").write_text(json.dumps({"mixture": {"groups": groups}, **more}))
    return folder / "final"


def test_the_part_that_nothing_is_trained_on_is_judged(data: Path) -> None:
    assert [len(from_folder(data, split=split).examples) for split in (None, "validation", "train", "all")] == [
        1,
        1,
        2,
        4,
    ]
    assert from_folder(data).description["split"] == "test"


def test_pictures_of_a_run_and_of_the_runs_before_it_are_known_again(data: Path, tmp_path: Path) -> None:
    examples = from_folder(data, split="all").examples
    parquet = {"source": "parquet", "options": {"path": str(data), "split": "train"}}
    first = run_on(tmp_path / "first", parquet)
    second = run_on(tmp_path / "second", {"source": "synth"}, init_from=str(first))
    for folder, runs in ((first, 1), (second, 2)):
        overlap = overlap_of(folder, examples)
        assert (overlap.seen, overlap.pictures, len(overlap.runs)) == (2, 4, runs)
    assert overlap_of(first, from_folder(data).examples).seen == 0


def test_what_cannot_be_compared_is_not_called_held_out(data: Path, tmp_path: Path) -> None:
    examples, described = from_folder(data).examples, {"data": "mine", "split": "test"}

    def called(folder: Path) -> str:
        return heading({"data": described, "training_data": overlap_of(folder, examples).to_json()})

    gone = run_on(tmp_path / "a", {"source": "jsonl", "options": {"path": str(tmp_path / "gone.jsonl")}})
    assert "not compared with" in called(gone) and "gone.jsonl" in called(gone)
    at_hub = run_on(tmp_path / "b", {"source": "pixmo_cap"})
    assert called(at_hub) == "Scores on mine, split test (not compared with pixmo_cap, which it was trained on)"
    (tmp_path / "c").mkdir()
    assert "is not known here" in called(tmp_path / "c")
    assert heading({"data": {"generators": "scenes", "split": "train"}}).endswith("as for training (split train)")
    assert heading({"data": {"generators": "scenes", "split": "test"}}) == "Scores on held-out data"
