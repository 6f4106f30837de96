"""InfographicVQA: ANLS on validation; for test, which the paper reports, the file that the challenge's server takes."""

from __future__ import annotations

from openmolmo.evaluation.benchmarks.asking import SHORT, ask_short
from openmolmo.evaluation.benchmarks.base import Benchmark, RequestSettings
from openmolmo.evaluation.benchmarks.scoring import score_anls

__all__ = ["BENCHMARK"]

BENCHMARK = Benchmark(
    name="info_vqa",
    title="InfographicVQA",
    source="info_vqa",
    splits={"validation": 2801, "test": 3288},
    settings=RequestSettings(style="info_qa", instruction=SHORT),
    ask=ask_short("question", "answers", key="questionId"),
    score=score_anls,
    metrics=("anls", "exact_match"),
    submission="questionId",
    suites=("academic11",),
    published="info_vqa",
    paper_split="test",
)
