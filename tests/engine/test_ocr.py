"""Writing in pictures: read, ordered in rows, remembered; none where there is none."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from openmolmo.core.errors import ConfigError, ImageError, MissingDependencyError
from openmolmo.engine.ocr import OCR_DRIVERS, Line, Reading, build_ocr, in_rows, read_text
from openmolmo.engine.ocr.drivers import rapid

ROWS = ["Corner Cafe", "Coffee 3.50", "Apple pie 4.25", "Total 7.75"]


def box(text: str, left: float, top: float, height: float = 5) -> Line:
    right, bottom = left + 10, top + height
    return Line(text=text, score=0.9, corners=((left, top), (right, top), (right, bottom), (left, bottom)))


@dataclass(frozen=True, kw_only=True)
class Fake:
    """A driver that counts how often it reads."""

    calls: list[int] = field(default_factory=list, repr=False)
    option: int = 0
    engine = "fake"
    model = "none"
    version = "1"

    def lines(self, pixels: np.ndarray) -> list[Line]:
        self.calls.append(pixels.shape[1])
        return [box("3.50", 60, 20), box("Coffee", 5, 21), box("Cafe", 5, 5)]


def receipt(turned: float = 0) -> Image.Image:
    picture = Image.new("RGB", (320, 240), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(22)
    draw.text((20, 15), ROWS[0], fill="black", font=font)
    for number, row in enumerate(ROWS[1:]):
        name, price = row.rsplit(" ", 1)
        draw.text((20, 70 + 45 * number), name, fill="black", font=font)
        draw.text((235, 70 + 45 * number + (3, -3, 2)[number]), price, fill="black", font=font)
    return picture.rotate(turned, expand=True, fillcolor="white")


def test_rows_are_by_overlap_of_boxes_and_not_by_their_tops() -> None:
    lines = [
        box("3.50", 60, 22), box("Coffee", 5, 20), box("4.25", 60, 28.5), box("Pie", 5, 30), box("Cafe", 5, 5, 9),
    ]  # fmt: skip
    assert [[line.text for line in row] for row in in_rows(lines)] == [["Cafe"], ["Coffee", "3.50"], ["Pie", "4.25"]]
    skewed = [box(str(number), 12 * number, 10 + 1.5 * number) for number in range(7)]
    assert len(in_rows(skewed)) > 1  # neighbours overlap, ends do not: no chain
    assert in_rows([]) == []
    assert in_rows([box("flat", 1, 1, 0), box("flat", 2, 1, 0)])  # boxes without height divide nothing


def test_the_same_pixels_are_read_once_for_each_option(tmp_path: Path) -> None:
    fake = Fake()
    picture = Image.new("RGB", (40, 30), "red")
    picture.save(tmp_path / "a.png")
    first = read_text(picture, fake, cache=tmp_path / "known")
    assert first.rows == ["Cafe", "Coffee 3.50"]
    assert [line.text for line in first.lines] == ["Cafe", "Coffee", "3.50"]
    assert Reading.from_dict(first.to_dict()) == first
    assert read_text(tmp_path / "a.png", fake, cache=tmp_path / "known") == first
    assert fake.calls == [40]
    read_text(picture, Fake(calls=fake.calls, option=1), cache=tmp_path / "known")
    read_text(Image.new("RGB", (41, 30)), fake, cache=tmp_path / "known")
    assert fake.calls == [40, 40, 41]
    for file in (tmp_path / "known").rglob("*.json"):
        file.write_text("{", encoding="utf-8")
    assert read_text(picture, fake, cache=tmp_path / "known") == first  # a damaged memory is no memory
    assert fake.calls == [40, 40, 41, 40]
    with pytest.raises(ImageError):
        read_text(b"no picture", fake)


def test_the_driver_maps_boxes_to_percent_and_asks_in_its_engines_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    assert OCR_DRIVERS.names() == ["rapidocr"]
    asked = []

    def engine(pixels: np.ndarray, text_score: float) -> SimpleNamespace:
        asked.append((pixels[0, 0].tolist(), text_score))
        boxes = np.array([[[20, 30], [110, 30], [110, 60], [20, 60]], [[-5, 0], [9, 0], [9, 9], [-5, 9]]], np.float32)
        return SimpleNamespace(txts=(" Café ", " "), scores=(np.float32(0.91), 0.9), boxes=boxes)

    monkeypatch.setattr(rapid, "_engine", lambda threads: engine)
    reading = read_text(Image.new("RGB", (200, 300), "red"), build_ocr("rapidocr", min_score=0.7))
    corners = ((10.0, 10.0), (55.0, 10.0), (55.0, 20.0), (10.0, 20.0))
    assert reading.lines == (Line(text="Café", score=0.91, corners=corners),)
    assert asked == [([0, 0, 255], 0.7)]
    monkeypatch.setattr(
        rapid, "_engine", lambda threads: lambda *_, **__: SimpleNamespace(txts=None, scores=None, boxes=None)
    )
    assert read_text(Image.new("RGB", (20, 30))).rows == []


@pytest.mark.slow
def test_the_driver_reads_what_is_written() -> None:
    reading = read_text(receipt())
    assert reading.rows == ROWS
    assert all(0.5 < line.score <= 1 for line in reading.lines)
    (x, y), _, (right, bottom), _ = reading.lines[0].corners
    assert (x, y, right, bottom) == pytest.approx((6, 7, 45, 18), abs=5)  # percent of 320 x 240
    assert (reading.engine, reading.model[:7], len(reading.picture_sha256)) == ("rapidocr", "PP-OCRv", 64)


def test_wrong_options_and_missing_packages_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for options in ({"threads": 0}, {"min_score": 5}, {"colour": "red"}):
        with pytest.raises(ConfigError):
            build_ocr("rapidocr", **options)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    rapid._engine.cache_clear()
    with pytest.raises(MissingDependencyError, match=r"openmolmo\[ocr\]"):
        read_text(receipt())
    rapid._engine.cache_clear()


@pytest.mark.slow
def test_a_skewed_page_is_read_and_a_photograph_has_no_writing() -> None:
    words = set(" ".join(ROWS).split())
    found = set(" ".join(read_text(receipt(turned=4)).rows).split())
    assert len(words & found) / len(words) >= 0.9
    y, x = np.mgrid[:240, :320]
    light = np.stack([120 + 80 * np.sin(x / 40) + 20 * np.cos(y / 13), 100 + 60 * np.cos(y / 50), 90 + x / 4], -1)
    noise = np.random.default_rng(0).normal(0, 6, light.shape)
    assert read_text((light + noise).clip(0, 255).astype(np.uint8)).lines == ()
