"""One drawing function for each form of chart; a program of these families is a call of :func:`draw`.

from openmolmo.engine.docs.families.matplotlib.draw import draw
figure, marks = draw({"title": ...}, {"width": 6.0, ...})
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from openmolmo.core.config import from_dict
from openmolmo.engine.docs.base import Chart
from openmolmo.engine.docs.families.matplotlib.sketch import Sketch

__all__ = ["FORMS", "draw"]

Marks = list[tuple[str, Any, str, dict[str, Any]]]


def draw(chart: Mapping[str, Any], style: Mapping[str, Any]) -> tuple[Any, Marks]:
    """A finished figure, and what can be seen in it as (role, artist, text, datum)."""
    content = from_dict(Chart, dict(chart))
    sketch = Sketch(content, style)
    with sketch.settings:
        sketch.title()
        FORMS[content.form](sketch)
        sketch.settle()
    return sketch.figure, sketch.marks


def _number(value: float | None) -> float:
    assert value is not None, "only scatter charts have gaps"
    return value


def _bar(sketch: Sketch) -> None:
    axes, chart = sketch.axes(), sketch.chart
    heights = [_number(value) for value in chart.values[0]]
    bars = axes.bar(range(len(heights)), heights, sketch.style["bar"], color=sketch.colours()[0], **_edge(sketch))
    for place, (bar, height) in enumerate(zip(bars, heights, strict=True)):
        sketch.rectangle(axes, bar, 0, place)
        sketch.value(axes, place, height, 0, place, xytext=(0, 2), ha="center", va="bottom")
    axes.margins(y=0.12)
    _finish(sketch, axes)


def _horizontal_bar(sketch: Sketch) -> None:
    axes, chart = sketch.axes(), sketch.chart
    widths = [_number(value) for value in chart.values[0]]
    bars = axes.barh(range(len(widths)), widths, sketch.style["bar"], color=sketch.colours()[0], **_edge(sketch))
    for place, (bar, width) in enumerate(zip(bars, widths, strict=True)):
        sketch.rectangle(axes, bar, 0, place)
        sketch.value(axes, width, place, 0, place, xytext=(3, 0), ha="left", va="center")
    axes.margins(x=0.16)
    axes.invert_yaxis()
    sketch.names(axes, chart.categories, "category", upright=True)
    sketch.labels(axes, sketch.y_title(), chart.x_label)
    sketch.grid(axes, "x")
    sketch.numbers(axes, upright=False)


def _grouped_bar(sketch: Sketch) -> None:
    axes, chart = sketch.axes(), sketch.chart
    count = len(chart.series)
    wide = 0.84 / count
    handles = []
    for series, (row, colour) in enumerate(zip(chart.values, sketch.colours(), strict=True)):
        places = [place + (series - (count - 1) / 2) * wide for place in range(len(row))]
        bars = axes.bar(places, [_number(value) for value in row], wide * 0.94, color=colour, **_edge(sketch))
        handles.append(bars[0])
        for category, bar in enumerate(bars):
            sketch.rectangle(axes, bar, series, category)
            sketch.value(
                axes, places[category], _number(row[category]), series, category,
                xytext=(0, 2), ha="center", va="bottom", rotation=90,
            )  # fmt: skip
    axes.margins(y=0.2 if chart.shown else 0.06)
    sketch.legend(handles, chart.series)
    _finish(sketch, axes)


def _stacked_bar(sketch: Sketch) -> None:
    axes, chart = sketch.axes(), sketch.chart
    below = [0.0] * len(chart.categories)
    handles = []
    highest = max(sum(_number(row[place]) for row in chart.values) for place in range(len(below)))
    for series, (row, colour) in enumerate(zip(chart.values, sketch.colours(), strict=True)):
        heights = [_number(value) for value in row]
        bars = axes.bar(range(len(row)), heights, sketch.style["bar"], bottom=below, color=colour, **_edge(sketch))
        handles.append(bars[0])
        for category, bar in enumerate(bars):
            sketch.rectangle(axes, bar, series, category)
            if heights[category] > highest * 0.07:  # thinner pieces have no room for their number
                sketch.value(
                    axes, category, below[category] + heights[category] / 2, series, category,
                    xytext=(0, 0), ha="center", va="center", color=_ink(colour),
                )  # fmt: skip
        below = [low + height for low, height in zip(below, heights, strict=True)]
    sketch.legend(handles, chart.series)
    _finish(sketch, axes)


def _line(sketch: Sketch) -> None:
    axes, chart = sketch.axes(), sketch.chart
    handles = [_one_line(sketch, axes, series, colour) for series, colour in enumerate(sketch.colours())]
    axes.margins(y=0.14)
    if len(chart.series) > 1:
        sketch.legend(handles, chart.series)
    _finish(sketch, axes)


def _one_line(sketch: Sketch, axes: Any, series: int, colour: str) -> Any:
    row = [_number(value) for value in sketch.chart.values[series]]
    (line,) = axes.plot(
        range(len(row)), row, color=colour, marker=sketch.style["marker"], markersize=6,
        linewidth=sketch.style["line"], linestyle=sketch.style["dashes"],
    )  # fmt: skip
    sketch.mark("line", line, series=series)
    for category, value in enumerate(row):
        sketch.mark("point", (axes, category, value), series=series, category=category)
        if len(sketch.chart.series) == 1:
            sketch.value(axes, category, value, series, category, xytext=(0, 6), ha="center", va="bottom")
    return line


def _area(sketch: Sketch) -> None:
    axes, chart = sketch.axes(), sketch.chart
    row, colour = [_number(value) for value in chart.values[0]], sketch.colours()[0]
    sketch.mark("area", axes.fill_between(range(len(row)), row, color=colour, alpha=0.55), series=0)
    axes.plot(range(len(row)), row, color=colour, linewidth=2)
    for category, value in enumerate(row):
        sketch.mark("point", (axes, category, value), series=0, category=category)
        sketch.value(axes, category, value, 0, category, xytext=(0, 4), ha="center", va="bottom")
    axes.set_ylim(0, max(row) * 1.18)
    _finish(sketch, axes)


def _scatter(sketch: Sketch) -> None:
    axes, chart = sketch.axes(), sketch.chart
    across = [_plain(text) for text in chart.order]
    handles = []
    for series, (row, colour) in enumerate(zip(chart.values, sketch.colours(), strict=True)):
        own = [(category, value) for category, value in enumerate(row) if value is not None]
        handles.append(
            axes.scatter(
                [across[category] for category, _ in own],
                [value for _, value in own],
                s=42,
                color=colour,
                marker=("o", "s", "^", "D")[series] if sketch.style["shapes"] else "o",
                edgecolors=sketch.fore,
                linewidths=0.4,
            )
        )
        for category, value in own:
            sketch.mark("point", (axes, across[category], value), series=series, category=category)
    axes.margins(0.1)
    sketch.legend(handles, chart.series)
    sketch.labels(axes, chart.x_label, sketch.y_title())
    sketch.grid(axes, "both")
    sketch.numbers(axes)
    sketch.numbers(axes, upright=False)


def _plain(text: str) -> float:
    """The number that a text of digits shows, whatever sets its thousands apart."""
    whole, comma, part = text.replace(" ", "").rpartition(",") if "," in text else text.rpartition(".")
    if comma and len(part) == 1:  # measures have one decimal at most
        return float(f"{''.join(c for c in whole if c.isdigit())}.{part}")
    return float("".join(c for c in text if c.isdigit()))


def _pie(sketch: Sketch) -> None:
    axes, chart = sketch.axes(), sketch.chart
    shares = [_number(value) for value in chart.values[0]]
    donut = chart.form == "donut"
    slices, *_ = axes.pie(
        shares, colors=sketch.colours(), startangle=sketch.style["turn"], counterclock=False,
        wedgeprops={"width": 0.45 if donut else 1.0, "edgecolor": sketch.back, "linewidth": 1.5},
    )  # fmt: skip
    for category, piece in enumerate(slices):
        sketch.mark("slice", piece, series=0, category=category)
        _on_slice(sketch, axes, piece, category, 0.78 if donut else 0.68)
    sketch.legend(slices, chart.categories, "category")


def _on_slice(sketch: Sketch, axes: Any, piece: Any, category: int, radius: float) -> None:
    import math

    middle = math.radians((piece.theta1 + piece.theta2) / 2)
    x, y = radius * math.cos(middle), radius * math.sin(middle)
    colour = _ink(sketch.colours()[category])
    sketch.value(axes, x, y, 0, category, xytext=(0, 0), ha="center", va="center", color=colour)


def _box(sketch: Sketch) -> None:
    axes, chart = sketch.axes(), sketch.chart
    columns = [[_number(row[place]) for row in chart.values] for place in range(len(chart.categories))]
    keys = ("whislo", "q1", "med", "q3", "whishi")
    drawn = axes.bxp(
        [dict(zip(keys, column, strict=True)) for column in columns], positions=range(len(columns)), widths=0.5,
        showfliers=False, patch_artist=True, manage_ticks=False,
        boxprops={"facecolor": sketch.colours()[0], "edgecolor": sketch.fore}, medianprops={"color": sketch.fore},
        whiskerprops={"color": sketch.fore}, capprops={"color": sketch.fore},
    )  # fmt: skip
    for place, box in enumerate(drawn["boxes"]):
        sketch.mark("box", box, category=place)
        sketch.value(axes, place, columns[place][4], 4, place, xytext=(0, 3), ha="center", va="bottom")
        sketch.value(axes, place + 0.28, columns[place][2], 2, place, xytext=(1, 0), ha="left", va="center")
        sketch.value(axes, place, columns[place][0], 0, place, xytext=(0, -3), ha="center", va="top")
    axes.set_xlim(-0.5 - 0.14 * len(columns), len(columns) - 0.5 + 0.14 * len(columns))
    axes.margins(y=0.12)
    _finish(sketch, axes)


def _heat_map(sketch: Sketch) -> None:
    axes, chart = sketch.axes(), sketch.chart
    values = [[_number(value) for value in row] for row in chart.values]
    image = axes.imshow(values, cmap=sketch.style["map"], aspect="auto")
    for series, row in enumerate(values):
        for category, value in enumerate(row):
            corners = (axes, category - 0.5, series - 0.5, category + 0.5, series + 0.5)
            sketch.mark("cell", corners, series=series, category=category)
            red, green, blue, _ = image.cmap(image.norm(value))
            dark = 0.3 * red + 0.59 * green + 0.11 * blue < 0.5
            sketch.value(
                axes, category, series, series, category,
                xytext=(0, 0), ha="center", va="center", color="#ffffff" if dark else "#111111",
            )  # fmt: skip
    sketch.names(axes, chart.categories, "category", room=0.8)
    sketch.names(axes, chart.series, "series", upright=True)
    sketch.labels(axes, chart.x_label, "")
    sketch.bar(image)


def _dual_axis(sketch: Sketch) -> None:
    axes, chart = sketch.axes(), sketch.chart
    first, second = ([_number(value) for value in row] for row in chart.values)
    colours = sketch.colours()
    bars = axes.bar(range(len(first)), first, sketch.style["bar"], color=colours[0], **_edge(sketch))
    for place, bar in enumerate(bars):
        sketch.rectangle(axes, bar, 0, place)
        sketch.value(
            axes, place, 0, 0, place, xytext=(0, 3), ha="center", va="bottom", rotation=90, color=_ink(colours[0])
        )
    right = sketch.twin()
    (line,) = right.plot(range(len(second)), second, color=colours[1], marker="o", linewidth=2.2)
    for place, value in enumerate(second):
        sketch.mark("point", (right, place, value), series=1, category=place)
    axes.set_ylim(0, max(first) * 1.1)
    right.set_ylim(0, max(second) * 1.25)
    name, unit = chart.order
    sketch.labels(right, "", f"{name} ({unit})" if unit else name)
    sketch.legend([bars[0], line], chart.series)
    _finish(sketch, axes)
    sketch.numbers(right)


def _small_multiples(sketch: Sketch) -> None:
    chart = sketch.chart
    first = None
    for series, colour in enumerate(sketch.colours()[: len(chart.series)]):
        axes = sketch.axes() if first is None else sketch.axes(sharey=first)
        first = first or axes
        row = [_number(value) for value in chart.values[series]]
        if sketch.style["panels"] == "bar":
            for place, bar in enumerate(axes.bar(range(len(row)), row, 0.7, color=colour)):
                sketch.rectangle(axes, bar, series, place)
        else:
            axes.plot(range(len(row)), row, color=colour, marker="o")
            for place, value in enumerate(row):
                sketch.mark("point", (axes, place, value), series=series, category=place)
        sketch.heading(chart.series[series], series=series)
        sketch.names(axes, chart.categories, "category", room=0.7 / len(chart.series))
        sketch.numbers(axes, shown=axes is first)
        sketch.grid(axes)
    sketch.labels(first, "", sketch.y_title())
    sketch.foot(chart.x_label)


def _lollipop(sketch: Sketch) -> None:
    axes, chart = sketch.axes(), sketch.chart
    row, colour = [_number(value) for value in chart.values[0]], sketch.colours()[0]
    axes.vlines(range(len(row)), 0, row, color=colour, linewidth=2)
    axes.plot(range(len(row)), row, "o", color=colour, markersize=9)
    for place, value in enumerate(row):
        sketch.mark("point", (axes, place, value), series=0, category=place)
        sketch.value(axes, place, value, 0, place, xytext=(0, 7), ha="center", va="bottom")
    axes.set_ylim(0, max(row) * 1.2)
    axes.margins(x=0.08)
    _finish(sketch, axes)


def _dot(sketch: Sketch) -> None:
    axes, chart = sketch.axes(), sketch.chart
    handles = []
    for series, (row, colour) in enumerate(zip(chart.values, sketch.colours(), strict=True)):
        widths = [_number(value) for value in row]
        handles.append(axes.plot(widths, range(len(row)), "o", color=colour, markersize=8)[0])
        for place, width in enumerate(widths):
            sketch.mark("point", (axes, width, place), series=series, category=place)
            if len(chart.series) == 1:
                sketch.value(axes, width, place, series, place, xytext=(7, 0), ha="left", va="center")
    axes.invert_yaxis()
    axes.margins(x=0.16, y=0.1)
    sketch.grid(axes, "y", always=True)
    if len(chart.series) > 1:
        sketch.legend(handles, chart.series)
    sketch.names(axes, chart.categories, "category", upright=True)
    sketch.labels(axes, sketch.y_title(), chart.x_label)
    sketch.numbers(axes, upright=False)


def _finish(sketch: Sketch, axes: Any) -> None:
    sketch.names(axes, sketch.chart.categories, "category", room=0.8)
    sketch.labels(axes, sketch.chart.x_label, sketch.y_title())
    sketch.grid(axes)
    sketch.numbers(axes)


def _edge(sketch: Sketch) -> dict[str, Any]:
    return {"edgecolor": sketch.fore, "linewidth": 0.8} if sketch.style["edge"] else {}


def _ink(colour: str) -> str:
    """Black or white, whichever is read on the colour."""
    red, green, blue = bytes.fromhex(colour[1:])
    return "#111111" if 0.3 * red + 0.59 * green + 0.11 * blue > 135 else "#ffffff"


FORMS: dict[str, Callable[[Sketch], None]] = {
    "bar": _bar,
    "horizontal_bar": _horizontal_bar,
    "grouped_bar": _grouped_bar,
    "stacked_bar": _stacked_bar,
    "line": _line,
    "area": _area,
    "scatter": _scatter,
    "pie": _pie,
    "donut": _pie,
    "box": _box,
    "heat_map": _heat_map,
    "dual_axis": _dual_axis,
    "small_multiples": _small_multiples,
    "lollipop": _lollipop,
    "dot": _dot,
}
