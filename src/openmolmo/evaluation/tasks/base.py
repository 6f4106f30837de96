"""What a task is: it picks questions out of examples, scores replies, and knows its headline metric."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from openmolmo.core.config import Config
from openmolmo.core.errors import ConfigError, DataError
from openmolmo.prompting.format_config import FormatConfig
from openmolmo.prompting.replies import render_turns
from openmolmo.records.example import Annotation, Example, ImageRef
from openmolmo.words.answer import Answer
from openmolmo.words.requests import ImageSource, Request

__all__ = [
    "Adjustable",
    "Question",
    "Task",
    "TaskSettings",
    "adjust",
    "annotation_questions",
    "ask_and_reply",
    "image_source",
    "most_frequent",
    "to_request",
]

_PLAIN = FormatConfig(max_points=10_000)  # no annotation is too long to be judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One thing to ask about one picture, or about several.

    ``truth`` is what the task scores against (an annotation, a time, facts); ``reply`` is what a
    perfect model would write; ``group`` sorts questions into the rows of a breakdown. ``max_crops``: into how many
    crops pictures are cut, instead of as many as in the model's training.
    """

    id: str
    example_id: str
    image: ImageRef
    text: str
    truth: Any
    reply: str
    style: str | None = None
    length_hint: int | None = None
    max_new_tokens: int = 64
    group: str = ""
    more_images: tuple[ImageRef, ...] = ()
    max_crops: int | None = None

    @property
    def images(self) -> tuple[ImageRef, ...]:
        """All pictures, in order."""
        return (self.image, *self.more_images)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the first picture in pixels; (1, 1) where the record does not say."""
        return self.sizes[0]

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """The same of every picture."""
        return tuple((image.width or 1, image.height or 1) for image in self.images)


@dataclass(frozen=True, kw_only=True)
class TaskSettings(Config):
    """What a user may say of the tasks at hand; each takes what concerns it.

    ``radius``: how near a point must be where an annotation has no mask, in percent of the picture's width.
    """

    radius: float | None = None

    def __post_init__(self) -> None:
        if self.radius is not None and not 0 <= self.radius < math.inf:
            raise ConfigError(
                f"radius={self.radius:g} can hit nothing, or everything", fix="percent of the picture's width, e.g. 5"
            )


@runtime_checkable
class Adjustable(Protocol):
    """A task that settings change."""

    def adjusted(self, settings: TaskSettings) -> Task:
        """This task with those of ``settings`` that concern it and are given."""


def adjust(task: Task, settings: TaskSettings) -> Task:
    """The task under ``settings``; one that takes none stays as it is."""
    return task.adjusted(settings) if isinstance(task, Adjustable) else task


class Task(Protocol):
    """One file and one entry point in the group ``openmolmo.tasks`` adds a task."""

    name: str
    title: str
    headline: str
    metrics: tuple[str, ...]

    def questions(self, example: Example) -> Iterator[Question]:
        """The questions of this task in one example; none where it has nothing for it."""

    def score(self, question: Question, answer: Answer) -> dict[str, float]:
        """A number in 0-1 for each of ``metrics``; averaged over questions by the runner."""

    def constants(self, sample: Sequence[Question]) -> list[str]:
        """Replies that a model could give without looking; the best of them is the first control."""


def image_source(image: ImageRef) -> ImageSource:
    """Bytes or path of a record's picture; a picture known by its URL only is a :class:`DataError`."""
    if image.data is not None:
        return image.data
    if image.path is not None:
        return image.path
    raise DataError(
        f"the picture {image.url or '(without data, path or URL)'} is not on this machine",
        field="image",
        fix="evaluate a data set that holds its pictures, or download them first",
    )


def to_request(question: Question) -> Request:
    """The request that asks ``question``."""
    return Request(
        text=question.text,
        images=tuple(image_source(image) for image in question.images),
        style=question.style,
        length_hint=question.length_hint,
        max_new_tokens=question.max_new_tokens,
        max_crops=question.max_crops,
    )


def annotation_questions(
    example: Example, kinds: tuple[type[Annotation], ...], group: Callable[[Any], str]
) -> Iterator[Question]:
    """One question for each annotation of ``kinds`` in plain words; ``group`` says in which row it is counted."""
    for index, annotation in enumerate(example.annotations):
        if not isinstance(annotation, kinds) or example.image is None:
            continue
        text, reply = ask_and_reply(annotation)
        yield Question(
            id=f"{example.id}/{index}",
            example_id=example.id,
            image=example.image,
            more_images=example.more_images,
            text=text,
            style=annotation.style,
            truth=annotation,
            reply=reply,
            max_new_tokens=512,
            group=group(annotation),
        )


def ask_and_reply(annotation: Annotation) -> tuple[str, str]:
    """The plain wording of what an annotation asks, and the reply that a perfect model would write."""
    texts = render_turns(annotation, _PLAIN, None)
    assert texts is not None, "nothing has so many points"
    return texts[0], texts[-1]


def most_frequent(values: Sequence[str]) -> str:
    """The commonest value; ties go to the one that sorts first, so that runs agree."""
    assert values
    counts = Counter(values)
    return min(counts, key=lambda value: (-counts[value], value))
