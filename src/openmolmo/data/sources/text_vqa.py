"""TextVQA (Singh et al., 2019): questions about the text in a photograph, ten people's answers each."""

from __future__ import annotations

from openmolmo.data.sources.answers import question_rows
from openmolmo.data.sources.columns import ANY, PICTURE, TEXT, many
from openmolmo.data.sources.published import HubPlace, PublishedSet
from openmolmo.records.example import Made

__all__ = ["SOURCE"]

SOURCE = PublishedSet(
    name="text_vqa",
    title="TextVQA",
    home="https://textvqa.org/dataset",
    places={
        "train": HubPlace(repo="lmms-lab/textvqa", split="train"),
        "validation": HubPlace(repo="lmms-lab/textvqa", split="validation"),
    },
    layouts=(
        question_rows(
            style="text_vqa",
            answers="answers",
            group=("image_id",),
            columns={"image": PICTURE, "image_id": TEXT, "question_id": ANY, "answers": many(TEXT)},
        ),
    ),
    licence="CC-BY-4.0",
    made={"question_answer": (Made.WRITTEN,)},
)
