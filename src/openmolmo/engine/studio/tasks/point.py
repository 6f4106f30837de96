"""Point: click something, name it, click every other one of its kind; say what is not there (PixMo-Points).

Work: ``{"groups": [{"label": "red cup", "points": [{"x": 12.5, "y": 40.0}, ...]}, ...], "absent": ["dog"]}``,
points in percent of the natural picture. A task may ask for ``labels``; otherwise people choose what they click.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from openmolmo.engine.studio.tasks.base import Exported, JobRequest, TaskView, Work
from openmolmo.engine.studio.tasks.complaints import UnfinishedError
from openmolmo.engine.studio.tasks.matching import agree, merge
from openmolmo.engine.studio.tasks.reading import clean_label, labels_in, points_in, points_out, rows_in
from openmolmo.records.example import Annotation, Made, NotPresent, Point, Pointing

__all__ = ["POINT", "PointMode"]

GOLD_F1 = 0.9
"""How well the points of a gold task must be met: one of ten may be missed or too many."""

COMMON = (
    "person", "dog", "cat", "bird", "car", "bicycle", "boat", "tree", "flower", "chair", "table", "cup", "bottle",
    "book", "clock", "lamp", "window", "door", "hat", "bag", "shoe", "umbrella", "phone", "ball", "cloud", "sign",
)  # fmt: skip
"""Everyday things that a page suggests as not being there; a project may give words of its own."""


class PointMode:
    """The mode ``point``."""

    name: str = "point"
    template: str = "modes/point.html.j2"
    script: str = "point.js"
    needs_review: bool = False
    defaults: Mapping[str, Any] = MappingProxyType(
        {"annotations": 1, "lease_seconds": 1800.0, "gold_share": 0.0, "suggestions": list(COMMON)}
    )

    def check(self, task: TaskView, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Labels cleaned, points in range, nothing twice and nothing both there and not there."""
        absent = labels_in(payload.get("absent"))
        groups = _named_groups(payload, absent)
        for label in absent:
            if label in groups:
                raise UnfinishedError("point.error.both", label=label)
        for label in labels_in(task.payload.get("labels")):
            if label not in groups and label not in absent:
                raise UnfinishedError("point.error.asked", label=label)
        if not groups and not absent:
            raise UnfinishedError("point.error.nothing")
        return {
            "groups": [{"label": label, "points": points_out(points)} for label, points in groups.items()],
            "absent": absent,
            "aspect": task.height / task.width,
        }

    def jobs(self, task: TaskView, annotation_id: int, payload: Mapping[str, Any]) -> Sequence[JobRequest]:
        """None: nothing is left to do."""
        return ()

    def agreement(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> float | None:
        """F1 of the points, mean over the labels that both used; a label that only one used says nothing."""
        mine, theirs = _answers(one), _answers(other)
        both = sorted(set(mine) & set(theirs))
        if not both:
            return None
        aspect = _aspect(one)
        return sum(agree(mine[label], theirs[label], aspect=aspect) for label in both) / len(both)

    def matches_gold(self, gold: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
        """Every label of the known answer (same form as the work) is met; more labels do no harm."""
        known, given = _answers(gold), _answers(payload)
        aspect = _aspect(payload)
        return all(
            label in given
            and bool(points) == bool(given[label])
            and agree(points, given[label], aspect=aspect) >= GOLD_F1
            for label, points in known.items()
        )

    def export(self, task: TaskView, works: Sequence[Work]) -> Exported | None:
        """Reviewed work alone where there is some, else everybody's: points and absences of more than half."""
        chosen = sorted((w for w in works if w.reviewed), key=_number) or sorted(works, key=_number)
        votes: dict[str, list[tuple[Point, ...]]] = {}
        for work in chosen:
            for label, points in _answers(work.payload).items():
                votes.setdefault(label, []).append(points)
        aspect = task.height / task.width
        decided = {label: _decide(label, given, aspect) for label, given in votes.items()}
        annotations = tuple(item for item in decided.values() if item is not None)
        if not annotations:
            return None
        made = {"pointing": (Made.WRITTEN, Made.CLICKED), "not_present": (Made.WRITTEN,)}
        facts = {
            "people": {label: len(votes[label]) for label in decided},
            "disputed": [label for label, item in decided.items() if item is None],
        }
        return Exported(
            annotations=annotations,
            made={kind: made[kind] for kind in dict.fromkeys(item.kind for item in annotations)},
            facts={"pointing": facts},
        )


def _decide(label: str, votes: Sequence[tuple[Point, ...]], aspect: float) -> Annotation | None:
    """What more than half say of one label; none where they differ."""
    seen = [points for points in votes if points]
    if 2 * (len(votes) - len(seen)) > len(votes):
        return NotPresent(label=label)
    if 2 * len(seen) <= len(votes):
        return None
    points = merge(seen, aspect=aspect)
    return Pointing(label=label, points=points) if points else None


def _named_groups(payload: Mapping[str, Any], absent: Sequence[str]) -> dict[str, tuple[Point, ...]]:
    groups: dict[str, tuple[Point, ...]] = {}
    for row in rows_in(payload.get("groups")):
        label, points = clean_label(row.get("label")), points_in(row.get("points"))
        if not points and (not label or label in absent):
            continue  # begun and left, or looked for and not found
        if not label:
            raise UnfinishedError("point.error.unnamed", count=len(points))
        if not points:
            raise UnfinishedError("point.error.no_points", label=label)
        if label in groups:
            raise UnfinishedError("point.error.twice", label=label)
        groups[label] = points
    return groups


def _answers(payload: Mapping[str, Any]) -> dict[str, tuple[Point, ...]]:
    """What was said of each label; no points means that it is not there."""
    groups = {clean_label(row.get("label")): points_in(row.get("points")) for row in rows_in(payload.get("groups"))}
    return groups | dict.fromkeys(labels_in(payload.get("absent")), ())


def _aspect(payload: Mapping[str, Any]) -> float:
    return float(payload.get("aspect") or 1.0)


def _number(work: Work) -> int:
    return work.annotation_id


POINT = PointMode()
