"""Explain: click things first, then ask; the answer refers to every thing that was clicked (point explanations).

Work: ``{"groups": [{"label": "lid", "points": [...]}, ...], "question": "...", "answer": "Put [1] on [2|it]."}``;
groups are numbered from 1, points are percent of the natural picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from openmolmo.engine.studio.tasks.base import Exported, JobRequest, TaskView, Work
from openmolmo.engine.studio.tasks.complaints import UnfinishedError
from openmolmo.engine.studio.tasks.drafted import all_made, drafted
from openmolmo.engine.studio.tasks.markers import missing_markers, strange_markers, take_markers
from openmolmo.engine.studio.tasks.point import POINT
from openmolmo.engine.studio.tasks.reading import clean_text, points_in
from openmolmo.records.example import Made, PointExplanation

__all__ = ["EXPLAIN", "ExplainMode"]


class ExplainMode:
    """The mode ``explain``."""

    name: str = "explain"
    template: str = "modes/explain.html.j2"
    script: str = "explain.js"
    needs_review: bool = False
    defaults: Mapping[str, Any] = MappingProxyType(
        {"annotations": 1, "lease_seconds": 1800.0, "gold_share": 0.0, "ocr": "rapidocr", "captioner": ""}
    )

    def check(self, task: TaskView, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Clicked groups cleaned; question and answer there; every group referred to, and nothing else."""
        if not payload.get("groups"):
            raise UnfinishedError("explain.error.no_points")
        clicked = POINT.check(task, {"groups": payload["groups"]})
        question, answer = clean_text(payload.get("question")), clean_text(payload.get("answer"))
        if not question:
            raise UnfinishedError("explain.error.question")
        if not answer:
            raise UnfinishedError("explain.error.answer")
        things = len(clicked["groups"])
        if strange := strange_markers(answer, things):
            raise UnfinishedError("explain.error.strange", number=strange[0], count=things)
        if missing := missing_markers(answer, things):
            names = ", ".join(f"[{number}] {clicked['groups'][number - 1]['label']}" for number in missing)
            raise UnfinishedError("explain.error.missing", names=names)
        return {"groups": clicked["groups"], "aspect": clicked["aspect"], "question": question, "answer": answer}

    def jobs(self, task: TaskView, annotation_id: int, payload: Mapping[str, Any]) -> Sequence[JobRequest]:
        """None: drafts are asked for while people work."""
        return ()

    def agreement(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> float | None:
        """F1 of the points of things that both name; none where they clicked different things."""
        return POINT.agreement(one, other)

    def matches_gold(self, gold: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
        """The known answer is ``{"groups": [...]}``, as in the mode ``point``; the words are free."""
        return POINT.matches_gold(gold, payload)

    def export(self, task: TaskView, works: Sequence[Work]) -> Exported | None:
        """One explanation a person; of a task that was reviewed, the reviewed ones."""
        chosen = [work for work in works if work.reviewed] or list(works)
        told = [(work, drafted(work, clean_text(work.payload.get("answer")))) for work in chosen]
        if not told:
            return None
        return Exported(
            annotations=tuple(_explanation(work.payload) for work, _ in told),
            made={"point_explanation": all_made((Made.CLICKED, *how.made) for _, how in told)},
            receipts={name: value for _, how in told for name, value in how.receipts.items()},
            facts={
                "explain": [{"drafts": how.drafts, "edited": how.edited, "turns": list(how.turns)} for _, how in told]
            },
        )


def _explanation(payload: Mapping[str, Any]) -> PointExplanation:
    groups = [(str(row["label"]), points_in(row["points"])) for row in payload["groups"]]
    labels = [label for label, _ in groups]
    marked = take_markers(clean_text(payload.get("answer")), labels)
    return PointExplanation(
        question=clean_text(payload.get("question")),
        answer=marked.answer,
        labels=marked.words,
        points=tuple(groups[thing][1] for thing in marked.things),
        alts=tuple(labels[thing] for thing in marked.things),
    )


EXPLAIN = ExplainMode()
"""The mode ``explain``, as it is registered."""
