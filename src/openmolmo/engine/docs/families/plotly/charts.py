"""Charts as Plotly figures: traces of one form each, one layout around all of them."""

from __future__ import annotations

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
from openmolmo.engine.docs.worlds.language import one

__all__ = ["FAMILIES"]

Part = dict[str, Any]
Parts = tuple[list[Part], Part]
"""Traces, and what the layout has besides the frame of all charts."""


def _trace(chart: Chart, look: ChartLook, i: int, role: str, **more: Any) -> Part:
    """Series ``i`` as a trace; categories without a number are left out."""
    there = [j for j, value in enumerate(chart.values[i]) if value is not None]
    trace: Part = {
        "name": chart.series[i],
        "x": [chart.categories[j] for j in there],
        "y": [chart.values[i][j] for j in there],
        "customdata": [{"category": j} for j in there],
        "meta": {"role": role, "datum": {"series": i}},
        **more,
    }
    if look.labels and chart.shown:
        trace["text"] = [chart.shown[i][j] for j in there]
    return trace


def _bars(chart: Chart, look: ChartLook, **more: Any) -> list[Part]:
    colours = colours_of(chart, look)
    traces = []
    for i in range(len(chart.series)):
        trace = _trace(chart, look, i, "bar", type="bar", marker={"color": colours[i], "cornerradius": look.rounded})
        trace |= {"textposition": "outside", "cliponaxis": False, "textangle": 0, **more}
        traces.append(trace)
    return traces


def _bar(chart: Chart, look: ChartLook, language: str) -> Parts:
    return _bars(chart, look), {}


def _horizontal(chart: Chart, look: ChartLook, language: str) -> Parts:
    traces = _bars(chart, look, orientation="h")
    for trace in traces:
        trace["x"], trace["y"] = trace["y"], trace["x"]
    return traces, {"xaxis": _numbers(chart, look), "yaxis": _names(chart, look, autorange="reversed", tickangle=0)}


def _grouped(chart: Chart, look: ChartLook, language: str) -> Parts:
    narrow = len(chart.series) * len(chart.categories) * 30 > look.width
    return _bars(chart, look, **({"text": None} if narrow else {})), {"barmode": "group"}


def _stacked(chart: Chart, look: ChartLook, language: str) -> Parts:
    traces = _bars(chart, look, text=None)
    for trace in traces:
        trace["marker"].pop("cornerradius")
    return traces, {"barmode": "stack"}


def _lines(chart: Chart, look: ChartLook, **more: Any) -> list[Part]:
    colours = colours_of(chart, look)
    return [
        _trace(chart, look, i, "point", type="scatter", mode="lines+markers", line={"color": colours[i]},
               marker={"color": colours[i], "size": 7}, cliponaxis=False, **more)
        for i in range(len(chart.series))
    ]  # fmt: skip


def _line(chart: Chart, look: ChartLook, language: str) -> Parts:
    traces = _lines(chart, look)
    if look.labels and len(traces) == 1:
        traces[0] |= {"mode": "lines+markers+text", "textposition": "top center"}
    return traces, {"yaxis": _numbers(chart, look, rangemode="tozero")}


def _area(chart: Chart, look: ChartLook, language: str) -> Parts:
    return _lines(chart, look, fill="tozeroy"), {"yaxis": _numbers(chart, look, rangemode="tozero")}


def _scatter(chart: Chart, look: ChartLook, language: str) -> Parts:
    xs, colours = place_numbers(chart, language), colours_of(chart, look)
    traces = []
    for i in range(len(chart.series)):
        marker = {"color": colours[i], "size": 10, "symbol": ["circle", "square", "diamond"][i] if look.rounded else 0}
        trace = _trace(chart, look, i, "point", type="scatter", mode="markers", marker=marker, cliponaxis=False)
        trace["x"] = [xs[item["category"]] for item in trace["customdata"]]
        trace.pop("text", None)
        traces.append(trace)
    return traces, {"xaxis": {**_numbers(chart, look), "title": {"text": chart.x_label}}}


def _pie(chart: Chart, look: ChartLook, language: str) -> Parts:
    trace: Part = {
        "type": "pie",
        "labels": list(chart.categories),
        "values": list(chart.values[0]),
        "customdata": [{"series": 0, "category": j} for j in range(len(chart.categories))],
        "meta": {"role": "slice"},
        "marker": {"colors": colours_of(chart, look), "line": {"color": look.ground, "width": 1.5}},
        "sort": False,
        "hole": 0.5 if chart.form == "donut" else 0,
        "textinfo": "none",
    }
    if look.labels:
        trace |= {"textinfo": "text", "text": list(chart.shown[0]), "textposition": "outside"}
    return [trace], {"showlegend": True}


def _box(chart: Chart, look: ChartLook, language: str) -> Parts:
    low, first, middle, third, high = (list(row) for row in chart.values)
    trace: Part = {
        "type": "box",
        "x": list(chart.categories),
        "lowerfence": low,
        "q1": first,
        "median": middle,
        "q3": third,
        "upperfence": high,
        "customdata": [{"category": j} for j in range(len(chart.categories))],
        "meta": {"role": "box"},
        "line": {"color": look.ink, "width": 1.5},
        "fillcolor": colours_of(chart, look)[0],
    }
    return [trace], {"showlegend": False}


def _heat(chart: Chart, look: ChartLook, language: str) -> Parts:
    trace: Part = {
        "type": "heatmap",
        "x": list(chart.categories),
        "y": list(chart.series),
        "z": [list(row) for row in chart.values],
        "colorscale": ("Blues", "Greens", "YlOrRd")[look.palette],
        "reversescale": True,
        "xgap": look.rounded,
        "ygap": look.rounded,
        "colorbar": {"title": {"text": axis_title(chart), "side": "right"}, "tickformat": ",~f"},
    }
    if look.labels and max(len(text) for row in chart.shown for text in row) <= 7:
        trace |= {"text": [list(row) for row in chart.shown], "texttemplate": "%{text}"}
    return [trace], {"yaxis": {"type": "category", "autorange": "reversed", "automargin": True}}


def _dual(chart: Chart, look: ChartLook, language: str) -> Parts:
    bars, lines = _bars(chart, look, text=None)[:1], _lines(chart, look, yaxis="y2")[1:]
    name, unit = chart.order
    colours = colours_of(chart, look)
    left = _numbers(chart, look)
    left["title"]["font"] = {"color": colours[0]}
    right = {"title": {"text": f"{name} ({unit})" if unit else name, "font": {"color": colours[1]}}, "side": "right",
             "overlaying": "y", "showgrid": False, "tickmode": "auto", "nticks": 8, "tickformat": ",~f",
             "automargin": True, "rangemode": "tozero"}  # fmt: skip
    # A legend at the right would lie on the second axis.
    return [*bars, *lines], {
        "yaxis": left,
        "yaxis2": right,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    }


def _multiples(chart: Chart, look: ChartLook, language: str) -> Parts:
    traces = _bars(chart, look, text=None) if look.rounded else _lines(chart, look)
    ends = ["", *(str(number + 1) for number in range(1, len(traces)))]
    grid = {"rows": 1, "columns": len(traces), "subplots": [[f"x{end}y" for end in ends]], "xgap": 0.08}
    layout: Part = {"grid": grid, "showlegend": False, "annotations": [],
                    "yaxis": _numbers(chart, look, rangemode="tozero"),
                    "width": max(look.width + 200, 90 + len(traces) * 22 * len(chart.categories))}  # fmt: skip
    for number, (trace, end) in enumerate(zip(traces, ends, strict=True)):
        trace |= {"xaxis": f"x{end}", "yaxis": "y"}
        trace.pop("text", None)
        layout[f"xaxis{end}"] = {"type": "category", "tickangle": -90, "automargin": True, "showgrid": False}
        layout["annotations"].append({
            "text": f"<b>{chart.series[number]}</b>", "showarrow": False, "xref": f"x{end} domain",
            "yref": "y domain", "x": 0.5, "y": 1.04, "yanchor": "bottom",
        })  # fmt: skip
    return traces, layout


PARTS: dict[str, Callable[[Chart, ChartLook, str], Parts]] = {
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
}


def _names(chart: Chart, look: ChartLook, **more: Any) -> Part:
    return {"type": "category", "title": {"text": chart.x_label}, "tickangle": label_angle(chart, look),
            "automargin": True, "showgrid": False, "tickmode": "linear", "ticks": "outside",
            "ticklen": 6, **more}  # fmt: skip


def _numbers(chart: Chart, look: ChartLook, **more: Any) -> Part:
    return {"title": {"text": axis_title(chart)}, "tickformat": ",~f", "automargin": True, "showgrid": look.grid,
            "nticks": 8, "ticks": "outside", "ticklen": 6, "gridcolor": "#d9d9d9", **more}  # fmt: skip


def _layout(rng: np.random.Generator, chart: Chart, look: ChartLook, language: str) -> Part:
    numbers = grouped_numbers(language)
    legend = {
        "right": {"x": 1.02, "y": 1, "xanchor": "left"},
        "top": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "bottom": {"orientation": "h", "y": -0.28, "yanchor": "top", "x": 0},
    }[look.legend]
    return {
        "width": look.width + 200,
        "height": look.height + 190,
        "title": {
            "text": chart.title,
            "x": {"start": 0.03, "middle": 0.5}[look.anchor],
            "font": {"size": look.size + 5},
        },
        "font": {"family": look.font, "size": look.size, "color": look.ink},
        "separators": numbers.decimal + numbers.group,
        "paper_bgcolor": look.ground,
        "plot_bgcolor": one(rng, (look.ground, "#eef1f5")),
        "margin": {"l": 60, "r": 50, "t": 110, "b": 60},
        "legend": {"traceorder": "normal", **legend},
        "showlegend": len(chart.series) > 1,
        "xaxis": _names(chart, look),
        "yaxis": _numbers(chart, look),
    }


def _writer(form: str) -> Callable[[np.random.Generator, Spec], Program]:
    def write(rng: np.random.Generator, spec: Spec) -> Program:
        chart = plausible(rng, spec, form)
        look = draw_look(rng, chart)
        traces, more = PARTS[form](chart, look, spec.language)
        figure = {"data": traces, "layout": {**_layout(rng, chart, look, spec.language), **more}}
        source = json.dumps(figure, ensure_ascii=False, indent=1)
        return Program(spec=spec, content=chart, source=source, style={"labels": look.labels})

    return write


FAMILIES = Families(
    FunctionFamily(name=f"plotly_{form}", tool="plotly", kind="chart", writer=_writer(form)) for form in PARTS
)
"""By name, one a form of chart."""
