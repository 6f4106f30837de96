"""Labels in any script: the letters where a font has them, their numbers where none does, seen in the pixels."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from PIL import Image, ImageDraw

from openmolmo.inference import fonts
from openmolmo.inference.draw import draw_points
from openmolmo.words.answer import FoundPoint

SIZE = 40


def forget() -> None:
    for cached in (fonts._file_of, fonts._has, fonts._missing, fonts._font, fonts._files, fonts._said):
        cached.cache_clear()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine whose only fonts are the ones in this folder."""
    monkeypatch.setattr(fonts, "font_folders", lambda: [tmp_path])
    forget()
    yield tmp_path
    forget()


def make_font(path: Path, letters: dict[str, tuple[int, int]]) -> None:
    """A font in which each letter is a black box of that width and height, in thousandths of its size."""
    builder = FontBuilder(1000, isTTF=True)
    boxes = {".notdef": (100, 100), **{f"u{ord(letter):X}": size for letter, size in letters.items()}}
    glyphs = {}
    for name, (width, height) in boxes.items():
        pen = TTGlyphPen(None)
        for step, point in enumerate([(0, 0), (0, height), (width, height), (width, 0)]):
            (pen.lineTo if step else pen.moveTo)(point)
        pen.closePath()
        glyphs[name] = pen.glyph()
    builder.setupGlyphOrder(list(boxes))
    builder.setupCharacterMap({ord(letter): f"u{ord(letter):X}" for letter in letters})
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics(dict.fromkeys(boxes, (1000, 0)))
    builder.setupHorizontalHeader(ascent=1000, descent=0)
    builder.setupNameTable({"familyName": "Boxes", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=1000, sTypoDescender=0)
    builder.setupPost()
    builder.save(path)


def drawn(text: str) -> np.ndarray:
    """Where ink is, (height, width) bool, of a text on white."""
    canvas = Image.new("RGB", (SIZE * 16, SIZE * 2), "white")
    fonts.draw_text(ImageDraw.Draw(canvas), (0, SIZE), text, SIZE, "black")
    return np.asarray(canvas.convert("L")) < 128


def test_a_letter_that_a_font_has_is_drawn_with_it(folder: Path) -> None:
    make_font(folder / "boxes.ttf", {"红": (900, 800), "色": (300, 200)})
    for letter, ink in (("红", 0.72), ("色", 0.06)):
        share = drawn(letter)[:, :SIZE].sum() / SIZE**2
        assert share == pytest.approx(ink, abs=0.03)
    both = drawn("红色")
    assert both[:, :SIZE].sum() > both[:, SIZE : 2 * SIZE].sum() > 0
    assert not both[:, 2 * SIZE :].any()


def test_letters_of_several_fonts_stand_in_one_line(folder: Path) -> None:
    make_font(folder / "one.ttf", {"红": (900, 800)})
    make_font(folder / "two.ttf", {"별": (900, 800)})
    ink = drawn("红별 red")
    assert ink[:, : 2 * SIZE].sum() == pytest.approx(2 * 0.72 * SIZE**2, rel=0.05)
    pen = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    assert fonts.text_length(pen, "红별", SIZE) == pytest.approx(2 * SIZE, abs=1)
    assert ink[:, 2 * SIZE :].sum() > 0


def test_a_letter_that_no_font_has_is_its_number_and_said_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        ink = drawn("红")
        assert np.array_equal(ink, drawn("U+7EA2 "))
        assert not np.array_equal(ink, drawn("色"))
    assert [record.getMessage()[:34] for record in caplog.records] == ["no font here has 红 (U+7EA2): lette"]


def test_a_damaged_font_is_passed_over(folder: Path) -> None:
    (folder / "aaa.ttf").write_bytes(b"\0\1\0\0 no font")
    make_font(folder / "boxes.ttf", {"红": (900, 800)})
    assert drawn("红")[:, :SIZE].sum() > 0.6 * SIZE**2


def test_latin_letters_need_no_font(folder: Path) -> None:
    assert drawn("red star (2)").any()
    assert drawn("\ud83d\0 x").any()  # half a character and a control sign are left white


def test_russian_and_arabic_are_letters_where_the_machine_has_them() -> None:
    forget()
    have = [text for text in ("звезда", "نجمة", "étoile") if all(fonts._file_of(sign) != "" for sign in text)]
    for text in have:
        assert len({drawn(sign).tobytes() for sign in text}) > 1, f"{text} is drawn as equal boxes"
        numbers = "".join(f"U+{ord(sign):04X} " for sign in text)
        assert drawn(text).any(axis=0).sum() < drawn(numbers).any(axis=0).sum() / 2
    forget()


def test_a_label_without_end_is_cut() -> None:
    point = FoundPoint(label="звезда " * 5000, x=50.0, y=50.0, x_pixel=300, y_pixel=200)
    made = np.asarray(draw_points(Image.new("RGB", (600, 400), "white"), [point]).convert("L"))
    assert (made[400:, 30:590] < 128).any() and not (made[400:, 590:] < 128).any()


def test_the_legend_names_labels_in_their_script(folder: Path) -> None:
    make_font(folder / "boxes.ttf", {"红": (900, 800), "色": (300, 200)})
    legends = []
    for label in ("红", "色"):
        point = FoundPoint(label=label, x=50.0, y=50.0, x_pixel=300, y_pixel=200)
        made = draw_points(Image.new("RGB", (600, 400), "white"), [point])
        legends.append(np.asarray(made.convert("L"))[400:, 30:] < 128)
    assert legends[0].sum() - legends[1].sum() == pytest.approx((0.72 - 0.06) * 18**2, rel=0.2)
