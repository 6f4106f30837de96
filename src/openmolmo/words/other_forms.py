"""Forms in which other models point, read beside ours.

<points coords="1 1 523 456 2 600 300">dogs</points>     picture, then number, x, y in thousandths (Molmo2)
<points 1=523,456 2=600,300 alt="dogs">dogs</points>     tenths of a percent, three digits each
Click(45.2, 78.1)    Long Press(45.2, 78.1)              percent (AndroidControl)
<|45|><|78|><|12|><|30|>dogs<|.|>                     a token of its own for each coordinate, in whole percent
&lt;point x="61.5" y="40.4"&gt;dog&lt;/point&gt;         any form as HTML text

The first and the token form are written too (``FormatConfig.point_form``).
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from itertools import groupby

from openmolmo.records.example import Point

__all__ = [
    "COORDINATE_TOKENS",
    "LABEL_END",
    "Place",
    "next_coordinates",
    "next_escaped",
    "next_press",
    "read_coords",
    "read_tenths",
    "write_coordinates",
    "write_coords",
]

LABEL_END = "<|.|>"
COORDINATE_TOKENS = (*(f"<|{percent}|>" for percent in range(101)), LABEL_END)
"""What a tokenizer needs as tokens of their own for the form ``tokens``; others write them in several."""

Place = dict[str, tuple[float, tuple[int, int]]]
"""``x``, ``y`` and maybe ``image``: each a value (percent, or which picture from 1), and where it is in the text."""

_SCALE = 10  # thousandths in a percent

# The last number counts only when something follows it: at the end of a cut text it may be half a number.
_QUOTE = r"[\"'“”]?(?![\"'“”])"
_COORDS = re.compile(rf"{_QUOTE}([\d.\t:;, ]*)(?=[^\d.\t:;, ])|{_QUOTE}([\d.\t:;, ]*[\t:;, ])")
_PICTURE = re.compile(r"(?:^|[\t:;,])\s{0,4}(\d{1,9}(?:\.\d{1,9})?) ([\d ]+)")
_TRIPLE = re.compile(r"(\d{1,9}) (\d{3,4}) (\d{3,4})(?!\d)")
_TENTHS = re.compile(r"(?:p|\d{1,6})\s{0,4}=\s{0,4}(\d{3})\s{0,4},\s{0,4}(\d{3})(?=\D)", re.IGNORECASE)
_PERCENT = r"-?\d{1,9}(?:\.\d{1,9})?"
_PRESS = re.compile(
    rf"\b(click|long[ _]?press)\s{{0,4}}\(\s{{0,4}}({_PERCENT})\s{{0,4}},\s{{0,4}}({_PERCENT})\s{{0,4}}\)",
    re.IGNORECASE,
)
_COORDINATE = re.compile(r"<\|(\d{1,3})\|>")
_RUN = re.compile(r"(?:<\|\d{1,3}\|>){2,}")
_AFTER = re.compile(r"[^<\n]*")
_ESCAPED_OPEN = re.compile(r"&lt;\s?points?(?=[\s&])", re.IGNORECASE)
_ESCAPED_CLOSE = re.compile(r"&lt;\s?/\s?points?\s?&gt;", re.IGNORECASE)


def read_coords(text: str, position: int) -> tuple[list[Place], int]:
    """Each place in the value at ``position``, and where that ends."""
    found = _COORDS.match(text, position)
    if found is None:
        return [], position
    group = 1 if found[1] is not None else 2
    start, value = found.start(group), found[group]
    places: list[Place] = []
    for picture in _PICTURE.finditer(value):
        image = (float(picture[1]), _moved(picture.span(1), start))
        triples = _TRIPLE.finditer(picture[2])
        places += [{**_scaled(triple, 2, start + picture.start(2)), "image": image} for triple in triples]
    return places, found.end()


def read_tenths(text: str, position: int) -> tuple[Place, int] | None:
    """(the place, where it ends) of ``1=523,456`` at ``position``."""
    found = _TENTHS.match(text, position)
    return None if found is None else (_scaled(found, 1, 0), found.end())


def _scaled(found: re.Match[str], first: int, start: int) -> Place:
    """x and y in the groups ``first`` and the next, in thousandths; ``start`` is where the searched text begins."""
    x, y = ((int(found[group]) / _SCALE, _moved(found.span(group), start)) for group in (first, first + 1))
    return {"x": x, "y": y}


def _moved(span: tuple[int, int], by: int) -> tuple[int, int]:
    return span[0] + by, span[1] + by


def next_press(
    text: str, position: int
) -> tuple[str, float, float, int, int, tuple[tuple[int, int], tuple[int, int]]] | None:
    """(its name, x and y as written, start, end, where x and y stand) of the next click or long press."""
    found = _PRESS.search(text, position)
    if found is None:
        return None
    return found[1], float(found[2]), float(found[3]), found.start(), found.end(), (found.span(2), found.span(3))


def next_escaped(text: str, position: int) -> tuple[str, int, int] | None:
    """(the element as it was, start, end) of the next one written as HTML text."""
    opened = _ESCAPED_OPEN.search(text, position)
    if opened is None:
        return None
    following = _ESCAPED_OPEN.search(text, opened.end())
    limit = len(text) if following is None else following.start()
    closed = _ESCAPED_CLOSE.search(text, opened.end(), limit)
    end = limit if closed is None else closed.end()
    return html.unescape(text[opened.start() : end]), opened.start(), end


def write_coords(points: Sequence[Point]) -> str:
    """The value of ``coords`` for points in order: pictures apart by semicolons, numbers go on from one to the next."""
    numbered = list(enumerate(points, start=1))
    pictures = groupby(numbered, key=lambda one: one[1].image)
    return ";".join(
        " ".join([str(image + 1), *(f"{n} {_thousandths(p.x)} {_thousandths(p.y)}" for n, p in members)])
        for image, members in pictures
    )


def _thousandths(percent: float) -> str:
    return f"{round(percent * _SCALE):03d}"


def write_coordinates(points: Sequence[Point]) -> str:
    """Coordinates of points in order, a token each."""
    return "".join(f"<|{round(point.x)}|><|{round(point.y)}|>" for point in points)


Number = tuple[float, tuple[int, int]]
"""A value, and where it stands in the text."""


def next_coordinates(text: str, position: int) -> tuple[list[tuple[Number, Number]], str, int, int, bool] | None:
    """(pairs of x and y, label, start, end, whether the label is closed) of the next run of coordinate tokens."""
    run = _RUN.search(text, position)
    if run is None:
        return None
    numbers = [(float(one[1]), one.span(1)) for one in _COORDINATE.finditer(text, run.start(), run.end())]
    label = _AFTER.match(text, run.end())
    assert label is not None  # it may be empty
    closed = text.startswith(LABEL_END, label.end())
    end = label.end() + len(LABEL_END) * closed
    return list(zip(numbers[::2], numbers[1::2], strict=False)), label[0], run.start(), end, closed
