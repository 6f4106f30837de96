"""A-OKVQA: multiple choice and direct answers to the same questions, each with a tag of its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from openmolmo.core.errors import DataError
from openmolmo.data.sources.published_source import SourceRow
from openmolmo.evaluation.benchmarks.asking import CHOICE, SHORT, choice, short
from openmolmo.evaluation.benchmarks.base import Asked, Benchmark, Reference, RequestSettings
from openmolmo.evaluation.benchmarks.scoring import score_choice
from openmolmo.evaluation.metrics.cleanup import clean_reply
from openmolmo.evaluation.metrics.profile import Profile
from openmolmo.evaluation.metrics.vqa import a_okvqa_accuracy
from openmolmo.evaluation.tasks.base import Question

__all__ = ["DIRECT_ANSWER", "MULTIPLE_CHOICE"]


def _choose(row: SourceRow, settings: RequestSettings) -> Iterator[Asked]:
    values = row.values
    yield choice(values["question"], values["choices"], int(values["correct_choice_idx"]), key=values["question_id"])


def _say(row: SourceRow, settings: RequestSettings) -> Iterator[Asked]:
    values = row.values
    try:
        answers = list(ast.literal_eval(values["direct_answers"]))  # published as the text of a list
    except (ValueError, SyntaxError, TypeError) as error:
        raise DataError("column direct_answers is not the text of a list", field="direct_answers") from error
    yield short(values["question"], answers, key=values["question_id"])


def _score_direct(question: Question, reply: str, profile: Profile) -> dict[str, float]:
    assert isinstance(question.truth, Reference)
    return {"a_okvqa_score": a_okvqa_accuracy(clean_reply(reply), question.truth.answers)}


MULTIPLE_CHOICE = Benchmark(
    name="a_okvqa",
    title="A-OKVQA, multiple choice",
    source="a_okvqa",
    splits={"validation": 1145},
    settings=RequestSettings(style="a_okvqa_mc", instruction=CHOICE),
    ask=_choose,
    score=score_choice,
    metrics=("accuracy",),
)
DIRECT_ANSWER = Benchmark(
    name="a_okvqa_direct",
    title="A-OKVQA, direct answer",
    source="a_okvqa",
    splits={"validation": 1145},
    settings=RequestSettings(style="a_okvqa_da", instruction=SHORT),
    ask=_say,
    score=_score_direct,
    metrics=("a_okvqa_score",),
)
