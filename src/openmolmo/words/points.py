"""Points as text, both ways.

    <point x="61.5" y="40.4" alt="dog">dog</point>
    <points x1="10.0" y1="20.0" x2="30.5" y2="20.1" alt="dogs">dogs</points>

Of several pictures a point that is not in the first says in which it is, counted from 1:

    <points x1="10.0" y1="20.0" image2="2" x2="30.5" y2="20.1" alt="dogs">dogs</points>

Coordinates are percent of width (x) and height (y), 0-100, one decimal (arXiv 2409.17146,
section 3). Writing is exact. Reading takes whatever a model writes: attributes in any order,
other quotes or none, no alt, text cut anywhere, and the forms of other models (``other_forms``).
It never raises, and of a cut text it gives exactly the points that are complete.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from openmolmo.core.errors import PromptError
from openmolmo.records.example import Point
from openmolmo.words.other_forms import (
    LABEL_END,
    Place,
    next_coordinates,
    next_escaped,
    next_press,
    read_coords,
    read_tenths,
    write_coordinates,
    write_coords,
)

__all__ = [
    "NOTHING_THERE",
    "NOTHING_THERE_PAPER",
    "OutOfRange",
    "PointForm",
    "PointGroup",
    "PointOrder",
    "order_points",
    "read_points",
    "without_points",
    "write_points",
]

PointOrder = Literal["xy", "yx", "given"]
PointForm = Literal["tags", "compact", "tokens"]
"""``tags`` as above; ``compact`` and ``tokens`` as ``other_forms`` shows them: Molmo2's, and a token a coordinate."""
OutOfRange = Literal["drop", "keep", "clamp"]
Written = tuple[tuple[int, int], tuple[int, int]]
"""Where (start, end) the numbers x and y of a point stand in a text."""

NOTHING_THERE = "There are none."
NOTHING_THERE_PAPER = "This isn't in the image."  # the paper's wording; read, never written


@dataclass(frozen=True, slots=True)
class PointGroup:
    """One ``<point>`` or ``<points>`` element, or one ``Click(x, y)``, found in a text.

    ``points`` in percent, in the order of their indices; ``start``/``end`` are the element's place
    in the text; ``complete`` says that its closing tag was there; ``dropped`` counts the points left
    out because a coordinate was outside 0-100. ``written``: where x and y of each point stand in the text.
    """

    label: str
    alt: str
    points: tuple[Point, ...]
    start: int
    end: int
    complete: bool = True
    dropped: int = 0
    written: tuple[Written, ...] = field(default=(), compare=False, repr=False)


# ------------------------------------------------------------------------------------------ writing


def order_points(points: Sequence[Point], order: PointOrder = "xy") -> list[tuple[float, float]]:
    """Round to one decimal and sort: ``xy`` by x then y (released models), ``yx`` top to bottom, or as given.

    Rounding is numpy's (12.35 -> 12.4, 25.25 -> 25.2), done before sorting, as in the released models. Of several
    pictures the points of the first come first.
    """
    return [(point.x, point.y) for point in _ordered(points, order)]


def _ordered(points: Sequence[Point], order: PointOrder) -> list[Point]:
    if not points:
        return []
    rounded = np.round(np.array([(point.x, point.y) for point in points], dtype=np.float64), 1) + 0.0
    placed = [Point(float(x), float(y), point.image) for (x, y), point in zip(rounded, points, strict=True)]
    if order == "xy":
        return sorted(placed, key=lambda point: (point.image, point.x, point.y))
    if order == "yx":
        return sorted(placed, key=lambda point: (point.image, point.y, point.x))
    return placed


def write_points(
    points: Sequence[Point],
    label: str,
    *,
    order: PointOrder = "xy",
    alt: str | None = None,
    form: PointForm = "tags",
) -> str:
    """The text of one group of points; no points at all gives ``There are none.``

    ``alt`` defaults to the label; only ``tags`` write it. Form ``tokens`` is of one picture, in whole percent.
    Raises PromptError on a coordinate outside 0-100 percent.
    """
    ordered = _ordered(points, order)
    if not ordered:
        return NOTHING_THERE
    for point in ordered:
        if not (0.0 <= point.x <= 100.0 and 0.0 <= point.y <= 100.0):
            raise PromptError(
                f"the point ({point.x}, {point.y}) of {label!r} is outside 0-100",
                fix="points are percent of the image's width and height; divide pixels by its size and multiply by 100",
            )
    inner = _escape(label)
    if form == "compact":
        return f'<points coords="{write_coords(ordered)}">{inner}</points>'
    if form == "tokens":
        return f"{write_coordinates(ordered)}{inner}{LABEL_END}"
    shown = inner if alt is None else _escape(alt)
    if len(ordered) == 1:
        return f'<point {_place(ordered[0], "")} alt="{shown}">{inner}</point>'
    places = " ".join(_place(point, str(number)) for number, point in enumerate(ordered, start=1))
    return f'<points {places} alt="{shown}">{inner}</points>'


def _place(point: Point, number: str) -> str:
    # Before the coordinates: a point of a cut text must not be taken for one of the first picture.
    image = f'image{number}="{point.image + 1}" ' if point.image else ""
    return f'{image}x{number}="{point.x:.1f}" y{number}="{point.y:.1f}"'


def _escape(text: str) -> str:
    """One line, and nothing in it that could end an attribute or a tag; plain text stays as it is."""
    line = " ".join(text.split())
    if html.unescape(line) != line:  # something in it already looks like an entity
        line = line.replace("&", "&amp;")
    return line.replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")


# ------------------------------------------------------------------------------------------ reading

_OPEN = re.compile(r"<\s?points?(?=[\s>/'\"])", re.IGNORECASE)
_CLOSE = re.compile(r"<\s?/\s?points?\s?>?", re.IGNORECASE)
_NAME = re.compile(r"([A-Za-z_]\w{0,30})\s{0,4}[=:]\s{0,4}")
_AXIS = re.compile(r"([xy]|image)[_ ]?(\d{0,6})\Z", re.IGNORECASE)
# A number counts only when something follows it: at the end of a cut text it may be half a number.
_NUMBER = re.compile(r"\\{0,2}[\"'“”]?\s{0,4}([+-]?(?:\d+(?:\.\d*|,\d+)?|\.\d+))\s{0,4}%?(?=[^\d.%])[\"'“”]?")
# The quote that ends a text is followed by a space, the tag's end or the text's end: an inch mark or
# an apostrophe inside is not.
_QUOTE_ENDS = {quote: re.compile(rf"{quote}(?=\s|/?>|\Z)") for quote in ('"', "'")}
_BARE_ENDS = re.compile(r"\s+[A-Za-z_]\w{0,30}\s{0,4}=|/?>|<|\Z")


def read_points(text: str, *, out_of_range: OutOfRange = "drop") -> list[PointGroup]:
    """Every group of points in a text, in order of appearance; ``[]`` when there is none.

    ``out_of_range``: what to do with coordinates outside 0-100: ``drop`` the point (counted in
    ``dropped``), ``keep`` it, or ``clamp`` it to the edge. Never raises.
    """
    # The readers of each form say where its next element is; the first of them is read.
    readers = {reader: reader(text, 0, out_of_range) for reader in (_element, _escaped, _press, _tokens)}
    groups: list[PointGroup] = []
    while found := min((one for one in readers.values() if one is not None), key=lambda one: one.start, default=None):
        if found.points or found.dropped:
            groups.append(found)
        for reader, known in readers.items():
            if known is not None and known.start < found.end:
                readers[reader] = reader(text, found.end, out_of_range)
    return groups


def _element(text: str, position: int, out_of_range: OutOfRange) -> PointGroup | None:
    """The next element, maybe without a point."""
    opened = _OPEN.search(text, position)
    if opened is None:
        return None
    attributes = _Attributes()
    label, end, complete = _read_label(text, attributes.read(text, opened.end()))
    points, written, dropped = _select(attributes.points(), out_of_range)
    alt, end = _clean(attributes.alt), max(end, opened.end())
    return PointGroup(_clean(label) or alt, alt, points, opened.start(), end, complete, dropped, written)


def _escaped(text: str, position: int, out_of_range: OutOfRange) -> PointGroup | None:
    """The next element that stands there as HTML text."""
    found = next_escaped(text, position)
    if found is None:
        return None
    plain, start, end = found
    inner = _element(plain, 0, out_of_range)
    if inner is None:
        return PointGroup("", "", (), start, end)
    places = _escaped_places(text[start:end])

    def outside(place: int) -> int:
        return start + (places[place] if place < len(places) else end - start)

    written = tuple(((outside(x[0]), outside(x[1])), (outside(y[0]), outside(y[1]))) for x, y in inner.written)
    if not inner.complete:  # nothing closes it: what follows the line is text again
        end = outside(inner.end)
    return replace(inner, start=start, end=end, written=written)


def _escaped_places(text: str) -> list[int]:
    """Where in an escaped text each character stands that it is unescaped to."""
    places: list[int] = []
    for piece in re.finditer(r"&#?\w{1,8};|.", text, re.DOTALL):
        places += [piece.start()] * len(html.unescape(piece[0]))
    return places


def _press(text: str, position: int, out_of_range: OutOfRange) -> PointGroup | None:
    """The next click or long press; its own name is its label."""
    found = next_press(text, position)
    if found is None:
        return None
    name, x, y, start, end, places = found
    points, written, dropped = _select([(Point(x, y), places)], out_of_range)
    return PointGroup(name, name, points, start, end, True, dropped, written)


def _tokens(text: str, position: int, out_of_range: OutOfRange) -> PointGroup | None:
    """The next run of coordinates that are a token each."""
    found = next_coordinates(text, position)
    if found is None:
        return None
    pairs, label, start, end, complete = found
    points, written, dropped = _select([(Point(x[0], y[0]), (x[1], y[1])) for x, y in pairs], out_of_range)
    return PointGroup(_clean(label), _clean(label), points, start, end, complete, dropped, written)


def without_points(text: str) -> str:
    """The text with every group of points replaced by its label, for people to read."""
    parts, last = [], 0
    for group in read_points(text, out_of_range="keep"):
        parts += [text[last : group.start], group.label]
        last = group.end
    return "".join([*parts, text[last:]])


class _Attributes:
    """The attributes of one opening tag, read as far as they make sense."""

    def __init__(self) -> None:
        self.alt = ""
        self._places: list[tuple[int, Place]] = []

    def read(self, text: str, position: int) -> int:
        """Read from just after the tag's name; return where the tag ends (after ``>`` if there is one)."""
        while position < len(text):
            if text[position] == ">":
                return position + 1
            if text[position] == "<":
                return position
            named = _NAME.match(text, position)
            tenths = read_tenths(text, position) if text[position - 1 : position].isspace() else None
            if tenths is not None:
                place, position = tenths
                self._places.append((0, place))
            elif named is None:
                position += 1
            elif named[1].lower() == "coords":
                places, position = read_coords(text, named.end())
                self._places += [(0, place) for place in places]
            elif axis := _AXIS.match(named[1]):
                number = _NUMBER.match(text, named.end())
                if number is not None:
                    value = (float(number[1].replace(",", ".")), number.span(1))
                    self._add(axis[1].lower(), int(axis[2] or 0), value)
                position = named.end() if number is None else number.end()
            else:
                words, position = _read_value(text, named.end())
                self.alt = words if named[1].lower() in ("alt", "label") else self.alt
        return position

    def _add(self, axis: str, index: int, value: tuple[float, tuple[int, int]]) -> None:
        for known, place in reversed(self._places):
            if known == index and axis not in place and (index or axis != "image"):  # without an index: of what follows
                place[axis] = value
                return
        self._places.append((index, {axis: value}))

    def points(self) -> Iterable[tuple[Point, Written]]:
        """Those with both coordinates, by index; repeated indices in order of appearance."""
        ordered = sorted(self._places, key=lambda item: item[0])
        for _, place in ordered:
            if "x" in place and "y" in place:
                image = place["image"][0] if "image" in place else 1.0
                (x, x_place), (y, y_place) = place["x"], place["y"]
                yield Point(x, y, _picture(image)), (x_place, y_place)


def _picture(number: float) -> int:
    """Which picture (from 0) a number in a text (from 1) means; the first where it means none."""
    return int(number) - 1 if 1 <= number < 1e6 and number == int(number) else 0


def _read_value(text: str, position: int) -> tuple[str, int]:
    """A text attribute: up to the quote that ends it, or without quotes up to the next attribute or ``>``."""
    quote = text[position : position + 1]
    if quote in ('"', "'"):
        limit = text.find("<", position + 1)
        limit = len(text) if limit < 0 else limit
        if ended := _QUOTE_ENDS[quote].search(text, position + 1, limit):
            return text[position + 1 : ended.start()], ended.end()
        position += 1
    ended = _BARE_ENDS.search(text, position)
    assert ended is not None  # the pattern matches at the text's end
    return text[position : ended.start()].lstrip('\\"').rstrip("\\\"' "), ended.start()


def _read_label(text: str, position: int) -> tuple[str, int, bool]:
    """What stands between the tags: (label, where the element ends, whether it was closed)."""
    if text[position - 2 : position] == "/>" or text[position - 1 : position] != ">":
        return "", position, text[position - 1 : position] == ">"
    opened = _OPEN.search(text, position)
    limit = len(text) if opened is None else opened.start()
    if closed := _CLOSE.search(text, position, limit):
        return text[position : closed.start()], closed.end(), True
    for sign in "<\n":
        place = text.find(sign, position, limit)
        limit = limit if place < 0 else place
    return text[position:limit], limit, False


def _select(
    found: Iterable[tuple[Point, Written]], out_of_range: OutOfRange
) -> tuple[tuple[Point, ...], tuple[Written, ...], int]:
    """The points that count, where they are written, and how many were left out."""
    points, written, dropped = [], [], 0
    for point, places in found:
        x, y = point.x, point.y
        inside = 0.0 <= x <= 100.0 and 0.0 <= y <= 100.0
        if not inside and (out_of_range == "drop" or not np.isfinite([x, y]).all()):
            dropped += 1
            continue
        if not inside and out_of_range == "clamp":
            point = Point(min(max(x, 0.0), 100.0), min(max(y, 0.0), 100.0), point.image)
        points.append(point)
        written.append(places)
    return tuple(points), tuple(written), dropped


# What a broken tag leaves around its label, `">` and the like: a label that has such signs escapes them.
_LEAVINGS = re.compile(r'\A[\s"]*>[\s">]*|[\s"]*>[\s">]*\Z|\A[\s"<>]*\Z')


def _clean(text: str) -> str:
    """A label as it was meant; what is nothing but markup is none."""
    return " ".join(html.unescape(_LEAVINGS.sub("", text)).split())
