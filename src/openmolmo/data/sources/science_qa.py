"""ScienceQA (Lu et al., 2022): multiple-choice questions from school science; only those with a picture."""

from __future__ import annotations

from collections.abc import Iterator

from openmolmo.data.sources.answers import chosen
from openmolmo.data.sources.columns import PICTURE, TEXT, WHOLE, Row, many, maybe
from openmolmo.data.sources.published import HubPlace, Layout, PublishedSet, Reading
from openmolmo.records.example import Annotation, Made, Split

__all__ = ["SOURCE"]

_SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def _annotate(row: Row, reading: Reading) -> Iterator[Annotation]:
    question = "\n".join(text.strip() for text in (row["hint"], row["question"]) if text and text.strip())
    yield from chosen(question, row["choices"], int(row["answer"]), "science_qa")


SOURCE = PublishedSet(
    name="science_qa",
    title="ScienceQA",
    home="https://scienceqa.github.io",
    places={split: HubPlace(repo="derek-thomas/ScienceQA", split=split) for split in _SPLITS},
    layouts=(
        Layout(
            columns={
                "image": maybe(PICTURE),
                "question": TEXT,
                "choices": many(TEXT),
                "answer": WHOLE,
                "hint": maybe(TEXT),
            },
            annotate=_annotate,
            picture="image",
            keep_pictures=True,
        ),
    ),
    licence="CC-BY-NC-SA-4.0",
    made={"question_answer": (Made.WRITTEN,)},
    picture="drawing or photograph",
)
