"""Count check: points that a detector or generator found are confirmed, mended or rejected (PixMo-Count).

Task: ``{"label": "cup", "points": [{"x": 1.0, "y": 2.0}], "made": ["detector"]}``.
Work: ``{"points": [...], "rejected": false, "reason": ""}``; whether that confirms or mends is seen by comparing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from openmolmo.engine.studio.tasks.base import Exported, JobRequest, TaskView, Work
from openmolmo.engine.studio.tasks.complaints import UnfinishedError
from openmolmo.engine.studio.tasks.matching import agree, merge
from openmolmo.engine.studio.tasks.reading import clean_label, clean_text, made_in, points_in, points_out
from openmolmo.records.example import Annotation, Counting, Made, NotPresent

__all__ = ["COUNT_CHECK", "CountCheckMode"]


class CountCheckMode:
    """The mode ``count_check``."""

    name: str = "count_check"
    template: str = "modes/count_check.html.j2"
    script: str = "count_check.js"
    needs_review: bool = False
    defaults: Mapping[str, Any] = MappingProxyType({"annotations": 1, "lease_seconds": 900.0, "gold_share": 0.0})

    def check(self, task: TaskView, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Adds the ``verdict``: rejected (with a reason), confirmed, or mended."""
        reason = clean_text(payload.get("reason"))
        points = points_in(payload.get("points"))
        if payload.get("rejected") is True:
            if not reason:
                raise UnfinishedError("count_check.error.reason")
            verdict = "rejected"
        else:
            verdict = "confirmed" if set(points) == set(points_in(task.payload.get("points"))) else "mended"
        return {
            "verdict": verdict,
            "rejected": verdict == "rejected",
            "points": points_out(points),
            "reason": reason,
            "aspect": task.height / task.width,
        }

    def jobs(self, task: TaskView, annotation_id: int, payload: Mapping[str, Any]) -> Sequence[JobRequest]:
        """None: nothing is left to do."""
        return ()

    def agreement(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> float | None:
        """0 where only one rejects or the counts differ (a count is right or wrong), else F1 of the points."""
        if _rejected(one) or _rejected(other):
            return float(_rejected(one) and _rejected(other))
        mine, theirs = points_in(one.get("points")), points_in(other.get("points"))
        if len(mine) != len(theirs):
            return 0.0
        return agree(mine, theirs, aspect=float(one.get("aspect") or 1.0))

    def matches_gold(self, gold: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
        """The known answer is ``{"rejected": true}``, or a ``count``, or ``points`` (as many)."""
        if _rejected(gold) or _rejected(payload):
            return _rejected(gold) and _rejected(payload)
        count = gold["count"] if "count" in gold else len(points_in(gold.get("points")))
        return bool(count == len(points_in(payload.get("points"))))

    def export(self, task: TaskView, works: Sequence[Work]) -> Exported | None:
        """The count that more than half of the people (of the reviewed ones, if any) found; none where they differ."""
        chosen = sorted((w for w in works if w.reviewed), key=_number) or sorted(works, key=_number)
        kept = [work for work in chosen if not _rejected(work.payload)]
        counts = Counter(len(points_in(work.payload.get("points"))) for work in kept)
        if not counts or 2 * counts.most_common(1)[0][1] <= len(chosen):
            return None
        count = counts.most_common(1)[0][0]
        agreed = [work for work in kept if len(points_in(work.payload.get("points"))) == count]
        points = merge([points_in(w.payload["points"]) for w in agreed], aspect=task.height / task.width)
        if len(points) != count:  # as many, but of different things
            return None
        label = clean_label(task.payload.get("label"))
        item: Annotation = Counting(label=label, count=count, points=points)
        if not count:
            item = NotPresent(label=label, style="point_count")
        mended = any(work.payload.get("verdict") == "mended" for work in agreed)
        verdict = "mended" if mended else "confirmed"
        return Exported(
            annotations=(item,),
            made={item.kind: (*made_in(task.payload), *((Made.CLICKED,) if mended else ()))},
            receipts={f"count_check_{task.id}": f"{verdict} by {', '.join(work.person for work in agreed)}"},
        )


def _rejected(payload: Mapping[str, Any]) -> bool:
    return payload.get("rejected") is True


def _number(work: Work) -> int:
    return work.annotation_id


COUNT_CHECK = CountCheckMode()
