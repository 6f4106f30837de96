"""Answers about charts, found in the picture: numbers as they are printed, or lengths and places of marks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from openmolmo.engine.docs.base import Mark
from openmolmo.engine.docs.checks.reading import Reading, middle
from openmolmo.engine.docs.worlds.colours import COLOURS

__all__ = ["CHART_CHECKS"]

_SHAPES = ("bar", "point", "slice", "cell", "box")
_ACROSS = {"horizontal_bar", "dot"}
"""Forms whose values grow to the right."""
_PIXELS = 300  # of a mark, to see its colour
_FEW = 3  # pixels
_EDGE = 0.08  # of a pie's width: the white line between slices, soft edges, and corners thinner than ``_FEW``
_SHADE = 12  # by so much may each of red, green and blue differ from a named colour


class _Chart:
    """Names and values as they can be read."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.categories = self._names("category")
        self.series = self._names("series")

    def _names(self, key: str) -> dict[int, str]:
        """Number to name, from the texts along the axes and in the legend, in the order of their places."""
        found: dict[int, Mark] = {}
        for mark in self.reading.role("axis", "legend"):
            if key in mark.datum and mark.text:
                found.setdefault(int(mark.datum[key]), mark)
        return {number: mark.text for number, mark in sorted(found.items())}

    def category(self, name: str) -> int:
        return self._number(self.categories, name)

    def series_number(self, name: str) -> int:
        """The series called so; the only one where there is no legend."""
        if not self.series:
            return 0
        return self._number(self.series, name)

    def _number(self, names: dict[int, str], name: str) -> int:
        found = [number for number, text in names.items() if text == name]
        if len(found) != 1:
            raise LookupError(f"{len(found)} are called {name!r}")
        return found[0]

    def printed(self, series: int, category: int) -> float:
        """The number that stands at a mark."""
        for mark in self.reading.role("value", "cell", "bar", "slice"):
            if mark.text and self._is(mark, series, category):
                return self.reading.number(mark.text)
        raise LookupError("no number stands there")

    def measure(self, series: int, category: int) -> float:
        """The printed number, or else how far the mark reaches, in pixels."""
        try:
            return self.printed(series, category)
        except LookupError:
            return self.reach(series, category)

    def reach(self, series: int, category: int) -> float:
        """The length of a bar, the height of a point (its place to the right in charts that lie)."""
        for mark in self.reading.role(*_SHAPES):
            if self._is(mark, series, category):
                left, top, right, bottom = mark.box
                across = self.reading.form in _ACROSS
                if mark.role == "bar":
                    return right - left if across else bottom - top
                if mark.role == "point":
                    return middle(mark)[0] if across else self.reading.size[1] - middle(mark)[1]
        raise LookupError("there is no such mark")

    @staticmethod
    def _is(mark: Mark, series: int, category: int) -> bool:
        return mark.datum.get("series", 0) == series and mark.datum.get("category") == category

    def row(self, series: int) -> dict[int, float]:
        """Number of category to value or reach, all in one unit."""
        try:
            return {category: self.printed(series, category) for category in self.categories}
        except LookupError:
            return {category: self.reach(series, category) for category in self.categories}

    def column(self, category: int) -> dict[int, float]:
        try:
            return {series: self.printed(series, category) for series in self.series}
        except LookupError:
            return {series: self.reach(series, category) for series in self.series}


def _only(values: dict[int, float], best: Callable[..., int]) -> int:
    """The one with the largest or smallest value; a tie is a LookupError."""
    number = best(values, key=lambda key: values[key])
    if sum(abs(value - values[number]) < 1e-9 for value in values.values()) > 1:
        raise LookupError("there are several")
    return number


def _lookup(reading: Reading, series: str, category: str) -> float:
    chart = reading.seen_as(_Chart)
    return chart.printed(chart.series_number(series), chart.category(category))


def _extreme_category(reading: Reading, series: str, which: str) -> str:
    chart = reading.seen_as(_Chart)
    row = chart.row(chart.series_number(series))
    return chart.categories[_only(row, max if which == "max" else min)]


def _extreme_series(reading: Reading, category: str, which: str) -> str:
    chart = reading.seen_as(_Chart)
    return chart.series[_only(chart.column(chart.category(category)), max if which == "max" else min)]


def _extreme_value(reading: Reading, series: str, which: str) -> float:
    chart = reading.seen_as(_Chart)
    number = chart.series_number(series)
    values = [chart.printed(number, category) for category in chart.categories]
    return max(values) if which == "max" else min(values)


def _greater(reading: Reading, series: str, one: str, other: str) -> str:
    chart = reading.seen_as(_Chart)
    number = chart.series_number(series)
    pair = {name: chart.measure(number, chart.category(name)) for name in (one, other)}
    if pair[one] == pair[other]:
        raise LookupError("they are alike")
    return one if pair[one] > pair[other] else other


def _is_greater(reading: Reading, series: str, one: str, other: str) -> bool:
    return _greater(reading, series, one, other) == one


def _two(reading: Reading, series: str, one: str, other: str) -> tuple[float, float]:
    return _lookup(reading, series, one), _lookup(reading, series, other)


def _sum_two(reading: Reading, series: str, one: str, other: str) -> float:
    return sum(_two(reading, series, one, other))


def _difference(reading: Reading, series: str, one: str, other: str) -> float:
    first, second = _two(reading, series, one, other)
    return abs(first - second)


def _ratio(reading: Reading, series: str, one: str, other: str) -> float:
    first, second = _two(reading, series, one, other)
    return round(first / second, 2)


def _all(reading: Reading, series: str) -> list[float]:
    chart = reading.seen_as(_Chart)
    number = chart.series_number(series)
    return [chart.printed(number, category) for category in chart.categories]


def _total(reading: Reading, series: str) -> float:
    return sum(_all(reading, series))


def _average(reading: Reading, series: str) -> float:
    values = _all(reading, series)
    return round(sum(values) / len(values), 2)


def _range(reading: Reading, series: str) -> float:
    values = _all(reading, series)
    return max(values) - min(values)


def _column_total(reading: Reading, category: str) -> float:
    chart = reading.seen_as(_Chart)
    number = chart.category(category)
    return sum(chart.printed(series, number) for series in chart.series)


def _series_gap(reading: Reading, category: str, one: str, other: str) -> float:
    chart = reading.seen_as(_Chart)
    number = chart.category(category)
    return abs(chart.printed(chart.series_number(one), number) - chart.printed(chart.series_number(other), number))


def _above(reading: Reading, series: str, limit: float) -> float:
    return float(sum(value > limit for value in _all(reading, series)))


def _trend(reading: Reading, series: str) -> str:
    chart = reading.seen_as(_Chart)
    row = list(chart.row(chart.series_number(series)).values())
    return "up" if row[-1] > row[0] else "down"


def _largest_rise(reading: Reading, series: str) -> str:
    chart = reading.seen_as(_Chart)
    row = chart.row(chart.series_number(series))
    steps = {key: row[key] - row[key - 1] for key in row if key - 1 in row}
    return chart.categories[_only(steps, max)]


def _rank(reading: Reading, series: str, place: float) -> str:
    chart = reading.seen_as(_Chart)
    row = chart.row(chart.series_number(series))
    return chart.categories[sorted(row, key=lambda key: -row[key])[int(place) - 1]]


def _at_extreme(reading: Reading, series: str, other: str, which: str) -> float:
    chart = reading.seen_as(_Chart)
    number = _only(chart.row(chart.series_number(series)), max if which == "max" else min)
    return chart.printed(chart.series_number(other), number)


def _crossing(reading: Reading, one: str, other: str) -> float:
    """In how many categories the first series is above the second."""
    chart = reading.seen_as(_Chart)
    a, b = chart.series_number(one), chart.series_number(other)
    return float(sum(chart.measure(a, key) > chart.measure(b, key) for key in chart.categories))


def _count(key: str) -> Callable[[Reading], float]:
    def check(reading: Reading) -> float:
        chart = reading.seen_as(_Chart)
        return float(len(chart.categories if key == "category" else chart.series))

    return check


def _seen_colour(chart: _Chart, key: str, number: int) -> str:
    """The name of the colour that most pixels inside a mark have, of those that have a name."""
    marks = [mark for mark in chart.reading.role(*_SHAPES) if mark.datum.get(key, 0) == number]
    slices = [mark for mark in marks if mark.role == "slice"]
    if slices:
        return _colour_of_slice(chart.reading, slices[0])
    votes = Counter[str]()
    for mark in marks:
        left, top, right, bottom = (round(value) for value in mark.box)
        inside = chart.reading.pixels[max(top, 0) : bottom, max(left, 0) : right].reshape(-1, 3)
        votes.update(_names(inside[:: max(1, len(inside) // _PIXELS)]))
    if not votes:
        raise LookupError("no pixel has a colour with a name")
    return votes.most_common(1)[0][0]


def _colour_of_slice(reading: Reading, mark: Mark) -> str:
    """The colour whose pixels in the whole pie reach as far as the slice: a slice's box holds its neighbours too."""
    reaches, width = reading.seen_as(_reaches)
    found = [(max(abs(a - b) for a, b in zip(box, mark.box, strict=True)), name) for name, box in reaches]
    off, name = min(found, default=(np.inf, ""))
    if off > _EDGE * width:
        raise LookupError("no colour fills this slice")
    return name


def _reaches(reading: Reading) -> tuple[list[tuple[str, tuple[float, ...]]], int]:
    """How far each named colour reaches in a pie, and the pie's width."""
    boxes = np.array([other.box for other in reading.role("slice")])
    left, top = (int(value) for value in boxes[:, :2].min(axis=0))
    right, bottom = (int(value) + 1 for value in boxes[:, 2:].max(axis=0))
    pie = reading.pixels[max(top, 0) : bottom, max(left, 0) : right].astype(np.int16)
    red, green, blue = np.ascontiguousarray(np.moveaxis(pie, 2, 0))  # one after the other: three times as fast
    found = []
    for name, shades in COLOURS.items():
        is_near = np.zeros(red.shape, bool)
        for r, g, b in (bytes.fromhex(shade[1:]) for shade in shades):
            is_near |= (abs(red - r) <= _SHADE) & (abs(green - g) <= _SHADE) & (abs(blue - b) <= _SHADE)
        # Soft edges pass through other colours, one pixel thin; letters may have a slice's colour, in few pixels a row.
        is_whole = is_near[1:-1, 1:-1] & is_near[:-2, 1:-1] & is_near[2:, 1:-1] & is_near[1:-1, :-2] & is_near[1:-1, 2:]
        across, down = (np.flatnonzero(is_whole.sum(axis=axis) >= _FEW) for axis in (0, 1))
        if len(across) and len(down):
            box = (left + across[0], top + down[0], left + across[-1] + 3, top + down[-1] + 3)
            found.append((name, tuple(float(edge) for edge in box)))
    return found, right - left


def _names(pixels: npt.NDArray[np.uint8]) -> dict[str, int]:
    """How many pixels are of each named colour; those that are of none (grounds, edges) are not counted."""
    shades = [(name, bytes.fromhex(shade[1:])) for name, all_ in COLOURS.items() for shade in all_]
    far = np.abs(pixels[:, None, :].astype(np.int16) - np.array([list(rgb) for _, rgb in shades], np.int16)).max(axis=2)
    near = far.argmin(axis=1)[far.min(axis=1) <= _SHADE]
    return dict(Counter(shades[int(place)][0] for place in near))


def _colour_of(reading: Reading, key: str, name: str) -> str:
    chart = reading.seen_as(_Chart)
    number = chart.category(name) if key == "category" else chart.series_number(name)
    return _seen_colour(chart, key, number)


def _of_colour(reading: Reading, key: str, colour: str) -> str:
    chart = reading.seen_as(_Chart)
    names = chart.categories if key == "category" else chart.series
    found = [name for number, name in names.items() if _seen_colour(chart, key, number) == colour]
    if len(found) != 1:
        raise LookupError(f"{len(found)} are {colour}")
    return found[0]


def _along(reading: Reading) -> list[str]:
    """Names of the categories in the order in which they stand."""
    marks = [mark for mark in reading.role("axis") if "category" in mark.datum and mark.text]
    if not marks:
        raise LookupError("no names stand along an axis")
    wide, tall = (max(places) - min(places) for places in zip(*map(middle, marks), strict=True))
    across = wide >= tall
    seen = dict.fromkeys(mark.text for mark in sorted(marks, key=lambda mark: middle(mark)[0 if across else 1]))
    return list(seen)


def _nth(reading: Reading, place: float) -> str:
    return _along(reading)[int(place) - 1]


def _next(reading: Reading, name: str) -> str:
    names = _along(reading)
    return names[names.index(name) + 1]


def _title(reading: Reading) -> str:
    title = reading.text("title")
    if not title:
        raise LookupError("there is no title")
    return title


def _label(reading: Reading, text: str) -> str:
    return reading.one_text("label", text).text


def _absent(reading: Reading, name: str) -> bool:
    return name.casefold() not in reading.everything


def _legend(reading: Reading, place: float) -> str:
    marks = reading.in_order([mark for mark in reading.role("legend") if mark.text])
    return marks[int(place) - 1].text


def _half(reading: Reading, name: str) -> bool:
    chart = reading.seen_as(_Chart)
    values = [chart.printed(0, category) for category in chart.categories]
    return chart.printed(0, chart.category(name)) > sum(values) / 2


def _point_category(reading: Reading, category: str) -> str:
    chart = reading.seen_as(_Chart)
    number = chart.category(category)
    if not any(mark.datum.get("category") == number for mark in reading.role(*_SHAPES)):
        raise LookupError(category)
    return category


def _point_extreme(reading: Reading, series: str, which: str) -> str:
    return _extreme_category(reading, series, which)


def _point_legend(reading: Reading, name: str) -> str:
    return reading.one_text("legend", name).text


def _median(reading: Reading, category: str) -> float:
    chart = reading.seen_as(_Chart)
    return chart.printed(2, chart.category(category))


def _points_of(reading: Reading, name: str) -> float:
    chart = reading.seen_as(_Chart)
    number = chart.series_number(name)
    return float(sum(mark.datum.get("series") == number for mark in reading.role("point")))


CHART_CHECKS: dict[str, Callable[..., str | float | bool | None]] = {
    "chart_lookup": _lookup,
    "chart_extreme_category": _extreme_category,
    "chart_extreme_series": _extreme_series,
    "chart_extreme_value": _extreme_value,
    "chart_greater": _greater,
    "chart_is_greater": _is_greater,
    "chart_sum_two": _sum_two,
    "chart_difference": _difference,
    "chart_ratio": _ratio,
    "chart_total": _total,
    "chart_average": _average,
    "chart_range": _range,
    "chart_column_total": _column_total,
    "chart_series_gap": _series_gap,
    "chart_above": _above,
    "chart_trend": _trend,
    "chart_largest_rise": _largest_rise,
    "chart_rank": _rank,
    "chart_multi_hop": _at_extreme,
    "chart_above_other": _crossing,
    "chart_count_categories": _count("category"),
    "chart_count_series": _count("series"),
    "chart_nth": _nth,
    "chart_next": _next,
    "chart_title": _title,
    "chart_label": _label,
    "chart_absent": _absent,
    "chart_legend_place": _legend,
    "chart_half": _half,
    "chart_colour_of": _colour_of,
    "chart_of_colour": _of_colour,
    "chart_point_category": _point_category,
    "chart_point_extreme": _point_extreme,
    "chart_point_legend": _point_legend,
    "chart_points_of": _points_of,
}
