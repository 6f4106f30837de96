"""Published sets with broken rows: a sentence with file, row and field, and the good rows still come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from published_cases import PUBLISHED, declared

from openmolmo.core.errors import ConfigError, DataError
from openmolmo.data.sources.published_source import PublishedSource
from openmolmo.records.example import Counting, NotPresent, Pointing


def points_row(**changes: Any) -> dict[str, Any]:
    row = {"image_url": "http://h/a.jpg", "image_sha256": None, "points": [{"x": 10.0, "y": 20.0}], "count": 1}
    return {**row, "label": "cup", "collection_method": "pointing", **changes}


def opened(folder: Path, rows: list[dict[str, Any]], **how: Any) -> PublishedSource:
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return declared("pixmo_points")(path=str(folder), **how)


BROKEN = {
    "points is null": ({"points": None}, "points"),
    "points is a text": ({"points": "10,20"}, "points"),
    "a coordinate is missing": ({"points": [{"x": 1.0}]}, "points[0]"),
    "a coordinate is a text": ({"points": [{"x": 1.0, "y": 2.0}, {"x": "1", "y": 2.0}]}, "points[1].x"),
    "count is a text": ({"count": "1"}, "count"),
    "count is null": ({"count": None}, "count"),
    "label is null": ({"label": None}, "label"),
    "label is a number": ({"label": 7}, "label"),
    "the address is a list": ({"image_url": ["http://h/a.jpg"]}, "image_url"),
    "the hash is a number": ({"image_sha256": 5}, "image_sha256"),
}


@pytest.mark.parametrize("place", [0, 2])
@pytest.mark.parametrize("fault", list(BROKEN))
def test_a_broken_row_is_named_with_file_row_and_field(tmp_path: Path, fault: str, place: int) -> None:
    change, field = BROKEN[fault]
    rows = [points_row(image_url=f"http://h/{n}.jpg") for n in range(4)]
    rows[place] |= change
    with pytest.raises(DataError, match=r"column .* holds .*, expected ") as caught:
        list(opened(tmp_path, rows))
    assert caught.value.file == str(tmp_path / "train.jsonl")
    assert (caught.value.row, caught.value.field) == (place, field)


@pytest.mark.parametrize("change", [{"points": None}, {"points": [{"x": 640, "y": 1}]}])
def test_good_rows_around_a_broken_one_are_given(tmp_path: Path, change: dict[str, Any]) -> None:
    rows = [points_row(image_url=f"http://h/{n}.jpg") for n in range(3)]
    rows[1] |= change
    source = opened(tmp_path, rows)
    with pytest.raises(DataError) as caught:
        source[1]
    assert caught.value.row == 1
    assert [source[n].image.url for n in (0, 2)] == ["http://h/0.jpg", "http://h/2.jpg"]  # type: ignore[union-attr]


@pytest.mark.parametrize("change", [{"image_url": ["a"]}, {"label": 3}])
def test_a_broken_row_is_named_where_pictures_are_looked_up(tmp_path: Path, change: dict[str, Any]) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "index.json").write_text("{}")
    with pytest.raises(DataError, match="column") as caught:
        opened(tmp_path, [points_row(), points_row(**change)], images=str(tmp_path / "pictures"))
    assert (caught.value.row, caught.value.field) == (1, next(iter(change)))


def test_a_row_without_its_list_of_parts_is_named(tmp_path: Path) -> None:
    """AndroidControl has an example for each action of a row."""
    (row, *_) = pq.read_table(next((PUBLISHED / "android_control").rglob("*.parquet"))).to_pylist()
    rows = [row, row, {**row, "actions": None}]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    with pytest.raises(DataError, match="column actions holds None") as caught:
        declared("android_control")(path=str(tmp_path))
    assert (caught.value.file, caught.value.row) == (str(tmp_path / "train.jsonl"), 2)
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows[:2]))
    assert len(declared("android_control")(path=str(tmp_path))) == 2 * len(row["actions"])


def test_an_empty_file_opens_as_nothing_or_says_so(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").touch()
    with pytest.raises(DataError, match="the file has no columns"):
        declared("pixmo_points")(path=str(tmp_path))


def test_rows_that_are_not_used_are_counted_and_not_checked_further(tmp_path: Path) -> None:
    rows = [points_row(), points_row(count=41, points=None), points_row(label="  ")]
    source = opened(tmp_path, rows)
    assert len(source) == 1 and source.dropped == {"not of this form, or not usable": 2}


# ------------------------------------------------------------------------------------ groups, limits, forms


@given(st.lists(st.sampled_from("abcde"), min_size=1, max_size=20), st.integers(1, 25))
@settings(max_examples=40)
def test_rows_about_one_picture_become_one_example_in_the_order_of_the_file(
    tmp_path_factory: Any, letters: list[str], limit: int
) -> None:
    folder = tmp_path_factory.mktemp("groups")
    rows = [points_row(image_url=f"http://h/{x}.jpg", label=f"{x}{n}") for n, x in enumerate(letters)]
    source = opened(folder, rows, limit=limit)
    expected: dict[str, list[str]] = {}
    for n, letter in enumerate(letters):
        expected.setdefault(letter, []).append(f"{letter}{n}")
    found = [[a.label for a in one.annotations if isinstance(a, Pointing)] for one in source]
    assert found == list(expected.values())[:limit]
    alone = opened(folder, rows, grouped=False)
    assert [one.annotations[0].label for one in alone] == [row["label"] for row in rows]  # type: ignore[union-attr]
    assert len({one.id for one in alone}) == len(rows)


@given(st.integers(1, 60), st.floats(0.01, 1.0))
@settings(max_examples=30)
def test_a_fraction_is_drawn_once_and_for_all(tmp_path_factory: Any, count: int, fraction: float) -> None:
    folder = tmp_path_factory.mktemp("fraction")
    rows = [points_row(image_url=f"http://h/{n}.jpg") for n in range(count)]
    chosen = [[one.id for one in opened(folder, rows, fraction=fraction)] for _ in range(2)]
    assert chosen[0] == chosen[1] == sorted(chosen[0])
    assert len(chosen[0]) == max(1, round(count * fraction))
    assert set(chosen[0]) <= {one.id for one in opened(folder, rows)}


@pytest.mark.parametrize("how", [{"limit": 0}, {"limit": -3}, {"fraction": 0.0}, {"fraction": 1.01}])
def test_impossible_choices_are_refused(tmp_path: Path, how: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="must be"):
        opened(tmp_path, [points_row()], **how)


def test_forms_ask_the_same_rows_in_their_own_way(tmp_path: Path) -> None:
    rows = [points_row(), points_row(image_url="http://h/b.jpg", label="dog", points=[], count=0)]
    kinds = {
        form: [[type(a) for a in one.annotations] for one in opened(tmp_path, rows, form=form)]
        for form in (None, "basic_pointing", "basic_counting")
    }
    assert kinds[None] == [[Pointing, Counting], [NotPresent, NotPresent]]
    assert kinds["basic_pointing"] == [[Pointing], [NotPresent]]
    assert kinds["basic_counting"] == [[Counting], [NotPresent]]
    assert len(opened(tmp_path, rows, form="high_frequency_counting")) == 0


def test_indices_outside_are_refused_and_no_negative_one_wraps(tmp_path: Path) -> None:
    source = opened(tmp_path, [points_row()])
    for index in (1, -1):
        with pytest.raises(IndexError, match=r"outside 0\.\.0"):
            source[index]


def test_the_fingerprint_follows_rows_options_and_choice(tmp_path: Path) -> None:
    rows = [points_row(image_url=f"http://h/{n}.jpg") for n in range(4)]
    prints = [opened(tmp_path, rows, **how).fingerprint for how in ({}, {"limit": 2}, {"form": "basic_pointing"})]
    prints.append(opened(tmp_path, rows[:3]).fingerprint)
    prints.append(opened(tmp_path, [*rows[:3], points_row(image_url="http://h/9.jpg")]).fingerprint)
    assert len(set(prints)) == 5
    assert opened(tmp_path, rows).fingerprint == prints[0]


def test_a_stream_names_the_row_by_its_place_in_the_set(tmp_path: Path) -> None:
    rows = [points_row(image_url=f"http://h/{n}.jpg") for n in range(4)]
    rows[3]["points"] = None
    opened(tmp_path, rows[:3])
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    stream = declared("pixmo_points").stream(path=str(tmp_path), skip=2)
    assert next(stream).id == "pixmo_points-train-00000002"
    with pytest.raises(DataError, match="column points holds None") as caught:
        next(stream)
    assert caught.value.row == 3
