"""Ask a model every question of every task, and both controls too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from rich.progress import Progress, TaskID

from openmolmo.core.errors import DataError
from openmolmo.core.progress import make_progress
from openmolmo.core.rng import derive
from openmolmo.evaluation.controls import best_constant, shuffle_images
from openmolmo.evaluation.results import Column, Results, Row, TaskResult, make_column
from openmolmo.evaluation.tasks.base import Question, Task, to_request
from openmolmo.records.example import Example
from openmolmo.words.answer import Answer, read_answer
from openmolmo.words.requests import Request

__all__ = ["Answerer", "pick_questions", "run"]

_BATCHES_AT_ONCE = 4  # batches handed over together, so that they can be sorted by length


class Answerer(Protocol):
    """All that the evaluation asks of a model."""

    def answer_batch(self, requests: Sequence[Request]) -> list[Answer]:
        """One answer a request, in order."""


def run(
    tasks: Sequence[Task],
    examples: Iterable[Example],
    predictor: Answerer,
    *,
    limit: int | None = None,
    sample: Iterable[Example] = (),
    batch_size: int = 32,
    seed: int = 0,
    shuffled: bool = True,
) -> Results:
    """Judge ``predictor`` on ``tasks``; a task without questions in ``examples`` is left out.

    ``limit``: at most so many questions a task, drawn by ``seed``. ``sample``: other examples of the
    same kind from which the most frequent answer is learnt; without any it is learnt from the judged
    questions themselves, which can only flatter that control. ``shuffled``: ask everything once more about other
    pictures, for the second control. No question at all is a DataError.
    """
    questions = pick_questions(tasks, examples, limit=limit, seed=seed)
    learnt = pick_questions(tasks, sample)
    asked = [task for task in tasks if questions[task.name]]
    if not asked:
        raise DataError(
            f"the data has no question for {', '.join(task.name for task in tasks) or 'any task'}",
            fix="look at it with: openmolmo data show; choose other data or other --tasks",
        )
    results: dict[str, TaskResult] = {}
    with make_progress() as progress:
        for task in asked:
            mine = questions[task.name]
            bar = progress.add_task(task.title, total=(1 + shuffled) * len(mine))
            results[task.name] = _judge(
                task, mine, learnt[task.name] or mine, predictor, batch_size, (progress, bar), shuffled
            )
    return Results(results)


def pick_questions(
    tasks: Sequence[Task], examples: Iterable[Example], *, limit: int | None = None, seed: int = 0
) -> dict[str, list[Question]]:
    """task name -> its questions in the order of the data, thinned at random to ``limit``."""
    found: dict[str, list[Question]] = {task.name: [] for task in tasks}
    for example in examples:
        for task in tasks:
            found[task.name].extend(task.questions(example))
    if limit is None:
        return found
    return {
        name: [questions[i] for i in sorted(derive(seed, "limit", name).permutation(len(questions))[:limit].tolist())]
        for name, questions in found.items()
    }


def _judge(
    task: Task,
    questions: list[Question],
    sample: list[Question],
    predictor: Answerer,
    batch_size: int,
    bar: tuple[Progress, TaskID],
    shuffled: bool,
) -> TaskResult:
    answers = _ask(predictor, questions, batch_size, bar)
    rows = [Row(q, a, task.score(q, a)) for q, a in zip(questions, answers, strict=True)]
    columns = {"model": make_column(questions, [row.scores for row in rows], task.headline)}
    constant = best_constant(task, sample)
    columns["frequent"] = _column(task, questions, [read_answer(constant, q.sizes) for q in questions])
    if shuffled and len({question.example_id for question in questions}) > 1:
        # Replies to the moved pictures are scored against the truth of the question's own picture.
        moved = _ask(predictor, shuffle_images(questions), batch_size, bar)
        columns["shuffled"] = _column(task, questions, moved)
    return TaskResult(
        name=task.name,
        title=task.title,
        headline=task.headline,
        questions=len(questions),
        examples=len({question.example_id for question in questions}),
        columns=columns,
        constant=constant,
        rows=rows,
    )


def _column(task: Task, questions: Sequence[Question], answers: Sequence[Answer]) -> Column:
    scores = [task.score(q, a) for q, a in zip(questions, answers, strict=True)]
    return make_column(questions, scores, task.headline)


def _ask(
    predictor: Answerer, questions: Sequence[Question], batch_size: int, bar: tuple[Progress, TaskID]
) -> list[Answer]:
    answers: list[Answer] = []
    window = batch_size * _BATCHES_AT_ONCE
    for start in range(0, len(questions), window):
        part = predictor.answer_batch([to_request(question) for question in questions[start : start + window]])
        assert len(part) == len(questions[start : start + window]), "one answer a request"
        answers.extend(part)
        bar[0].advance(bar[1], len(part))
    return answers
