"""PixMo-Docs: charts, tables, diagrams and other documents that code drew, with questions about them.

A text-only language model wrote the code and, from the code, the questions (arXiv 2409.17146, section 3).
"""

from __future__ import annotations

from collections.abc import Iterator

from openmolmo.data.sources.columns import PICTURE, TEXT, Row, fields, many
from openmolmo.data.sources.published import HubPlace, Layout, PublishedSet, Reading
from openmolmo.records.example import Annotation, Made, QuestionAnswer

__all__ = ["SOURCE", "STYLES"]

STYLES = {
    "charts": "scifi_charts",
    "tables": "scifi_table",
    "diagrams": "scifi_diagram",
    "other": "scifi_document",
}


def _annotate(row: Row, reading: Reading) -> Iterator[Annotation]:
    asked = row["questions"]
    for question, answer in zip(asked["question"], asked["answer"], strict=True):
        if question.strip() and answer.strip():
            style = STYLES[reading.config or "charts"]
            yield QuestionAnswer(question=question.strip(), answers=(answer.strip(),), style=style)


SOURCE = PublishedSet(
    name="pixmo_docs",
    title="PixMo-Docs",
    home="https://huggingface.co/datasets/allenai/pixmo-docs",
    places={
        "train": HubPlace(repo="allenai/pixmo-docs", split="train"),
        "validation": HubPlace(repo="allenai/pixmo-docs", split="validation"),
    },
    layouts=(
        Layout(
            columns={
                "image": PICTURE,
                "image_id": TEXT,
                "questions": fields(question=many(TEXT), answer=many(TEXT)),
            },
            annotate=_annotate,
            picture="image",
            facts=("image_id",),
        ),
    ),
    licence="ODC-BY-1.0",
    made={"question_answer": (Made.PROGRAM, Made.TEXT_LLM)},
    picture="program",
    configs=tuple(STYLES),
    config_needed=True,
)
