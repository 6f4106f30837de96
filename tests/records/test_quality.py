"""What spoils a data set is found by name, counted, and left out."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from making import image_ref, picture
from PIL import Image

from openmolmo.core.errors import ConfigError
from openmolmo.records import ParquetDataset, write_dataset
from openmolmo.records.check import check_dataset
from openmolmo.records.commands import data
from openmolmo.records.example import (
    Annotation,
    Caption,
    Counting,
    Example,
    ImageRef,
    Made,
    NotPresent,
    Point,
    Pointing,
    Provenance,
)
from openmolmo.records.quality import QualitySettings, filter_dataset, keep_good
from openmolmo.records.quality_hash import LookAlikes, signature
from openmolmo.records.quality_report import QualityReport

STAR = Pointing(label="star", points=(Point(1.0, 2.0),))


def make(name: str, *annotations: Annotation, seed: int = 0, data: bytes | None = None) -> Example:
    made = {item.kind: (Made.CLICKED,) for item in annotations}
    image = image_ref(picture(seed=seed) if data is None else data)
    if data is not None:
        image = dataclasses.replace(image, width=None, height=None)
    origin = Provenance(dataset="d", licence="CC0-1.0", made=made)
    return Example(id=name, image=image, annotations=annotations, provenance=origin)


def kept(examples: list[Example], **settings: object) -> tuple[list[Example], QualityReport]:
    report = QualityReport()
    good = list(keep_good(examples, QualitySettings(**settings), report))  # type: ignore[arg-type]
    return good, report


def test_each_fault_is_left_out_by_its_rule_and_the_rest_stays(tmp_path: Path) -> None:
    many = tuple(Point(float(n), 5.0) for n in range(41))
    examples = [
        make("good", STAR, Caption(text="A star.")),
        make("outside", STAR, Pointing(label="moon", points=(Point(101.0, 5.0),)), seed=1),
        make("empty", Caption(text=" "), seed=2),
        make("count", Counting(label="star", count=3, points=(Point(1.0, 2.0),)), STAR, seed=3),
        make("long", Pointing(label="crowd", points=many), STAR, seed=4),
        make("both", STAR, NotPresent(label="Star"), seed=5),
        make("again", STAR, Caption(text="Another text."), seed=0),
        make("broken", STAR, data=picture(seed=6)[:200]),
    ]
    write_dataset(tmp_path / "all", examples)
    report = filter_dataset(tmp_path / "all", tmp_path / "good")
    assert dict(report.removed) == {
        "percent": 1, "text": 1, "count": 1, "too_many_points": 1, "not_present": 1, "repeat": 1, "unreadable": 1,
    }  # fmt: skip
    assert report.removed_examples["unreadable"] == 1 and report.removed_examples["(no annotation left)"] == 1
    assert "101" in report.some["percent"][0] and report.some["percent"][0].startswith("outside")
    found = ParquetDataset(tmp_path / "good")
    assert [one.id for one in found] == ["good", "outside", "count", "long", "both", "again"]
    assert found[5].annotations == (Caption(text="Another text."),)
    assert (report.examples, report.kept_examples, report.annotations, report.kept_annotations) == (8, 6, 14, 7)
    assert check_dataset(tmp_path / "good").ok
    again = filter_dataset(tmp_path / "good", None)
    assert not again.removed and again.kept_annotations == 7


def photo(seed: int) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((240, 180), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, form: str = "JPEG", **options: int) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def test_pictures_that_look_alike_are_found_and_others_are_not() -> None:
    alike = LookAlikes(6)
    originals = [photo(seed) for seed in range(40)]
    for number, image in enumerate(originals):
        mark = signature(encoded(image, quality=92))
        assert alike.find(mark) is None
        alike.add(mark, str(number))
    for number, image in enumerate(originals):
        for copy in (
            encoded(image, quality=40),
            encoded(image.resize((120, 90)), quality=85),
            encoded(image.point(lambda value: min(255, value + 4)), "PNG"),
        ):
            assert alike.find(signature(copy)) == str(number)
        assert alike.find(signature(encoded(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)))) is None


def test_plain_pictures_of_different_colours_are_not_alike() -> None:
    red, blue = (signature(encoded(Image.new("RGB", (64, 64), colour))) for colour in ("red", "blue"))
    assert red.bits == blue.bits == 0 and red.distance(blue) == 128


def test_near_duplicates_go_only_when_asked_for() -> None:
    images = [encoded(photo(1), quality=90), encoded(photo(1), quality=60), encoded(photo(2))]
    examples = [make(name, STAR, data=data) for name, data in zip("abc", images, strict=True)]
    examples.append(make("d", Caption(text="b's picture again"), data=images[1]))
    assert [one.id for one in kept(examples)[0]] == ["a", "b", "c", "d"]
    good, report = kept(examples, near=6)
    assert [one.id for one in good] == ["a", "c"]
    assert report.removed_examples == {"near_duplicate": 2}
    assert report.some["near_duplicate"] == ["b: looks like a", "d: looks like a"]


def test_questions_about_what_is_not_there_are_balanced(tmp_path: Path) -> None:
    examples = [make(str(n), STAR, NotPresent(label="cup"), NotPresent(label="owl"), seed=n) for n in range(60)]
    write_dataset(tmp_path / "all", examples)
    report = filter_dataset(tmp_path / "all", tmp_path / "good", QualitySettings(not_present=0.25))
    absent = sum(isinstance(item, NotPresent) for one in ParquetDataset(tmp_path / "good") for item in one.annotations)
    assert 8 <= absent <= 32  # 20 of 120 are a quarter beside 60 stars
    assert report.removed["unbalanced"] == 120 - absent
    second = filter_dataset(tmp_path / "all", None, QualitySettings(not_present=0.25))
    assert second.removed == report.removed


def test_only_the_named_rules_are_used() -> None:
    examples = [make("a", STAR, Caption(text="")), make("b", STAR)]
    good, report = kept(examples, rules=("repeat",))
    assert [one.id for one in good] == ["a"] and set(report.removed) == {"repeat"}
    with pytest.raises(ConfigError, match="known: "):
        QualitySettings(rules=("nice",))


def test_pictures_that_are_only_addresses_are_told_apart_by_them() -> None:
    examples = [make(name, STAR).replace(image=ImageRef(url=f"http://x/{url}.jpg")) for name, url in ("a1", "b2", "c1")]
    good, report = kept(examples)
    assert [one.id for one in good] == ["a", "b"] and report.removed == {"repeat": 1}


def test_the_command_says_what_each_rule_took(tmp_path: Path) -> None:
    write_dataset(tmp_path / "all", [make("a", STAR, Caption(text=""))])
    result = CliRunner().invoke(data, ["filter", str(tmp_path / "all")])
    assert result.exit_code == 0
    assert "would be kept" in result.stdout and "text" in result.stdout
    result = CliRunner().invoke(data, ["filter", str(tmp_path / "all"), "--out", str(tmp_path / "new"), "--json"])
    assert json.loads(result.stdout)["removed"] == {"text": 1}
    assert len(ParquetDataset(tmp_path / "new")) == 1
    result = CliRunner().invoke(data, ["filter", str(tmp_path / "all"), "--out", str(tmp_path / "all")])
    assert result.exit_code == 2 and "is not empty" in result.output


def test_examples_of_several_pictures_are_told_apart_by_all_of_them() -> None:
    one, other, broken = image_ref(picture(seed=1)), image_ref(picture(seed=2)), image_ref(b"no picture")
    base = make("e-0", STAR, seed=1)
    made = [
        base,
        *(base.replace(id=f"e-{n}", images=images) for n, images in enumerate([(one, other), (other, one)], start=1)),
        base.replace(id="e-3", images=(one, other)),
        base.replace(id="e-4", images=(one, broken)),
    ]
    good, report = kept(made, near=4)
    assert [one.id for one in good] == ["e-0", "e-1", "e-2"]
    assert (report.removed["repeat"], report.removed_examples["unreadable"]) == (1, 1)
