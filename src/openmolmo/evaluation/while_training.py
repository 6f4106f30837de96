"""Generation tasks as a callback of training: the scores of replies to held-out questions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from openmolmo.core.errors import DataError
from openmolmo.evaluation.runner import pick_questions
from openmolmo.evaluation.tasks import TASKS
from openmolmo.evaluation.tasks.base import Question, Task, TaskSettings, adjust, to_request
from openmolmo.inference.predictor import Predictor
from openmolmo.model.molmo import Molmo
from openmolmo.prompting.processor import Processor
from openmolmo.records.example import Example
from openmolmo.words.answer import read_answer

__all__ = ["generation"]


def generation(
    *, processor: Processor, held_out: Mapping[str, Sequence[Example]], settings: Mapping[str, Any]
) -> Callable[[Molmo], dict[str, float]]:
    """The headline score of each task on held-out questions, without controls.

    Raises DataError where the held-out examples have no question for any task, or points cannot be judged.
    """
    given = TaskSettings(radius=settings["radius"])
    tasks = [adjust(TASKS.get(name), given) for name in settings["tasks"]]
    examples = [example for part in held_out.values() for example in part]
    questions = {name: asked for name, asked in pick_questions(tasks, examples).items() if asked}
    if not questions:
        raise DataError(
            f"the held-out examples have no question for {', '.join(task.name for task in tasks)}",
            fix="choose other watch.tasks, or leave generation out of watch.callbacks",
        )
    _require_rules(tasks, questions)

    def judge(model: Molmo) -> dict[str, float]:
        predictor = Predictor(model, processor)
        with _nothing_compiled(model):
            return {
                task.name: _score(predictor, task, questions[task.name]) for task in tasks if task.name in questions
            }

    return judge


generation.needs_whole_weights = True  # type: ignore[attr-defined]


@contextmanager
def _nothing_compiled(model: Molmo) -> Iterator[None]:
    """Compiled layers and FlexAttention would be compiled anew for the shapes of many a step of decoding."""
    kind: str = model.decoder.config._attn_implementation
    if kind == "flex_attention":
        model.decoder.set_attn_implementation("sdpa")
    try:
        with torch.compiler.set_stance("force_eager"):
            yield
    finally:
        model.decoder.set_attn_implementation(kind)


def _score(predictor: Predictor, task: Task, questions: Sequence[Question]) -> float:
    answers = predictor.answer_batch([to_request(question) for question in questions])
    scores = [task.score(q, a)[task.headline] for q, a in zip(questions, answers, strict=True)]
    return sum(scores) / len(scores)


def _require_rules(tasks: Sequence[Task], questions: Mapping[str, Sequence[Question]]) -> None:
    """Score the truth once: what cannot be judged is known before a run begins."""
    try:
        for task in tasks:
            for question in questions.get(task.name, ()):
                task.score(question, read_answer(question.reply, question.sizes))
    except DataError as error:
        raise DataError(error.reason, fix="say what is near enough, e.g. watch.radius=5") from error
