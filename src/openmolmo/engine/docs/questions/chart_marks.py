"""Questions about what a chart is made of: order, legend, labels, colours, places of marks."""

from __future__ import annotations

from collections.abc import Callable

from openmolmo.engine.docs.questions.base import Family, Question
from openmolmo.engine.docs.questions.chart_facts import ChartFacts, chart_family, datum
from openmolmo.engine.docs.worlds.language import word_list

__all__ = ["CHART_MARK_QUESTIONS"]

_ORDERED = {"bar", "horizontal_bar", "grouped_bar", "stacked_bar", "line", "area", "heat_map", "lollipop", "dot"}


def _count_categories(facts: ChartFacts) -> Question | None:
    if facts.chart.form in {"scatter", "small_multiples"}:
        return None
    count = len(facts.chart.categories)
    family = "chart_count_categories"
    return facts.question(family, str(count), float(count), (), data=tuple({"category": n} for n in range(count)))


def _count_series(facts: ChartFacts) -> Question | None:
    count = len(facts.chart.series)
    if count < 2 or facts.chart.form == "box":
        return None
    data = tuple({"series": number, "role": "legend"} for number in range(count))
    return facts.question("chart_count_series", str(count), float(count), (), data=data)


def _nth(facts: ChartFacts) -> Question | None:
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


def _next(facts: ChartFacts) -> Question | None:
    if facts.chart.form not in _ORDERED:
        return None
    place = int(facts.view.rng.integers(len(facts.chart.categories) - 1))
    names = facts.chart.categories
    side = "below" if facts.chart.form in {"horizontal_bar", "dot"} else "to the right of"
    return facts.question(
        "chart_next", names[place + 1], names[place + 1], (names[place],), words={"c": names[place], "side": side},
        data=({"category": place + 1, "role": "axis"},),
    )  # fmt: skip


def _title(facts: ChartFacts) -> Question | None:
    return facts.question("chart_title", facts.chart.title, facts.chart.title, (), data=({"role": "title"},))


def _label(facts: ChartFacts) -> Question | None:
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


def _absent(facts: ChartFacts) -> Question | None:
    there = " ".join(mark.text for mark in facts.view.rendered.marks).casefold()
    options = [name for name in word_list("names")["places"] if name.casefold() not in there]
    name = facts.view.pick(options)
    return facts.question(
        "chart_absent", "not in the picture", True, (name,), words={"c": name}, kind="not_present", label=name
    )


def _legend_place(facts: ChartFacts) -> Question | None:
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


def _half(facts: ChartFacts) -> Question | None:
    if facts.chart.form not in {"pie", "donut"} or not facts.all_printed(0):
        return None
    row = facts.row(0)
    best = row.index(max(row))
    truth = row[best] > 50
    name = facts.chart.categories[best]
    return facts.question(
        "chart_half", "Yes" if truth else "No", truth, (name,), words={"c": name}, data=(datum(0, best),),
        explanation=f"{name} has {facts.chart.shown[0][best]}, which is {'more' if truth else 'not more'} than half.",
    )  # fmt: skip


def _point_category(facts: ChartFacts) -> Question | None:
    if facts.chart.form not in {"bar", "horizontal_bar", "pie", "donut", "lollipop", "box"}:
        return None
    place = int(facts.view.rng.integers(len(facts.chart.categories)))
    name = facts.chart.categories[place]
    role = {"pie": "slice", "donut": "slice", "lollipop": "point", "box": "box"}.get(facts.chart.form, "bar")
    return facts.question(
        "chart_point_category", name, name, (name,), words={"c": name, "mark": role}, kind="point",
        label=f"the {role} of {name}", data=({"category": place, "role": role},),
    )  # fmt: skip


def _point_extreme(facts: ChartFacts) -> Question | None:
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


def _point_legend(facts: ChartFacts) -> Question | None:
    marks = [mark for mark in facts.view.rendered.marks if mark.role == "legend"]
    if not marks:
        return None
    mark = facts.view.pick(marks)
    return facts.question(
        "chart_point_legend", mark.text, mark.text, (mark.text,), words={"c": mark.text}, kind="point",
        label=f"{mark.text} in the legend", data=({**mark.datum, "role": "legend"},),
    )  # fmt: skip


def _points_of(facts: ChartFacts) -> Question | None:
    if facts.chart.form != "scatter":
        return None
    series = facts.series
    places = [place for place, value in enumerate(facts.chart.values[series]) if value is not None]
    return facts.question(
        "chart_points_of", str(len(places)), float(len(places)), (facts.chart.series[series],),
        words={"c": facts.chart.series[series]}, data=tuple(datum(series, place) for place in places),
    )  # fmt: skip


def _colours(facts: ChartFacts) -> tuple[str, tuple[str, ...]] | None:
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


def _colour_of(facts: ChartFacts) -> Question | None:
    found = _colours(facts)
    if found is None:
        return None
    key, names = found
    place = int(facts.view.rng.integers(len(names)))
    colour = facts.chart.colours[place]
    return facts.question(
        "chart_colour_of", colour, colour, (key, names[place]), words={"c": names[place]}, data=({key: place},)
    )


def _of_colour(facts: ChartFacts) -> Question | None:
    found = _colours(facts)
    if found is None:
        return None
    key, names = found
    place = int(facts.view.rng.integers(len(names)))
    colour = facts.chart.colours[place]
    return facts.question(
        "chart_of_colour", names[place], names[place], (key, colour), words={"colour": colour}, data=({key: place},)
    )


_MAKERS: dict[str, Callable[[ChartFacts], Question | None]] = {
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

CHART_MARK_QUESTIONS: dict[str, Family] = {name: chart_family(make) for name, make in _MAKERS.items()}
