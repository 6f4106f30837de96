"""What every benchmark asks of its fixture, and how it scores: prompts, replies, scores, lines for servers.

python tests/evaluation/benchmark_cases.py         writes the goldens anew (look at the difference)
"""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.evaluation.benchmarks.base import BENCHMARKS
from openmolmo.evaluation.captions import scene_judge
from openmolmo.evaluation.captions.asking import Judge
from openmolmo.evaluation.metrics.profile import PROFILES
from openmolmo.evaluation.suite.asking import Trouble
from openmolmo.evaluation.suite.jobs import jobs_of
from openmolmo.evaluation.suite.journal import Said
from openmolmo.evaluation.suite.judging import judge
from openmolmo.evaluation.suite.outputs import submission_of
from openmolmo.evaluation.suite.questions import Loaded, Places, load_questions
from openmolmo.prompting import FormatConfig, Formatter

FIXTURES = Path(__file__).parents[1] / "fixtures" / "benchmarks"
PLACES = Places(data=FIXTURES / "sets", images=FIXTURES / "sets" / "fetched")
GOLDENS = FIXTURES / "goldens.json"
NAMES = sorted(point.name for point in importlib.metadata.entry_points(group="openmolmo.benchmarks"))

_FORMAT = Formatter(FormatConfig())


def load(name: str, **options: Any) -> Loaded:
    benchmark = BENCHMARKS.get(name)
    if benchmark.needs_judge:
        benchmark = benchmark.judged_by(Judge(scene_judge.ask, scene_judge.NAME))
    return load_questions(benchmark, PLACES, **options)


def render(name: str) -> dict[str, Any]:
    """Every split of a benchmark that the fixture has; the first must be there."""
    found = {}
    for split in BENCHMARKS.get(name).splits:
        try:
            found[split] = _render(load(name, split=split))
        except DataError:
            assert found, f"{name} has no fixture of {split}"
    return found


def _render(loaded: Loaded) -> dict[str, Any]:
    jobs = jobs_of([loaded], shuffled=0)
    answers = {job.id: Said(job.item.question.reply or "something") for job in jobs}
    judged = judge(loaded, jobs, answers, Trouble(), "released")
    return {
        "questions": [_question(loaded, item) for item in loaded.items],
        "submission": submission_of(judged),
        "summary": judged.summary,
    }


def _question(loaded: Loaded, item: Any) -> dict[str, Any]:
    question = item.question
    turn = _FORMAT.turns([_FORMAT.question(question.text, question.style)])[0].text
    replies = [] if item.hidden else [question.reply, f"The answer is {question.reply}.", "no idea"]
    score = loaded.benchmark.score
    return {
        "id": question.id,
        "prompt": turn,
        "instruction": item.instruction,
        "group": question.group,
        "scores": {
            reply: {profile: list(score(question, reply, profile).values()) for profile in PROFILES}
            for reply in replies
        },
    }


if __name__ == "__main__":
    values = {name: render(name) for name in NAMES}
    GOLDENS.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
