"""Whatever says something of a picture file says the same: one verdict and one picture by every way in."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from odd_pictures import ODD
from openmolmo.core.errors import DataError, ImageError
from openmolmo.data.sources.reading import size_of
from openmolmo.engine.download import ImageStore
from openmolmo.imaging import CropConfig
from openmolmo.pictures import open_image, pictures_in
from openmolmo.prompting import FormatConfig, Processor, TextTokenizer
from openmolmo.records.check import check_dataset
from openmolmo.records.example import ImageRef, Made
from openmolmo.records.folder import open_dataset
from openmolmo.records.imports import import_file
from openmolmo.records.quality import QualityReport, QualitySettings, keep_good
from openmolmo.records.quality_hash import signature
from openmolmo.records.show import write_page

TOKENIZER = Path(__file__).parents[1] / "fixtures" / "prompting" / "tokenizer"
GOOD = {name for name, odd in ODD.items() if odd.refused is None}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set whose pictures are all the odd files, and the same as a table of points."""
    made = tmp_path_factory.mktemp("odd")
    (made / "pictures").mkdir()
    for name, odd in ODD.items():
        (made / "pictures" / name).write_bytes(odd.data)
    rows = [{"id": name, "image": name, "label": "berry", "points": [{"x": 5, "y": 5}]} for name in ODD]
    (made / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    origin = {"dataset": "odd", "licence": "CC0-1.0", "images": "pictures", "made": {"pointing": "person-clicked"}}
    (made / "dataset.json").write_text(json.dumps(origin))
    with (made / "points.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows([("image", "label", "x_percent", "y_percent"), *((name, "berry", 5, 5) for name in ODD)])
    return made


@pytest.fixture(scope="module")
def processor() -> Processor:
    crop = CropConfig(crop_size=56, margins=(0, 0), max_crops=2)
    return Processor(TextTokenizer.from_pretrained(TOKENIZER), crop, FormatConfig())


def test_there_are_enough_of_both_kinds() -> None:
    assert len(GOOD) >= 40 and len(ODD) - len(GOOD) >= 20


def test_data_check(folder: Path) -> None:
    report = check_dataset(folder, limit=1000)
    names = list(ODD)
    assert {(fault.field, fault.rule) for fault in report.faults} == {("image", "readable")}
    assert {names[fault.row - 1] for fault in report.faults if fault.row} == set(ODD) - GOOD
    (note,) = report.notes
    hidden = [name for name, odd in ODD.items() if odd.hidden]
    assert note.startswith(f"transparency hides what {len(hidden)} pictures") and all(name in note for name in hidden)


def test_data_import(folder: Path) -> None:
    found = import_file("csv", folder / "points.csv", images=folder / "pictures", licence="CC0-1.0", made=Made.CLICKED)
    sizes = {one.id: (one.image.width, one.image.height) for one in found.examples if one.image is not None}
    assert sizes == {name: ODD[name].size for name in GOOD}
    assert sum(found.left_out.values()) == len(ODD) - len(GOOD)


def test_data_filter(folder: Path) -> None:
    report = QualityReport()
    kept = keep_good(open_dataset(folder), QualitySettings(rules=("unreadable",)), report)
    assert {example.id for example in kept} == GOOD
    assert report.removed_examples == {"unreadable": len(ODD) - len(GOOD)}


def test_what_looks_alike_is_judged_by_the_pixels_of_the_model(folder: Path) -> None:
    for name in sorted(GOOD):
        data = ODD[name].data
        stream = io.BytesIO()
        Image.fromarray(open_image(data)).save(stream, "PNG")
        assert signature(data).distance(signature(stream.getvalue())) <= 6, name


def test_data_show(folder: Path) -> None:
    write_page(folder, folder / "page.html", limit=1000)
    cards = (folder / "page.html").read_text(encoding="utf-8").split('<section class="card">')[1:]
    assert len(cards) == len(ODD)
    for name, card in zip(ODD, cards, strict=True):
        picture = re.search(r'href="data:image/jpeg;base64,([^"]+)"', html.unescape(card))
        assert ('class="complaint"' in card, picture is not None) == (name not in GOOD, name in GOOD), name
        assert ("Transparency hides" in card) == ODD[name].hidden
        if picture is not None:
            shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture[1])))).astype(int)
            assert np.abs(shown - open_image(ODD[name].data)).mean() < 8, name


@pytest.mark.parametrize("name", ODD)
def test_download(name: str, tmp_path: Path) -> None:
    store, odd = ImageStore(tmp_path), ODD[name]
    if odd.refused:
        with pytest.raises(ImageError):
            store.put("http://a/b", odd.data)
        return
    store.put("http://a/b", odd.data)
    path = store.path("http://a/b")
    assert path is not None and path.read_bytes() == odd.data
    np.testing.assert_array_equal(open_image(path), open_image(odd.data))


@pytest.mark.filterwarnings("ignore")
def test_training_and_inference(folder: Path, processor: Processor) -> None:
    for example in open_dataset(folder):
        assert example.image is not None and example.image.path is not None
        rng = np.random.default_rng(0)
        if example.id not in GOOD:
            with pytest.raises(ImageError):
                processor.train(example, rng)
            with pytest.raises(ImageError):
                processor.pictures([example.image.path])
            continue
        (learned,) = processor.train(example, rng).images
        (asked,) = processor.pictures([example.image.path])
        (array,) = processor.pictures([open_image(ODD[example.id].data)])
        assert asked.size == ODD[example.id].size
        np.testing.assert_array_equal(learned.pixels, asked.crops.pixels)
        np.testing.assert_array_equal(asked.crops.pixels, array.crops.pixels)


def test_sizes_of_published_sets() -> None:
    for name in sorted(GOOD):
        assert size_of(ImageRef(data=ODD[name].data)) == ODD[name].size, name
    with pytest.raises(DataError):
        size_of(ImageRef(data=b"<html>"))


def test_folders(folder: Path) -> None:
    found = {path.name for path in pictures_in(folder / "pictures").paths}
    assert found >= GOOD
    assert set(ODD) - found == {"phone.heic", "new.jxl", "film.avi", "paper.pdf"}  # counted as passed over


def rows_of(folder: Path, rows: list[dict[str, object]]) -> Iterator[np.ndarray]:
    (folder / "rows.jsonl").write_text("".join(json.dumps({**row, "caption": "x"}) + "\n" for row in rows))
    for example in open_dataset(folder / "rows.jsonl"):
        assert example.image is not None
        yield open_image(example.image.data if example.image.data is not None else example.image.path or "")


def test_rows_may_name_pictures_by_addresses(tmp_path: Path) -> None:
    data = ODD["grey16.png"].data
    picture = tmp_path / "my picture.png"
    picture.write_bytes(data)
    text = base64.encodebytes(data).decode()  # in lines of 76
    names = ["my picture.png", picture.as_uri(), f"data:image/png;base64,{text}"]
    for image in rows_of(tmp_path, [{"image": name} for name in names]):
        np.testing.assert_array_equal(image, open_image(data))
    assert check_dataset(tmp_path / "rows.jsonl").ok
    (tmp_path / "rows.jsonl").write_text('{"image": "data:image/png;base64,?", "caption": "x"}\n')
    (fault,) = check_dataset(tmp_path / "rows.jsonl").faults
    assert (fault.row, fault.field, fault.rule) == (1, "image", "readable") and "base64" in fault.message
