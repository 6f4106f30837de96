"""Captions: describe a generated scene; the scene's facts judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from openmolmo.evaluation.metrics.captions import score_caption
from openmolmo.evaluation.tasks.base import Question
from openmolmo.records.example import Caption, Example
from openmolmo.words.answer import Answer

__all__ = ["CaptionsTask"]

_CANDIDATES = 24  # captions tried as the most typical one


@dataclass(frozen=True, slots=True)
class CaptionsTask:
    """Scenes with a caption and statements in their facts, asked for with a length hint.

    ``length_hint`` None is the model's own default: 65 for the released models, as in arXiv 2409.17146
    (hints count in 15 characters).
    """

    name: str = "captions"
    title: str = "Captions"
    headline: str = "f1"
    metrics: tuple[str, ...] = ("f1", "recall", "precision")
    length_hint: int | None = None

    def questions(self, example: Example) -> Iterator[Question]:
        """One an example at most: its first caption, where a judge can know the truth."""
        captions = [annotation for annotation in example.annotations if isinstance(annotation, Caption)]
        if captions and example.image is not None and "statements" in example.facts:
            yield Question(
                id=f"{example.id}/caption",
                example_id=example.id,
                image=example.image,
                more_images=example.more_images,
                text="",
                style=captions[0].style,
                length_hint=self.length_hint,
                truth=example.facts,
                reply=captions[0].text,
                max_new_tokens=448,
            )

    def score(self, question: Question, answer: Answer) -> dict[str, float]:
        """Recall and precision of statements, and their F1, for this caption alone."""
        return score_caption(answer.text, question.truth)

    def constants(self, sample: Sequence[Question]) -> list[str]:
        """Captions spread over the sample; the runner keeps the one that fits the others best."""
        step = max(1, len(sample) // _CANDIDATES)
        return [question.reply for question in sample[::step][:_CANDIDATES]]
