"""Questions about the values of charts; numbers are asked for only where they are printed, order where it is seen."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from openmolmo.engine.docs.questions.base import Family, Question
from openmolmo.engine.docs.questions.chart_facts import SEEN, ChartFacts, chart_family, datum
from openmolmo.engine.docs.questions.chart_marks import CHART_MARK_QUESTIONS

__all__ = ["CHART_QUESTIONS"]

_TIMES = {"line", "area", "small_multiples", "dual_axis"}


def _printed_pair(facts: ChartFacts) -> tuple[int, int, int] | None:
    """A series and two categories of it whose numbers are printed."""
    series = facts.series
    places = [place for place in range(len(facts.chart.categories)) if (series, place) in facts.printed]
    if not facts.plain or len(places) < 2 or facts.chart.form == "dual_axis":
        return None
    one, other = facts.view.rng.permutation(len(places))[:2]
    return series, places[int(one)], places[int(other)]


def _lookup(facts: ChartFacts) -> Question | None:
    places = sorted(facts.printed)
    if not places or not facts.plain:
        return None
    series, category = facts.view.pick(places)
    chart = facts.chart
    shown = chart.shown[series][category]
    return facts.question(
        "chart_lookup", shown, chart.values[series][category], (chart.series[series], chart.categories[category]),
        words={"c": chart.categories[category], "of": facts.of(series)}, data=(datum(series, category),),
        explanation=f"The mark for {chart.categories[category]}{facts.of(series)} is labelled {shown}.",
    )  # fmt: skip


def _extreme_category(facts: ChartFacts) -> Question | None:
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
        data=(datum(series, best),),
        explanation=f"{name} has the {'highest' if which == 'max' else 'lowest'} value{facts.of(series)}.{shown}",
    )  # fmt: skip


def _column(facts: ChartFacts, category: int) -> list[float]:
    return [row[category] or 0.0 for row in facts.chart.values]


def _extreme_series(facts: ChartFacts) -> Question | None:
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
        data=(datum(best, category),),
    )  # fmt: skip


def _extreme_value(facts: ChartFacts) -> Question | None:
    series, which = facts.series, facts.view.pick(("max", "min"))
    if not facts.plain or not facts.all_printed(series):
        return None
    row = facts.row(series)
    best = row.index(max(row) if which == "max" else min(row))
    return facts.question(
        "chart_extreme_value", facts.chart.shown[series][best], row[best], (facts.chart.series[series], which),
        words={"most": "highest" if which == "max" else "lowest", "of": facts.of(series)},
        data=(datum(series, best),),
        explanation=f"The {'highest' if which == 'max' else 'lowest'} value{facts.of(series)} is "
        f"{facts.chart.shown[series][best]}, for {facts.chart.categories[best]}.",
    )  # fmt: skip


def _seen_pair(facts: ChartFacts) -> tuple[int, int, int] | None:
    """A series and two categories that can be told apart."""
    if not facts.plain or facts.chart.form in {"heat_map", "pie", "donut"}:
        return _printed_pair(facts)
    series = facts.series
    one, other = (int(v) for v in facts.view.rng.permutation(len(facts.chart.categories))[:2])
    row = facts.row(series)
    apart = abs(row[one] - row[other]) > SEEN * max(row)
    return (series, one, other) if apart else None


def _greater(facts: ChartFacts) -> Question | None:
    found = _seen_pair(facts)
    if found is None or facts.row(found[0])[found[1]] == facts.row(found[0])[found[2]]:
        return None
    series, one, other = found
    names, row = facts.chart.categories, facts.row(series)
    best = one if row[one] > row[other] else other
    return facts.question(
        "chart_greater", names[best], names[best], (facts.chart.series[series], names[one], names[other]),
        words={"a": names[one], "b": names[other], "of": facts.of(series)}, data=(datum(series, best),),
    )  # fmt: skip


def _is_greater(facts: ChartFacts) -> Question | None:
    found = _seen_pair(facts)
    if found is None or facts.row(found[0])[found[1]] == facts.row(found[0])[found[2]]:
        return None
    series, one, other = found
    names, row = facts.chart.categories, facts.row(series)
    truth = row[one] > row[other]
    return facts.question(
        "chart_is_greater", "Yes" if truth else "No", truth, (facts.chart.series[series], names[one], names[other]),
        words={"a": names[one], "b": names[other], "of": facts.of(series)},
        data=(datum(series, one), datum(series, other)),
    )  # fmt: skip


def _pairwise(
    family: str, compute: Callable[[float, float], float], sign: str
) -> Callable[[ChartFacts], Question | None]:
    def make(facts: ChartFacts) -> Question | None:
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
            data=(datum(series, one), datum(series, other)),
            explanation=f"{names[high]} is {shown[high]} and {names[low]} is {shown[low]}{facts.of(series)}: "
            f"{shown[high]} {sign} {shown[low]} = {facts.text(value)}.",
        )  # fmt: skip

    return make


def _over_all(family: str, compute: Callable[[list[float]], float]) -> Callable[[ChartFacts], Question | None]:
    def make(facts: ChartFacts) -> Question | None:
        series = facts.series
        if not facts.plain or not facts.all_printed(series) or facts.chart.form in {"pie", "donut"}:
            return None
        value = round(compute(facts.row(series)), 2)
        return facts.question(
            family, facts.text(value), value, (facts.chart.series[series],), words={"of": facts.of(series)},
            data=tuple(datum(series, place) for place in range(len(facts.chart.categories))),
            explanation=f"The values{facts.of(series)} are {', '.join(facts.chart.shown[series])}. "
            f"The answer is {facts.text(value)}.",
        )  # fmt: skip

    return make


def _column_total(facts: ChartFacts) -> Question | None:
    chart = facts.chart
    category = int(facts.view.rng.integers(len(chart.categories)))
    places = [(series, category) for series in range(len(chart.series))]
    if not facts.plain or len(places) < 2 or chart.form == "dual_axis" or not facts.printed.issuperset(places):
        return None
    value = round(sum(_column(facts, category)), 2)
    return facts.question(
        "chart_column_total", facts.text(value), value, (chart.categories[category],),
        words={"c": chart.categories[category]}, data=tuple(datum(*place) for place in places),
        explanation=f"For {chart.categories[category]} the values are "
        f"{', '.join(chart.shown[series][category] for series, _ in places)}; together {facts.text(value)}.",
    )  # fmt: skip


def _series_gap(facts: ChartFacts) -> Question | None:
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
        data=(datum(one, category), datum(other, category)),
    )  # fmt: skip


def _above(facts: ChartFacts) -> Question | None:
    series = facts.series
    if not facts.plain or not facts.all_printed(series):
        return None
    row = sorted(facts.row(series))
    cut = int(facts.view.rng.integers(1, len(row)))
    limit = float(round((row[cut - 1] + row[cut]) / 2))
    count = sum(value > limit for value in row)
    data = tuple(datum(series, place) for place, value in enumerate(facts.row(series)) if value > limit)
    return facts.question(
        "chart_above", str(count), float(count), (facts.chart.series[series], limit),
        words={"v": facts.text(limit), "of": facts.of(series)}, data=data,
    )  # fmt: skip


def _trend(facts: ChartFacts) -> Question | None:
    series = facts.series
    row = facts.row(series)
    if facts.chart.form not in _TIMES or abs(row[-1] - row[0]) <= SEEN * max(row):
        return None
    value = "up" if row[-1] > row[0] else "down"
    first, last = facts.chart.categories[0], facts.chart.categories[-1]
    return facts.question(
        "chart_trend", "It went up" if value == "up" else "It went down", value, (facts.chart.series[series],),
        words={"a": first, "b": last, "of": facts.of(series)},
        data=(datum(series, 0), datum(series, len(row) - 1)),
        explanation=f"From {first} to {last} the value{facts.of(series)} went {value}.",
    )  # fmt: skip


def _largest_rise(facts: ChartFacts) -> Question | None:
    series = facts.series
    row = facts.row(series)
    if facts.chart.form not in _TIMES or len(row) < 3:
        return None
    steps = [b - a for a, b in itertools.pairwise(row)]
    best = max(range(len(steps)), key=lambda place: steps[place])
    others = [steps[best] - step for place, step in enumerate(steps) if place != best]
    if steps[best] <= SEEN * max(row) or min(others) <= SEEN * max(row):
        return None
    name = facts.chart.categories[best + 1]
    return facts.question(
        "chart_largest_rise", name, name, (facts.chart.series[series],), words={"of": facts.of(series)},
        data=(datum(series, best), datum(series, best + 1)),
    )  # fmt: skip


def _rank(facts: ChartFacts) -> Question | None:
    series = facts.series
    row = facts.row(series)
    if not facts.plain or facts.chart.form == "stacked_bar" or len(row) < 4:
        return None
    place = int(facts.view.rng.integers(2, 4))
    order = sorted(range(len(row)), key=lambda key: -row[key])
    around = [abs(row[order[place - 1]] - row[order[other]]) for other in (place - 2, place)]
    if min(around) <= SEEN * max(row) or (
        not facts.all_printed(series) and facts.chart.form in {"heat_map", "pie", "donut"}
    ):
        return None
    name = facts.chart.categories[order[place - 1]]
    return facts.question(
        "chart_rank", name, name, (facts.chart.series[series], float(place)),
        words={"nth": ("second", "third")[place - 2], "of": facts.of(series)},
        data=(datum(series, order[place - 1]),),
    )  # fmt: skip


def _multi_hop(facts: ChartFacts) -> Question | None:
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
        data=(datum(one, best), datum(other, best)),
        explanation=f"{chart.series[one]} is {most} for {chart.categories[best]}; "
        f"there {chart.series[other]} is {shown}.",
    )  # fmt: skip


def _above_other(facts: ChartFacts) -> Question | None:
    chart = facts.chart
    if (
        not facts.plain
        or len(chart.series) < 2
        or chart.form in {"dual_axis", "heat_map", "stacked_bar", "small_multiples"}
    ):
        return None
    one, other = (int(v) for v in facts.view.rng.permutation(len(chart.series))[:2])
    pairs = list(zip(facts.row(one), facts.row(other), strict=True))
    if min(abs(a - b) for a, b in pairs) <= SEEN * max(max(pair) for pair in pairs):
        return None
    count = sum(a > b for a, b in pairs)
    return facts.question(
        "chart_above_other", str(count), float(count), (chart.series[one], chart.series[other]),
        words={"a": chart.series[one], "b": chart.series[other]},
        data=tuple(datum(one, place) for place, (a, b) in enumerate(pairs) if a > b),
    )  # fmt: skip


_MAKERS: dict[str, Callable[[ChartFacts], Question | None]] = {
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
}

CHART_QUESTIONS: dict[str, Family] = {
    **{name: chart_family(make) for name, make in _MAKERS.items()},
    **CHART_MARK_QUESTIONS,
}
