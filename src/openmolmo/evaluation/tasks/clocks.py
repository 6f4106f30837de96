"""Clocks: what time is it?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from openmolmo.core.errors import DataError
from openmolmo.evaluation.metrics.clocks import ClockTime, read_clock, score_clock
from openmolmo.evaluation.tasks.base import Question, most_frequent
from openmolmo.records.example import Example, QuestionAnswer
from openmolmo.words.answer import Answer

__all__ = ["ClocksTask"]


@dataclass(frozen=True, slots=True)
class ClocksTask:
    """Questions with the style ``clocks``; the truth is the clock in the facts, else the time in the answer."""

    name: str = "clocks"
    title: str = "Clocks"
    headline: str = "accuracy"
    metrics: tuple[str, ...] = ("accuracy", "exact", "hour", "minute", "readable")

    def questions(self, example: Example) -> Iterator[Question]:
        """One for each question-answer of style ``clocks``."""
        for index, annotation in enumerate(example.annotations):
            if not isinstance(annotation, QuestionAnswer) or annotation.style != "clocks" or example.image is None:
                continue
            answers = annotation.answers or annotation.options[annotation.answer_index or 0 :][:1]
            facts = example.facts.get("clock")
            if facts:
                truth = ClockTime(facts["hour"], facts["minute"], facts.get("second"))
            else:
                truth = _read(example.id, answers)
            yield Question(
                id=f"{example.id}/{index}",
                example_id=example.id,
                image=example.image,
                more_images=example.more_images,
                text=annotation.question,
                style=annotation.style,
                truth=truth,
                reply=answers[0],
                max_new_tokens=32,
                group=str(facts.get("display", "")) if facts else "",
            )

    def score(self, question: Question, answer: Answer) -> dict[str, float]:
        """Accuracy within a minute, exact, hour, minute, and whether a time could be read at all."""
        return score_clock(read_clock(answer.text), question.truth)

    def constants(self, sample: Sequence[Question]) -> list[str]:
        """The commonest time, in digits."""
        return [most_frequent([f"{q.truth.hour:02}:{q.truth.minute:02}" for q in sample])]


def _read(example_id: str, answers: Sequence[str]) -> ClockTime:
    for answer in answers:
        time = read_clock(answer)
        if time is not None:
            return time
    raise DataError(
        f"no time (HH:MM) in the answers {list(answers)} of example {example_id}",
        field="answers",
        fix="write the time as HH:MM in the answer, or put it into facts['clock']",
    )
