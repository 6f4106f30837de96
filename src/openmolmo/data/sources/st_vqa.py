"""ST-VQA (Biten et al., 2019): questions whose answer is written in the scene."""

from __future__ import annotations

from openmolmo.data.sources.answers import question_list
from openmolmo.data.sources.published import HubPlace, PublishedSet
from openmolmo.records.example import Made

__all__ = ["SOURCE"]

SOURCE = PublishedSet(
    name="st_vqa",
    title="ST-VQA",
    home="https://rrc.cvc.uab.es/?ch=11",
    places={"train": HubPlace(repo="vikhyatk/st-vqa", split="train")},
    layouts=(question_list(style="st_qa", column="qas", answers="answers"),),
    licence="see the challenge's terms (research)",
    made={"question_answer": (Made.WRITTEN,)},
)
