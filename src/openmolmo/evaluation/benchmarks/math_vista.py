"""MathVista (testmini): the answer is extracted by rule, or by a judge where one is given.

The published protocol has a language model extract the answer from the reply. :func:`with_extractor` takes any
function for that; without one the rule of the published code's offline mode is used, which suits short replies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from openmolmo.data.sources.published_source import SourceRow
from openmolmo.evaluation.benchmarks.asking import CHOICE, SHORT, choice, short
from openmolmo.evaluation.benchmarks.base import Asked, Benchmark, Reference, RequestSettings
from openmolmo.evaluation.metrics.cleanup import clean_reply
from openmolmo.evaluation.metrics.mathvista import extract_by_rule, mathvista_score
from openmolmo.evaluation.metrics.profile import Profile
from openmolmo.evaluation.tasks.base import Question

__all__ = ["BENCHMARK", "Extractor", "with_extractor"]

Extractor = Callable[[str, str], str]
"""From a question and a reply to the answer in it."""

_FACTS = ("question_type", "answer_type", "precision")


def _ask(row: SourceRow, settings: RequestSettings) -> Iterator[Asked]:
    values = row.values
    answer, options = str(values["answer"]).strip(), [str(option) for option in values["choices"] or ()]
    chosen = options.index(answer) if answer in options else None
    if values["question_type"] == "multi_choice" and chosen is not None:
        asked = choice(values["question"], options, chosen, style="a_okvqa_mc", instruction=CHOICE, key=values["pid"])
    else:
        asked = short(values["question"], answer, key=values["pid"])
    truth = Reference(answers=(answer,), options=tuple(options), facts={name: values[name] for name in _FACTS})
    yield replace(asked, truth=truth, group=values["question_type"].replace("_", " "))


def _score(question: Question, reply: str, profile: Profile, extract: Extractor | None = None) -> dict[str, float]:
    truth = question.truth
    assert isinstance(truth, Reference)
    kind, answer_type = truth.facts["question_type"], truth.facts["answer_type"]
    if extract is None:
        found = extract_by_rule(clean_reply(reply), kind, answer_type, truth.options)
    else:
        found = extract(question.text, reply)
    score = mathvista_score(
        found,
        truth.answers[0],
        question_type=kind,
        answer_type=answer_type,
        choices=truth.options,
        precision=truth.facts["precision"],
        profile=profile,
    )
    return {"accuracy": score}


def with_extractor(extract: Extractor) -> Benchmark:
    """The benchmark with a judge that takes the answer out of a reply."""
    return replace(BENCHMARK, score=lambda question, reply, profile: _score(question, reply, profile, extract))


BENCHMARK = Benchmark(
    name="math_vista",
    title="MathVista",
    source="math_vista",
    splits={"validation": 1000},
    settings=RequestSettings(style="vqa2", instruction=SHORT),
    ask=_ask,
    score=_score,
    metrics=("accuracy",),
    suites=("academic11",),
    published="math_vista",
    note="answers are extracted by rule, not by a judge",
)
