"""Charts in Vega-Lite: one function a form gives the part that is drawn, one frame is around all of them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from openmolmo.engine.docs.base import Chart, Program, Spec
from openmolmo.engine.docs.families.by_function import Families, FunctionFamily
from openmolmo.engine.docs.families.chart_look import (
    ChartLook,
    axis_title,
    colours_of,
    draw_look,
    grouped_numbers,
    label_angle,
    place_numbers,
)
from openmolmo.engine.docs.worlds.chart import chart as plausible

__all__ = ["FAMILIES"]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
Part = dict[str, Any]


def _rows(chart: Chart, **more: list[Any]) -> list[Part]:
    """One row a number, with its place in the content; ``more``: a value a category."""
    return [
        {"c": name, "s": series, "v": value, "i": i, "j": j, "t": _shown(chart, i, j)}
        | {key: values[j] for key, values in more.items()}
        for i, series in enumerate(chart.series)
        for j, name in enumerate(chart.categories)
        if (value := chart.values[i][j]) is not None
    ]


def _shown(chart: Chart, i: int, j: int) -> str:
    return chart.shown[i][j] if chart.shown else ""


def _named(rows: list[Part], role: str, *, series: bool = True) -> Part:
    """The rows as data whose ``d`` is what a mark's description says of it."""
    values = [
        row | {"d": json.dumps({"role": role, **({"series": row["i"]} if series else {}), "category": row["j"]})}
        for row in rows
    ]
    return {"values": values}


def _of_series(rows: list[Part], role: str) -> Part:
    return {"values": [row | {"d": json.dumps({"role": role, "series": row["i"]})} for row in rows]}


DESCRIBED: Part = {"description": {"field": "d"}}


def _across(chart: Chart, look: ChartLook, *, grid: bool = False, name: str | None = None) -> Part:
    axis = {"labelAngle": label_angle(chart, look), "labelLimit": 0, "labelOverlap": False, "grid": grid}
    return {"field": "c", "type": "nominal", "sort": None, "title": name or chart.x_label, "axis": axis}


def _up(chart: Chart, look: ChartLook, *, lying: bool = False, **more: Any) -> Part:
    axis = _numbers(look, lying=lying)
    return {"field": "v", "type": "quantitative", "title": axis_title(chart), "axis": axis, **more}


def _numbers(look: ChartLook, *, lying: bool = False, **more: Any) -> Part:
    """An axis of numbers that do not touch each other; ``lying``: from left to right."""
    return {
        "format": ",~f", "grid": look.grid, "titleLimit": 0, "labelFlush": False,
        "tickCount": look.width // (look.size * 9) if lying else look.height // 45,
        "labelOverlap": "greedy", "labelSeparation": 10, **more,
    }  # fmt: skip


def _colour(chart: Chart, look: ChartLook, field: str = "s", legend: bool = True) -> Part:
    names = list(chart.series if field == "s" else chart.categories)
    scale = {"domain": names, "range": colours_of(chart, look)[: len(names)]}
    shown = {"orient": look.legend, "title": None, "labelLimit": 0, "columns": 3 if look.legend != "right" else 1}
    return {"field": field, "type": "nominal", "scale": scale, "legend": shown if legend and len(names) > 1 else None}


def _text(rows: list[Part], look: ChartLook, encoding: Part, **mark: Any) -> list[Part]:
    """A layer with each number in print, if the look has them."""
    if not look.labels:
        return []
    style = {"type": "text", "fontSize": look.size - 2, "color": look.ink, **mark}
    return [
        {"data": _named(rows, "value"), "mark": style, "encoding": {**encoding, "text": {"field": "t"}, **DESCRIBED}}
    ]


def _bar(chart: Chart, look: ChartLook, language: str) -> Part:
    rows, encoding = _rows(chart), {"x": _across(chart, look), "y": _up(chart, look)}
    mark = {"type": "bar", "cornerRadiusEnd": look.rounded, "color": colours_of(chart, look)[0]}
    drawn = {"data": _named(rows, "bar"), "mark": mark, "encoding": {**encoding, **DESCRIBED}}
    return {"layer": [drawn, *_text(rows, look, encoding, dy=-8)]}


def _horizontal(chart: Chart, look: ChartLook, language: str) -> Part:
    rows = _rows(chart)
    across = _across(chart, look)
    encoding = {"y": {**across, "axis": {**across["axis"], "labelAngle": 0}}, "x": _up(chart, look, lying=True)}
    mark = {"type": "bar", "cornerRadiusEnd": look.rounded, "color": colours_of(chart, look)[0]}
    drawn = {"data": _named(rows, "bar"), "mark": mark, "encoding": {**encoding, **DESCRIBED}}
    return {"layer": [drawn, *_text(rows, look, encoding, dx=4, align="left")]}


def _grouped(chart: Chart, look: ChartLook, language: str) -> Part:
    rows = _rows(chart)
    beside = {"xOffset": {"field": "s", "sort": None}}
    encoding = {"x": _across(chart, look), "y": _up(chart, look), **beside}
    drawn = {
        "data": _named(rows, "bar"),
        "mark": {"type": "bar", "cornerRadiusEnd": look.rounded},
        "encoding": {**encoding, "color": _colour(chart, look), **DESCRIBED},
    }
    # Numbers stand upright above their bars: neighbours would lie on each other.
    return {"layer": [drawn, *_text(rows, look, encoding, angle=270, align="left", dx=4, dy=0)]}


def _stacked(chart: Chart, look: ChartLook, language: str) -> Part:
    rows = _rows(chart)
    order = {"order": {"field": "i"}}
    encoding = {"x": _across(chart, look), "y": _up(chart, look, stack="zero"), **order}
    colour = {"color": _colour(chart, look)}
    drawn = {"data": _named(rows, "bar"), "mark": "bar", "encoding": {**encoding, **colour, **DESCRIBED}}
    return {"layer": [drawn]}


def _line(chart: Chart, look: ChartLook, language: str) -> Part:
    rows, encoding = _rows(chart), {"x": _across(chart, look, grid=look.grid), "y": _up(chart, look)}
    colour = {"color": _colour(chart, look)}
    if len(chart.series) == 1:
        colour = {"color": {"value": colours_of(chart, look)[0]}}
    line = {"type": "line", "strokeWidth": 1.5 + look.rounded / 3}
    layers = [{"data": _of_series(rows, "line"), "mark": line, "encoding": {**encoding, **colour, **DESCRIBED}}]
    points = {"type": "point", "filled": True, "size": 44 if look.rounded else 26, "opacity": 1}
    layers.append({"data": _named(rows, "point"), "mark": points, "encoding": {**encoding, **colour, **DESCRIBED}})
    labels = _text(rows, look, encoding, dy=-9) if len(chart.series) == 1 and not label_angle(chart, look) else []
    return {"layer": [*layers, *labels]}


def _area(chart: Chart, look: ChartLook, language: str) -> Part:
    rows, encoding = _rows(chart), {"x": _across(chart, look), "y": _up(chart, look)}
    colour = colours_of(chart, look)[0]
    area = {"type": "area", "color": colour, "opacity": 0.6, "line": {"color": colour}}
    points = {"type": "point", "filled": True, "color": colour, "size": 26, "opacity": 1}
    return {
        "layer": [
            {"data": _of_series(rows, "area"), "mark": area, "encoding": {**encoding, **DESCRIBED}},
            {"data": _named(rows, "point"), "mark": points, "encoding": {**encoding, **DESCRIBED}},
        ]
    }


def _scatter(chart: Chart, look: ChartLook, language: str) -> Part:
    rows = _rows(chart, x=place_numbers(chart, language))
    across = {"field": "x", "type": "quantitative", "title": chart.x_label, "scale": {"zero": False, "nice": True}}
    across["axis"] = _numbers(look, lying=True)
    encoding = {"x": across, "y": _up(chart, look, scale={"zero": False})}
    more = {"color": _colour(chart, look)}
    if look.rounded:
        more["shape"] = {"field": "s", "type": "nominal", "legend": more["color"]["legend"], "sort": None}
        more["shape"]["scale"] = {"domain": list(chart.series)}
    points = {"type": "point", "filled": True, "size": 70, "opacity": 1}
    drawn = {"data": _named(rows, "point"), "mark": points, "encoding": {**encoding, **more, **DESCRIBED}}
    return {"layer": [drawn]}


def _pie(chart: Chart, look: ChartLook, language: str) -> Part:
    rows, radius = _rows(chart), min(look.width, look.height) / 2 - 30
    encoding = {"theta": {"field": "v", "type": "quantitative", "stack": True}, "order": {"field": "j"}}
    arc = {"type": "arc", "outerRadius": radius, "stroke": look.ground, "strokeWidth": 1.5}
    if chart.form == "donut":
        arc["innerRadius"] = radius * 0.55
    colour = {"color": _colour(chart, look, "c")}
    drawn = {"data": _named(rows, "slice"), "mark": arc, "encoding": {**encoding, **colour, **DESCRIBED}}
    return {"layer": [drawn, *_text(rows, look, encoding, radius=radius + 18)]}


def _box(chart: Chart, look: ChartLook, language: str) -> Part:
    low, first, middle, third, high = chart.values
    rows: list[Part] = [
        {"c": name, "i": 0, "j": j, "low": low[j], "a": first[j], "m": middle[j], "b": third[j], "high": high[j]}
        for j, name in enumerate(chart.categories)
    ]
    colour, x = colours_of(chart, look)[0], {"x": _across(chart, look)}
    up = _up(chart, look, scale={"zero": False})

    def pair(one: str, two: str) -> Part:
        return {**x, "y": {**up, "field": one}, "y2": {"field": two}, **DESCRIBED}

    box = {"type": "bar", "color": colour, "size": max(14, look.width / len(rows) / 2.2), "stroke": look.ink}
    middles = {"type": "tick", "color": "#ffffff", "thickness": 2.5, "size": box["size"]}
    return {
        "layer": [
            {"data": _named(rows, "whisker", series=False), "mark": {"type": "rule", "color": look.ink},
             "encoding": pair("low", "high")},
            {"data": _named(rows, "box", series=False), "mark": box, "encoding": pair("a", "b")},
            {"data": _named([row | {"i": 2} for row in rows], "median"), "mark": middles,
             "encoding": {**x, "y": {**up, "field": "m"}, **DESCRIBED}},
        ]
    }  # fmt: skip


def _heat(chart: Chart, look: ChartLook, language: str) -> Part:
    rows = _rows(chart)
    middle = (max(row["v"] for row in rows) + min(row["v"] for row in rows)) / 2
    down = {"field": "s", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 0}}
    encoding = {"x": _across(chart, look), "y": down}
    scheme = ("blues", "oranges", "greens")[look.palette]
    legend = {"title": axis_title(chart), "titleLimit": 0, "format": ",~f", "orient": "right"}
    colour = {"field": "v", "type": "quantitative", "scale": {"scheme": scheme}, "legend": legend}
    light = {"color": {"condition": {"test": f"datum.v > {middle}", "value": "#ffffff"}, "value": "#000000"}}
    cell = {"type": "rect", "stroke": look.ground, "strokeWidth": look.rounded}
    layers = [{"data": _named(rows, "cell"), "mark": cell, "encoding": {**encoding, "color": colour, **DESCRIBED}}]
    texts = _text(rows, look, {**encoding, **light}) if max(len(row["t"]) for row in rows) <= 8 else []
    return {"layer": [*layers, *texts], "height": 46 * len(chart.series)}


def _dual(chart: Chart, look: ChartLook, language: str) -> Part:
    one_colour, two_colour = colours_of(chart, look)[:2]
    rows, x = _rows(chart), {"x": _across(chart, look)}
    first, second = [r for r in rows if r["i"] == 0], [r for r in rows if r["i"] == 1]
    name, unit = chart.order
    left = _up(chart, look)
    left["axis"] = {**left["axis"], "titleColor": one_colour}
    right_axis = _numbers(look, titleColor=two_colour, grid=False)
    right = {"field": "v", "type": "quantitative", "title": f"{name} ({unit})" if unit else name, "axis": right_axis}
    colour = {"color": _colour(chart, look)}
    line = {"type": "line", "strokeWidth": 2.5}
    points = {"type": "point", "filled": True, "size": 44, "opacity": 1}
    over = {"layer": [
        {"data": _of_series(second, "line"), "mark": line, "encoding": {**x, "y": right, **colour, **DESCRIBED}},
        {"data": _named(second, "point"), "mark": points, "encoding": {**x, "y": right, **colour, **DESCRIBED}},
    ]}  # fmt: skip
    under = {"data": _named(first, "bar"), "mark": "bar", "encoding": {**x, "y": left, **colour, **DESCRIBED}}
    return {"layer": [under, over], "resolve": {"scale": {"y": "independent"}}}


def _multiples(chart: Chart, look: ChartLook, language: str) -> Part:
    rows = _rows(chart)
    width = max(look.width * 5 // (4 * len(chart.series)), 18 * len(chart.categories), 110)
    small = dataclasses.replace(look, width=width)
    encoding = {"x": _across(chart, small), "y": _up(chart, look), "color": _colour(chart, look, legend=False)}
    for axis in ("x", "y"):
        encoding[axis]["title"] = None  # what is measured stands under the title
    kind = "bar" if look.rounded else "point"
    data = _named(rows, kind)
    for row in data["values"]:
        row["line"] = json.dumps({"role": "line", "series": row["i"]})
    described = {**encoding, **DESCRIBED}
    layers: list[Part] = [{"mark": {"type": "bar"}, "encoding": described}]
    if kind == "point":
        points = {"type": "point", "filled": True, "opacity": 1}
        line = {"mark": "line", "encoding": {**encoding, "description": {"field": "line"}}}
        layers = [line, {"mark": points, "encoding": described}]
    header = {"title": None, "labelLimit": 0, "labelFontWeight": "bold"}
    return {
        "data": data,
        "facet": {"field": "s", "type": "nominal", "sort": None, "header": header},
        "columns": len(chart.series),
        "spec": {"layer": layers, "width": small.width, "height": look.height * 3 // 4},
    }


def _lollipop(chart: Chart, look: ChartLook, language: str) -> Part:
    rows, encoding = _rows(chart), {"x": _across(chart, look), "y": _up(chart, look)}
    colour = colours_of(chart, look)[0]
    stem = {"type": "rule", "color": colour, "strokeWidth": 2}
    head = {"type": "point", "filled": True, "size": 110, "color": colour, "opacity": 1}
    zero = {**encoding, "y2": {"datum": 0}}
    return {
        "layer": [
            {"data": {"values": rows}, "mark": stem, "encoding": zero},
            {"data": _named(rows, "point"), "mark": head, "encoding": {**encoding, **DESCRIBED}},
            *_text(rows, look, encoding, dy=-13),
        ]
    }


def _dot(chart: Chart, look: ChartLook, language: str) -> Part:
    across = _across(chart, look, grid=True)
    encoding = {"y": {**across, "axis": {**across["axis"], "labelAngle": 0}}, "x": _up(chart, look, lying=True)}
    colour = {"color": _colour(chart, look)}
    if len(chart.series) == 1:
        colour = {"color": {"value": colours_of(chart, look)[0]}}
    points = {"type": "point", "filled": True, "size": 95, "opacity": 1}
    drawn = {"data": _named(_rows(chart), "point"), "mark": points, "encoding": {**encoding, **colour, **DESCRIBED}}
    return {"layer": [drawn]}


PARTS: dict[str, Callable[[Chart, ChartLook, str], Part]] = {
    "bar": _bar,
    "horizontal_bar": _horizontal,
    "grouped_bar": _grouped,
    "stacked_bar": _stacked,
    "line": _line,
    "area": _area,
    "scatter": _scatter,
    "pie": _pie,
    "donut": _pie,
    "box": _box,
    "heat_map": _heat,
    "dual_axis": _dual,
    "small_multiples": _multiples,
    "lollipop": _lollipop,
    "dot": _dot,
}


def _config(look: ChartLook, language: str) -> Part:
    numbers = grouped_numbers(language)
    locale = {"decimal": numbers.decimal, "thousands": numbers.group, "grouping": [3], "currency": ["", ""]}
    sizes = {"labelFontSize": look.size, "titleFontSize": look.size, "labelColor": look.ink, "titleColor": look.ink}
    return {
        "font": look.font,
        "locale": {"number": locale},
        "axis": {**sizes, "gridColor": "#d8d8d8", "domainColor": look.ink, "tickColor": look.ink},
        "legend": sizes,
        "header": sizes,
        "title": {"fontSize": look.size + 4, "color": look.ink, "anchor": look.anchor, "offset": 12, "limit": 0},
        "view": {"stroke": None},
    }


def _writer(form: str) -> Callable[[np.random.Generator, Spec], Program]:
    def write(rng: np.random.Generator, spec: Spec) -> Program:
        chart = plausible(rng, spec, form)
        look = draw_look(rng, chart)
        part = PARTS[form](chart, look, spec.language)
        size = {} if "facet" in part else {"width": look.width, "height": look.height}
        whole = {
            "$schema": SCHEMA,
            "title": {"text": chart.title, **({"subtitle": axis_title(chart)} if "facet" in part else {})},
            "background": look.ground,
            "padding": 14,
            **size,
            **part,
            "config": _config(look, spec.language),
        }
        # One line a part: with ``indent`` Python's own encoder would write, which takes ten times as long.
        parts = (f"{json.dumps(name)}: {json.dumps(part, ensure_ascii=False)}" for name, part in whole.items())
        source = "{\n" + ",\n".join(parts) + "\n}"
        return Program(spec=spec, content=chart, source=source, style={"scale": look.scale, "labels": look.labels})

    return write


FAMILIES = Families(
    FunctionFamily(name=f"vega_{form}", tool="vega", kind="chart", writer=_writer(form), version="3") for form in PARTS
)
"""By name, one a form of chart."""
