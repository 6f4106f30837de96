"""A-OKVQA (Schwenk et al., 2022), in its two forms: multiple choice and direct answer, each with its own tag."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from openmolmo.core.errors import DataError
from openmolmo.data.sources.answers import asked, chosen
from openmolmo.data.sources.columns import PICTURE, TEXT, WHOLE, Row, many
from openmolmo.data.sources.published import HubPlace, Layout, PublishedSet, Reading
from openmolmo.records.example import Annotation, Made

__all__ = ["SOURCE"]


def _annotate(row: Row, reading: Reading) -> Iterator[Annotation]:
    if reading.asks("multiple_choice"):
        yield from chosen(row["question"], row["choices"], int(row["correct_choice_idx"]), "a_okvqa_mc")
    if reading.asks("direct_answer"):
        yield from asked(row["question"], _answers(row["direct_answers"]), "a_okvqa_da")


def _answers(text: str) -> list[str]:
    """The published column is the text of a Python list."""
    try:
        values = ast.literal_eval(text)
    except (ValueError, SyntaxError) as error:
        raise DataError(
            f"column direct_answers holds {text[:60]!r}, expected the text of a list",
            field="direct_answers",
            rule="column types",
        ) from error
    return [str(value) for value in values]


SOURCE = PublishedSet(
    name="a_okvqa",
    title="A-OKVQA",
    home="https://allenai.org/project/a-okvqa/home",
    places={
        "train": HubPlace(repo="HuggingFaceM4/A-OKVQA", split="train"),
        "validation": HubPlace(repo="HuggingFaceM4/A-OKVQA", split="validation"),
    },
    layouts=(
        Layout(
            columns={
                "image": PICTURE,
                "question_id": TEXT,
                "question": TEXT,
                "choices": many(TEXT),
                "correct_choice_idx": WHOLE,
                "direct_answers": TEXT,
            },
            annotate=_annotate,
            picture="image",
            facts=("question_id",),
        ),
    ),
    licence="Apache-2.0",
    made={"question_answer": (Made.WRITTEN,)},
    forms=("multiple_choice", "direct_answer"),
)
