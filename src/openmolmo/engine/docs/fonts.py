"""The fonts that typst and Matplotlib write in: those of Matplotlib's wheel, the same on every machine.

A letter that none of them has would be drawn as a box; such a picture is refused.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from openmolmo.core.optional import require
from openmolmo.engine.docs.failures import RenderError

__all__ = ["MONO", "SANS", "SERIF", "font_file", "font_folder", "lacking_letters", "refuse_lacking_letters"]

SANS, SERIF, MONO = "DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono"

_FILES = {
    SANS: "DejaVuSans.ttf",
    SERIF: "DejaVuSerif.ttf",
    MONO: "DejaVuSansMono.ttf",
    "STIXGeneral": "STIXGeneral.ttf",
}
_BOLD = {
    SANS: "DejaVuSans-Bold.ttf",
    SERIF: "DejaVuSerif-Bold.ttf",
    MONO: "DejaVuSansMono-Bold.ttf",
    "STIXGeneral": "STIXGeneralBol.ttf",
}
_UNSEEN = {"Cc", "Cf", "Zs", "Zl", "Zp"}


def font_folder() -> Path:
    """Where the fonts lie."""
    matplotlib = require("matplotlib", extra="docs")
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def font_file(family: str, *, bold: bool = False) -> Path:
    """The file of one of our fonts."""
    return font_folder() / (_BOLD if bold else _FILES)[family]


@functools.cache
def _letters(family: str) -> frozenset[int]:
    ft2font = require("matplotlib.ft2font", extra="docs")
    return frozenset(ft2font.FT2Font(str(font_file(family))).get_charmap())


def lacking_letters(text: str, families: Iterable[str] = _FILES) -> str:
    """The letters of ``text`` that none of the fonts has, each once; what leaves no ink is not looked for."""
    return "".join(
        letter
        for letter in dict.fromkeys(text)
        if unicodedata.category(letter) not in _UNSEEN and not any(ord(letter) in _letters(name) for name in families)
    )


def refuse_lacking_letters(tool: str, texts: Iterable[str], families: Iterable[str] = _FILES) -> None:
    """Raise for the first text with a letter that would be drawn as a box, as none of the fonts has it."""
    names = tuple(families)
    for text in texts:
        if absent := lacking_letters(text, names):
            raise RenderError(tool, f"no font has the letter {absent[0]!r} (U+{ord(absent[0]):04X}) of {text!r}")
