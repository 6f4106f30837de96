"""Dense captions: a text-only judge counts statements that a caption has in common with what people said (recall), and
that they bear out (precision).

The paper's pictures are not public. These are PixMo-Cap's, of which several people spoke: judge models on those that
they were not trained on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from openmolmo.core.errors import ConfigError, RunError
from openmolmo.data.sources.published_source import SourceRow
from openmolmo.evaluation.benchmarks.base import Asked, Benchmark, RequestSettings, Score, Scored
from openmolmo.evaluation.captions.asking import Judge, Unjudged
from openmolmo.evaluation.captions.caption_file import GivenCaption
from openmolmo.evaluation.captions.protocol import judge_caption
from openmolmo.evaluation.captions.reference import Reference
from openmolmo.evaluation.captions.scores import one_score
from openmolmo.evaluation.metrics.profile import Profile
from openmolmo.evaluation.tasks.base import Question

__all__ = ["BENCHMARK"]

_PEOPLE = 2  # who spoke of a picture, at least: one alone leaves out too much to judge precision
_IN_A_ROW = 5  # captions that a judge may fail on, one after another, before it is taken to be down


def _ask(row: SourceRow, settings: RequestSettings) -> Iterator[Asked]:
    said = tuple(text.strip() for text in row.values["transcripts"] if text.strip())
    if len(said) >= _PEOPLE:
        yield Asked(text="", truth=said, reply=row.values["caption"].strip(), group=f"{len(said)} people")


def _unjudged(question: Question, reply: str, profile: Profile) -> dict[str, float]:
    raise ConfigError("caption_f1 is judged by a language model", fix="--judge openai:MODEL@http://host:8000/v1")


def _by_judge(judge: Judge) -> Score:
    failed, ever = 0, False

    def score(question: Question, reply: str, profile: Profile) -> dict[str, float]:
        nonlocal failed, ever
        try:
            verdict = judge_caption(
                judge,
                Reference(id=question.id, transcripts=question.truth),
                GivenCaption(id=question.id, text=reply),
            )
        except RunError as error:
            failed += 1
            if failed >= _IN_A_ROW or not (ever or isinstance(error, Unjudged)):
                error.fix = "see that the judge answers, then go on with --resume: what it said is kept"
                raise
            return {}
        failed, ever = 0, True
        return one_score(verdict)

    return score


def _summary(scored: Sequence[Scored]) -> dict[str, float]:
    """F1 of the mean recall and the mean precision, the other of the two conventions."""
    recall, precision = (float(np.mean([one.scores[name] for one in scored])) for name in ("recall", "precision"))
    total = recall + precision
    return {"f1_of_means": 2 * recall * precision / total if total else 0.0}


BENCHMARK = Benchmark(
    name="caption_f1",
    title="Dense captions",
    source="pixmo_cap",
    splits={"train": None},
    settings=RequestSettings(
        style="long_caption", instruction="Describe this image in detail.", max_crops=12, max_new_tokens=448
    ),
    ask=_ask,
    score=_unjudged,
    metrics=("f1", "recall", "precision"),
    summary=_summary,
    paper_split="1,500 pictures that are not public, with another judge",
    fetched=True,
    by_judge=_by_judge,
    needs_judge=True,
)
