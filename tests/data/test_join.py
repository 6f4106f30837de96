"""Joined shards: one example a picture, nothing twice, no picture on both sides of a split."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from faulty_server import picture
from openmolmo.core.errors import DataError
from openmolmo.core.files import sha256_bytes
from openmolmo.data.join import join, read_held_out, split_of
from openmolmo.engine.download import ImageStore
from openmolmo.engine.download.commands import download as command
from openmolmo.records import ParquetDataset, write_dataset
from openmolmo.records.check import check_dataset
from openmolmo.records.example import Caption, Example, ImageRef, Made, Point, Pointing, Provenance

ORIGIN = Provenance(dataset="d", licence="CC0-1.0", made={"pointing": (Made.CLICKED,)})


def star(x: float) -> Pointing:
    return Pointing(label="star", points=(Point(x, 2.0),))


def row(name: str, url: str, *annotations: Pointing, **changes: object) -> Example:
    base = Example(id=name, image=ImageRef(url=f"http://x/{url}.jpg"), annotations=annotations, provenance=ORIGIN)
    return base.replace(**changes)


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    """Pictures a and b, and c, which is b under another address."""
    store = ImageStore(tmp_path / "images")
    for name, number in (("a", 1), ("b", 2), ("c", 2)):
        store.put(f"http://x/{name}.jpg", picture(number))
    return store


def test_rows_about_one_picture_become_one_example(tmp_path: Path, store: ImageStore) -> None:
    rows = [row("1", "a", star(1)), row("2", "b", star(2)), row("3", "a", star(1), star(3)), row("4", "c", star(4))]
    rows += [
        row("5", "dead", star(5)),
        row("6", "a", star(6), provenance=Provenance(dataset="e", licence="x", made={})),
    ]
    report = join(rows, tmp_path / "out", store=store)
    first, second, other = ParquetDataset(tmp_path / "out")
    assert first.annotations == (star(1), star(3)) and second.annotations == (star(2), star(4))
    assert other.provenance.dataset == "e" and other.annotations == (star(6),)
    assert second.image is not None and second.image.data == picture(2)
    assert (second.image.width, second.image.height, second.image.sha256) == (96, 64, sha256_bytes(picture(2)))
    assert (report.rows, report.examples, report.repeats, report.missing) == (6, 3, 1, 1)
    report = join(ParquetDataset(tmp_path / "out"), tmp_path / "again")
    assert list(ParquetDataset(tmp_path / "again")) == [first, second, other]


def test_a_picture_is_on_one_side_only(tmp_path: Path, store: ImageStore) -> None:
    rows = [row("1", "b", star(1)), row("2", "c", star(2), split="test"), row("3", "a", star(3), split="validation")]
    join(rows, tmp_path / "kept", store=store)
    assert {one.id: one.split for one in ParquetDataset(tmp_path / "kept")} == {"1": "test", "3": "validation"}
    rows = [row(str(n), "x", star(n / 2)).replace(image=ImageRef(data=picture(n))) for n in range(200)]
    report = join([*rows, *rows], tmp_path / "split", validation=0.2)
    assert report.examples == 200 and 20 <= report.splits["validation"] <= 60
    for one in ParquetDataset(tmp_path / "split"):
        assert one.image is not None and one.split == split_of(one.image.sha256 or "", 0.2)
    assert check_dataset(tmp_path / "split").ok


def test_pictures_shown_together_are_joined_and_stay_on_one_side(tmp_path: Path, store: ImageStore) -> None:
    a, b, d = (ImageRef(data=picture(number)) for number in (1, 2, 4))
    rows = [
        row("1", "b", star(1)),
        row("2", "a", star(2)).replace(images=[a, b]),
        row("3", "a", star(3)).replace(images=[a, b]),
        row("4", "a", star(4)).replace(images=[b, a]),
        row("5", "x", star(5)).replace(images=[a, d]),
        row("6", "x", star(6), split="test").replace(images=[d]),
        row("7", "dead", star(7)).replace(images=[a, ImageRef(url="http://x/dead.jpg")]),
    ]
    report = join(rows, tmp_path / "out", store=store)
    made = {one.id: one for one in ParquetDataset(tmp_path / "out")}
    assert set(made) == {"1", "2", "4", "5", "6"} and report.missing == 1
    assert made["2"].annotations == (star(2), star(3))
    assert [image.data for image in made["2"].images] == [picture(1), picture(2)]
    assert {one.split for one in made.values()} == {"test"}
    held_out = read_held_out([tmp_path / "out"])
    with pytest.raises(DataError, match="7 held out"):
        join(rows, tmp_path / "none", store=store, held_out=held_out)
    split = join([one.replace(split="train") for one in rows], tmp_path / "split", store=store, validation=0.5)
    assert len([side for side, count in split.splits.items() if count]) == 1


def test_held_out_pictures_are_left_out_under_any_address(tmp_path: Path, store: ImageStore) -> None:
    evaluation = row("e", "b", star(1)).replace(image=ImageRef(data=picture(2)))
    write_dataset(tmp_path / "eval", [evaluation])
    (tmp_path / "more.txt").write_text("http://x/gone.jpg\n")
    held_out = read_held_out([tmp_path / "eval", tmp_path / "more.txt"], store)
    rows = [row("1", "a", star(1)), row("2", "b", star(2)), row("3", "c", star(3)), row("4", "gone", star(4))]
    report = join(rows, tmp_path / "out", store=store, held_out=held_out)
    assert [one.id for one in ParquetDataset(tmp_path / "out")] == ["1"]
    assert report.held_out == 3


def test_ways_of_making_add_up(tmp_path: Path, store: ImageStore) -> None:
    caption = Provenance(dataset="d", licence="CC0-1.0", made={"pointing": (Made.VLM,), "caption": (Made.WRITTEN,)})
    rows = [row("1", "a", star(1)), row("2", "a", star(2), provenance=caption)]
    rows.append(row("3", "a", provenance=caption).replace(annotations=(Caption(text="A star."),)))
    join(rows, tmp_path / "out", store=store)
    (one,) = ParquetDataset(tmp_path / "out")
    assert one.provenance.made == {"pointing": (Made.CLICKED, Made.VLM), "caption": (Made.WRITTEN,)}


def test_nothing_left_is_said(tmp_path: Path, store: ImageStore) -> None:
    with pytest.raises(DataError, match="nothing is left of 1 examples: 1 without a picture"):
        join([row("1", "dead", star(1))], tmp_path / "out", store=store)
    assert not (tmp_path / "out").exists()


def test_the_command_takes_a_file_or_a_name(tmp_path: Path, store: ImageStore) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"image_url": "http://x/a.jpg", "label": "star", "points": [{"x": 1, "y": 2}]}\n')
    words = ["join", str(rows), "--images", str(store.folder), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(command, words)
    assert result.exit_code == 0, result.output
    assert len(ParquetDataset(tmp_path / "out")) == 1
    again = ["join", "jsonl", "--option", f"path={rows}", "--images", str(store.folder), "--out", str(tmp_path / "new")]
    assert CliRunner().invoke(command, again).exit_code == 0
    assert list(ParquetDataset(tmp_path / "new")) == list(ParquetDataset(tmp_path / "out"))
    assert "is not empty" in CliRunner().invoke(command, words).output
