"""Points-Eval: point to every one; a point is right inside the mask of the object that it is matched to."""

from __future__ import annotations

from collections.abc import Iterator

from openmolmo.data.sources.percent import percent_points
from openmolmo.data.sources.pixmo_points_eval import masks_of
from openmolmo.data.sources.published_source import SourceRow
from openmolmo.evaluation.benchmarks.base import COUNTING_TOKENS, Asked, Benchmark, RequestSettings
from openmolmo.evaluation.benchmarks.counts import CROPS
from openmolmo.evaluation.metrics.mask_pointing import mask_hit, score_mask_pointing
from openmolmo.evaluation.metrics.profile import Profile
from openmolmo.evaluation.tasks.base import Question
from openmolmo.records.example import NotPresent, Pointing
from openmolmo.records.masks import decode
from openmolmo.words.points import NOTHING_THERE, write_points
from openmolmo.words.templates import wording

__all__ = ["BENCHMARK"]

_FORM = 'Answer with one element <points x1="X" y1="Y" x2="X" y2="Y" alt="NAME">NAME</points>, in percent of the width '
_FORM += "and of the height of the picture from its top left; if there are none, say so."


def _ask(row: SourceRow, settings: RequestSettings) -> Iterator[Asked]:
    label = row.values["label"].strip().lower()
    points = percent_points(row.values["points"], "points")
    truth = Pointing(label=label, points=points, masks=masks_of(row.values["masks"])) if points else None
    yield Asked(
        text=wording("pointing", label=label),
        truth=truth or NotPresent(label=label),
        reply=write_points(points, label) if points else NOTHING_THERE,
        group=_group(len(points)),
    )


def _group(count: int) -> str:
    return "not there" if not count else "1 point" if count == 1 else "several points"


def _score(question: Question, reply: str, profile: Profile) -> dict[str, float]:
    truth = question.truth
    if not isinstance(truth, Pointing):
        return score_mask_pointing(reply, (), (), question.size, profile)
    # Points are published in percent; the published code takes them for pixels, which is not done here.
    points = [
        (point.x / 100 * mask.width, point.y / 100 * mask.height)
        for point, mask in zip(truth.points, truth.masks, strict=True)
    ]
    return score_mask_pointing(reply, points, [mask_hit(decode(mask)) for mask in truth.masks], question.size, profile)


BENCHMARK = Benchmark(
    name="points_eval",
    title="Points-Eval",
    source="pixmo_points_eval",
    splits={"test": 436},
    settings=RequestSettings(style="pointing", instruction=_FORM, max_crops=CROPS, max_new_tokens=COUNTING_TOKENS),
    ask=_ask,
    score=_score,
    metrics=("f1", "precision", "recall"),
    suites=("skills",),
    paper_split="493 questions, of which 436 are public",
    fetched=True,
)
