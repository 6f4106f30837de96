"""PixMo-CapQA: questions and answers that a text-only model made from captions (arXiv 2409.17146, section 3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from openmolmo.data.sources.columns import TEXT, Row, many, maybe
from openmolmo.data.sources.published import HubPlace, Layout, PublishedSet, Reading
from openmolmo.records.example import Annotation, Dialogue, Made, QuestionAnswer

__all__ = ["SOURCE"]


def _annotate(row: Row, reading: Reading) -> Iterator[Annotation]:
    turns: Sequence[str] = [text.strip() for text in row.get("messages") or ()]
    if len(turns) > 2 and len(turns) % 2 == 0 and all(turns):
        yield Dialogue(turns=tuple(turns))
        return
    question, answer = row["question"].strip(), row["answer"].strip()
    # A single question stands in the frame that the language model was given.
    question = question.removeprefix("[USER]").removesuffix("[ASSISTANT]").strip()
    if question and answer:
        yield QuestionAnswer(question=question, answers=(answer,))


SOURCE = PublishedSet(
    name="pixmo_cap_qa",
    title="PixMo-CapQA",
    home="https://huggingface.co/datasets/allenai/pixmo-cap-qa",
    places={"train": HubPlace(repo="allenai/pixmo-cap-qa", split="train")},
    layouts=(
        Layout(
            columns={
                "image_url": TEXT,
                "image_sha256": maybe(TEXT),
                "question": TEXT,
                "answer": TEXT,
                "messages": maybe(many(TEXT)),
            },
            annotate=_annotate,
            url="image_url",
            group=("image_url",),
        ),
    ),
    licence="ODC-BY-1.0",
    made=dict.fromkeys(("question_answer", "dialogue"), (Made.SPOKEN, Made.SPEECH, Made.TEXT_LLM)),
)
