"""Both models on the same questions, as many as the time allows."""

from __future__ import annotations

import time
from pathlib import Path

from openmolmo.apps.demo.plan import Plan
from openmolmo.apps.demo.scores import Comparison
from openmolmo.core.progress import say
from openmolmo.evaluation.held_out import HeldOut
from openmolmo.evaluation.report import write_results
from openmolmo.evaluation.results import Results
from openmolmo.evaluation.session import Setup, judge
from openmolmo.evaluation.tasks import TASKS, Task

__all__ = ["judge_both", "questions_in"]

_TASKS = ("short_answers", "counting", "pointing", "captions")  # the quickest first: it tells the pace for the others
_COST = {"short_answers": 1.0, "counting": 3.0, "pointing": 3.0, "captions": 5.0}
"""How long a question takes, roughly, in those of a short answer: as long as the reply."""
_FEWEST = 24


def judge_both(out: Path, plan: Plan, held_out: HeldOut, seed: int, new: str, finished: str) -> Comparison:
    """Judge the model ``new`` and the one called ``finished``, each with its controls, task by task.

    The number of questions is told anew for each task from the time that is left. Full reports lie in ``out``.
    """
    began = time.monotonic()
    found: dict[str, list[Results]] = {"trained-now": [], "finished": []}
    spent = 0.0  # in costs of a question
    for place, name in enumerate(_TASKS):
        limit = plan.questions
        if plan.judging is not None and place:
            used = time.monotonic() - began
            left = [_COST[other] for other in _TASKS[place:]]
            limit = min(limit, questions_in(plan.judging - used, sum(left), used / spent))
        task: Task = TASKS.get(name)
        for which, model in (("trained-now", new), ("finished", finished)):
            setup = Setup(model=model, tasks=[task], seed=seed, limit=limit, max_new_tokens=plan.max_new_tokens)
            found[which].append(judge(setup, held_out))
        spent += limit * _COST[name]
        say(f"  {task.title.lower()}: {limit} questions, both models, with controls")
    both = {which: _joined(parts) for which, parts in found.items()}
    for which, results in both.items():
        write_results(results, out / which, cases=4)
    return Comparison(both["trained-now"], both["finished"], Path(finished).name)


def questions_in(seconds: float, cost: float, pace: float) -> int:
    """How many questions a task fit into ``seconds``: one of each takes ``cost`` times ``pace`` seconds."""
    return max(_FEWEST, int(seconds / (cost * pace)))


def _joined(parts: list[Results]) -> Results:
    tasks = {name: task for part in parts for name, task in part.tasks.items()}
    return Results(tasks, parts[0].meta)
