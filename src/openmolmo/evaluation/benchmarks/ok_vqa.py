"""OK-VQA: questions that need knowledge from elsewhere."""

from __future__ import annotations

from openmolmo.evaluation.benchmarks.asking import SHORT, ask_short
from openmolmo.evaluation.benchmarks.base import Benchmark, RequestSettings
from openmolmo.evaluation.benchmarks.scoring import score_vqa

__all__ = ["BENCHMARK"]

BENCHMARK = Benchmark(
    name="ok_vqa",
    title="OK-VQA",
    source="ok_vqa",
    splits={"validation": 5046},
    settings=RequestSettings(style="okvqa", instruction=SHORT),
    ask=ask_short("question", "answers", key="question_id"),
    score=score_vqa,
    metrics=("vqa_score",),
    submission="question_id",
)
