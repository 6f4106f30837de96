"""Three new pictures, and what a finished model says about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from openmolmo.core.files import atomic_file
from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.inference.draw import draw_points, enlarge
from openmolmo.inference.predictor import Predictor
from openmolmo.pictures import open_image
from openmolmo.recipes.demo.calls import call
from openmolmo.records.example import Annotation, Caption, Counting, Example, Pointing
from openmolmo.words.answer import Answer
from openmolmo.words.points import without_points
from openmolmo.words.requests import Request, caption_request, count_request, point_request

__all__ = ["Asked", "ask_about_pictures"]

_FIRST = 1_000_000  # index of the first picture looked at: far from any the demo learns from or judges on
_TRIED = 200
_SIZE = 320


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One picture and its answer: the command that asks, the reply in words, the truth, both files."""

    verb: str
    label: str
    command: str
    reply: str
    truth: str
    picture: Path
    annotated: Path


def ask_about_pictures(predictor: Predictor, folder: Path, seed: int, model: str) -> list[Asked]:
    """Point, count and caption; writes each picture and, with the points drawn, its answer."""
    examples = _scenes(seed)
    cases = [
        _find(examples, "point", lambda a: isinstance(a, Pointing) and 2 <= len(a.points) <= 4),
        _find(examples, "count", lambda a: isinstance(a, Counting) and 3 <= a.count <= 7),
        _find(examples, "caption", lambda a: isinstance(a, Caption)),
    ]
    paths = [_save_picture(folder / f"{n}-{verb}.jpg", example) for n, (verb, example, _) in enumerate(cases, 1)]
    requests = [_request(annotation, path) for (_, _, annotation), path in zip(cases, paths, strict=True)]
    answers = predictor.answer_batch(requests)
    return [
        _show(verb, annotation, answer, path, model)
        for (verb, _, annotation), answer, path in zip(cases, answers, paths, strict=True)
    ]


def _scenes(seed: int) -> Iterator[Example]:
    scenes = GENERATORS.get("scenes")
    return (make_example(scenes, seed, _FIRST + n, size=_SIZE, split="test") for n in range(_TRIED))


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


def _show(verb: str, annotation: Annotation, answer: Answer, path: Path, model: str) -> Asked:
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
    return Asked(
        verb=verb,
        label=label,
        command=call(verb, path, *words),
        reply=reply,
        truth=truth,
        picture=path,
        annotated=annotated,
    )


def _drawn(path: Path, answer: Answer) -> Image.Image:
    picture = open_image(path)
    return draw_points(picture, answer.points) if answer.points else enlarge(picture)


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"
