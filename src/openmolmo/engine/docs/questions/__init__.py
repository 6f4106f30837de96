"""Families of questions by content; ``ask`` chooses some for a picture, each of another family."""

from __future__ import annotations

from openmolmo.engine.docs.base import Chart, Diagram, Fields, Grid
from openmolmo.engine.docs.questions.base import QUESTIONS_VERSION, Family, Question, View
from openmolmo.engine.docs.questions.charts import CHART_QUESTIONS
from openmolmo.engine.docs.questions.diagrams import DIAGRAM_QUESTIONS
from openmolmo.engine.docs.questions.papers import PAPER_QUESTIONS
from openmolmo.engine.docs.questions.tables import TABLE_QUESTIONS

__all__ = ["QUESTIONS_VERSION", "QUESTION_FAMILIES", "Question", "View", "ask"]

QUESTION_FAMILIES: dict[type, dict[str, Family]] = {
    Chart: CHART_QUESTIONS,
    Grid: TABLE_QUESTIONS,
    Fields: PAPER_QUESTIONS,
    Diagram: DIAGRAM_QUESTIONS,
}


def ask(view: View, most: int) -> list[Question]:
    """At most ``most`` questions, no two of one family, in random order."""
    families = QUESTION_FAMILIES[type(view.content)]
    names = list(families)
    asked: list[Question] = []
    for place in view.rng.permutation(len(names)):
        if len(asked) == most:
            break
        question = families[names[int(place)]](view)
        if question is not None:
            asked.append(question)
    return asked
