"""ChartQA (Masry et al., 2022): questions on charts, written by people (class 0) or by a text model (class 1).

``form="human"`` and ``form="synthetic"`` keep one of the two; a mixture gives both the same rate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from openmolmo.data.sources.answers import asked
from openmolmo.data.sources.columns import PICTURE, TEXT, WHOLE, Row, many
from openmolmo.data.sources.published import HubPlace, Layout, PublishedSet, Reading
from openmolmo.records.example import Annotation, Made

__all__ = ["SOURCE"]

HUMAN = 0


def _keep(row: Row, reading: Reading) -> bool:
    return reading.form is None or (row["human_or_machine"] == HUMAN) == (reading.form == "human")


def _annotate(row: Row, reading: Reading) -> Iterator[Annotation]:
    yield from asked(row["query"], row["label"], "chart_qa")


def _made(row: Row) -> Mapping[str, tuple[Made, ...]]:
    human = row["human_or_machine"] == HUMAN
    return {"question_answer": (Made.WRITTEN,) if human else (Made.WRITTEN, Made.TEXT_LLM)}


SOURCE = PublishedSet(
    name="chart_qa",
    title="ChartQA",
    home="https://github.com/vis-nlp/ChartQA",
    places={
        "train": HubPlace(repo="HuggingFaceM4/ChartQA", split="train"),
        "validation": HubPlace(repo="HuggingFaceM4/ChartQA", split="val"),
        "test": HubPlace(repo="HuggingFaceM4/ChartQA", split="test"),
    },
    layouts=(
        Layout(
            columns={"image": PICTURE, "query": TEXT, "label": many(TEXT), "human_or_machine": WHOLE},
            annotate=_annotate,
            picture="image",
            keep=_keep,
            keep_columns=("human_or_machine",),
            facts=("human_or_machine",),
            made=_made,
        ),
    ),
    licence="GPL-3.0",
    made={"question_answer": (Made.WRITTEN, Made.TEXT_LLM)},
    picture="chart from the web",
    forms=("human", "synthetic"),
)
