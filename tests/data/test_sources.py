"""The built-in data sets, opened by name as a recipe does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from openmolmo.core.errors import ConfigError, DataError, NotRegisteredError
from openmolmo.data import SOURCES, GroupConfig, Mixture, MixtureConfig, SourceConfig
from openmolmo.engine.synth.base import GENERATORS
from openmolmo.records.example import Caption, Example, ImageRef, Made, Provenance
from openmolmo.records.shards import write_dataset

PROVENANCE = Provenance(dataset="d", licence="CC0-1.0", made={"caption": (Made.PROGRAM,)})


class Blank:
    """A generator whose caption tells what it was asked for."""

    name, version = "blank", "1"

    def make(self, rng: np.random.Generator, index: int, *, size: int, split: str) -> Example:
        text = f"{index} {size} {split} {rng.integers(1000)}"
        image = ImageRef(data=b"", width=size, height=size)
        return Example(id=f"blank-{index}", image=image, annotations=(Caption(text=text),), provenance=PROVENANCE)


GENERATORS.register("blank", Blank())


def test_synth_makes_the_same_example_for_the_same_index() -> None:
    options = {"generator": "blank", "count": 50, "size": [64, 96], "split": "validation"}
    source, again = SOURCES.get("synth")(**options, seed=1), SOURCES.get("synth")(**options, seed=1)
    assert (source.name, len(source)) == ("blank-validation", 50)
    assert [source[i] for i in range(50)] == [again[i] for i in reversed(range(50))][::-1]
    assert {source[i].annotations[0].text.split()[1] for i in range(50)} == {"64", "96"}  # type: ignore[union-attr]
    other = SOURCES.get("synth")(**options, seed=2)
    assert source[0] != other[0]
    assert source.fingerprint == again.fingerprint != other.fingerprint


def test_synth_refuses_what_it_cannot_make() -> None:
    open_synth = SOURCES.get("synth")
    with pytest.raises(NotRegisteredError, match="no generator called 'blnk'"):
        open_synth(generator="blnk")
    with pytest.raises(ConfigError, match="count=0"):
        open_synth(generator="blank", count=0)
    with pytest.raises(ConfigError, match="at least 16 pixels"):
        open_synth(generator="blank", size=8)
    with pytest.raises(IndexError):
        open_synth(generator="blank", count=5)[5]


def test_parquet_reads_a_folder_or_its_beginning(tmp_path: Path) -> None:
    examples = [
        Example(id=f"e{i}", image=None, annotations=(Caption(text=f"text {i}"),), provenance=PROVENANCE)
        for i in range(10)
    ]
    write_dataset(tmp_path / "texts", examples)
    source = SOURCES.get("parquet")(path=str(tmp_path / "texts"))
    assert (source.name, len(source)) == ("texts", 10)
    assert [source[i].id for i in range(10)] == [f"e{i}" for i in range(10)]
    first = SOURCES.get("parquet")(path=str(tmp_path / "texts"), limit=4)
    assert len(first) == 4
    assert first.fingerprint != source.fingerprint
    with pytest.raises(IndexError):
        first[4]
    with pytest.raises(DataError, match="not a data set folder"):
        SOURCES.get("parquet")(path=str(tmp_path / "absent"))


def test_jsonl_reads_a_users_own_rows(tmp_path: Path) -> None:
    Image.new("RGB", (8, 6)).save(tmp_path / "a.png")
    rows = [{"image": "a.png", "caption": "a black picture"}, {"image": "a.png", "label": "cup", "points": []}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = SOURCES.get("jsonl")(path=str(tmp_path / "rows.jsonl"))
    assert (source.name, len(source)) == (tmp_path.name, 2)
    assert [source[i].annotations[0].kind for i in range(2)] == ["caption", "not_present"]
    (tmp_path / "rows.jsonl").write_text("\n" + "".join(json.dumps(row) + "\n" for row in rows))
    mine = SourceConfig(source="jsonl", options={"path": str(tmp_path)}, name="mine")
    mixture = Mixture(MixtureConfig(groups=(GroupConfig(rate=1.0, sources=(mine,)),)), 0)
    assert mixture.whereabouts("mine", 1) == f"{tmp_path / 'rows.jsonl'}, line 3 (counted from 1)"
    before = source.fingerprint
    (tmp_path / "rows.jsonl").write_text(json.dumps(rows[0]) + "\n")
    assert SOURCES.get("jsonl")(path=str(tmp_path / "rows.jsonl")).fingerprint != before
    with pytest.raises(IndexError):
        source[2]
    with pytest.raises(DataError):
        SOURCES.get("jsonl")(path=str(tmp_path / "absent.jsonl"))
