"""Questions about charts; numbers are asked for only where they are printed, order where it can be seen."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

from openmolmo.engine.docs.base import Chart
from openmolmo.engine.docs.questions.base import Family, Question, View, wording

__all__ = ["CHART_QUESTIONS"]

_TIMES = {"line", "area", "small_multiples", "dual_axis"}
_ORDERED = {"bar", "horizontal_bar", "grouped_bar", "stacked_bar", "line", "area", "heat_map", "lollipop", "dot"}
_SEEN = 0.06
"""Part of the largest value by which two must differ to be told apart without numbers."""


class _Facts:
    """A chart with what of it is printed."""

    def __init__(self, view: View) -> None:
        assert isinstance(view.content, Chart)
        self.view, self.chart = view, view.content
        self.printed = {
            (int(mark.datum.get("series", 0)), int(mark.datum["category"]))
            for mark in view.rendered.marks
            if mark.role in {"value", "cell", "bar", "slice"} and mark.text and "category" in mark.datum
        }

    @property
    def series(self) -> int:
        """A series that can be asked about by its name."""
        return int(self.view.rng.integers(len(self.chart.series)))

    @property
    def plain(self) -> bool:
        """Whether the values of a series are a row over the categories."""
        return self.chart.form not in {"scatter", "box"}

    def all_printed(self, series: int) -> bool:
        return all((series, place) in self.printed for place in range(len(self.chart.categories)))

    def row(self, series: int) -> list[float]:
        return [0.0 if value is None else value for value in self.chart.values[series]]

    def apart(self, values: list[float], best: int) -> bool:
        """Whether the best of the values can be told from the others."""
        others = [abs(value - values[best]) for place, value in enumerate(values) if place != best]
        return bool(others) and min(others) > _SEEN * max(map(abs, values))

    def of(self, series: int) -> str:
        """ " in 2015" for one of several series."""
        return f" ({self.chart.series[series]})" if len(self.chart.series) > 1 else ""

    def text(self, value: float) -> str:
        """A computed number as this picture writes numbers, without a unit."""
        decimals = next(d for d in (0, 1, 2) if d == 2 or abs(value - round(value, d)) < 1e-9)
        plain = self.view.numbers
        if not self._grouped():
            plain = dataclasses.replace(plain, group="")
        return plain.text(value, decimals)

    def _grouped(self) -> bool:
        texts = [text for row in self.chart.shown for text in row if text]
        group = self.view.numbers.group
        return any(group in text.strip("€ ") for text in texts if sum(c.isdigit() for c in text) > 3)

    def question(self, family: str, answer: str, value: Any, args: tuple[Any, ...], **more: Any) -> Question:
        words = more.pop("words", {})
        return Question(
            family=family,
            question=wording(self.view, family, m=self.chart.y_label, x=self.chart.x_label, **words),
            answer=answer,
            value=value,
            args=args,
            **more,
        )


def _family(make: Callable[[_Facts], Question | None]) -> Family:
    return lambda view: make(_Facts(view))


def _printed_pair(facts: _Facts) -> tuple[int, int, int] | None:
    """A series and two categories of it whose numbers are printed."""
    series = facts.series
    places = [place for place in range(len(facts.chart.categories)) if (series, place) in facts.printed]
    if not facts.plain or len(places) < 2 or facts.chart.form == "dual_axis":
        return None
    one, other = facts.view.rng.permutation(len(places))[:2]
    return series, places[int(one)], places[int(other)]


def _datum(series: int, category: int) -> dict[str, int]:
    return {"series": series, "category": category}


def _lookup(facts: _Facts) -> Question | None:
    places = sorted(facts.printed)
    if not places or not facts.plain:
        return None
    series, category = facts.view.pick(places)
    chart = facts.chart
    shown = chart.shown[series][category]
    return facts.question(
        "chart_lookup", shown, chart.values[series][category], (chart.series[series], chart.categories[category]),
        words={"c": chart.categories[category], "of": facts.of(series)}, data=(_datum(series, category),),
        explanation=f"The mark for {chart.categories[category]}{facts.of(series)} is labelled {shown}.",
    )  # fmt: skip


def _extreme_category(facts: _Facts) -> Question | None:
    if not facts.plain or facts.chart.form == "stacked_bar":
        return None
    series, which = facts.series, facts.view.pick(("max", "min"))
    row = facts.row(series)
    best = row.index(max(row) if which == "max" else min(row))
    if not facts.apart(row, best) or (
        facts.chart.form in {"heat_map", "pie", "donut"} and not facts.all_printed(series)
    ):
        return None
    name = facts.chart.categories[best]
    shown = f" It is {facts.chart.shown[series][best]}." if (series, best) in facts.printed else ""
    return facts.question(
        "chart_extreme_category", name, name, (facts.chart.series[series], which),
        words={"most": "highest" if which == "max" else "lowest", "of": facts.of(series)},
        data=(_datum(series, best),),
        explanation=f"{name} has the {'highest' if which == 'max' else 'lowest'} value{facts.of(series)}.{shown}",
    )  # fmt: skip


def _column(facts: _Facts, category: int) -> list[float]:
    return [row[category] or 0.0 for row in facts.chart.values]


def _extreme_series(facts: _Facts) -> Question | None:
    chart = facts.chart
    if not facts.plain or len(chart.series) < 2 or chart.form == "dual_axis":
        return None
    category, which = int(facts.view.rng.integers(len(chart.categories))), facts.view.pick(("max", "min"))
    values = _column(facts, category)
    best = values.index(max(values) if which == "max" else min(values))
    if not facts.apart(values, best):
        return None
    if chart.form in {"heat_map", "stacked_bar"} and not all(
        (s, category) in facts.printed for s in range(len(values))
    ):
        return None
    return facts.question(
        "chart_extreme_series", chart.series[best], chart.series[best], (chart.categories[category], which),
        words={"most": "highest" if which == "max" else "lowest", "c": chart.categories[category]},
        data=(_datum(best, category),),
    )  # fmt: skip


def _extreme_value(facts: _Facts) -> Question | None:
    series, which = facts.series, facts.view.pick(("max", "min"))
    if not facts.plain or not facts.all_printed(series):
        return None
    row = facts.row(series)
    best = row.index(max(row) if which == "max" else min(row))
    return facts.question(
        "chart_extreme_value", facts.chart.shown[series][best], row[best], (facts.chart.series[series], which),
        words={"most": "highest" if which == "max" else "lowest", "of": facts.of(series)},
        data=(_datum(series, best),),
        explanation=f"The {'highest' if which == 'max' else 'lowest'} value{facts.of(series)} is "
        f"{facts.chart.shown[series][best]}, for {facts.chart.categories[best]}.",
    )  # fmt: skip


def _seen_pair(facts: _Facts) -> tuple[int, int, int] | None:
    """A series and two categories that can be told apart."""
    if not facts.plain or facts.chart.form in {"heat_map", "pie", "donut"}:
        return _printed_pair(facts)
    series = facts.series
    one, other = (int(v) for v in facts.view.rng.permutation(len(facts.chart.categories))[:2])
    row = facts.row(series)
    apart = abs(row[one] - row[other]) > _SEEN * max(row)
    return (series, one, other) if apart else None


def _greater(facts: _Facts) -> Question | None:
    found = _seen_pair(facts)
    if found is None or facts.row(found[0])[found[1]] == facts.row(found[0])[found[2]]:
        return None
    series, one, other = found
    names, row = facts.chart.categories, facts.row(series)
    best = one if row[one] > row[other] else other
    return facts.question(
        "chart_greater", names[best], names[best], (facts.chart.series[series], names[one], names[other]),
        words={"a": names[one], "b": names[other], "of": facts.of(series)}, data=(_datum(series, best),),
    )  # fmt: skip


def _is_greater(facts: _Facts) -> Question | None:
    found = _seen_pair(facts)
    if found is None or facts.row(found[0])[found[1]] == facts.row(found[0])[found[2]]:
        return None
    series, one, other = found
    names, row = facts.chart.categories, facts.row(series)
    truth = row[one] > row[other]
    return facts.question(
        "chart_is_greater", "Yes" if truth else "No", truth, (facts.chart.series[series], names[one], names[other]),
        words={"a": names[one], "b": names[other], "of": facts.of(series)},
        data=(_datum(series, one), _datum(series, other)),
    )  # fmt: skip


def _pairwise(family: str, compute: Callable[[float, float], float], sign: str) -> Callable[[_Facts], Question | None]:
    def make(facts: _Facts) -> Question | None:
        found = _printed_pair(facts)
        if found is None:
            return None
        series, one, other = found
        row, names, shown = facts.row(series), facts.chart.categories, facts.chart.shown[series]
        if family == "chart_ratio" and (row[other] <= 0 or not 0.05 <= row[one] / row[other] <= 50):
            return None
        value = round(compute(row[one], row[other]), 2)
        high, low = (one, other) if row[one] >= row[other] or family != "chart_difference" else (other, one)
        return facts.question(
            family, facts.text(value), value, (facts.chart.series[series], names[one], names[other]),
            words={"a": names[one], "b": names[other], "of": facts.of(series)},
            data=(_datum(series, one), _datum(series, other)),
            explanation=f"{names[high]} is {shown[high]} and {names[low]} is {shown[low]}{facts.of(series)}: "
            f"{shown[high]} {sign} {shown[low]} = {facts.text(value)}.",
        )  # fmt: skip

    return make


def _over_all(family: str, compute: Callable[[list[float]], float]) -> Callable[[_Facts], Question | None]:
    def make(facts: _Facts) -> Question | None:
        series = facts.series
        if not facts.plain or not facts.all_printed(series) or facts.chart.form in {"pie", "donut"}:
            return None
        value = round(compute(facts.row(series)), 2)
        return facts.question(
            family, facts.text(value), value, (facts.chart.series[series],), words={"of": facts.of(series)},
            data=tuple(_datum(series, place) for place in range(len(facts.chart.categories))),
            explanation=f"The values{facts.of(series)} are {', '.join(facts.chart.shown[series])}. "
            f"The answer is {facts.text(value)}.",
        )  # fmt: skip

    return make


def _column_total(facts: _Facts) -> Question | None:
    chart = facts.chart
    category = int(facts.view.rng.integers(len(chart.categories)))
    places = [(series, category) for series in range(len(chart.series))]
    if not facts.plain or len(places) < 2 or chart.form == "dual_axis" or not facts.printed.issuperset(places):
        return None
    value = round(sum(_column(facts, category)), 2)
    return facts.question(
        "chart_column_total", facts.text(value), value, (chart.categories[category],),
        words={"c": chart.categories[category]}, data=tuple(_datum(*place) for place in places),
        explanation=f"For {chart.categories[category]} the values are "
        f"{', '.join(chart.shown[series][category] for series, _ in places)}; together {facts.text(value)}.",
    )  # fmt: skip


def _series_gap(facts: _Facts) -> Question | None:
    chart = facts.chart
    if not facts.plain or len(chart.series) < 2 or chart.form == "dual_axis":
        return None
    category = int(facts.view.rng.integers(len(chart.categories)))
    one, other = (int(v) for v in facts.view.rng.permutation(len(chart.series))[:2])
    if not facts.printed.issuperset([(one, category), (other, category)]):
        return None
    values = _column(facts, category)
    value = round(abs(values[one] - values[other]), 2)
    return facts.question(
        "chart_series_gap", facts.text(value), value,
        (chart.categories[category], chart.series[one], chart.series[other]),
        words={"c": chart.categories[category], "a": chart.series[one], "b": chart.series[other]},
        data=(_datum(one, category), _datum(other, category)),
    )  # fmt: skip


def _above(facts: _Facts) -> Question | None:
    series = facts.series
    if not facts.plain or not facts.all_printed(series):
        return None
    row = sorted(facts.row(series))
    cut = int(facts.view.rng.integers(1, len(row)))
    limit = float(round((row[cut - 1] + row[cut]) / 2))
    count = sum(value > limit for value in row)
    data = tuple(_datum(series, place) for place, value in enumerate(facts.row(series)) if value > limit)
    return facts.question(
        "chart_above", str(count), float(count), (facts.chart.series[series], limit),
        words={"v": facts.text(limit), "of": facts.of(series)}, data=data,
    )  # fmt: skip


def _trend(facts: _Facts) -> Question | None:
    series = facts.series
    row = facts.row(series)
    if facts.chart.form not in _TIMES or abs(row[-1] - row[0]) <= _SEEN * max(row):
        return None
    value = "up" if row[-1] > row[0] else "down"
    first, last = facts.chart.categories[0], facts.chart.categories[-1]
    return facts.question(
        "chart_trend", "It went up" if value == "up" else "It went down", value, (facts.chart.series[series],),
        words={"a": first, "b": last, "of": facts.of(series)},
        data=(_datum(series, 0), _datum(series, len(row) - 1)),
        explanation=f"From {first} to {last} the value{facts.of(series)} went {value}.",
    )  # fmt: skip


def _largest_rise(facts: _Facts) -> Question | None:
    series = facts.series
    row = facts.row(series)
    if facts.chart.form not in _TIMES or len(row) < 3:
        return None
    steps = [b - a for a, b in itertools.pairwise(row)]
    best = max(range(len(steps)), key=lambda place: steps[place])
    others = [steps[best] - step for place, step in enumerate(steps) if place != best]
    if steps[best] <= _SEEN * max(row) or min(others) <= _SEEN * max(row):
        return None
    name = facts.chart.categories[best + 1]
    return facts.question(
        "chart_largest_rise", name, name, (facts.chart.series[series],), words={"of": facts.of(series)},
        data=(_datum(series, best), _datum(series, best + 1)),
    )  # fmt: skip


def _rank(facts: _Facts) -> Question | None:
    series = facts.series
    row = facts.row(series)
    if not facts.plain or facts.chart.form == "stacked_bar" or len(row) < 4:
        return None
    place = int(facts.view.rng.integers(2, 4))
    order = sorted(range(len(row)), key=lambda key: -row[key])
    around = [abs(row[order[place - 1]] - row[order[other]]) for other in (place - 2, place)]
    if min(around) <= _SEEN * max(row) or (not facts.all_printed(series) and facts.chart.form in {"heat_map", "pie"}):
        return None
    name = facts.chart.categories[order[place - 1]]
    return facts.question(
        "chart_rank", name, name, (facts.chart.series[series], float(place)),
        words={"nth": ("second", "third")[place - 2], "of": facts.of(series)},
        data=(_datum(series, order[place - 1]),),
    )  # fmt: skip


def _multi_hop(facts: _Facts) -> Question | None:
    chart = facts.chart
    if not facts.plain or len(chart.series) < 2:
        return None
    one, other = (int(v) for v in facts.view.rng.permutation(len(chart.series))[:2])
    which = facts.view.pick(("max", "min"))
    row = facts.row(one)
    best = row.index(max(row) if which == "max" else min(row))
    if not facts.apart(row, best) or (other, best) not in facts.printed:
        return None
    if chart.form in {"heat_map", "stacked_bar"} and not facts.all_printed(one):
        return None
    shown = chart.shown[other][best]
    most = "highest" if which == "max" else "lowest"
    return facts.question(
        "chart_multi_hop", shown, chart.values[other][best], (chart.series[one], chart.series[other], which),
        words={"a": chart.series[one], "b": chart.series[other], "most": most},
        data=(_datum(one, best), _datum(other, best)),
        explanation=f"{chart.series[one]} is {most} for {chart.categories[best]}; "
        f"there {chart.series[other]} is {shown}.",
    )  # fmt: skip


def _above_other(facts: _Facts) -> Question | None:
    chart = facts.chart
    if (
        not facts.plain
        or len(chart.series) < 2
        or chart.form in {"dual_axis", "heat_map", "stacked_bar", "small_multiples"}
    ):
        return None
    one, other = (int(v) for v in facts.view.rng.permutation(len(chart.series))[:2])
    pairs = list(zip(facts.row(one), facts.row(other), strict=True))
    if min(abs(a - b) for a, b in pairs) <= _SEEN * max(max(pair) for pair in pairs):
        return None
    count = sum(a > b for a, b in pairs)
    return facts.question(
        "chart_above_other", str(count), float(count), (chart.series[one], chart.series[other]),
        words={"a": chart.series[one], "b": chart.series[other]},
        data=tuple(_datum(one, place) for place, (a, b) in enumerate(pairs) if a > b),
    )  # fmt: skip


def _count_categories(facts: _Facts) -> Question | None:
    if facts.chart.form in {"scatter", "small_multiples"}:
        return None
    count = len(facts.chart.categories)
    family = "chart_count_categories"
    return facts.question(family, str(count), float(count), (), data=tuple({"category": n} for n in range(count)))


def _count_series(facts: _Facts) -> Question | None:
    count = len(facts.chart.series)
    if count < 2 or facts.chart.form == "box":
        return None
    data = tuple({"series": number, "role": "legend"} for number in range(count))
    return facts.question("chart_count_series", str(count), float(count), (), data=data)


def _nth(facts: _Facts) -> Question | None:
    if facts.chart.form not in _ORDERED:
        return None
    place = int(facts.view.rng.integers(1, min(len(facts.chart.categories), 5) + 1))
    name = facts.chart.categories[place - 1]
    side = "top" if facts.chart.form in {"horizontal_bar", "dot"} else "left"
    return facts.question(
        "chart_nth", name, name, (float(place),),
        words={"nth": ("first", "second", "third", "fourth", "fifth")[place - 1], "side": side},
        data=({"category": place - 1, "role": "axis"},),
    )  # fmt: skip


def _next(facts: _Facts) -> Question | None:
    if facts.chart.form not in _ORDERED:
        return None
    place = int(facts.view.rng.integers(len(facts.chart.categories) - 1))
    names = facts.chart.categories
    side = "below" if facts.chart.form in {"horizontal_bar", "dot"} else "to the right of"
    return facts.question(
        "chart_next", names[place + 1], names[place + 1], (names[place],), words={"c": names[place], "side": side},
        data=({"category": place + 1, "role": "axis"},),
    )  # fmt: skip


def _title(facts: _Facts) -> Question | None:
    return facts.question("chart_title", facts.chart.title, facts.chart.title, (), data=({"role": "title"},))


def _label(facts: _Facts) -> Question | None:
    texts = [mark.text for mark in facts.view.rendered.marks if mark.role == "label"]
    for side, name in (("horizontal", facts.chart.x_label), ("vertical", facts.chart.y_label)):
        full = next((text for text in texts if text.startswith(name)), None)
        if full is None or facts.chart.form in {"pie", "donut", "heat_map", "dual_axis"}:
            continue
        if facts.chart.form in {"horizontal_bar", "dot"}:
            side = "vertical" if side == "horizontal" else "horizontal"
        if facts.view.rng.random() < 0.5 or side == "vertical":
            return facts.question("chart_label", full, full, (full,), words={"side": side}, data=({"role": "label"},))
    return None


def _absent(facts: _Facts) -> Question | None:
    from openmolmo.engine.docs.worlds.language import word_list

    there = " ".join(mark.text for mark in facts.view.rendered.marks).casefold()
    options = [name for name in word_list("names")["places"] if name.casefold() not in there]
    name = facts.view.pick(options)
    return facts.question(
        "chart_absent", "not in the picture", True, (name,), words={"c": name}, kind="not_present", label=name
    )


def _legend_place(facts: _Facts) -> Question | None:
    marks = [mark for mark in facts.view.rendered.marks if mark.role == "legend"]
    if len(marks) < 2 or facts.chart.form == "small_multiples":
        return None
    key = "series" if "series" in marks[0].datum else "category"
    names = facts.chart.series if key == "series" else facts.chart.categories
    place = 1 if facts.view.rng.random() < 0.5 else 2
    lines = {round(mark.box[1] / 6) for mark in marks}
    if 1 < len(lines) < len(marks):  # in rows and columns nobody can say which is second
        return None
    return facts.question(
        "chart_legend_place", names[place - 1], names[place - 1], (float(place),),
        words={"nth": ("first", "second")[place - 1]}, data=({key: place - 1, "role": "legend"},),
    )  # fmt: skip


def _half(facts: _Facts) -> Question | None:
    if facts.chart.form not in {"pie", "donut"} or not facts.all_printed(0):
        return None
    row = facts.row(0)
    best = row.index(max(row))
    truth = row[best] > 50
    name = facts.chart.categories[best]
    return facts.question(
        "chart_half", "Yes" if truth else "No", truth, (name,), words={"c": name}, data=(_datum(0, best),),
        explanation=f"{name} has {facts.chart.shown[0][best]}, which is {'more' if truth else 'not more'} than half.",
    )  # fmt: skip


def _point_category(facts: _Facts) -> Question | None:
    if facts.chart.form not in {"bar", "horizontal_bar", "pie", "donut", "lollipop", "box"}:
        return None
    place = int(facts.view.rng.integers(len(facts.chart.categories)))
    name = facts.chart.categories[place]
    role = {"pie": "slice", "donut": "slice", "lollipop": "point", "box": "box"}.get(facts.chart.form, "bar")
    return facts.question(
        "chart_point_category", name, name, (name,), words={"c": name, "mark": role}, kind="point",
        label=f"the {role} of {name}", data=({"category": place, "role": role},),
    )  # fmt: skip


def _point_extreme(facts: _Facts) -> Question | None:
    if facts.chart.form not in {"bar", "horizontal_bar", "lollipop", "line"} or len(facts.chart.series) > 1:
        return None
    which = facts.view.pick(("max", "min"))
    row = facts.row(0)
    best = row.index(max(row) if which == "max" else min(row))
    if not facts.apart(row, best):
        return None
    role = {"lollipop": "point", "line": "point"}.get(facts.chart.form, "bar")
    most = "highest" if which == "max" else "lowest"
    return facts.question(
        "chart_point_extreme", facts.chart.categories[best], facts.chart.categories[best],
        (facts.chart.series[0], which), words={"most": most, "mark": role}, kind="point",
        label=f"the {role} with the {most} value", data=({"category": best, "role": role},),
    )  # fmt: skip


def _point_legend(facts: _Facts) -> Question | None:
    marks = [mark for mark in facts.view.rendered.marks if mark.role == "legend"]
    if not marks:
        return None
    mark = facts.view.pick(marks)
    return facts.question(
        "chart_point_legend", mark.text, mark.text, (mark.text,), words={"c": mark.text}, kind="point",
        label=f"{mark.text} in the legend", data=({**mark.datum, "role": "legend"},),
    )  # fmt: skip


def _points_of(facts: _Facts) -> Question | None:
    if facts.chart.form != "scatter":
        return None
    series = facts.series
    places = [place for place, value in enumerate(facts.chart.values[series]) if value is not None]
    return facts.question(
        "chart_points_of", str(len(places)), float(len(places)), (facts.chart.series[series],),
        words={"c": facts.chart.series[series]}, data=tuple(_datum(series, place) for place in places),
    )  # fmt: skip


def _colours(facts: _Facts) -> tuple[str, tuple[str, ...]] | None:
    """What the colours stand for, categories or series, and the names."""
    chart = facts.chart
    if chart.form in {"heat_map", "box"} or len(chart.colours) < 2:
        return None
    names = chart.categories if chart.form in {"pie", "donut"} else chart.series
    return (
        ("category" if chart.form in {"pie", "donut"} else "series", names)
        if len(names) == len(chart.colours)
        else None
    )


def _colour_of(facts: _Facts) -> Question | None:
    found = _colours(facts)
    if found is None:
        return None
    key, names = found
    place = int(facts.view.rng.integers(len(names)))
    colour = facts.chart.colours[place]
    return facts.question(
        "chart_colour_of", colour, colour, (key, names[place]), words={"c": names[place]}, data=({key: place},)
    )


def _of_colour(facts: _Facts) -> Question | None:
    found = _colours(facts)
    if found is None:
        return None
    key, names = found
    place = int(facts.view.rng.integers(len(names)))
    colour = facts.chart.colours[place]
    return facts.question(
        "chart_of_colour", names[place], names[place], (key, colour), words={"colour": colour}, data=({key: place},)
    )


_MAKERS: dict[str, Callable[[_Facts], Question | None]] = {
    "chart_lookup": _lookup,
    "chart_extreme_category": _extreme_category,
    "chart_extreme_series": _extreme_series,
    "chart_extreme_value": _extreme_value,
    "chart_greater": _greater,
    "chart_is_greater": _is_greater,
    "chart_sum_two": _pairwise("chart_sum_two", lambda a, b: a + b, "+"),
    "chart_difference": _pairwise("chart_difference", lambda a, b: abs(a - b), "−"),
    "chart_ratio": _pairwise("chart_ratio", lambda a, b: a / b, "/"),
    "chart_total": _over_all("chart_total", sum),
    "chart_average": _over_all("chart_average", lambda row: sum(row) / len(row)),
    "chart_range": _over_all("chart_range", lambda row: max(row) - min(row)),
    "chart_column_total": _column_total,
    "chart_series_gap": _series_gap,
    "chart_above": _above,
    "chart_trend": _trend,
    "chart_largest_rise": _largest_rise,
    "chart_rank": _rank,
    "chart_multi_hop": _multi_hop,
    "chart_above_other": _above_other,
    "chart_count_categories": _count_categories,
    "chart_count_series": _count_series,
    "chart_nth": _nth,
    "chart_next": _next,
    "chart_title": _title,
    "chart_label": _label,
    "chart_absent": _absent,
    "chart_legend_place": _legend_place,
    "chart_half": _half,
    "chart_colour_of": _colour_of,
    "chart_of_colour": _of_colour,
    "chart_point_category": _point_category,
    "chart_point_extreme": _point_extreme,
    "chart_point_legend": _point_legend,
    "chart_points_of": _points_of,
}

CHART_QUESTIONS: dict[str, Family] = {name: _family(make) for name, make in _MAKERS.items()}
