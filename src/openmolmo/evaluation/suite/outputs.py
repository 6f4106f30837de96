"""The files of a finished suite: predictions, submissions to servers, and the scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openmolmo.core.files import write_json, write_text
from openmolmo.evaluation.metrics.cleanup import clean_reply
from openmolmo.evaluation.results import Results
from openmolmo.evaluation.suite.average import average_of
from openmolmo.evaluation.suite.judging import Judged
from openmolmo.words.answer import read_answer

__all__ = ["prediction_lines", "results_json", "submission_of", "write_outputs"]


def write_outputs(out: Path, judged: Sequence[Judged], meta: dict[str, Any], not_judged: dict[str, str]) -> None:
    """``predictions/NAME.jsonl``, ``submissions/NAME.json`` and ``results.json``: the same answers, the same bytes."""
    for one in judged:
        name = one.benchmark.name
        write_text(out / "predictions" / f"{name}.jsonl", prediction_lines(one))
        if (submission := submission_of(one)) is not None:
            write_text(out / "submissions" / f"{name}-{one.loaded.split}.json", submission)
    write_json(out / "results.json", results_json(judged, meta, not_judged))


def results_json(judged: Sequence[Judged], meta: dict[str, Any], not_judged: dict[str, str]) -> dict[str, Any]:
    """The form of ``openmolmo eval MODEL`` (meta, tasks, rows), and under ``suite`` what only benchmarks have."""
    tasks = {one.benchmark.name: one.task for one in judged if one.task is not None}
    benchmarks = {one.benchmark.name: one.to_json() for one in judged}
    suite = {"average": average_of(judged).to_json(), "benchmarks": benchmarks, "not_judged": not_judged}
    return {**Results(tasks, meta).to_json(), "suite": suite}


def prediction_lines(judged: Judged) -> str:
    """A line for each question that was answered: what was asked, the reply, its points, its scores if it has any."""
    scores = {row.question.id: row.scores for row in judged.task.rows} if judged.task is not None else {}
    lines = []
    for item in judged.loaded.items:
        question = item.question
        if (said := judged.replies.get(question.id)) is None:
            continue
        answer = read_answer(said.text, question.sizes, finished=said.finished)
        values = {
            "benchmark": judged.benchmark.name,
            "id": question.id,
            "key": item.key,
            "style": question.style,
            "question": question.text,
            "text": said.text,
            "finished": said.finished,
            "points": answer.to_json()["points"],
            "reference": question.reply,
            "scores": scores.get(question.id),
        }
        lines.append(json.dumps(values, ensure_ascii=False) + "\n")
    return "".join(lines)


def submission_of(judged: Judged) -> str | None:
    """What the benchmark's server takes: answers with the questions' numbers; None where there is no server."""
    field = judged.benchmark.submission
    if field is None:
        return None
    answers = [
        {field: _number(item.key), "answer": clean_reply(said.text)}
        for item in judged.loaded.items
        if (said := judged.replies.get(item.question.id)) is not None
    ]
    return json.dumps(answers, ensure_ascii=False) + "\n"


def _number(key: Any) -> Any:
    """Servers want numbers where the hub's copies have texts."""
    return int(key) if isinstance(key, str) and key.isdigit() else key
