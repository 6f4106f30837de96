"""CountBenchQA: two to ten of something, asked in the published words; 490 of 540 pictures can still be had."""

from __future__ import annotations

from openmolmo.evaluation.benchmarks.asking import NUMBER, ask_short
from openmolmo.evaluation.benchmarks.base import COUNTING_TOKENS, Benchmark, RequestSettings
from openmolmo.evaluation.benchmarks.counts import CROPS, by_count, macro
from openmolmo.evaluation.benchmarks.scoring import score_count

__all__ = ["BENCHMARK"]

BENCHMARK = Benchmark(
    name="count_bench_qa",
    title="CountBenchQA",
    source="count_bench_qa",
    splits={"test": 490},
    settings=RequestSettings(style="point_count", instruction=NUMBER, max_crops=CROPS, max_new_tokens=COUNTING_TOKENS),
    ask=ask_short("question", "number", group=by_count("number")),
    score=score_count,
    metrics=("accuracy", "within_1", "valid"),
    summary=macro,
    suites=("academic11",),
    published="count_bench_qa",
    fetched=True,
)
