"""TallyQA (Acharya et al., 2019): counting questions, from people and from other sets.

The hub has the test split; for training the authors' ``train.json``, with the pictures of COCO
(``train2014/``, ``val2014/``) and Visual Genome (``VG_100K/``, ``VG_100K_2/``) beside it.
"""

from __future__ import annotations

from collections.abc import Iterator

from openmolmo.data.sources.answers import asked, question_list
from openmolmo.data.sources.columns import ANY, PICTURE, TEXT, WHOLE, Row
from openmolmo.data.sources.published import HubPlace, Layout, PublishedSet, Reading
from openmolmo.records.example import Annotation, Made

__all__ = ["SOURCE"]


def _annotate(row: Row, reading: Reading) -> Iterator[Annotation]:
    yield from asked(row["question"], [row["answer"]], "tally_qa")


SOURCE = PublishedSet(
    name="tally_qa",
    title="TallyQA",
    home="https://github.com/manoja328/TallyQA_dataset",
    elsewhere={"train": "train"},
    places={"test": HubPlace(repo="vikhyatk/tallyqa-test", split="test")},
    layouts=(
        Layout(
            columns={"image": PICTURE, "question": TEXT, "answer": WHOLE, "question_id": ANY},
            annotate=_annotate,
            picture="image",
            group=("image",),
        ),
        question_list(style="tally_qa", column="qa"),
    ),
    licence="not stated; pictures under the terms of COCO and Visual Genome",
    made={"question_answer": (Made.WRITTEN, Made.PROGRAM)},
)
