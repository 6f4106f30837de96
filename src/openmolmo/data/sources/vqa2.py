"""VQA v2.0 on COCO 2014 (Goyal et al., 2017): short questions, ten people's answers each.

``test`` is the hub's ``testdev``: its answers are with the benchmark's server.
"""

from __future__ import annotations

from openmolmo.data.sources.answers import question_rows
from openmolmo.data.sources.columns import PICTURE, TEXT, WHOLE, fields, hidden_in_test, many
from openmolmo.data.sources.published import HubPlace, PublishedSet
from openmolmo.data.sources.vqa_release import vqa_release
from openmolmo.records.example import Made

__all__ = ["SOURCE"]

SOURCE = PublishedSet(
    name="vqa2",
    title="VQA v2.0",
    home="https://visualqa.org/download.html",
    places={
        "validation": HubPlace(repo="lmms-lab/VQAv2", split="validation"),
        "test": HubPlace(repo="lmms-lab/VQAv2", split="testdev"),
    },
    elsewhere={"train": "train"},
    layouts=(
        question_rows(
            style="vqa2",
            answers="answers",
            group=("image_id",),
            columns={
                "image": PICTURE,
                "image_id": WHOLE,
                "question_id": WHOLE,
                "answers": hidden_in_test(many(fields(answer=TEXT))),
            },
        ),
    ),
    licence="CC-BY-4.0",
    made={"question_answer": (Made.WRITTEN,)},
    reads=vqa_release,
)
