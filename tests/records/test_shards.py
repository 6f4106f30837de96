"""Data set folders: what is written is read, whole or not at all, and damage is never silent."""

from __future__ import annotations

import gc
import json
import multiprocessing
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from making import EXAMPLES, example, image_ref, picture

from openmolmo.core.errors import DataError
from openmolmo.core.files import sha256_file
from openmolmo.records.example import Example, ImageRef, PointExplanation
from openmolmo.records.manifest import Manifest, ShardInfo
from openmolmo.records.shards import ParquetDataset, ShardWriter, read_metadata, write_dataset, write_shard
from openmolmo.records.stats import dataset_stats

VERSION_1 = Path(__file__).parents[1] / "fixtures" / "records" / "version-1"
MANY = [example(number) for number in range(150)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 examples in shards of 100 and 50; row groups of 64, 36 and 50."""
    path = tmp_path_factory.mktemp("records") / "data"
    write_dataset(path, MANY, rows_per_shard=100)
    return path


def test_random_access_and_iteration(folder: Path) -> None:
    dataset = ParquetDataset(folder, cached_groups=1)
    assert len(dataset) == 150
    for index in (0, 63, 64, 99, 100, 149, -1, -150, 3):
        assert dataset[index] == MANY[index]
    assert list(dataset) == MANY
    assert dataset.locate(100) == (folder / "data-00001.parquet", 0)
    for index in (150, -151):
        with pytest.raises(IndexError, match="150 examples"):
            dataset[index]
    assert [made.image for made in dataset.without_images()] == [None] * 150
    assert [made.annotations for made in dataset.without_images()] == [made.annotations for made in MANY]


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(EXAMPLES.filter(lambda made: all(image.data is not None for image in made.images)), max_size=3))
def test_any_examples_and_back(tmp_path: Path, made: list[Example]) -> None:
    write_dataset(tmp_path / "d", made, rows_per_shard=2)
    assert list(ParquetDataset(tmp_path / "d")) == made


def test_several_pictures_of_an_example_are_embedded_and_read(tmp_path: Path) -> None:
    (tmp_path / "p.jpg").write_bytes(picture(seed=7))
    second = ImageRef(path=str(tmp_path / "p.jpg"), url="https://example.org/p.jpg", width=12, height=8)
    both = example(0).replace(images=[image_ref(), second])
    write_dataset(tmp_path / "d", [both, example(1), example(2, image=None)])
    dataset = ParquetDataset(tmp_path / "d")
    assert [len(made.images) for made in dataset] == [2, 1, 0]
    read = dataset[0]
    assert read.image == both.image
    assert read.images[1].data == picture(seed=7)
    assert (read.images[1].path, read.images[1].url) == ("p.jpg", "https://example.org/p.jpg")
    assert [made.images for made in dataset.without_images()] == [()] * 3
    with pytest.raises(DataError, match="more images but no first one"):
        write_dataset(tmp_path / "e", [example(0, image=None, more_images=(image_ref(),))])


def test_shards_of_the_first_version_are_read() -> None:
    """Written before examples could have several pictures."""
    old = ParquetDataset(VERSION_1)
    old.verify()
    assert old.manifest.schema_version == 1
    assert [made.id for made in old] == ["e-0", "e-1", "e-2"]
    assert [len(made.images) for made in old] == [1, 1, 0]
    assert old[0].image == image_ref(picture(seed=0))
    explained = old[0].annotations[8]
    assert isinstance(explained, PointExplanation) and explained.labels == ("bar",) and explained.alts == ()
    assert [made.image for made in old.without_images()] == [None] * 3
    assert dataset_stats(VERSION_1).examples == 3


def test_the_files_are_as_documented(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["schema_version"], manifest["rows"]) == (2, 150)
    shard = manifest["shards"][1]
    path = folder / shard["name"]
    assert (shard["rows"], shard["bytes"], shard["sha256"]) == (50, path.stat().st_size, sha256_file(path))
    file = pq.ParquetFile(folder / "data-00000.parquet")
    groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
    assert [group.num_rows for group in groups] == [64, 36]
    assert {groups[0].column(number).compression for number in range(groups[0].num_columns)} == {"ZSTD"}
    row = file.read_row_group(0).slice(5, 1).to_pylist()[0]
    assert row["image"] == {"bytes": picture(seed=5), "path": None}
    assert (row["width"], row["height"], row["split"]) == (12, 8, "train")
    assert json.loads(row["annotations"])[0] == {
        "kind": "caption",
        "text": "Two bars [on] a <wall>.",
        "style": "long_caption",
    }
    features = json.loads(file.schema_arrow.metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"}
    assert list(features) == file.schema_arrow.names


def test_same_examples_same_bytes(tmp_path: Path, folder: Path) -> None:
    again = write_dataset(tmp_path / "again", MANY, rows_per_shard=100)
    assert again == Manifest.load(folder)
    assert again.fingerprint == ParquetDataset(folder).fingerprint
    assert write_dataset(tmp_path / "other", MANY[1:]).fingerprint != again.fingerprint


def test_a_failure_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    def breaking() -> Iterator[Example]:
        yield from MANY[:70]
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        write_shard(tmp_path / "a.parquet", breaking())
    with pytest.raises(RuntimeError):
        write_dataset(tmp_path / "data", breaking(), rows_per_shard=20)
    with pytest.raises(DataError, match="no bytes"):
        write_shard(tmp_path / "a.parquet", [MANY[0], MANY[1].replace(image=ImageRef())])
    assert list(tmp_path.iterdir()) == []
    info = write_shard(tmp_path / "a.parquet", MANY[:3], metadata={"seed": 4})
    before = (tmp_path / "a.parquet").read_bytes()
    with pytest.raises(RuntimeError):
        write_shard(tmp_path / "a.parquet", breaking())
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]
    assert info == ShardInfo(name="a.parquet", rows=3, bytes=len(before), sha256=sha256_file(tmp_path / "a.parquet"))
    assert read_metadata(tmp_path / "a.parquet") == {"schema_version": 2, "seed": 4}


def test_local_pictures_are_embedded_and_checked(tmp_path: Path) -> None:
    (tmp_path / "p.jpg").write_bytes(picture())
    local = example(image=ImageRef(path=str(tmp_path / "p.jpg")))
    write_dataset(tmp_path / "d", [local])
    image = ParquetDataset(tmp_path / "d")[0].image
    assert image is not None
    assert (image.data, image.path, image.sha256) == (picture(), "p.jpg", sha256_file(tmp_path / "p.jpg"))
    with pytest.raises(DataError, match=r"has sha256 .* the record says 00"):
        write_dataset(tmp_path / "e", [example(image=ImageRef(path=str(tmp_path / "p.jpg"), sha256="00"))])
    with pytest.raises(DataError, match="does not exist"):
        write_dataset(tmp_path / "e", [example(image=ImageRef(path=str(tmp_path / "none.jpg")))])
    assert not (tmp_path / "e").exists()


def damaged(folder: Path, tmp_path: Path, change: str) -> Path:
    """A copy of the data set with its second shard damaged in one way."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    shard = copy / "data-00001.parquet"
    content = bytearray(shard.read_bytes())
    if change == "missing":
        shard.unlink()
    elif change == "truncated":
        shard.write_bytes(content[:-100])
    elif change == "flipped":
        content[len(content) // 3] ^= 0xFF  # among the pictures
        shard.write_bytes(content)
    elif change == "garbage":
        shard.write_bytes(b"x" * len(content))
    elif change == "rows":
        manifest = json.loads((copy / "manifest.json").read_text())
        manifest["shards"][1]["rows"], manifest["rows"] = 49, 149
        (copy / "manifest.json").write_text(json.dumps(manifest))
    return copy


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("missing", r"data-00001\.parquet is missing"),
        ("truncated", r"is truncated: it has \d+ bytes, the manifest says \d+"),
        ("flipped", r"is damaged in row group 0.*CRC"),
        ("garbage", "cannot be read"),
        ("rows", "has 50 rows, the manifest says 49"),
    ],
)
def test_damage_is_a_clear_error(folder: Path, tmp_path: Path, change: str, said: str) -> None:
    copy = damaged(folder, tmp_path, change)
    with pytest.raises(DataError, match=said) as caught:
        ParquetDataset(copy)[120]
    assert caught.value.file == str(copy / "data-00001.parquet")
    assert "copy the shard again" in str(caught.value)
    lenient = ParquetDataset(copy, check_shards=False)
    assert lenient[99] == MANY[99]
    with pytest.raises(DataError, match="has sha256" if change in ("flipped", "garbage") else said):
        lenient.verify()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "holds no manifest"),
        ("{", "not JSON"),
        ("[]", "schema version None, this program reads 1 and 2"),
        ('{"schema_version": 3}', "schema version 3"),
        ('{"schema_version": 1}', "damaged.*shards"),
        ('{"schema_version": 1, "shards": [], "rows": 3}', "rows is 3, the shards have 0"),
        ('{"schema_version": 1, "shards": [], "extra": 3}', "extra"),
    ],
)
def test_a_wrong_manifest_is_a_clear_error(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=said):
        ParquetDataset(tmp_path)


def test_a_path_that_is_no_folder_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a data set folder"):
        ParquetDataset(tmp_path / "nowhere")


def _length_and_last(dataset: ParquetDataset) -> tuple[int, str]:
    return len(dataset), dataset[-1].id


def test_copies_work_in_other_processes(folder: Path) -> None:
    dataset = ParquetDataset(folder)
    assert dataset[3] == MANY[3]
    assert list(pickle.loads(pickle.dumps(dataset))) == MANY
    methods = set(multiprocessing.get_all_start_methods()) & {"spawn"}
    for method in methods:
        with multiprocessing.get_context(method).Pool(1) as pool:
            assert pool.apply(_length_and_last, (dataset,)) == (150, "e-149")


def test_a_copy_is_as_lenient_as_its_original(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    lenient = ParquetDataset(copy, cached_groups=3, check_shards=False)
    (copy / lenient.manifest.shards[-1].name).unlink()
    again = pickle.loads(pickle.dumps(lenient))  # as a worker process gets it
    assert again.cached_groups == 3
    assert again[0] == lenient[0]
    with pytest.raises(DataError, match="cannot be read"):
        again[len(again) - 1]
    with pytest.raises(DataError, match="is missing"):
        ParquetDataset(copy)


def test_an_interruption_while_closing_leaves_nothing_and_no_complaint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C in the middle of finishing a shard: no file, and no noise from destructors afterwards."""
    real, calls = pq.ParquetWriter.close, []

    def interrupted(self: pq.ParquetWriter) -> None:
        calls.append(self)
        if len(calls) == 1:
            raise KeyboardInterrupt
        real(self)

    monkeypatch.setattr(pq.ParquetWriter, "close", interrupted)
    with pytest.raises(KeyboardInterrupt), ShardWriter(tmp_path / "a.parquet"):
        pass
    monkeypatch.undo()
    calls.clear()
    gc.collect()
    assert list(tmp_path.iterdir()) == []
    assert "Traceback" not in capfd.readouterr().err
