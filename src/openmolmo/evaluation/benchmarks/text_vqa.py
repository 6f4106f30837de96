"""TextVQA: questions about the text in a photograph."""

from __future__ import annotations

from openmolmo.evaluation.benchmarks.asking import SHORT, ask_short
from openmolmo.evaluation.benchmarks.base import Benchmark, RequestSettings
from openmolmo.evaluation.benchmarks.scoring import score_vqa

__all__ = ["BENCHMARK"]

BENCHMARK = Benchmark(
    name="text_vqa",
    title="TextVQA",
    source="text_vqa",
    splits={"validation": 5000},
    settings=RequestSettings(style="text_vqa", instruction=SHORT),
    ask=ask_short("question", "answers", key="question_id"),
    score=score_vqa,
    metrics=("vqa_score",),
    submission="question_id",
    suites=("academic11",),
    published="text_vqa",
)
