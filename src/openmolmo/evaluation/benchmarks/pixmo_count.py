"""PixMo-Count (test): two to ten of something in pictures of the web, some of which are lost."""

from __future__ import annotations

from collections.abc import Iterator

from openmolmo.data.sources.published_source import SourceRow
from openmolmo.evaluation.benchmarks.asking import NUMBER, short
from openmolmo.evaluation.benchmarks.base import COUNTING_TOKENS, Asked, Benchmark, RequestSettings
from openmolmo.evaluation.benchmarks.counts import CROPS, by_count, macro
from openmolmo.evaluation.benchmarks.scoring import score_count
from openmolmo.words.templates import wording

__all__ = ["BENCHMARK"]

_group = by_count("count")


def _ask(row: SourceRow, settings: RequestSettings) -> Iterator[Asked]:
    values = row.values
    question = wording("counting", label=values["label"].strip().lower())
    yield short(question, int(values["count"]), group=_group(values))


BENCHMARK = Benchmark(
    name="pixmo_count",
    title="PixMo-Count",
    source="pixmo_count",
    splits={"test": 540, "validation": 540},
    settings=RequestSettings(style="point_count", instruction=NUMBER, max_crops=CROPS, max_new_tokens=COUNTING_TOKENS),
    ask=_ask,
    score=score_count,
    metrics=("accuracy", "within_1", "valid"),
    summary=macro,
    suites=("academic11",),
    published="pixmo_count",
    fetched=True,
)
