"""Surroundings in words: one phrase for each kind, which captions use and judges read back."""

from __future__ import annotations

import re
from collections.abc import Iterable

from openmolmo.engine.synth.icons.scene import Setting
from openmolmo.engine.synth.scenes.backgrounds import TONES
from openmolmo.engine.synth.scenes.vocabulary import COLOURS, NUMBERS, article, number_word

__all__ = ["claims_of", "placed_phrase", "read_setting", "setting_phrase"]

_PHRASES = {
    "plain": ("on", "a plain {a} background"),
    "gradient": ("on", "a background that fades from {a} to {b}"),
    "grainy": ("on", "a grainy {a} background"),
    "blurred": ("on", "a blurred {a} background"),
    "outdoor": ("on", "a field of {ground} under {an_a} sky"),
    "checked": ("on", "a checked {a} and {b} cloth"),
    "striped": ("on", "a striped {a} and {b} cloth"),
    "wooden": ("on", "a wooden table"),
    "room": ("in", "a room with {an_a} wall and a {ground} floor"),
    "street": ("on", "a city street under {an_a} sky"),
    "shelves": ("on", "{rows} in front of {an_a} wall"),
    "grid": ("in", "a {a} grid of {rows} by {columns} cells"),
}
"""Kind -> preposition and noun phrase."""

Claim = tuple[str, str, str]


def setting_phrase(setting: Setting) -> str:
    """``a room with a white wall and a wooden floor``."""
    colours = (*setting.colours, "", "")
    rows = number_word(setting.rows)
    if setting.kind == "shelves":
        rows = "a wooden shelf" if setting.rows == 1 else f"{rows} wooden shelves"
    return _PHRASES[setting.kind][1].format(
        a=colours[0],
        b=colours[1],
        an_a=article(colours[0]) if colours[0] else "",
        ground=setting.ground,
        rows=rows,
        columns=number_word(setting.columns),
    )


def placed_phrase(setting: Setting) -> str:
    """``in a room with a white wall and a wooden floor``."""
    return f"{_PHRASES[setting.kind][0]} {setting_phrase(setting)}"


def claims_of(kind: str, colours: Iterable[str], ground: str, rows: int, columns: int) -> set[Claim]:
    """What is true of surroundings."""
    found = {("background", "background", kind), *(("tone", "background", colour) for colour in colours)}
    if ground:
        found.add(("ground", "background", ground))
    if rows:
        found.add(("rows", "background", str(rows)))
    if columns:
        found.add(("columns", "background", str(columns)))
    return found


def _pattern(kind: str) -> re.Pattern[str]:
    tone = "|".join(sorted({*TONES, *COLOURS}, key=len, reverse=True))
    number = "|".join(NUMBERS)
    text = re.sub(r"^a ", "(?:an? )?", _PHRASES[kind][1])
    rows = rf"(?:(?P<one>a) wooden shelf|(?P<rows>{number}) wooden shelves)" if kind == "shelves" else ""
    for slot, expression in (
        ("{an_a}", rf"an? (?P<a>{tone})"),
        ("{a}", rf"(?P<a>{tone})"),
        ("{b}", rf"(?P<b>{tone})"),
        ("{ground}", r"(?P<ground>grass|sand|snow|wooden|gray|beige)"),
        ("{rows}", rows or rf"(?P<rows>{number})"),
        ("{columns}", rf"(?P<columns>{number})"),
    ):
        text = text.replace(slot, expression)
    return re.compile(rf"\b{text}\b")


_PATTERNS = {kind: _pattern(kind) for kind in _PHRASES}


def read_setting(sentence: str) -> tuple[str, set[Claim]]:
    """The sentence without what it says of the surroundings, and those claims."""
    claims: set[Claim] = set()
    for kind, pattern in _PATTERNS.items():
        for match in pattern.finditer(sentence):
            found = match.groupdict()
            rows = 1 if found.get("one") else NUMBERS.index(found.get("rows") or "zero")
            columns = NUMBERS.index(found.get("columns") or "zero")
            colours = [colour for key in "ab" if (colour := found.get(key))]
            claims |= claims_of(kind, colours, found.get("ground") or "", rows, columns)
        sentence = pattern.sub(" ", sentence)
    return sentence, claims
