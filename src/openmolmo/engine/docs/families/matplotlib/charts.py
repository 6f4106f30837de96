"""The families: every form of chart, in many styles, as a short Python program."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from openmolmo.core.config import to_dict
from openmolmo.engine.docs.base import Kind, Program, Spec
from openmolmo.engine.docs.fonts import MONO, SANS, SERIF
from openmolmo.engine.docs.worlds import CHART_FORMS, chart
from openmolmo.engine.docs.worlds.language import one

__all__ = ["CHARTS", "MatplotlibChart"]

_ALWAYS_PRINTED = {"pie", "donut", "heat_map"}
_WIDE = {"small_multiples", "grouped_bar", "dual_axis", "box"}


class MatplotlibChart:
    """One form of :data:`~openmolmo.engine.docs.worlds.CHART_FORMS`."""

    tool = "matplotlib"
    kind: Kind = "chart"
    version = "2"

    def __init__(self, form: str) -> None:
        self.form, self.name = form, f"matplotlib_{form}"

    def write(self, rng: np.random.Generator, spec: Spec) -> Program:
        content = chart(rng, spec, self.form)
        if self.form not in _ALWAYS_PRINTED and rng.random() < 0.4:
            content = dataclasses.replace(content, shown=())
        if self.form in {"grouped_bar", "small_multiples"}:  # as many as have room beside each other
            content = _narrowed(content, 6)
        style = _style(rng, self.form)
        if "black" in content.colours and style["ground"] == "dark":
            style["ground"] = "white"
        source = (
            "from openmolmo.engine.docs.families.matplotlib.draw import draw\n\n"
            f"chart = {to_dict(content)!r}\nstyle = {style!r}\nfigure, marks = draw(chart, style)\n"
        )
        return Program(spec=spec, content=content, source=source, style=style)


def _narrowed(content: Any, most: int) -> Any:
    return dataclasses.replace(
        content,
        categories=content.categories[:most],
        values=tuple(row[:most] for row in content.values),
        shown=tuple(row[:most] for row in content.shown),
    )


def _style(rng: np.random.Generator, form: str) -> dict[str, Any]:
    width = float(rng.integers(60, 78)) / 10 + (1.0 if form in _WIDE else 0.0)
    return {
        "width": width,
        "height": round(width * float(rng.uniform(0.58, 0.78)), 2),
        "dpi": int(rng.integers(80, 111)),
        "font": one(rng, (SANS, SANS, SERIF, "STIXGeneral", MONO)),
        "size": float(rng.integers(9, 12)),
        "weight": one(rng, ("normal", "bold")),
        "ground": one(rng, ("white", "white", "white", "grey", "cream", "dark")),
        "palette": int(rng.integers(3)),
        "spines": bool(rng.random() < 0.5),
        "grid": bool(rng.random() < 0.6),
        "edge": bool(rng.random() < 0.3),
        "frame": bool(rng.random() < 0.5),
        "legend": one(rng, ("right upper", "right center", "lower center")),
        "bar": float(rng.integers(50, 86)) / 100,
        "marker": one(rng, ("o", "s", "D", "^")),
        "line": float(rng.integers(14, 30)) / 10,
        "dashes": one(rng, ("-", "-", "-", "--")),
        "shapes": bool(rng.random() < 0.5),
        "turn": int(rng.integers(360)),
        "map": one(rng, ("viridis", "Blues", "YlOrRd", "magma", "Greens", "cividis")),
        "panels": one(rng, ("bar", "line")),
    }


CHARTS = {form: MatplotlibChart(form) for form in CHART_FORMS}

# Entry points need a name each.
BAR = CHARTS["bar"]
HORIZONTAL_BAR = CHARTS["horizontal_bar"]
GROUPED_BAR = CHARTS["grouped_bar"]
STACKED_BAR = CHARTS["stacked_bar"]
LINE = CHARTS["line"]
AREA = CHARTS["area"]
SCATTER = CHARTS["scatter"]
PIE = CHARTS["pie"]
DONUT = CHARTS["donut"]
BOX = CHARTS["box"]
HEAT_MAP = CHARTS["heat_map"]
DUAL_AXIS = CHARTS["dual_axis"]
SMALL_MULTIPLES = CHARTS["small_multiples"]
LOLLIPOP = CHARTS["lollipop"]
DOT = CHARTS["dot"]
