"""What both backends are asked: drawn pictures with things known to be there, a folder of pictures, or a file.

Every question is worded once and every picture decoded once, for both, so that neither a backend's own wording nor its
reader of JPEG files stands between them.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from openmolmo.core.errors import OpenMolmoError
from openmolmo.engine.synth.base import GENERATORS, make_example
from openmolmo.evaluation.tasks.base import to_request
from openmolmo.evaluation.tasks.counting import CountingTask
from openmolmo.evaluation.tasks.pointing import PointingTask
from openmolmo.evaluation.tasks.short_answers import ShortAnswersTask
from openmolmo.inference.request_file import Asked, find_pictures, read_requests
from openmolmo.pictures import open_image
from openmolmo.prompting.processor import Processor
from openmolmo.words.requests import Request, caption_request, count_request, point_request

__all__ = ["Question", "drawn", "of_pictures", "requests_of", "worded"]

_GENERATOR, _SIZE = "easy_scenes", 256
"""What the bundled model knows best; pixels of the longer side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request in plain words, with its pictures as bytes of PNG files.

    ``sizes``: (width, height) of each in pixels. ``counted``: False of descriptions, where a number is no count.
    ``fault``: why it cannot be asked.
    """

    id: str
    request: Request
    sizes: tuple[tuple[int, int], ...] = ()
    counted: bool = True
    fault: OpenMolmoError | None = None


def drawn(count: int, seed: int = 0) -> list[Asked]:
    """Pointing, counting and a short question about each of ``count`` pictures that no model was trained on."""
    asked = []
    for index in range(count):
        example = make_example(GENERATORS.get(_GENERATOR), seed, index, size=_SIZE, split="test")
        for name, questions in (
            ("pointing", PointingTask().questions(example)),
            ("counting", CountingTask().questions(example)),
            ("short_answers", ShortAnswersTask().questions(example)),
        ):
            known = list(questions)
            if known:
                question = known[index % len(known)]  # another kind of each picture
                asked.append(Asked(f"{name} {index}", to_request(question), question.text))
    return asked


def of_pictures(folder: Path, labels: Sequence[str]) -> list[Asked]:
    """Each label pointed to and counted in every picture of a folder, and each picture described."""
    asked = []
    for path in find_pictures([str(folder)]):
        for label in labels:
            asked.append(Asked(f"{path} point {label}", point_request(path, label), label))
            asked.append(Asked(f"{path} count {label}", count_request(path, label), label))
        asked.append(Asked(f"{path} caption", caption_request(path), ""))
    return asked


def requests_of(
    *, pictures: Path | None, labels: Sequence[str], requests: Path | None, count: int, seed: int
) -> list[Asked]:
    """Those of a JSON-lines file, as ``openmolmo answer`` reads it; else about a folder's pictures; else drawn ones."""
    if requests is not None:
        return read_requests(requests)
    return drawn(count, seed) if pictures is None else of_pictures(pictures, labels)


def worded(asked: Iterable[Asked], processor: Processor | None, max_new_tokens: int) -> list[Question]:
    """Questions in the words and with the tags that ``processor``'s model was trained on; without one ``style: text``.

    A request with a picture that cannot be read, or that cannot be worded, keeps its fault.
    """
    return [_worded(one, processor, max_new_tokens) for one in asked]


def _worded(asked: Asked, processor: Processor | None, most: int) -> Question:
    request = asked.request
    if asked.fault is not None:
        return Question(id=asked.id, request=request, fault=asked.fault)
    try:
        pictures = [Image.fromarray(open_image(image)) for image in request.images]
        text = _text(request, processor)
    except OpenMolmoError as error:
        return Question(id=asked.id, request=request, fault=error)
    plain = replace(
        request,
        text=text,
        images=tuple(map(_png, pictures)),
        style=None,
        length_hint=None,
        max_new_tokens=min(most, request.max_new_tokens or most),
    )
    return Question(
        id=asked.id, request=plain, sizes=tuple(picture.size for picture in pictures), counted=not request.describes
    )


def _png(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def _text(request: Request, processor: Processor | None) -> str:
    if processor is not None:
        return processor.question(request.text, style=request.style, length_hint=request.length_hint)
    if request.style is None:
        return request.text
    length = "" if request.length_hint is None else f" {request.length_hint}"
    return f"{request.style}{length}: {request.text}".rstrip()
