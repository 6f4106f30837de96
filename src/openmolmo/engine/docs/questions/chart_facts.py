"""What can be asked about a chart: which numbers are printed, and what can be told apart without them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from openmolmo.engine.docs.base import Chart
from openmolmo.engine.docs.questions.base import Family, Question, View, wording

__all__ = ["SEEN", "ChartFacts", "chart_family", "datum"]

SEEN = 0.06
"""Part of the largest value by which two must differ to be told apart without numbers."""


class ChartFacts:
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
        return bool(others) and min(others) > SEEN * max(map(abs, values))

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


def chart_family(make: Callable[[ChartFacts], Question | None]) -> Family:
    return lambda view: make(ChartFacts(view))


def datum(series: int, category: int) -> dict[str, int]:
    """How marks name one value."""
    return {"series": series, "category": category}
