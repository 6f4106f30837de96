"""OK-VQA (Marino et al., 2019): questions on COCO pictures that need knowledge from elsewhere."""

from __future__ import annotations

from openmolmo.data.sources.answers import question_rows
from openmolmo.data.sources.columns import ANY, PICTURE, Kind, many
from openmolmo.data.sources.published import HubPlace, PublishedSet
from openmolmo.data.sources.vqa_release import vqa_release
from openmolmo.records.example import Made

__all__ = ["SOURCE"]

_ANSWER = Kind(
    "a text, or an object with answer",
    lambda value, place: (
        None
        if isinstance(value, str) or (isinstance(value, dict) and isinstance(value.get("answer"), str))
        else (place, "a text, or an object with answer", value)
    ),
)

SOURCE = PublishedSet(
    name="ok_vqa",
    title="OK-VQA",
    home="https://okvqa.allenai.org/download.html",
    places={"validation": HubPlace(repo="lmms-lab/OK-VQA", split="val2014")},
    elsewhere={"train": "train"},
    layouts=(
        question_rows(
            style="okvqa",
            answers="answers",
            group=(),
            columns={"image": PICTURE, "question_id": ANY, "answers": many(_ANSWER)},
            facts=("question_id",),
        ),
    ),
    licence="not stated; pictures under COCO's terms",
    made={"question_answer": (Made.WRITTEN,)},
    reads=vqa_release,
)
