"""Clocks in the wild: hour and minute equal; all questions pooled, and the mean of the three sets.

``released`` reads the numbers beside the first colon, ``official`` any time in the reply.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from openmolmo.data.sources.clock_bench import QUESTION
from openmolmo.data.sources.published_source import SourceRow
from openmolmo.evaluation.benchmarks.base import Asked, Benchmark, RequestSettings, Scored
from openmolmo.evaluation.metrics.clock_bench import score_clock_reply
from openmolmo.evaluation.metrics.clocks import ClockTime, read_clock, score_clock
from openmolmo.evaluation.metrics.profile import Profile
from openmolmo.evaluation.tasks.base import Question

__all__ = ["BENCHMARK"]

_SETS = {"coco": 1911, "openimg": 1317, "movies": 1243}


def _ask(row: SourceRow, settings: RequestSettings) -> Iterator[Asked]:
    hour, minute = (int(row.values["hour"]) - 1) % 12 + 1, int(row.values["minute"])
    yield Asked(
        text=QUESTION,
        truth=ClockTime(hour, minute),
        reply=f"{hour:02d}:{minute:02d}",
        group=row.reading.config or "",
        key=row.values["img_id"],
    )


def _score(question: Question, reply: str, profile: Profile) -> dict[str, float]:
    truth = question.truth
    assert isinstance(truth, ClockTime)
    if profile == "official":
        scores = score_clock(read_clock(reply), truth)
        names = {"accuracy": "exact", "within_1_minute": "accuracy", "hour": "hour", "minute": "minute"}
        return {name: scores[theirs] for name, theirs in names.items()}
    found = score_clock_reply(reply, truth.hour, truth.minute)
    theirs = ("overall_exact", "overall_close", "hour_correct", "minute_correct")
    return {name: found[key] or 0.0 for name, key in zip(BENCHMARK.metrics, theirs, strict=True)}


def _mean_of_sets(scored: Sequence[Scored]) -> dict[str, float]:
    sets: dict[str, list[float]] = {}
    for one in scored:
        sets.setdefault(one.question.group, []).append(one.scores["accuracy"])
    return {"mean_of_sets": sum(sum(values) / len(values) for values in sets.values()) / len(sets)} if sets else {}


BENCHMARK = Benchmark(
    name="clock_bench",
    title="Clock bench",
    source="clock_bench",
    splits={"test": sum(_SETS.values())},
    parts=_SETS,
    settings=RequestSettings(style="clocks"),
    ask=_ask,
    score=_score,
    metrics=("accuracy", "within_1_minute", "hour", "minute"),
    summary=_mean_of_sets,
    suites=("skills",),
    fetched=True,
)
