"""MathVista (testmini): the answer is extracted by rule, or by a judge where one is given.

The published protocol has a language model extract the answer from the reply: the judge of the suite. Without one the
rule of the published code's offline mode is used, which suits short replies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from openmolmo.core.errors import RunError
from openmolmo.data.sources.published_source import SourceRow
from openmolmo.evaluation.benchmarks.asking import CHOICE, SHORT, choice, short
from openmolmo.evaluation.benchmarks.base import Asked, Benchmark, Reference, RequestSettings, Score
from openmolmo.evaluation.captions.asking import Judge
from openmolmo.evaluation.metrics.cleanup import clean_reply
from openmolmo.evaluation.metrics.mathvista import extract_by_rule, mathvista_score
from openmolmo.evaluation.metrics.profile import Profile
from openmolmo.evaluation.tasks.base import Question

__all__ = ["BENCHMARK"]

_EXTRACT = """\
TASK: EXTRACT
Below are a question and a reply to it. Write down the answer that the reply comes to, and nothing else: the number, the
word or phrase, the list, or the text of the option. Where the reply comes to none, write NONE.

QUESTION:
{question}

REPLY:
{reply}"""
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


def _score(
    question: Question, reply: str, profile: Profile, extract: Callable[[str, str], str] | None = None
) -> dict[str, float]:
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


def _by_judge(judge: Judge) -> Score:
    """A judge takes the answer out of the reply; it sees neither the picture nor the right answer."""

    def extract(question: str, reply: str) -> str:
        return judge.answer(_EXTRACT.format(question=question, reply=reply)).strip()

    def score(question: Question, reply: str, profile: Profile) -> dict[str, float]:
        try:
            return _score(question, reply, profile, extract)
        except RunError:
            return {}

    return score


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
    note="the published protocol has a judge extract the answers; without one they are by rule",
    by_judge=_by_judge,
)
