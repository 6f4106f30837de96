"""InfographicVQA (Mathew et al., 2022): questions on infographics.

The hub has validation and test (whose answers are with the challenge's server); the training rows come from its own
JSON (``infographicsVQA_train_v1.0.json``) with its pictures beside it.
"""

from __future__ import annotations

from openmolmo.data.sources.answers import question_rows
from openmolmo.data.sources.columns import ANY, PICTURE, TEXT, hidden_in_test, many
from openmolmo.data.sources.published import HubPlace, PublishedSet
from openmolmo.records.example import Made

__all__ = ["SOURCE"]

_ROWS = {"questionId": ANY, "image_url": TEXT, "answers": hidden_in_test(many(TEXT))}

SOURCE = PublishedSet(
    name="info_vqa",
    title="InfographicVQA",
    home="https://rrc.cvc.uab.es/?ch=17",
    places={
        "validation": HubPlace(repo="lmms-lab/DocVQA", config="InfographicVQA", split="validation"),
        "test": HubPlace(repo="lmms-lab/DocVQA", config="InfographicVQA", split="test"),
    },
    elsewhere={"train": "train"},
    layouts=(
        question_rows(style="info_qa", answers="answers", group=("image_url",), columns={"image": PICTURE, **_ROWS}),
        question_rows(
            style="info_qa",
            answers="answers",
            group=("image_local_name",),
            picture="image_local_name",
            columns={"image_local_name": PICTURE, **_ROWS},
        ),
    ),
    licence="see the challenge's terms (research)",
    made={"question_answer": (Made.WRITTEN,)},
    picture="infographic",
)
