"""TallyQA: how many, simple questions (detect and count) and complex ones (with relations and attributes)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from openmolmo.data.sources.published_source import SourceRow
from openmolmo.evaluation.benchmarks.asking import NUMBER, ask_list, short
from openmolmo.evaluation.benchmarks.base import Asked, Benchmark, RequestSettings
from openmolmo.evaluation.benchmarks.scoring import score_exact

__all__ = ["BENCHMARK"]


def _kind(values: Mapping[str, Any]) -> str:
    simple = values.get("is_simple", values.get("issimple"))
    return "" if simple is None else "simple" if simple else "complex"


_ask_list = ask_list("qa", "answer", group=_kind)


def _ask(row: SourceRow, settings: RequestSettings) -> Iterator[Asked]:
    if "qa" in row.values:  # as on the hub: all questions about a picture in a row
        yield from _ask_list(row, settings)
    else:
        values = row.values
        yield short(values["question"], values["answer"], key=values["question_id"], group=_kind(values))


BENCHMARK = Benchmark(
    name="tally_qa",
    title="TallyQA",
    source="tally_qa",
    splits={"test": 38_589},
    settings=RequestSettings(style="tally_qa", instruction=NUMBER),
    ask=_ask,
    score=score_exact,
    metrics=("accuracy",),
)
