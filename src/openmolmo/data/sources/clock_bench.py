"""Clocks in the wild (Yang et al., 2022): photographs from COCO, OpenImages and films; for evaluation only.

The authors' ``coco_final.csv``, ``openimg_final.csv`` and ``movies_final.csv``, with the pictures in ``coco/``,
``openimg/`` and ``movies/`` beside them. ``config`` chooses one of the three.
"""

from __future__ import annotations

from collections.abc import Iterator

from openmolmo.data.sources.columns import ANY, TEXT, WHOLE, Row, many
from openmolmo.data.sources.published import Layout, PublishedSet, Reading
from openmolmo.data.sources.reading import picture_of
from openmolmo.records.example import Annotation, ImageRef, Made, QuestionAnswer

__all__ = ["SOURCE"]

QUESTION = "What time is being shown? Answer as HH:MM."


def _annotate(row: Row, reading: Reading) -> Iterator[Annotation]:
    hour = (int(row["hour"]) - 1) % 12 + 1
    yield QuestionAnswer(question=QUESTION, answers=(f"{hour:02d}:{int(row['minute']):02d}",), style="clocks")


def _picture(row: Row, reading: Reading) -> ImageRef | None:
    return picture_of(f"{reading.config}/{row['file_name']}", reading.folder)


SOURCE = PublishedSet(
    name="clock_bench",
    title="Clock bench",
    home="https://github.com/charigyang/itsabouttime",
    elsewhere={"test": "{config}_final"},
    layouts=(
        Layout(
            columns={"img_id": ANY, "file_name": TEXT, "hour": WHOLE, "minute": WHOLE, "bbox_det": many(ANY)},
            annotate=_annotate,
            picture=_picture,
            facts=("img_id", "hour", "minute", "bbox_det"),
        ),
    ),
    licence="not stated; pictures under the terms of their sources",
    made={"question_answer": (Made.WRITTEN,)},
    configs=("coco", "openimg", "movies"),
    config_needed=True,
    evaluation_only=True,
)
