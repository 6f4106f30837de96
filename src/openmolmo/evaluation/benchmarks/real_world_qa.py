"""RealWorldQA: choices keep the instruction that they are published with; of other questions only the first line is
asked. The tags are borrowed, as this set was in no training.
"""

from __future__ import annotations

from collections.abc import Iterator

from openmolmo.data.sources.published_source import SourceRow
from openmolmo.evaluation.benchmarks.asking import SHORT
from openmolmo.evaluation.benchmarks.base import Asked, Benchmark, Reference, RequestSettings
from openmolmo.evaluation.metrics.cleanup import clean_reply
from openmolmo.evaluation.metrics.profile import Profile
from openmolmo.evaluation.metrics.real_world_qa import real_world_qa
from openmolmo.evaluation.tasks.base import Question

__all__ = ["BENCHMARK"]

_LETTERS = ("A", "B", "C", "D")


def _ask(row: SourceRow, settings: RequestSettings) -> Iterator[Asked]:
    question, answer = row.values["question"].strip(), row.values["answer"].strip()
    truth = Reference(answers=(answer,))
    if answer in _LETTERS:
        yield Asked(
            text=question, truth=truth, reply=answer, group="multiple choice", style="a_okvqa_mc", instruction=""
        )
    else:
        yield Asked(text=question.split("\n")[0].strip(), truth=truth, reply=answer, group="short answer")


def _score(question: Question, reply: str, profile: Profile) -> dict[str, float]:
    assert isinstance(question.truth, Reference)
    kind = "multiple_choice" if question.group == "multiple choice" else "short_answer"
    return {"accuracy": real_world_qa(clean_reply(reply), question.truth.answers[0], kind, profile)}


BENCHMARK = Benchmark(
    name="real_world_qa",
    title="RealWorldQA",
    source="real_world_qa",
    splits={"test": 765},
    settings=RequestSettings(style="vqa2", instruction=SHORT),
    ask=_ask,
    score=_score,
    metrics=("accuracy",),
    suites=("academic11",),
    published="real_world_qa",
)
