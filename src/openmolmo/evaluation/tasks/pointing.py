"""Pointing: where is every one of them, or are there none?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from openmolmo.evaluation.metrics.pointing import PointingScore, score_points
from openmolmo.evaluation.tasks.base import Question, TaskSettings, annotation_questions, most_frequent
from openmolmo.records.example import Example, NotPresent, Point, Pointing
from openmolmo.words.answer import Answer
from openmolmo.words.points import write_points

__all__ = ["PointingTask"]


@dataclass(frozen=True, slots=True)
class PointingTask:
    """Pointing and not-present annotations.

    ``radius`` (percent of the picture's width) replaces masks where an annotation has none; None
    makes such an annotation an error.
    """

    name: str = "pointing"
    title: str = "Pointing"
    headline: str = "f1"
    metrics: tuple[str, ...] = ("f1", "precision", "recall")
    radius: float | None = None

    def __post_init__(self) -> None:
        TaskSettings(radius=self.radius)  # refuses what means nothing

    def adjusted(self, settings: TaskSettings) -> PointingTask:
        """With another radius, if one is given."""
        return self if settings.radius is None else replace(self, radius=settings.radius)

    def questions(self, example: Example) -> Iterator[Question]:
        """One for each pointing or not-present annotation."""
        yield from annotation_questions(example, (Pointing, NotPresent), _group)

    def score(self, question: Question, answer: Answer) -> dict[str, float]:
        """Precision, recall and F1 of this question."""
        score = self.judge(question, answer)
        return {"f1": score.f1, "precision": score.precision, "recall": score.recall}

    def judge(self, question: Question, answer: Answer) -> PointingScore:
        """The score with a verdict for every predicted point.

        Where nothing is there the reply must say so, in a form that ``read_count`` takes for none
        ("There are none.", "This isn't in the image.", a total of 0): silence and babble are wrong.
        """
        truth, found = question.truth, [point.point for point in answer.points]
        aspects = [height / width for width, height in question.sizes]
        if not isinstance(truth, Pointing):
            return score_points(found, ()) if found or answer.count == 0 else PointingScore(0.0, 0.0, 0.0)
        return score_points(found, truth.points, truth.masks, radius=self.radius, aspect=aspects)

    def constants(self, sample: Sequence[Question]) -> list[str]:
        """The most frequent reply, the middle of the picture, and the median place of all points."""
        replies = [most_frequent([question.reply for question in sample])]
        replies.append(write_points((Point(50.0, 50.0),), "it"))
        places = [(p.x, p.y) for q in sample if isinstance(q.truth, Pointing) for p in q.truth.points]
        if places:
            x, y = np.median(np.array(places), axis=0)
            replies.append(write_points((Point(float(x), float(y)),), "it"))
        return replies


def _group(truth: Pointing | NotPresent) -> str:
    count = len(truth.points) if isinstance(truth, Pointing) else 0
    for top, name in ((0, "not there"), (1, "1 point"), (4, "2-4 points"), (9, "5-9 points")):
        if count <= top:
            return name
    return "10 points or more"
