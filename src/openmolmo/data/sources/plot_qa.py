"""PlotQA (Methani et al., 2020): questions from people's templates on plots of real figures.

On the hub as a part of a collection, where an instruction was added as the question's last line and a
full stop to the answer; both are taken off again. Or the authors' ``qa_pairs_V2.json`` and ``png/``.
"""

from __future__ import annotations

from collections.abc import Iterator

from openmolmo.data.sources.answers import asked
from openmolmo.data.sources.columns import ANY, PICTURE, TEXT, WHOLE, Row, fields, many
from openmolmo.data.sources.published import HubPlace, Layout, PublishedSet, Reading
from openmolmo.data.sources.reading import picture_of
from openmolmo.records.example import Annotation, ImageRef, Made

__all__ = ["SOURCE"]

STYLE = "plot_qa"


def _annotate_collection(row: Row, reading: Reading) -> Iterator[Annotation]:
    for item in row["texts"]:
        question = item["user"].strip()
        head, line, _ = question.rpartition("\n")
        yield from asked(head if line else question, [item["assistant"].strip().removesuffix(".")], STYLE)


def _annotate_release(row: Row, reading: Reading) -> Iterator[Annotation]:
    yield from asked(row["question_string"], [row["answer"]], STYLE)


def _first(row: Row, reading: Reading) -> ImageRef | None:
    return picture_of(row["images"][0], reading.folder)


def _by_number(row: Row, reading: Reading) -> ImageRef | None:
    return picture_of(f"png/{int(row['image_index'])}.png", reading.folder)


SOURCE = PublishedSet(
    name="plot_qa",
    title="PlotQA",
    home="https://github.com/NiteshMethani/PlotQA",
    places={"train": HubPlace(repo="HuggingFaceM4/the_cauldron", config="plotqa", split="train")},
    layouts=(
        Layout(
            columns={"images": many(PICTURE), "texts": many(fields(user=TEXT, assistant=TEXT))},
            annotate=_annotate_collection,
            picture=_first,
        ),
        Layout(
            columns={"question_string": TEXT, "answer": ANY, "image_index": WHOLE},
            annotate=_annotate_release,
            picture=_by_number,
            group=("image_index",),
        ),
    ),
    licence="CC-BY-4.0",
    made={"question_answer": (Made.WRITTEN, Made.PROGRAM)},
    picture="program",
)
