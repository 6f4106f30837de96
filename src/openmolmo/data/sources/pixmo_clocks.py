"""PixMo-Clocks: the times of its 826,000 watch faces, shown on faces of our own.

The published set has the times and the names of the faces, not the pictures (arXiv 2409.17146, section
3). Here each row's time is drawn by :mod:`openmolmo.engine.synth.clocks`, on a clock with hands; the
same row always gives the same picture. Hands do not tell morning from evening: AM and PM are left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from openmolmo.core.rng import derive
from openmolmo.data.sources.columns import FLAG, TEXT, WHOLE, Row
from openmolmo.data.sources.published import HubPlace, Layout, PublishedSet, Reading
from openmolmo.engine.synth.clocks.moment import Moment
from openmolmo.records.example import Annotation, ImageRef, Made, QuestionAnswer

__all__ = ["SIDE", "SOURCE"]

SIDE = 336
"""Pixels: one crop of the released models."""

QUESTION = "What time is being shown?"


def _keep(row: Row, reading: Reading) -> bool:
    return bool(row["hour_visible"] >= 0 and row["minute_visible"] >= 0)


def _picture(row: Row, reading: Reading) -> ImageRef:
    from openmolmo.engine.synth.clocks.face import draw_time  # needs the extra: a set can be counted without

    second = row["second_visible"] if row["shows_seconds"] and row["second_visible"] >= 0 else None
    moment = Moment(int(row["hour_visible"]), int(row["minute_visible"]), None if second is None else int(second))
    data = draw_time(derive(0, "pixmo-clocks", row["example_id"]), moment, size=SIDE)
    return ImageRef(data=data, width=SIDE, height=SIDE)


def _annotate(row: Row, reading: Reading) -> Iterator[Annotation]:
    text = row["text"].strip().removesuffix("AM").removesuffix("PM").strip()
    yield QuestionAnswer(question=QUESTION, answers=(text,), style="clocks")


SOURCE = PublishedSet(
    name="pixmo_clocks",
    title="PixMo-Clocks",
    home="https://huggingface.co/datasets/allenai/pixmo-clocks",
    places={
        "train": HubPlace(repo="allenai/pixmo-clocks", split="train"),
        "validation": HubPlace(repo="allenai/pixmo-clocks", split="validation"),
    },
    layouts=(
        Layout(
            columns={
                "example_id": TEXT,
                "watchface_id": TEXT,
                "watch_time": TEXT,
                "time_format": TEXT,
                "shows_seconds": FLAG,
                "hour_visible": WHOLE,
                "minute_visible": WHOLE,
                "second_visible": WHOLE,
                "text": TEXT,
            },
            annotate=_annotate,
            picture=_picture,
            keep=_keep,
            keep_columns=("hour_visible", "minute_visible"),
            facts=("watchface_id", "watch_time", "time_format", "hour_visible", "minute_visible", "second_visible"),
        ),
    ),
    licence="ODC-BY-1.0",
    made={"question_answer": (Made.PROGRAM,)},
    picture="program",
)
