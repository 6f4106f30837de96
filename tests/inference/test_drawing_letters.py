"""Widths of words on a picture, what looks like a photograph, and draws among the likeliest tokens."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from openmolmo.core.errors import ConfigError
from openmolmo.inference import fonts
from openmolmo.inference.sampling import Sampling, next_tokens

# ------------------------------------------------------------------------------------------- fonts


@pytest.fixture
def no_fonts(tmp_path, monkeypatch):
    """A machine without any font but Pillow's own."""
    caches = (fonts._file_of, fonts._files, fonts._has, fonts._missing, fonts._said)
    monkeypatch.setattr(fonts, "font_folders", lambda: [tmp_path / "nothing"])
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def pen(width: int = 300) -> ImageDraw.ImageDraw:
    return ImageDraw.Draw(Image.new("RGB", (width, 40), "black"))


def inked(text: str) -> tuple[int, int]:
    """First and last column that a text at 10 pixels from the left has touched."""
    picture = Image.new("RGB", (400, 40), "black")
    fonts.draw_text(ImageDraw.Draw(picture), (10, 20), text, 16, "white")
    columns = np.flatnonzero(np.asarray(picture).any(axis=(0, 2)))
    return int(columns[0]), int(columns[-1])


def test_a_text_takes_the_room_that_is_said(no_fonts) -> None:
    for text in ("star", "a 漢 b", "WWWWWW"):
        left, right = inked(text)
        assert left >= 9 and right <= 10 + fonts.text_length(pen(), text, 16) + 1
        assert right >= 10 + 0.7 * fonts.text_length(pen(), text, 16)


def test_without_fonts_a_letter_is_its_number(no_fonts) -> None:
    shown = "".join(piece for _, piece in fonts._pieces("a漢b", 16))
    assert shown == "aU+6F22 b"


def test_line_breaks_and_controls_are_blanks_and_joiners_are_no_letters(no_fonts) -> None:
    for text in ("a\nb", "a\tb", "a\x00b"):
        assert [piece for _, piece in fonts._pieces(text, 16)] == ["a b"]
    assert "U+" not in "".join(piece for _, piece in fonts._pieces("a\u200db\ufe0f", 16))


def test_an_empty_label_takes_no_room(no_fonts) -> None:
    assert fonts.text_length(pen(), "", 16) == 0
    fonts.draw_text(pen(), (0, 0), "", 16, "white")


def test_larger_letters_take_more_room(no_fonts) -> None:
    small, large = (fonts.text_length(pen(), "stars", size) for size in (10, 20))
    assert large == pytest.approx(2 * small, rel=0.1)


def test_fonts_with_many_scripts_come_first(tmp_path, monkeypatch) -> None:
    for name in ("aaa.ttf", "NotoSansCJK-Regular.ttc", "DejaVuSans.ttf", "readme.txt"):
        (tmp_path / name).write_bytes(b"")
    monkeypatch.setattr(fonts, "font_folders", lambda: [tmp_path, tmp_path / "missing"])
    fonts._files.cache_clear()
    names = [name.rsplit("/", 1)[-1] for name in fonts._files()]
    fonts._files.cache_clear()
    assert names == ["DejaVuSans.ttf", "NotoSansCJK-Regular.ttc", "aaa.ttf"]


def test_fonts_are_sought_where_each_system_keeps_them(monkeypatch) -> None:
    monkeypatch.setattr(fonts.sys, "platform", "linux")
    monkeypatch.setenv("XDG_DATA_DIRS", "/one:/two")
    monkeypatch.setenv("XDG_DATA_HOME", "/mine")
    assert [str(path) for path in fonts.font_folders()[:3]] == ["/mine/fonts", "/one/fonts", "/two/fonts"]
    monkeypatch.setattr(fonts.sys, "platform", "darwin")
    assert str(fonts.font_folders()[0]) == "/System/Library/Fonts"
    monkeypatch.setattr(fonts.sys, "platform", "win32")
    monkeypatch.setenv("WINDIR", "/win")
    assert str(fonts.font_folders()[0]) == "/win/Fonts"


# ---------------------------------------------------------------------------------------- sampling


@pytest.mark.parametrize(
    "options", [{"temperature": -0.1}, {"temperature": math.nan}, {"temperature": math.inf}, {"top_p": 0.0}]
)
def test_impossible_draws_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        Sampling(**options)
    with pytest.raises(ConfigError, match="top_p"):
        Sampling(top_p=math.nan)


def test_the_same_seed_draws_the_same_in_any_batch() -> None:
    logits = torch.randn(6, 40, generator=torch.Generator().manual_seed(0))
    sampling = Sampling(temperature=1.0, top_p=0.9)
    together = next_tokens(logits, sampling, [np.random.default_rng(i) for i in range(6)])
    alone = [next_tokens(logits[i : i + 1], sampling, [np.random.default_rng(i)]).item() for i in range(6)]
    assert together.tolist() == alone


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(0.05, 1.0), st.floats(0.2, 3.0))
def test_only_the_likeliest_that_reach_top_p_are_drawn(seed: int, top_p: float, temperature: float) -> None:
    logits = torch.randn(1, 12, generator=torch.Generator().manual_seed(seed))
    chances, order = (logits[0] / temperature).softmax(-1).sort(descending=True)
    kept = int((chances.cumsum(-1) < top_p - 1e-6).sum()) + 1
    sampling = Sampling(temperature=temperature, top_p=top_p)
    drawn = {next_tokens(logits, sampling, [np.random.default_rng(i)]).item() for i in range(40)}
    assert drawn <= set(order[: kept + 1].tolist())
    if kept == 1 and chances[0] > top_p + 1e-3:
        assert drawn == {logits.argmax().item()}


def test_draws_come_as_often_as_their_chances() -> None:
    logits = torch.tensor([[0.7, 0.2, 0.1]]).log().expand(4000, 3)
    rng = np.random.default_rng(0)
    drawn = torch.bincount(next_tokens(logits, Sampling(temperature=1.0), [rng] * 4000), minlength=3) / 4000
    assert drawn.tolist() == pytest.approx([0.7, 0.2, 0.1], abs=0.03)
    greedy = next_tokens(logits.double(), Sampling(), [])
    assert set(greedy.tolist()) == {0} and set(next_tokens(logits.float(), Sampling(), []).tolist()) == {0}
