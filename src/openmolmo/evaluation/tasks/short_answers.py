"""Short answers: questions whose answer is a word or a number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from openmolmo.evaluation.metrics.short_answers import normalise, score_short_answer
from openmolmo.evaluation.tasks.base import Question, most_frequent
from openmolmo.records.example import Example, QuestionAnswer
from openmolmo.words.answer import Answer

__all__ = ["SHORT_STYLES", "ShortAnswersTask"]

SHORT_STYLES = ("vqa2", "tally_qa", "text_vqa", "okvqa", "a_okvqa_da")
"""Style tags whose answers are a few words."""


@dataclass(frozen=True, slots=True)
class ShortAnswersTask:
    """Question-answers of a short style without options.

    An answer is right when it equals any one reference answer. The published scores of VQAv2, OK-VQA, A-OKVQA and
    TextVQA count agreement instead (right by as many thirds as people gave that answer, at most three), so that
    accuracies here are higher than those and not to be put beside them.
    """

    name: str = "short_answers"
    title: str = "Short answers"
    headline: str = "accuracy"
    metrics: tuple[str, ...] = ("accuracy",)

    def questions(self, example: Example) -> Iterator[Question]:
        """One for each question-answer of a short style."""
        for index, annotation in enumerate(example.annotations):
            if not isinstance(annotation, QuestionAnswer) or annotation.style not in SHORT_STYLES:
                continue
            if annotation.options or not annotation.answers or example.image is None:
                continue
            reply = most_frequent(annotation.answers)
            yield Question(
                id=f"{example.id}/{index}",
                example_id=example.id,
                image=example.image,
                more_images=example.more_images,
                text=annotation.question,
                style=annotation.style,
                truth=annotation.answers,
                reply=reply,
                max_new_tokens=32,
                group=_kind(normalise(reply)),
            )

    def score(self, question: Question, answer: Answer) -> dict[str, float]:
        """Normalised exact match with any reference answer."""
        return score_short_answer(answer.text, question.truth)

    def constants(self, sample: Sequence[Question]) -> list[str]:
        """The commonest answer."""
        return [most_frequent([question.reply for question in sample])]


def _kind(answer: str) -> str:
    if answer in ("yes", "no"):
        return "yes or no"
    return "number" if answer.replace(".", "").isdigit() else "other"
