"""Two controls beside every model: a reply given without looking, and the model looking elsewhere.

A score means something only above both. The first shows what the answers' distribution gives
away; the second what the wording of the questions gives away.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

from openmolmo.core.errors import DataError
from openmolmo.core.rng import derive
from openmolmo.evaluation.tasks.base import Question, Task
from openmolmo.records.example import ImageRef
from openmolmo.words.answer import read_answer

__all__ = ["best_constant", "shuffle_images"]

_JUDGED = 100  # questions of the sample on which candidate replies are compared


def best_constant(task: Task, sample: Sequence[Question]) -> str:
    """The one reply that scores best on ``sample`` when given to every question.

    For answers from a small set this is the most frequent one; for pointing the most frequent reply
    or the usual place; for captions the most typical caption. Ties go to the first candidate.
    """
    assert sample
    candidates = task.constants(sample)
    if len(candidates) == 1:
        return candidates[0]
    judged = sample[:: max(1, len(sample) // _JUDGED)][:_JUDGED]

    def total(reply: str) -> float:
        return sum(task.score(q, read_answer(reply, q.sizes))[task.headline] for q in judged)

    return max(candidates, key=total)


def shuffle_images(questions: Sequence[Question], seed: int = 0) -> list[Question]:
    """The same questions, each with the pictures of another example; no question keeps its own.

    Where the other example has more pictures or fewer, they are cut or repeated to as many as were asked about.

    Pictures are moved in one random cycle over the examples, so the questions of one picture stay
    together. The same questions and seed give the same result. Needs at least two examples.
    """
    ids = list(dict.fromkeys(question.example_id for question in questions))
    if len(ids) < 2:
        raise DataError(
            f"shuffling pictures needs at least 2 examples, there is {len(ids)}", fix="evaluate more examples"
        )
    images = {question.example_id: question.images for question in questions}
    order = [ids[i] for i in derive(seed, "shuffle-images").permutation(len(ids))]
    other = {mine: images[theirs] for mine, theirs in zip(order, [*order[1:], order[0]], strict=True)}
    return [_with_images(question, other[question.example_id]) for question in questions]


def _with_images(question: Question, images: Sequence[ImageRef]) -> Question:
    first, *rest = itertools.islice(itertools.cycle(images), len(question.images))
    return dataclasses.replace(question, image=first, more_images=tuple(rest))
