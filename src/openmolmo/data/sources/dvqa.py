"""DVQA (Kafle et al., 2018): questions from templates on bar charts that a program drew."""

from __future__ import annotations

from openmolmo.data.sources.answers import question_list
from openmolmo.data.sources.published import HubPlace, PublishedSet
from openmolmo.records.example import Made

__all__ = ["SOURCE"]

SOURCE = PublishedSet(
    name="dvqa",
    title="DVQA",
    home="https://kushalkafle.com/projects/dvqa.html",
    places={"train": HubPlace(repo="vikhyatk/dvqa", split="train")},
    layouts=(question_list(style="dv_qa", column="qa"),),
    licence="CC-BY-NC-4.0",
    made={"question_answer": (Made.PROGRAM,)},
    picture="program",
)
