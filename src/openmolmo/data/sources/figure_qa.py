"""FigureQA (Kahou et al., 2018): yes/no questions from templates on figures that a program drew."""

from __future__ import annotations

from openmolmo.data.sources.answers import question_list
from openmolmo.data.sources.published import HubPlace, PublishedSet
from openmolmo.records.example import Made

__all__ = ["SOURCE"]

SOURCE = PublishedSet(
    name="figure_qa",
    title="FigureQA",
    home="https://www.microsoft.com/en-us/research/project/figureqa-dataset/",
    places={"train": HubPlace(repo="vikhyatk/figureqa", split="train")},
    layouts=(question_list(style="figure_qa", column="qa"),),
    licence="Microsoft Research Data License",
    made={"question_answer": (Made.PROGRAM,)},
    picture="program",
)
