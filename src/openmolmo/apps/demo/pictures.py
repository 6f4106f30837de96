"""Three new pictures for a model, and what it says about them, marked right or wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from openmolmo.apps.demo.calls import call
from openmolmo.core.files import atomic_file
from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.evaluation.tasks import CAPTIONS, COUNTING, POINTING
from openmolmo.inference.draw import draw_points, enlarge
from openmolmo.inference.predictor import Predictor
from openmolmo.pictures import open_image
from openmolmo.records.example import Annotation, Caption, Counting, Example, Pointing
from openmolmo.words.answer import Answer
from openmolmo.words.points import without_points
from openmolmo.words.requests import Request, caption_request, count_request, point_request

__all__ = ["Asked", "ask_about_pictures"]

_FIRST = 1_000_000  # index of the first picture looked at: far from any the demo learns from or judges on
_TRIED = 400
_GOOD = 0.8  # a score from here on is right, if nothing in a caption is false


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One picture and its answer: the command that asks, the reply in words, the truth, the score (0-1), both files.

    ``right``: all points and no other, the count, nearly all of a caption and nothing false.
    """

    verb: str
    label: str
    command: str
    reply: str
    truth: str
    score: float
    right: bool
    picture: Path
    annotated: Path

    @property
    def verdict(self) -> str:
        """Right or wrong, in words that fit behind the reply."""
        if self.verb == "caption":
            return f"{'right' if self.right else 'partly wrong' if self.score >= 0.4 else 'wrong'}, F1 {self.score:.2f}"
        placed = f", F1 of the points {self.score:.2f}" if self.verb == "point" else ""
        return "right" if self.right else f"wrong: {self.truth}{placed}"


def ask_about_pictures(
    predictor: Predictor,
    folder: Path,
    seed: int,
    model: str,
    *,
    generator: str = "scenes",
    size: int = 320,
    first: int = 1,
) -> list[Asked]:
    """Point, count and caption; writes each picture and, with the points drawn, its answer.

    ``generator`` draws them, ``size`` pixels; the files are numbered from ``first``.
    """
    examples = _scenes(generator, seed, size)
    cases = [
        _find(examples, "point", lambda a: isinstance(a, Pointing) and 2 <= len(a.points) <= 4),
        _find(examples, "count", lambda a: isinstance(a, Counting) and 2 <= a.count <= 7),
        _find(examples, "caption", lambda a: isinstance(a, Caption)),
    ]
    paths = [_save_picture(folder / f"{n}-{verb}.jpg", example) for n, (verb, example, _) in enumerate(cases, first)]
    requests = [_request(annotation, path) for (_, _, annotation), path in zip(cases, paths, strict=True)]
    answers = predictor.answer_batch(requests)
    return [
        _show(verb, example, annotation, answer, path, model)
        for (verb, example, annotation), answer, path in zip(cases, answers, paths, strict=True)
    ]


def _scenes(generator: str, seed: int, size: int) -> Iterator[Example]:
    scenes = GENERATORS.get(generator)
    return (make_example(scenes, seed, _FIRST + n, size=size, split="test") for n in range(_TRIED))


def _find(
    examples: Iterator[Example], verb: str, wanted: Callable[[Annotation], bool]
) -> tuple[str, Example, Annotation]:
    """The next example that has a wanted annotation, and that annotation."""
    return next((verb, example, a) for example in examples for a in example.annotations if wanted(a))


def _request(annotation: Annotation, path: Path) -> Request:
    if isinstance(annotation, Pointing):
        return point_request(str(path), annotation.label)
    if isinstance(annotation, Counting):
        return count_request(str(path), annotation.label)
    return caption_request(str(path))


def _save_picture(path: Path, example: Example) -> Path:
    assert example.image is not None and example.image.data is not None
    with atomic_file(path) as temporary:
        temporary.write_bytes(example.image.data)
    return path


def _show(verb: str, example: Example, annotation: Annotation, answer: Answer, path: Path, model: str) -> Asked:
    """Write the annotated picture and put everything into words."""
    label = annotation.label if isinstance(annotation, (Pointing, Counting)) else ""
    annotated = path.with_name(f"{path.stem}-answer.png")
    with atomic_file(annotated) as temporary:
        _drawn(path, answer).save(temporary, format="PNG")
    words = [*([label] if label else []), *(["--model", model] if model != "nano" else [])]
    reply = without_points(answer.text) or "(nothing)"
    if answer.points and verb == "point":
        reply = f"{reply} ({_many(len(answer.points), 'point')})"
    if isinstance(annotation, Pointing):
        truth = f"there are {len(annotation.points)} of them"
    elif isinstance(annotation, Counting):
        truth = f"there are {annotation.count} of them"
    else:
        truth = annotation.text if isinstance(annotation, Caption) else ""
    score, right = _score(example, annotation, answer)
    return Asked(
        verb=verb,
        label=label,
        command=call(verb, path, *words),
        reply=reply,
        truth=truth,
        score=score,
        right=right,
        picture=path,
        annotated=annotated,
    )


def _score(example: Example, annotation: Annotation, answer: Answer) -> tuple[float, bool]:
    """The headline score of the task that the annotation belongs to, and whether the answer is right."""
    task: Any = CAPTIONS
    if isinstance(annotation, (Pointing, Counting)):
        task = POINTING if isinstance(annotation, Pointing) else COUNTING
    question = next(q for q in task.questions(example) if q.truth in (annotation, example.facts))
    scores = task.score(question, answer)
    score = scores[task.headline]
    return score, score >= _GOOD and scores.get("precision", 1.0) == 1.0


def _drawn(path: Path, answer: Answer) -> Image.Image:
    picture = open_image(path)
    return draw_points(picture, answer.points) if answer.points else enlarge(picture)


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"
