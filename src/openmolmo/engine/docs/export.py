"""A picture and its questions as an example of the records, with everything a judge may want to know as facts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from openmolmo.core.config import to_dict
from openmolmo.core.files import sha256_bytes
from openmolmo.engine.docs.base import Mark, Program, Rendered
from openmolmo.engine.docs.codec import content_to_dict
from openmolmo.engine.docs.noise import Noisy
from openmolmo.engine.docs.questions.base import Question
from openmolmo.records.example import (
    Annotation,
    Caption,
    Example,
    ImageRef,
    Made,
    NotPresent,
    Point,
    Pointing,
    Provenance,
    QuestionAnswer,
    Split,
)

__all__ = ["DATASET", "make_example", "marks_of"]

DATASET = "openmolmo-synth-docs"
_STYLES = {"chart": "chart_qa", "table": "doc_qa", "document": "doc_qa", "diagram": "doc_qa"}
_EXPLAINED = "user_qa"


def make_example(
    program: Program, rendered: Rendered, noisy: Noisy, questions: Sequence[Question], *, split: str, attempt: int
) -> Example:
    """The example; points are the middles of the marks that show what is asked for."""
    spec = program.spec
    annotations: list[Annotation] = []
    facts: list[dict[str, Any]] = []
    for question in questions:
        made = _annotations(question, noisy, spec.kind)
        facts.append(
            {
                "family": question.family,
                "annotations": list(range(len(annotations), len(annotations) + len(made))),
                "answer": question.answer,
                "data": [dict(datum) for datum in question.data],
                "made_by": question.made_by,
            }
        )
        annotations += made
    if not annotations:  # every record says something
        title = getattr(program.content, "title", "") or spec.family
        annotations.append(Caption(text=f"A {spec.kind}: {title}"))
    written = (Made.PROGRAM,) if program.made_by == "template" else (Made.TEXT_LLM, Made.PROGRAM)
    return Example(
        id=f"docs-{split}-{spec.seed}-{spec.index:08d}-{spec.family}",
        image=ImageRef(data=noisy.data, width=noisy.width, height=noisy.height, sha256=sha256_bytes(noisy.data)),
        annotations=tuple(annotations),
        provenance=Provenance(
            dataset=DATASET,
            licence="Apache-2.0",
            made={item.kind: written for item in annotations},
            image="program",
            tool=f"openmolmo synth docs ({spec.tool})",
            version=rendered.version,
            receipts={"source_sha256": sha256_bytes(program.source.encode()), "written_by": program.made_by},
        ),
        split=cast(Split, split),
        facts={
            "spec": to_dict(spec),
            "attempt": attempt,
            "content": content_to_dict(program.content),
            "marks": [_mark(mark, noisy) for mark in noisy.marks],
            "questions": facts,
            "noise": noisy.how,
        },
    )


def _annotations(question: Question, noisy: Noisy, kind: str) -> list[Annotation]:
    if question.kind == "not_present":
        return [NotPresent(label=question.label, question=question.question)]
    if question.kind == "point":
        points = tuple(_middle(mark, noisy) for mark in marks_of(question, noisy.marks))
        return [Pointing(label=question.label, points=points, question=question.question)]
    made: list[Annotation] = [
        QuestionAnswer(question=question.question, answers=(question.answer,), style=_STYLES[kind])
    ]
    if question.explanation:
        made.append(QuestionAnswer(question=question.question, answers=(question.explanation,), style=_EXPLAINED))
    return made


def marks_of(question: Question, marks: Sequence[Mark]) -> list[Mark]:
    """The marks that a pointing question asks for: those of its data, by role if the datum names one."""
    found = []
    for datum in question.data:
        wanted = {key: value for key, value in datum.items() if key != "role"}
        found += [
            mark for mark in marks if mark.role == datum.get("role", mark.role) and wanted.items() <= mark.datum.items()
        ]
    return found


def _middle(mark: Mark, noisy: Noisy) -> Point:
    left, top, right, bottom = mark.box
    return Point(
        round(min(max((left + right) / 2 / noisy.width, 0.0), 1.0) * 100, 2),
        round(min(max((top + bottom) / 2 / noisy.height, 0.0), 1.0) * 100, 2),
    )


def _mark(mark: Mark, noisy: Noisy) -> dict[str, Any]:
    """A mark with its box in percent of the picture."""
    left, top, right, bottom = mark.box
    box = [left / noisy.width, top / noisy.height, right / noisy.width, bottom / noisy.height]
    return {
        "role": mark.role,
        "box": [round(100 * value, 2) for value in box],
        "text": mark.text,
        "datum": dict(mark.datum),
    }
