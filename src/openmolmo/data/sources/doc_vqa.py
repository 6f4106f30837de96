"""DocVQA (Mathew et al., 2021): questions on scanned pages of industry documents.

The answers to ``test`` are with the challenge's server.
"""

from __future__ import annotations

from openmolmo.data.sources.answers import question_rows
from openmolmo.data.sources.columns import ANY, PICTURE, TEXT, hidden_in_test, many
from openmolmo.data.sources.published import HubPlace, PublishedSet
from openmolmo.records.example import Made

__all__ = ["SOURCE"]

_ROWS = {"questionId": ANY, "docId": ANY, "ucsf_document_page_no": ANY, "answers": hidden_in_test(many(TEXT))}

SOURCE = PublishedSet(
    name="doc_vqa",
    title="DocVQA",
    home="https://rrc.cvc.uab.es/?ch=17",
    places={
        "train": HubPlace(repo="HuggingFaceM4/DocumentVQA", split="train"),
        "validation": HubPlace(repo="HuggingFaceM4/DocumentVQA", split="validation"),
        "test": HubPlace(repo="HuggingFaceM4/DocumentVQA", split="test"),
    },
    # The authors' JSON has the same columns; its `image` is a path in the folder.
    layouts=(
        question_rows(
            style="doc_qa",
            answers="answers",
            group=("docId", "ucsf_document_page_no"),
            columns={"image": PICTURE, **_ROWS},
        ),
    ),
    licence="see the challenge's terms (research)",
    made={"question_answer": (Made.WRITTEN,)},
    picture="scanned document",
)
