"""TabMWP (Lu et al., 2023): word problems about a table, asked for the short answer, without options.

The authors' release: ``problems_train.json`` and the pictures in ``tables/``.
"""

from __future__ import annotations

from collections.abc import Iterator

from openmolmo.data.sources.answers import asked
from openmolmo.data.sources.columns import TEXT, Row
from openmolmo.data.sources.published import Layout, PublishedSet, Reading
from openmolmo.data.sources.reading import picture_of
from openmolmo.records.example import Annotation, ImageRef, Made

__all__ = ["SOURCE"]


def _annotate(row: Row, reading: Reading) -> Iterator[Annotation]:
    yield from asked(row["question"], [row["answer"]], "tabwmp_da")


def _picture(row: Row, reading: Reading) -> ImageRef:
    image = picture_of(f"tables/{row['id']}.png", reading.folder)
    assert image is not None
    return image


SOURCE = PublishedSet(
    name="tabmwp",
    title="TabMWP",
    home="https://github.com/lupantech/PromptPG/tree/main/data/tabmwp",
    elsewhere={"train": "train", "validation": "dev", "test": "test"},
    layouts=(
        Layout(
            columns={"id": TEXT, "question": TEXT, "answer": TEXT},
            annotate=_annotate,
            picture=_picture,
            facts=("id",),
        ),
    ),
    licence="CC-BY-NC-SA-4.0",
    made={"question_answer": (Made.WRITTEN,)},
    picture="table drawn by a program",
)
