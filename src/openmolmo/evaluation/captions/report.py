"""The result file of judged captions, which ``eval compare`` and the leaderboard read, and a page for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from openmolmo.core.files import write_json, write_text
from openmolmo.core.pages import page
from openmolmo.evaluation.captions.protocol import Judged, JudgedCaption
from openmolmo.evaluation.captions.scores import CaptionScores, by_hint, one_score, score_captions

__all__ = ["CaptionReport", "report_of", "write_report"]

_CASES = 12
_WIDTH, _HEIGHT = 640, 300  # of the curve, in units of its own


@dataclass(frozen=True, kw_only=True)
class CaptionReport:
    """All scores of one file of captions, what they were made with, and what was passed over."""

    meta: Mapping[str, Any]
    scores: CaptionScores
    hints: Mapping[int, CaptionScores]
    judged: Judged
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON values, in the form of a result file."""
        rows = [_row(one) for one in self.judged.captions]
        return {
            "meta": dict(self.meta),
            "tasks": {"captions": {"headline": "f1", "questions": len(rows)}},
            "captions": {
                **self.scores.to_dict(),
                "by_hint": {str(hint): scores.to_dict() for hint, scores in self.hints.items()},
                "unjudged": self.judged.unjudged,
                "notes": list(self.notes),
            },
            "rows": {"captions": rows},
        }


def report_of(judged: Judged, meta: Mapping[str, Any], notes: Sequence[str] = ()) -> CaptionReport:
    """Score what was judged."""
    said = list(notes)
    if judged.unjudged:
        said.append(f"{len(judged.unjudged)} captions could not be judged and count nowhere")
    if judged.unknown:
        said.append(f"{len(judged.unknown)} captions are of pictures that the data set does not have")
    if judged.missing:
        said.append(f"{len(judged.missing)} pictures of the data set have no caption")
    scores = score_captions(judged.captions)
    if scores.silent:
        said.append(f"{scores.silent} captions state nothing; they count in the recall, not in the precision")
    return CaptionReport(meta=meta, scores=scores, hints=by_hint(judged.captions), judged=judged, notes=tuple(said))


def write_report(report: CaptionReport, out: Path) -> None:
    """Write ``results.json`` and ``report.html`` into the folder."""
    write_json(out / "results.json", report.to_dict())
    cases = report.judged.captions
    step = max(1, len(cases) // _CASES)
    text = page(
        "openmolmo.evaluation.captions",
        "captions.html.j2",
        title=f"Captions of {report.meta.get('model', 'a model')}",
        report=report,
        curve=_curve(report.hints) if len(report.hints) > 1 else None,
        cases=[(one, one_score(one)) for one in cases[::step][:_CASES]],
    )
    write_text(out / "report.html", text)


def _row(one: JudgedCaption) -> dict[str, Any]:
    return {
        "id": one.caption.key,
        "example_id": one.caption.id,
        "question": "",
        "reference": "",
        "group": "" if one.caption.hint is None else f"hint {one.caption.hint}",
        "reply": one.caption.text,
        "scores": one_score(one),
        "counts": asdict(one.counts),
        "statements": _labelled(one.statements, one.consistent),
        "reference_statements": _labelled(one.reference, one.covered),
    }


def _labelled(statements: Sequence[str], labels: Sequence[bool | None]) -> list[list[Any]]:
    padded = [*labels, *[None] * len(statements)]
    return [[text, label] for text, label in zip(statements, padded, strict=False)]


def _curve(hints: Mapping[int, CaptionScores]) -> dict[str, Any]:
    """Points of recall, precision and F1 over the hints, in units of the drawing."""
    names = {"recall": "recall", "consistency": "precision", "f1_of_means": "F1"}
    low, high = min(hints), max(hints)

    def x(hint: int) -> float:
        return round(40 + (_WIDTH - 60) * (hint - low) / (high - low), 1)

    def y(percent: float) -> float:
        return round(_HEIGHT - 30 - (_HEIGHT - 45) * percent / 100, 1)

    lines = [
        {"name": title, "points": [(x(hint), y(scores.means[name])) for hint, scores in hints.items()]}
        for name, title in names.items()
    ]
    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "lines": lines,
        "hints": [(hint, x(hint)) for hint in hints],
        "percents": [(value, y(value)) for value in (0, 25, 50, 75, 100)],
    }
