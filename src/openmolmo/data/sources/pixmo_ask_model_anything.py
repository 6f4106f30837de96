"""PixMo-AskModelAnything: questions that people asked about a picture, with answers they accepted.

A text-only language model answered from OCR and from the output of a captioner that was trained on
PixMo-Cap alone; a person corrected it until satisfied (arXiv 2409.17146, section 3).
"""

from __future__ import annotations

from collections.abc import Iterator

from openmolmo.data.sources.columns import TEXT, Row
from openmolmo.data.sources.published import HubPlace, Layout, PublishedSet, Reading
from openmolmo.records.example import Annotation, Made, QuestionAnswer

__all__ = ["SOURCE"]


def _annotate(row: Row, reading: Reading) -> Iterator[Annotation]:
    if row["question"].strip() and row["answer"].strip():
        yield QuestionAnswer(question=row["question"].strip(), answers=(row["answer"].strip(),))


SOURCE = PublishedSet(
    name="pixmo_ask_model_anything",
    title="PixMo-AskModelAnything",
    home="https://huggingface.co/datasets/allenai/pixmo-ask-model-anything",
    places={"train": HubPlace(repo="allenai/pixmo-ask-model-anything", split="train")},
    layouts=(
        Layout(
            columns={"image_url": TEXT, "image_sha256": TEXT, "question": TEXT, "answer": TEXT},
            annotate=_annotate,
            url="image_url",
            group=("image_url",),
        ),
    ),
    licence="ODC-BY-1.0",
    made={"question_answer": (Made.WRITTEN, Made.OCR, Made.TEXT_LLM)},
)
