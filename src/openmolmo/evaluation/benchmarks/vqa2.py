"""VQA v2.0: validation is scored here; for test-dev, which the paper reports, the server's file is written.

Scores on validation and on test-dev differ by some tenths of a point.
"""

from __future__ import annotations

from openmolmo.evaluation.benchmarks.asking import SHORT, ask_short
from openmolmo.evaluation.benchmarks.base import Benchmark, RequestSettings
from openmolmo.evaluation.benchmarks.scoring import score_vqa

__all__ = ["BENCHMARK"]

BENCHMARK = Benchmark(
    name="vqa2",
    title="VQA v2.0",
    source="vqa2",
    splits={"validation": 214_354, "test": 107_394},
    settings=RequestSettings(style="vqa2", instruction=SHORT),
    ask=ask_short("question", "answers", key="question_id", group=lambda row: str(row.get("answer_type") or "")),
    score=score_vqa,
    metrics=("vqa_score",),
    submission="question_id",
    suites=("academic11",),
    published="vqa2",
    paper_split="test-dev",
)
