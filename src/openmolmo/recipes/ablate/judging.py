"""A trained model on the held-out questions of a world: the same ones for every arm and seed."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from openmolmo.evaluation.results import Results
from openmolmo.evaluation.runner import run
from openmolmo.evaluation.tasks import TASKS, Question, Task
from openmolmo.evaluation.tasks.base import to_request
from openmolmo.inference.load import load
from openmolmo.inference.predictor import Predictor
from openmolmo.recipes.ablate.base import Judging, World
from openmolmo.recipes.ablate.resolve import data_folder
from openmolmo.records.example import Example
from openmolmo.records.shards import ParquetDataset
from openmolmo.words.answer import Answer

__all__ = ["judge_model", "mean_image_tokens"]

_COUNTED = 200  # questions whose image tokens are counted
_SAMPLE = 150  # training examples from which the most frequent answer is learnt


class _Asked:
    """A task whose questions are asked in another way."""

    def __init__(self, task: Task, judging: Judging) -> None:
        self.task, self.judging = task, judging
        self.name, self.title = task.name, task.title
        self.headline, self.metrics = task.headline, task.metrics

    def questions(self, example: Example) -> Iterator[Question]:
        for question in self.task.questions(example):
            hint = question.length_hint if self.judging.length_hint is None else self.judging.length_hint
            yield replace(question, max_crops=self.judging.max_crops, length_hint=hint)

    def score(self, question: Question, answer: Answer) -> dict[str, float]:
        return self.task.score(question, answer)

    def constants(self, sample: Sequence[Question]) -> list[str]:
        return self.task.constants(sample)


def judge_model(model: Path, world: World, judging: Judging, root: Path) -> tuple[Results, float]:
    """Ask the model in ``model`` the questions of ``world``, whose pictures lie under ``root``.

    With the results comes how many image tokens it reads for a question, the mean of the first ones.
    """
    tasks: list[Task] = [_Asked(TASKS.get(name), judging) for name in world.tasks]
    judged = [one for one in world.drawn.values() if one.test]
    examples = [example for one in judged for example in ParquetDataset(root / data_folder(one, "test"))]
    learnt = [
        example
        for one in judged
        if one.train
        for example in itertools.islice(ParquetDataset(root / data_folder(one, "train")), _SAMPLE)
    ]
    predictor = load(
        model,
        crop_policy=judging.crop_policy,
        keep_crops=judging.keep_crops,
        batch_size=judging.batch_size,
        max_new_tokens=judging.max_new_tokens,
    )
    results = run(
        tasks,
        examples,
        predictor,
        limit=judging.questions,
        sample=learnt,
        batch_size=judging.batch_size,
        shuffled=judging.shuffled,
    )
    questions = [row.question for task in results.tasks.values() for row in task.rows]
    return results, mean_image_tokens(predictor, questions[:_COUNTED])


def mean_image_tokens(predictor: Predictor, questions: Sequence[Question]) -> float:
    """How many image tokens the model reads for a question, on average: those that carry a feature."""
    counts = []
    for request in map(to_request, questions):
        prompt = predictor.processor.prompt(
            [*request.history, request.text], request.images, style=request.style, max_crops=request.max_crops
        )
        counts.append(int((prompt.input_ids == predictor.processor.tokenizer.special.im_patch).sum()))
    return statistics.fmean(counts)
