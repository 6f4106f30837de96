"""MathVista (Lu et al., 2024): mathematics with pictures; for evaluation only (its ``testmini``)."""

from __future__ import annotations

from collections.abc import Iterator

from openmolmo.data.sources.answers import asked, chosen
from openmolmo.data.sources.columns import NUMBER, PICTURE, TEXT, Row, many, maybe
from openmolmo.data.sources.published import HubPlace, Layout, PublishedSet, Reading
from openmolmo.records.example import Annotation, Made

__all__ = ["SOURCE"]


def _annotate(row: Row, reading: Reading) -> Iterator[Annotation]:
    question, options = row["question"].strip(), row["choices"] or []
    if row["unit"]:
        question = f"{question} (Unit: {row['unit']})"
    if row["answer"] in options:
        yield from chosen(question, options, options.index(row["answer"]), "a_okvqa_mc")
    else:
        yield from asked(question, [row["answer"]], "vqa2")


SOURCE = PublishedSet(
    name="math_vista",
    title="MathVista",
    home="https://huggingface.co/datasets/AI4Math/MathVista",
    places={"validation": HubPlace(repo="AI4Math/MathVista", split="testmini")},
    layouts=(
        Layout(
            columns={
                "pid": TEXT,
                "question": TEXT,
                "decoded_image": PICTURE,
                "choices": maybe(many(TEXT)),
                "unit": maybe(TEXT),
                "precision": maybe(NUMBER),
                "answer": TEXT,
                "question_type": TEXT,
                "answer_type": TEXT,
            },
            annotate=_annotate,
            picture="decoded_image",
            facts=("pid", "question_type", "answer_type", "precision"),
        ),
    ),
    licence="CC-BY-SA-4.0",
    made={"question_answer": (Made.WRITTEN, Made.PROGRAM)},
    picture="from 31 sets",
    evaluation_only=True,
)
