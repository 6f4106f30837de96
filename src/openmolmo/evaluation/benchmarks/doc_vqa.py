"""DocVQA: ANLS on validation; for test, which the paper reports, the file that the challenge's server takes."""

from __future__ import annotations

from openmolmo.evaluation.benchmarks.asking import SHORT, ask_short
from openmolmo.evaluation.benchmarks.base import Benchmark, RequestSettings
from openmolmo.evaluation.benchmarks.scoring import score_anls

__all__ = ["BENCHMARK"]

BENCHMARK = Benchmark(
    name="doc_vqa",
    title="DocVQA",
    source="doc_vqa",
    splits={"validation": 5349, "test": 5188},
    settings=RequestSettings(style="doc_qa", instruction=SHORT),
    ask=ask_short("question", "answers", key="questionId"),
    score=score_anls,
    metrics=("anls", "exact_match"),
    submission="questionId",
    suites=("academic11",),
    published="doc_vqa",
    paper_split="test",
)
