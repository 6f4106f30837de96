"""MMMU: college questions of thirty subjects, with borrowed tags.

As in the paper only the first of several pictures is shown, and the marks ``<image 2>`` stay in the text;
``mmmu.pictures=all`` shows all of them, in the places of their marks where each is named once and in order.
A choice that cannot be read is a random one in the published script. Here it earns 1 / options in both profiles, so
that two runs agree.
"""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator, Sequence
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.data.sources.published_source import SourceRow
from openmolmo.data.sources.reading import picture_of
from openmolmo.evaluation.benchmarks.asking import CHOICE, SHORT, choice, short
from openmolmo.evaluation.benchmarks.base import Asked, Benchmark, Reference, RequestSettings
from openmolmo.evaluation.metrics.mmmu import mmmu_score
from openmolmo.evaluation.metrics.profile import Profile
from openmolmo.evaluation.tasks.base import Question
from openmolmo.records.example import ImageRef

__all__ = ["BENCHMARK"]

_MARK = re.compile(r"<image (\d+)>")
_MOST_PICTURES = 7
_PLACE = "<|image|>"


def _ask(row: SourceRow, settings: RequestSettings) -> Iterator[Asked]:
    values = row.values
    options, answer = _list(values["options"], "options"), values["answer"].strip()
    more: dict[str, Any] = {"key": values["id"], "group": _subject(values["id"])}
    question = values["question"].strip()
    if settings.pictures == "all":
        images = _pictures(row)
        more["images"] = images
        question = _placed(question, len(images)) if not any(_MARK.search(option) for option in options) else question
    if values["question_type"] == "multiple-choice":
        yield choice(question, options, string.ascii_uppercase.find(answer), style="a_okvqa_mc", **more)
    else:
        answers = _list(answer, "answer") if answer.startswith("[") else [answer]
        yield short(question, answers, instruction=SHORT, **more)


def _subject(name: str) -> str:
    return "_".join(name.split("_")[1:-1])


def _pictures(row: SourceRow) -> tuple[ImageRef, ...]:
    cells = [row.values.get(f"image_{number}") for number in range(1, _MOST_PICTURES + 1)]
    return tuple(image for cell in cells if (image := picture_of(cell, row.reading.folder)) is not None)


def _placed(question: str, count: int) -> str:
    named = [int(number) for number in _MARK.findall(question)]
    return _MARK.sub(_PLACE, question) if named == list(range(1, count + 1)) else question


def _list(text: str, column: str) -> Sequence[str]:
    try:
        return [str(value) for value in ast.literal_eval(text)]
    except (ValueError, SyntaxError, TypeError) as error:
        raise DataError(f"column {column} holds {text[:60]!r}, not the text of a list", field=column) from error


def _score(question: Question, reply: str, profile: Profile) -> dict[str, float]:
    truth = question.truth
    assert isinstance(truth, Reference)
    if truth.right is None:
        return {"accuracy": mmmu_score(reply, truth.answers, None, profile) or 0.0}
    score = mmmu_score(reply, [string.ascii_uppercase[truth.right]], truth.options, profile)
    return {"accuracy": 1 / max(1, len(truth.options)) if score is None else score}


BENCHMARK = Benchmark(
    name="mmmu",
    title="MMMU",
    source="mmmu",
    splits={"validation": 900},
    settings=RequestSettings(style="vqa2", instruction=CHOICE),
    ask=_ask,
    score=_score,
    metrics=("accuracy",),
    suites=("academic11",),
    published="mmmu",
)
