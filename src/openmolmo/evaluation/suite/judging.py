"""From answers to scores: every question counted once, and what could not be counted said."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from openmolmo.core.console import counted
from openmolmo.evaluation.benchmarks.base import Benchmark, Scored
from openmolmo.evaluation.controls import best_constant
from openmolmo.evaluation.metrics.profile import Profile
from openmolmo.evaluation.results import Column, Row, TaskResult, make_column
from openmolmo.evaluation.suite.asking import Trouble
from openmolmo.evaluation.suite.jobs import Job
from openmolmo.evaluation.suite.journal import Said
from openmolmo.evaluation.suite.questions import Loaded
from openmolmo.evaluation.tasks.base import Question
from openmolmo.records.example import Example
from openmolmo.words.answer import Answer, read_answer

__all__ = ["Counts", "Judged", "judge"]

_AT_ONCE = 8  # questions that a judge is asked at a time
_CONSTANTS = 5  # of the commonest replies, among which the best is the control


@dataclass(kw_only=True)
class Counts:
    """Questions of a benchmark: ``expected`` by its protocol, ``found`` in the data, ``answered``; ``hidden``: their
    answers are with a server. ``unreadable``, ``too_long`` and ``unanswered`` have no reply; ``unscored``: the metric
    gave no number. ``cut``: replies that ended at the limit of tokens. ``faults``: rows that cannot be used; ``lost``:
    rows whose picture was never fetched; ``missing``: whole parts.
    """

    expected: int | None
    found: int
    answered: int = 0
    hidden: int = 0
    unreadable: int = 0
    too_long: int = 0
    unanswered: int = 0
    unscored: int = 0
    cut: int = 0
    lost: int = 0
    faults: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    limit: int | None = None


@dataclass(kw_only=True)
class Judged:
    """One benchmark: ``task`` has columns and rows (None: nothing could be scored), ``summary`` what is no mean.

    ``why_unanswered``: what is wrong with the first question that has no reply.
    """

    loaded: Loaded
    counts: Counts
    task: TaskResult | None
    summary: dict[str, float]
    replies: dict[str, Said]
    notes: list[str]
    why_unanswered: str = ""

    @property
    def benchmark(self) -> Benchmark:
        """What was judged on."""
        return self.loaded.benchmark

    @property
    def complete(self) -> bool:
        """Whether every question that the benchmark has was asked and scored."""
        counts = self.counts
        short = counts.expected is not None and counts.found < counts.expected
        lacking = counts.limit or short or counts.faults or counts.missing
        return self.task is not None and not (lacking or counts.unanswered or counts.unscored or counts.unreadable)

    @property
    def other_split(self) -> bool:
        """Whether the paper's numbers are of other questions than these."""
        return bool(self.benchmark.paper_split) and self.loaded.split == self.benchmark.split

    def to_json(self) -> dict[str, Any]:
        """JSON values, without what is in the task."""
        benchmark = self.benchmark
        settings = asdict(self.loaded.settings)
        about = {"title": benchmark.title, "source": benchmark.source, "split": self.loaded.split}
        return {
            **about,
            "headline": benchmark.headline,
            "settings": settings,
            "complete": self.complete,
            "counts": asdict(self.counts),
            "summary": self.summary,
            "published": benchmark.published,
            "paper_split": benchmark.paper_split,
            "notes": self.notes,
        }


def judge(
    loaded: Loaded, jobs: Sequence[Job], answers: Mapping[str, Said], trouble: Trouble, profile: Profile
) -> Judged:
    """Score a benchmark's questions, and both controls."""
    mine = [job for job in jobs if job.loaded is loaded]
    own = [job for job in mine if job.item is job.shown]
    counts = Counts(expected=loaded.expected, found=len(own), faults=loaded.faults, missing=loaded.missing)
    counts.lost, counts.limit = loaded.lost, loaded.limit
    counts.hidden = sum(job.item.hidden for job in own)
    counts.answered = sum(job.id in answers for job in own)
    counts.cut = sum(not answers[job.id].finished for job in own if job.id in answers)
    for name in ("unreadable", "too_long", "unanswered"):
        setattr(counts, name, sum(job.id in getattr(trouble, name) for job in own))
    rows = _rows(own, answers, trouble, profile, counts)
    moved = _rows(
        [job for job in mine if job.item is not job.shown], answers, trouble, profile, Counts(expected=0, found=0)
    )
    task = _task(loaded.benchmark, rows, moved, profile) if rows else None
    summary = loaded.benchmark.summary
    more = summary([Scored(row.question, row.scores) for row in rows]) if summary is not None and rows else {}
    replies = {job.item.question.id: answers[job.id] for job in own if job.id in answers}
    judged = Judged(loaded=loaded, counts=counts, task=task, summary=more, replies=replies, notes=[])
    judged.why_unanswered = next((trouble.unanswered[job.id] for job in own if job.id in trouble.unanswered), "")
    judged.notes = notes_of(judged, profile)
    return judged


def _rows(
    jobs: Sequence[Job], answers: Mapping[str, Said], trouble: Trouble, profile: Profile, counts: Counts
) -> list[Row]:
    """A row for every question that counts; one without a reply counts as wrong where that is the rule."""
    rows = []
    _ask_judge(jobs, answers, profile)
    for job in jobs:
        question, benchmark = job.item.question, job.loaded.benchmark
        if job.item.hidden:
            continue
        if (said := answers.get(job.id)) is not None:
            answer = read_answer(said.text, question.sizes, finished=said.finished)
            scores = benchmark.score(question, answer.text, profile)
            if set(scores) != set(benchmark.metrics) or not all(math.isfinite(value) for value in scores.values()):
                counts.unscored += 1
                continue
            rows.append(Row(question, answer, {name: scores[name] for name in benchmark.metrics}))
        elif job.id in trouble.too_long or (job.id in trouble.unreadable and benchmark.unreadable_is_wrong(profile)):
            rows.append(Row(question, Answer(""), dict.fromkeys(benchmark.metrics, 0.0)))
    return rows


def _ask_judge(jobs: Sequence[Job], answers: Mapping[str, Said], profile: Profile) -> None:
    """Have a judge, where there is one, answer several at a time; it keeps what it said."""
    judged = [job for job in jobs if job.loaded.benchmark.judge and job.id in answers and not job.item.hidden]
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        asked = [
            pool.submit(job.loaded.benchmark.score, job.item.question, answers[job.id].text, profile) for job in judged
        ]
        try:
            for one in asked:
                one.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _task(benchmark: Benchmark, rows: list[Row], moved: list[Row], profile: Profile) -> TaskResult:
    headline = benchmark.headline
    questions = [row.question for row in rows]
    columns: dict[str, Column] = {"model": make_column(questions, [row.scores for row in rows], headline)}
    replies = _Replies(benchmark, profile)
    constant = best_constant(replies, questions)
    given = [replies.score(question, Answer(constant)) for question in questions]
    columns["frequent"] = make_column(questions, given, headline)
    if moved:
        columns["shuffled"] = make_column([row.question for row in moved], [row.scores for row in moved], headline)
    return TaskResult(
        name=benchmark.name,
        title=benchmark.title,
        headline=headline,
        questions=len(rows),
        examples=len({question.example_id for question in questions}),
        columns=columns,
        constant=constant,
        rows=rows,
    )


class _Replies:
    """A benchmark as the control of the most frequent reply sees it: a task."""

    def __init__(self, benchmark: Benchmark, profile: Profile) -> None:
        self.name, self.title, self.headline = benchmark.name, benchmark.title, benchmark.headline
        self.metrics, self._benchmark, self._profile = benchmark.metrics, benchmark, profile

    def questions(self, example: Example) -> Any:
        """A benchmark asks rows, not examples."""
        raise AssertionError("questions of a benchmark come from its rows")

    def score(self, question: Question, answer: Answer) -> dict[str, float]:
        return self._benchmark.score(question, answer.text, self._profile) or dict.fromkeys(self.metrics, 0.0)

    def constants(self, sample: Sequence[Question]) -> list[str]:
        counts: dict[str, int] = {}
        for question in sample:
            counts[question.reply] = counts.get(question.reply, 0) + 1
        few = 1 if self._benchmark.needs_judge else _CONSTANTS  # each costs calls of the judge for every question
        return sorted(counts, key=lambda reply: (-counts[reply], reply))[:few]


def notes_of(judged: Judged, profile: Profile) -> list[str]:
    """What a reader of the score must know, in sentences."""
    counts, benchmark = judged.counts, judged.benchmark
    notes = [benchmark.note] if benchmark.note else []
    if benchmark.judge:
        notes.append(f"judged by {benchmark.judge}: numbers of different judges are not comparable")
    if counts.limit is not None:
        notes.append(f"limited to {counts.found} questions of {counts.expected or 'all'}, drawn at random")
    elif counts.expected is not None and counts.found != counts.expected:
        notes.append(f"{counts.found} questions are in the data, {counts.expected} were expected")
    elif counts.expected is None:
        notes.append(f"{counts.found} questions are in the data; how many there should be is not known")
    notes += [f"the part {part} is missing: {why}" for part, why in counts.missing.items()]
    if counts.faults:
        notes.append(
            f"left out: {counted(len(counts.faults), 'row')} that cannot be used; the first: {counts.faults[0]}"
        )
    if counts.lost:
        notes.append(f"left out: {counted(counts.lost, 'row')} whose picture was never fetched")
    if counts.unreadable:
        wrong = benchmark.unreadable_is_wrong(profile)
        how = "counted as wrong" if wrong else "left out, as in the published code"
        notes.append(f"{how}: {counted(counts.unreadable, 'question')} whose picture cannot be read")
    for count, what, why in (
        (counts.too_long, "counted as wrong", "question too long for the model's context"),
        (counts.unanswered, "left out", f"question without a reply ({judged.why_unanswered}); --resume asks again"),
        (counts.unscored, "left out", "answer to which the metric gave no number"),
        (counts.cut, f"cut at {judged.loaded.settings.max_new_tokens} tokens", "answer"),
    ):
        if count:
            thing, space, more = why.partition(" ")
            notes.append(f"{what}: {counted(count, thing)}{space}{more}")
    if counts.hidden:
        asked = counted(counts.hidden, "question")
        notes.append(f"the answers to {asked} are with the benchmark's server: see submissions/")
    if judged.other_split:
        notes.append(f"the paper's numbers are of {benchmark.paper_split}")
    return notes
