"""ScienceQA: school science, the questions with a picture."""

from __future__ import annotations

from collections.abc import Iterator

from openmolmo.data.sources.published_source import SourceRow
from openmolmo.evaluation.benchmarks.asking import CHOICE, choice
from openmolmo.evaluation.benchmarks.base import Asked, Benchmark, RequestSettings
from openmolmo.evaluation.benchmarks.scoring import score_choice

__all__ = ["BENCHMARK"]


def _ask(row: SourceRow, settings: RequestSettings) -> Iterator[Asked]:
    values = row.values
    texts = [str(values.get(name) or "").strip() for name in ("hint", "question")]
    question = "\n".join(text for text in texts if text)
    yield choice(question, values["choices"], int(values["answer"]), group=str(values.get("subject") or ""))


BENCHMARK = Benchmark(
    name="science_qa",
    title="ScienceQA",
    source="science_qa",
    splits={"test": 2017, "validation": 2097},
    settings=RequestSettings(style="science_qa", instruction=CHOICE),
    ask=_ask,
    score=score_choice,
    metrics=("accuracy",),
)
