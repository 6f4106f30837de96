"""Numbers that could be true: by month, by town, by product, of one or several series."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from openmolmo.core.errors import ConfigError
from openmolmo.engine.docs.base import Chart, Spec
from openmolmo.engine.docs.worlds.colours import choose_colours
from openmolmo.engine.docs.worlds.language import NumberFormat, inside, number_format, one, place, some, word, word_list

__all__ = ["CHART_FORMS", "Measure", "categories", "chart", "has_year", "measure", "series_names"]

CHART_FORMS = (
    "bar", "horizontal_bar", "grouped_bar", "stacked_bar", "line", "area", "scatter", "pie", "donut", "box",
    "heat_map", "dual_axis", "small_multiples", "lollipop", "dot",
)  # fmt: skip

_SINGLE = {"bar", "horizontal_bar", "pie", "donut", "lollipop", "area"}
_OVER_TIME = {"line", "area", "dual_axis", "small_multiples"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """Something that is counted or measured in one world, with plausible limits."""

    world: str
    name: str
    unit: str
    low: float
    high: float
    decimals: int


def measure(rng: np.random.Generator, language: str, world: str | None = None) -> Measure:
    """One of a world (of any, unless given)."""
    measures = word_list("terms")["measures"]
    world = world or one(rng, sorted(measures))
    name, unit, low, high, decimals = one(rng, measures[world])
    return Measure(world=world, name=word(name, language), unit=unit, low=low, high=high, decimals=decimals)


def chart(rng: np.random.Generator, spec: Spec, form: str) -> Chart:
    """A chart of a form in :data:`CHART_FORMS`; the world is drawn, the language is the specification's.

    ``pie`` and ``donut`` have whole shares that add up to 100 and a colour for each category, all others a colour
    for each series. ``box``: the five series are the quartiles (names in ``order`` too). ``scatter``: each category
    is a point of one series, its x as text in ``order``. ``dual_axis``: two series with an axis each; ``order`` is
    the second axis' label and unit.
    """
    if form not in CHART_FORMS:
        raise ConfigError(f"there is no chart form {form!r}", fix=f"use one of {', '.join(CHART_FORMS)}")
    language = spec.language
    subject, numbers = measure(rng, language), number_format(rng, language)
    if form in {"pie", "donut"}:
        return _pie(rng, numbers, subject, form)
    if form == "scatter":
        return _scatter(rng, numbers, subject)
    if form == "box":
        return _box(rng, numbers, subject)
    x_label, names = categories(rng, language, subject.world, over_time=form in _OVER_TIME)
    count = 1 if form in _SINGLE else 2 if form == "dual_axis" else int(rng.integers(2, 5))
    if form in {"line", "dot"} and rng.random() < 0.3:
        count = 1
    if form == "dual_axis":
        return _dual(rng, numbers, subject, x_label, names)
    series = series_names(rng, language, subject, count, names)
    values = tuple(_row(rng, subject, len(names), smooth=form in _OVER_TIME) for _ in series)
    return _finished(rng, numbers, subject, form=form, x_label=x_label, names=names, series=series, values=values)


def _finished(
    rng: np.random.Generator,
    numbers: NumberFormat,
    subject: Measure,
    *,
    form: str,
    x_label: str,
    names: tuple[str, ...],
    series: tuple[str, ...],
    values: tuple[tuple[float | None, ...], ...],
) -> Chart:
    return Chart(
        title=_title(rng, numbers.language, subject, x_label, dated=has_year((*names, *series))),
        x_label=x_label,
        y_label=subject.name,
        unit=subject.unit,
        categories=names,
        series=series,
        values=values,
        form=form,
        shown=tuple(
            tuple("" if v is None else numbers.with_unit(v, subject.unit, subject.decimals) for v in row)
            for row in values
        ),
        colours=choose_colours(rng, len(series)),
    )


def has_year(names: Sequence[str]) -> bool:
    """Whether any of the names is, or tells, a year: then no title may tell another."""
    return any(re.search(r"\b20\d\d\b", name) for name in names)


def _title(rng: np.random.Generator, language: str, subject: Measure, x_label: str, *, dated: bool) -> str:
    """``dated``: the chart names its years itself."""
    title = word(word_list("terms")["by"], language).format(m=subject.name, x=inside(x_label, language))
    ends = ("", "" if dated else f", {int(rng.integers(2012, 2027))}", f" – {place(rng)}", f" ({place(rng)})")
    return title + one(rng, ends)


def categories(
    rng: np.random.Generator, language: str, world: str, *, over_time: bool = False
) -> tuple[str, tuple[str, ...]]:
    """What stands along an axis: its label and four to ten names, in their order if they have one."""
    terms = word_list("terms")
    kinds = ["month", "weekday", "year", "quarter"]
    if not over_time:
        kinds = ["month", "weekday", "year", "place", "person", "thing", "thing"]
        if world not in terms["things"]:
            kinds = [kind for kind in kinds if kind != "thing"]
    kind = one(rng, kinds)
    if kind == "thing":
        label, things = terms["things"][world]
        names = some(rng, things, int(rng.integers(4, 8)))
        return word(label, language), tuple(dict.fromkeys(word(name, language) for name in names))
    label = word(terms["axes"][kind], language)
    if kind == "place":
        return label, tuple(some(rng, word_list("names")["places"], int(rng.integers(4, 8))))
    if kind == "person":
        return label, tuple(some(rng, word_list("names")["given"][language], int(rng.integers(4, 8))))
    return label, _times(rng, language, kind)


def _times(rng: np.random.Generator, language: str, kind: str) -> tuple[str, ...]:
    terms = word_list("terms")
    if kind == "weekday":
        return tuple(terms["weekdays"][language])
    if kind == "year":
        first, count = int(rng.integers(2008, 2019)), int(rng.integers(5, 9))
        return tuple(str(first + step) for step in range(count))
    if kind == "quarter":
        year = int(rng.integers(2015, 2026))
        return tuple(f"Q{quarter} {year + more}" for more in (0, 1) for quarter in range(1, 5))[
            : int(rng.integers(4, 9))
        ]
    months = terms["short_months"][language]
    count = int(rng.integers(5, 11))
    first = int(rng.integers(0, 13 - count))
    return tuple(months[first : first + count])


def series_names(
    rng: np.random.Generator, language: str, subject: Measure, count: int, taken: tuple[str, ...]
) -> tuple[str, ...]:
    """Names of ``count`` series: the measure itself for one; towns, things or years for several, none in ``taken``."""
    if count == 1:
        return (subject.name,)
    terms, names = word_list("terms"), word_list("names")
    options = [names["places"], names["given"][language], [str(year) for year in range(2012, 2027)]]
    if subject.world in terms["things"]:
        things = list(dict.fromkeys(word(name, language) for name in terms["things"][subject.world][1]))
        options += [things, things]
    chosen = [name for name in one(rng, options) if name not in taken]
    if len(chosen) < count:
        chosen = [name for name in names["places"] if name not in taken]
    picked = some(rng, chosen, count)
    return tuple(sorted(picked) if all(name.isdigit() for name in picked) else picked)


def _row(rng: np.random.Generator, subject: Measure, count: int, *, smooth: bool) -> tuple[float, ...]:
    """``count`` values within the limits; smooth ones go on from their neighbours, as measures over time do."""
    span = subject.high - subject.low
    scale = float(rng.uniform(0.3, 1.0))
    if smooth:
        steps = np.cumsum(rng.normal(rng.uniform(-0.06, 0.06), 0.13, count))
        steps = steps - steps.min()
        shape = 0.15 + 0.75 * steps / max(float(steps.max()), 1e-9)
    else:
        shape = rng.uniform(0.08, 1.0, count)
    return tuple(_rounded(subject.low + span * scale * float(part), subject) for part in shape)


def _rounded(value: float, subject: Measure) -> float:
    return float(round(value, subject.decimals)) if subject.decimals else float(round(value))


def _pie(rng: np.random.Generator, numbers: NumberFormat, subject: Measure, form: str) -> Chart:
    language = numbers.language
    x_label, names = categories(rng, language, subject.world)
    names = names[: int(rng.integers(3, 7))]
    parts = rng.dirichlet(np.full(len(names), 2.5)) * (100 - 4 * len(names))
    shares = np.floor(parts).astype(int) + 4  # no slice is too thin for its number
    shares[int(np.argmax(shares))] += 100 - int(shares.sum())
    values = (tuple(float(share) for share in shares),)
    whole = Measure(world=subject.world, name=subject.name, unit="%", low=0, high=100, decimals=0)
    made = _finished(
        rng, numbers, whole, form=form, x_label=x_label, names=names, series=(subject.name,), values=values
    )
    return dataclasses.replace(made, colours=choose_colours(rng, len(names)))


def _scatter(rng: np.random.Generator, numbers: NumberFormat, subject: Measure) -> Chart:
    language = numbers.language
    others = [item for item in _measures_of(language, subject.world) if item.name != subject.name]
    across = one(rng, others)
    groups = series_names(rng, language, subject, int(rng.integers(2, 4)), ())
    count = int(rng.integers(8, 17))
    names = tuple(some(rng, [f"{letter}{digit}" for letter in "ABCDEFGH" for digit in range(1, 5)], count))
    xs = [_rounded(v, across) for v in np.linspace(across.low, across.high, count) * rng.uniform(0.75, 1.0, count)]
    slope = one(rng, (-0.6, 0.0, 0.6))
    level = 0.5 + slope * (np.linspace(0, 1, count) - 0.5) + rng.normal(0, 0.1, count)
    ys = [_rounded(subject.low + (subject.high - subject.low) * float(np.clip(v, 0.02, 0.98)), subject) for v in level]
    owner = [place_ % len(groups) for place_ in range(count)]
    values = tuple(tuple(ys[j] if owner[j] == i else None for j in range(count)) for i in range(len(groups)))
    made = _finished(
        rng, numbers, subject, form="scatter", x_label=_axis(across), names=names, series=groups, values=values
    )
    title = word(word_list("terms")["and"], language).format(m=across.name, x=inside(subject.name, language))
    return dataclasses.replace(made, title=title, order=tuple(numbers.text(x, across.decimals) for x in xs))


def _axis(item: Measure) -> str:
    return f"{item.name} ({item.unit})" if item.unit else item.name


def _measures_of(language: str, world: str) -> list[Measure]:
    return [
        Measure(world=world, name=word(name, language), unit=unit, low=low, high=high, decimals=decimals)
        for name, unit, low, high, decimals in word_list("terms")["measures"][world]
    ]


def _box(rng: np.random.Generator, numbers: NumberFormat, subject: Measure) -> Chart:
    language = numbers.language
    x_label, names = categories(rng, language, subject.world)
    names = names[:6]
    quartiles = tuple(word(name, language) for name in word_list("terms")["quartiles"].split(";"))
    columns = []
    for _ in names:
        middle, width = rng.uniform(0.3, 0.7), rng.uniform(0.12, 0.28)
        offsets = np.array([-1.0, -0.45, 0.0, 0.45, 1.0]) + rng.uniform(-0.12, 0.12, 5)
        columns.append(
            [_rounded(subject.low + (subject.high - subject.low) * float(middle + width * o), subject) for o in offsets]
        )
    values = tuple(tuple(column[k] for column in columns) for k in range(5))
    made = _finished(rng, numbers, subject, form="box", x_label=x_label, names=names, series=quartiles, values=values)
    return dataclasses.replace(made, colours=choose_colours(rng, 1), order=quartiles)


def _dual(
    rng: np.random.Generator, numbers: NumberFormat, subject: Measure, x_label: str, names: tuple[str, ...]
) -> Chart:
    language = numbers.language
    other = one(rng, [item for item in _measures_of(language, subject.world) if item.name != subject.name])
    values = tuple(_row(rng, item, len(names), smooth=True) for item in (subject, other))
    made = _finished(
        rng, numbers, subject, form="dual_axis", x_label=x_label, names=names,
        series=(subject.name, other.name), values=values,
    )  # fmt: skip
    shown = (made.shown[0], tuple(numbers.with_unit(v, other.unit, other.decimals) for v in values[1]))
    title = word(word_list("terms")["and"], language).format(m=subject.name, x=inside(other.name, language))
    return dataclasses.replace(made, title=title, shown=shown, order=(other.name, other.unit))
