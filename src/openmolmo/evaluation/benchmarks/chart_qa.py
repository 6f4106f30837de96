"""ChartQA: numbers within 5 %, other answers equal; the mean of all questions, and of each way they were made.

The class label is 0 for questions by people and 1 for those by a model (``augmented``). The published code has it
the other way round; its mean of all is not touched by that.
"""

from __future__ import annotations

from openmolmo.data.sources.chart_qa import HUMAN
from openmolmo.evaluation.benchmarks.asking import SHORT, ask_short
from openmolmo.evaluation.benchmarks.base import Benchmark, Reference, RequestSettings
from openmolmo.evaluation.metrics.cleanup import clean_reply
from openmolmo.evaluation.metrics.exact_match import exact_match
from openmolmo.evaluation.metrics.profile import Profile
from openmolmo.evaluation.metrics.relaxed_correctness import relaxed_correctness
from openmolmo.evaluation.tasks.base import Question

__all__ = ["BENCHMARK"]


def _score(question: Question, reply: str, profile: Profile) -> dict[str, float]:
    truth, said = question.truth, clean_reply(reply)
    assert isinstance(truth, Reference)
    return {
        "relaxed_correctness": relaxed_correctness(said, truth.answers, profile),
        "exact_match": exact_match(said, truth.answers),
    }


BENCHMARK = Benchmark(
    name="chart_qa",
    title="ChartQA",
    source="chart_qa",
    splits={"test": 2500, "validation": 1920},
    settings=RequestSettings(style="chart_qa", instruction=SHORT),
    ask=ask_short("query", "label", group=lambda row: "human" if row["human_or_machine"] == HUMAN else "augmented"),
    score=_score,
    metrics=("relaxed_correctness", "exact_match"),
    suites=("academic11",),
    published="chart_qa",
)
