"""CountBenchQA: two to ten of something, asked in the published words; 490 of 540 pictures can still be had."""

from __future__ import annotations

from collections.abc import Iterator

from openmolmo.data.sources.published_source import SourceRow
from openmolmo.evaluation.benchmarks.asking import NUMBER, short
from openmolmo.evaluation.benchmarks.base import COUNTING_TOKENS, Asked, Benchmark, RequestSettings
from openmolmo.evaluation.benchmarks.counts import CROPS, by_count, macro
from openmolmo.evaluation.benchmarks.scoring import score_count

__all__ = ["BENCHMARK"]

_group = by_count("number")


def _ask(row: SourceRow, settings: RequestSettings) -> Iterator[Asked]:
    yield short(row.values["question"], int(row.values["number"]), group=_group(row.values))


BENCHMARK = Benchmark(
    name="count_bench_qa",
    title="CountBenchQA",
    source="count_bench_qa",
    splits={"test": 490},
    settings=RequestSettings(style="point_count", instruction=NUMBER, max_crops=CROPS, max_new_tokens=COUNTING_TOKENS),
    ask=_ask,
    score=score_count,
    metrics=("accuracy", "within_1", "valid"),
    summary=macro,
    suites=("academic11",),
    published="count_bench_qa",
    fetched=True,
)
