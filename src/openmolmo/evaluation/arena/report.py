"""The page of a preference study: leaderboard, intervals, win matrix, categories. One file, no script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from openmolmo.core.files import write_text
from openmolmo.core.pages import page
from openmolmo.evaluation.arena.bradley_terry import Ratings
from openmolmo.evaluation.arena.study import Study

__all__ = ["render_study", "write_study"]

_MARGIN = 0.04  # of the span, left and right of the lowest and highest bound
_TICKS = (5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000)
_MOST_TICKS = 6


def write_study(study: Study, out: Path, *, title: str) -> None:
    """Write the page."""
    write_text(out, render_study(study, title=title))


def render_study(study: Study, *, title: str) -> str:
    """The page as text."""
    axis = _axis(study.ratings)
    return page(
        "openmolmo.evaluation.arena",
        "study.html.j2",
        title=title,
        study=study,
        ticks=[(tick, axis.place(tick)) for tick in axis.ticks],
        rows=[_row(study, model, axis) for model in study.ranking],
        matrix=_matrix(study),
        categories=_categories(study),
    )


class _Axis:
    """From rating points to percent of the width."""

    def __init__(self, low: float, high: float) -> None:
        span = max(high - low, 1.0)
        self.low, self.high = low - _MARGIN * span, high + _MARGIN * span
        step = next((one for one in _TICKS if (self.high - self.low) / one <= _MOST_TICKS), _TICKS[-1])
        first = int(-(-self.low // step)) * step
        self.ticks = [tick for tick in range(first, int(self.high) + 1, step) if self.low <= tick <= self.high]

    def place(self, rating: float) -> float:
        return round(100 * (rating - self.low) / (self.high - self.low), 3)


def _axis(found: Ratings) -> _Axis:
    bounds = [bound for both in found.bootstrap.values() for bound in both]
    bounds += found.ratings.values()
    return _Axis(min(bounds), max(bounds))


def _row(study: Study, model: str, axis: _Axis) -> dict[str, Any]:
    found, equal = study.ratings, study.at_equal_length
    low, high = found.bootstrap[model]
    place = study.matrix.models.index(model)
    return {
        "model": model,
        "rank": found.ranks[model],
        "rating": found.ratings[model],
        "low": low,
        "high": high,
        "sandwich": found.sandwich[model],
        "equal": None if equal is None else equal.ratings.get(model),
        "votes": int(study.matrix.met[place].sum()),
        "at": axis.place(found.ratings[model]),
        "from": axis.place(low),
        "to": axis.place(high),
    }


def _matrix(study: Study) -> list[dict[str, Any]]:
    """Rows of cells: percent won, votes, and how strongly the cell is tinted for which side."""
    rows = []
    for i, model in enumerate(study.matrix.models):
        cells: list[dict[str, Any] | None] = []
        for j, other in enumerate(study.matrix.models):
            met = int(study.matrix.met[i, j])
            if i == j or not met:
                cells.append(None)
                continue
            share = float(study.matrix.won[i, j])
            cells.append({"other": other, "share": share, "votes": met, **_tint(share)})
        rows.append({"model": model, "cells": cells})
    return rows


def _categories(study: Study) -> list[dict[str, Any]]:
    rows = []
    for model in study.ranking:
        cells: list[dict[str, Any] | None] = []
        for found in study.by_category.values():
            rating = found.ratings.get(model)
            if rating is None:
                cells.append(None)
                continue
            half = (found.bootstrap[model][1] - found.bootstrap[model][0]) / 2
            difference = rating - study.ratings.ratings[model]
            cells.append(
                {"rating": rating, "half": half, "apart": abs(difference) > half, **_tint(0.5 + difference / 400)}
            )
        rows.append({"model": model, "cells": cells})
    return rows


def _tint(share: float) -> dict[str, Any]:
    strength = min(1.0, abs(share - 0.5) * 2)
    return {"side": "b" if share >= 0.5 else "a", "strength": round(55 * strength)}
