"""What the paper's models scored on the eleven benchmarks (arXiv 2409.17146, Table 1)."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["PaperModel", "paper_models"]


@dataclass(frozen=True, kw_only=True)
class PaperModel:
    """``scores`` by the key ``published`` of a benchmark, and ``average``, all in percent."""

    group: str
    model: str
    scores: Mapping[str, float]
    average: float


@cache
def paper_models() -> tuple[PaperModel, ...]:
    """In the order of the table."""
    text = files("openmolmo.evaluation.suite").joinpath("table1.csv").read_text(encoding="utf-8")
    found = []
    for row in csv.DictReader(text.splitlines()):
        group, model, average = row.pop("group"), row.pop("model"), float(row.pop("average"))
        scores = {key: float(value) for key, value in row.items()}
        found.append(PaperModel(group=group, model=model, scores=scores, average=average))
    return tuple(found)
