"""The numbers that the paper of Molmo and PixMo reports, as typed rows with their source.

    academic()      Table 1: eleven benchmarks, their mean, and ratings by people's votes
    ablations()     Tables 2, 3, 4, 12 and 15
    skills()        clocks, pointing, text only, AndroidControl, human preference, ...
    mixture()       the shares of the fine-tuning mixture

Scores are percent, 0-100. A number that the paper does not give is None.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from openmolmo.core.errors import NotRegisteredError

__all__ = [
    "BENCHMARKS",
    "TABLES",
    "Ablation",
    "ModelScores",
    "Skill",
    "ablations",
    "academic",
    "mixture",
    "published_table",
    "skills",
]

BENCHMARKS = {
    "ai2d": "AI2D test",
    "chart_qa": "ChartQA test",
    "vqa2": "VQA v2.0 test-dev",
    "doc_vqa": "DocVQA test",
    "info_vqa": "InfographicVQA test",
    "text_vqa": "TextVQA val",
    "real_world_qa": "RealWorldQA",
    "mmmu": "MMMU val",
    "math_vista": "MathVista testmini",
    "count_bench_qa": "CountBenchQA",
    "pixmo_count": "PixMo-Count test",
}
"""The eleven of the average, by the names of their sources here."""

TABLES = {
    "academic": "Eleven academic benchmarks and human preference",
    "ablations": "Ablations",
    "skills": "Skills: clocks, pointing, text only, AndroidControl, human preference",
    "mixture": "The mixture of fine-tuning",
}
"""Tables by name, with their titles."""

_MIXTURE_SOURCE = "arXiv:2409.17146, appendix"


@dataclass(frozen=True, kw_only=True)
class ModelScores:
    """One model of Table 1. ``scores``: percent by the keys of :data:`BENCHMARKS`; ``average`` as it is printed."""

    group: str
    model: str
    scores: Mapping[str, float]
    average: float
    elo: float
    elo_rank: int
    source: str

    @property
    def mean(self) -> float:
        """The plain mean of the eleven, computed here."""
        return sum(self.scores.values()) / len(self.scores)


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """One setting of one ablation; ``baseline`` is the paper's own choice. Caption F1 and accuracies in percent."""

    table: str
    topic: str
    setting: str
    baseline: bool
    caption_f1: float | None
    average: float | None
    count_bench_qa: float | None
    pixmo_count: float | None
    source: str


@dataclass(frozen=True, kw_only=True)
class Skill:
    """One number of one model; ``low`` and ``high`` where the paper gives an interval."""

    topic: str
    model: str
    metric: str
    value: float
    low: float | None
    high: float | None
    source: str


@cache
def academic() -> tuple[ModelScores, ...]:
    """The rows of Table 1."""
    return tuple(
        ModelScores(
            group=row["group"],
            model=row["model"],
            scores={name: float(row[name]) for name in BENCHMARKS},
            average=float(row["average"]),
            elo=float(row["elo"]),
            elo_rank=int(row["elo_rank"]),
            source=row["source"],
        )
        for row in _rows("academic")
    )


@cache
def ablations() -> tuple[Ablation, ...]:
    """Every ablation."""
    return tuple(
        Ablation(
            table=row["table"],
            topic=row["topic"],
            setting=row["setting"],
            baseline=row["baseline"] == "yes",
            caption_f1=_number(row["caption_f1"]),
            average=_number(row["average"]),
            count_bench_qa=_number(row["count_bench_qa"]),
            pixmo_count=_number(row["pixmo_count"]),
            source=row["source"],
        )
        for row in _rows("ablations")
    )


@cache
def skills() -> tuple[Skill, ...]:
    """Every other number."""
    return tuple(
        Skill(
            topic=row["topic"],
            model=row["model"],
            metric=row["metric"],
            value=float(row["value"]),
            low=_number(row["low"]),
            high=_number(row["high"]),
            source=row["source"],
        )
        for row in _rows("skills")
    )


@cache
def mixture() -> Mapping[str, float]:
    """Data set -> share of the fine-tuning mixture in percent."""
    return {row["dataset"]: float(row["rate_percent"]) for row in _rows("mixture")}


def published_table(name: str) -> tuple[list[str], list[list[str]]]:
    """(columns, rows) of a table as text, its source the last column. An unknown name is a NotRegisteredError."""
    if name not in TABLES:
        raise NotRegisteredError(f"there is no published table {name!r}", fix=f"known: {', '.join(TABLES)}")
    rows = _rows(name)
    return list(rows[0]), [list(row.values()) for row in rows]


def _rows(name: str) -> list[dict[str, str]]:
    if name == "mixture":  # the data room's own; read as a file, since importing that room brings torch
        text = files("openmolmo").joinpath("data", "sft_mixture.csv").read_text(encoding="utf-8")
        return [{**row, "source": _MIXTURE_SOURCE} for row in csv.DictReader(text.splitlines())]
    text = files("openmolmo.evaluation.published").joinpath(f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _number(text: str) -> float | None:
    return float(text) if text else None
