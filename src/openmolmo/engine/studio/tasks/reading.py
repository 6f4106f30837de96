"""Reads what a page sent: JSON that may be anything, since a browser's drafts outlive the page that made them."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from openmolmo.engine.studio.tasks.complaints import UnfinishedError
from openmolmo.records.example import Made, Point

__all__ = ["DIGITS", "clean_label", "clean_text", "labels_in", "made_in", "points_in", "points_out", "rows_in"]

DIGITS = 4
"""Decimals of a percentage that are kept: 0.0001 % is a hundredth of a pixel in 10,000."""

MOST_POINTS = 2000
LONGEST_LABEL = 120
LONGEST_TEXT = 8000


def clean_text(value: object) -> str:
    """One text without control characters and halves of characters, lines kept, trimmed; not a text is empty."""
    if not isinstance(value, str):
        return ""
    kept = "".join(c for c in value if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
    text = unicodedata.normalize("NFC", kept).strip()
    if len(text) > LONGEST_TEXT:
        raise UnfinishedError("modes.error.long_text", length=len(text), most=LONGEST_TEXT)
    return text


def clean_label(value: object) -> str:
    """A label as the data set has it: ``'  Red  Cups. '`` -> ``'red cups'``.

    Labels are lower case in prompts (arXiv 2409.17146, appendix), so that one thing has one name.
    """
    words = " ".join(clean_text(value).split()).lower()
    label = unicodedata.normalize("NFC", words).strip(" .,;:!?\"'`“”„‘’«»")
    if len(label) > LONGEST_LABEL:
        raise UnfinishedError("modes.error.long_label", length=len(label), most=LONGEST_LABEL)
    return label


def rows_in(value: object) -> list[Mapping[str, Any]]:
    """A list of objects; nothing at all is an empty one."""
    if value is None:
        return []
    if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(row, Mapping) for row in value):
        raise UnfinishedError("modes.error.form")
    return list(value)


def labels_in(value: object) -> list[str]:
    """A list of labels, each cleaned, empty ones and repeats left out."""
    if value is None:
        return []
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise UnfinishedError("modes.error.form")
    return list(dict.fromkeys(label for label in map(clean_label, value) if label))


def points_in(value: object) -> tuple[Point, ...]:
    """``[{"x": 12.5, "y": 40}, ...]`` in percent; the same place twice (a double click) counts once."""
    rows = rows_in(value)
    if len(rows) > MOST_POINTS:
        raise UnfinishedError("modes.error.many_points", count=len(rows), most=MOST_POINTS)
    return tuple(dict.fromkeys(Point(_percent(row.get("x")), _percent(row.get("y"))) for row in rows))


def points_out(points: Sequence[Point]) -> list[dict[str, float]]:
    """The form that :func:`points_in` reads."""
    return [{"x": point.x, "y": point.y} for point in points]


def made_in(payload: Mapping[str, Any]) -> tuple[Made, ...]:
    """How a task's contents were made, as its import says; unknown where it does not, which the audit refuses."""
    named = payload.get("made")
    names = [named] if isinstance(named, str) else named
    known = {made.value for made in Made}
    if not isinstance(names, Sequence) or not names or not all(isinstance(n, str) and n in known for n in names):
        return (Made.UNKNOWN,)
    return tuple(map(Made, names))


def _percent(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UnfinishedError("modes.error.form")
    if not 0 <= value <= 100:
        raise UnfinishedError("modes.error.outside", place=f"{value:.1f}")
    return round(float(value), DIGITS)
