"""Counting: how many are there? The model points, then states the total."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from openmolmo.evaluation.metrics.counting import score_count
from openmolmo.evaluation.tasks.base import Question, annotation_questions, most_frequent
from openmolmo.records.example import Counting, Example
from openmolmo.words.answer import Answer
from openmolmo.words.points import NOTHING_THERE

__all__ = ["CountingTask"]


@dataclass(frozen=True, slots=True)
class CountingTask:
    """Counting annotations; the breakdown is by the true count."""

    name: str = "counting"
    title: str = "Counting"
    headline: str = "accuracy"
    metrics: tuple[str, ...] = ("accuracy", "within_1")

    def questions(self, example: Example) -> Iterator[Question]:
        """One for each counting annotation."""
        yield from annotation_questions(example, (Counting,), lambda truth: str(truth.count))

    def score(self, question: Question, answer: Answer) -> dict[str, float]:
        """The stated total (else the number of points) against the true count."""
        return score_count(answer.count, question.truth.count)

    def constants(self, sample: Sequence[Question]) -> list[str]:
        """The commonest count, stated without points."""
        count = most_frequent([str(question.truth.count) for question in sample])
        return [NOTHING_THERE if count == "0" else f"Counting shows a total of {count}."]
