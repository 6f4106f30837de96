"""What one training or evaluation example is: a picture, what is said about it, and by whom.

Points are percent of width (x) and height (y), 0-100, origin at the top left
(docs/tour.md; data format of arXiv 2409.17146, section 3). Every example carries provenance:
for each annotation kind, how its text or points were made. ``openmolmo data audit`` refuses
data in which a vision-language model made any of it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Literal

__all__ = [
    "ANNOTATION_KINDS",
    "Annotation",
    "Caption",
    "Counting",
    "Dialogue",
    "Example",
    "ImageRef",
    "Made",
    "Mask",
    "NotPresent",
    "Point",
    "PointExplanation",
    "Pointing",
    "Provenance",
    "QuestionAnswer",
    "Transcript",
]


class Made(StrEnum):
    """How a text or a set of points was made. The last two fail the audit."""

    SPOKEN = "person-spoken"
    WRITTEN = "person-written"
    CLICKED = "person-clicked"
    PROGRAM = "program"
    TEXT_LLM = "text-only-llm"
    OCR = "ocr"
    DETECTOR = "detector"
    SPEECH = "speech-recognition"
    VLM = "vision-language-model"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Point:
    """A place in a picture: percent of width and of height, 0-100; ``image`` says in which picture (from 0)."""

    x: float
    y: float
    image: int = 0


@dataclass(frozen=True, slots=True)
class Mask:
    """Which pixels an object covers, as run lengths in row-major order, zeros first.

    ``sum(counts) == height * width``; ``counts[0]`` pixels are 0, the next ``counts[1]`` are 1, ...
    """

    height: int
    width: int
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """A dense written description."""

    kind: ClassVar[str] = "caption"
    text: str
    style: str = "long_caption"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What a person said about the picture, hesitations and all."""

    kind: ClassVar[str] = "transcript"
    text: str
    style: str = "transcript"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAnswer:
    """A question with one or several reference answers, or with options of which one is right.

    ``answers`` has at least one entry (repeats count as votes) unless ``options`` is given;
    then ``answer_index`` is the right option's place. ``style`` is the prompt tag (``vqa2`` ...).
    """

    kind: ClassVar[str] = "question_answer"
    question: str
    answers: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    answer_index: int | None = None
    style: str = "user_qa"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointing:
    """Every instance of ``label`` in the picture, one point each; ``masks`` (if any) in the same order."""

    kind: ClassVar[str] = "pointing"
    label: str
    points: tuple[Point, ...]
    masks: tuple[Mask, ...] = ()
    question: str | None = None
    style: str = "pointing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """How many of ``label`` there are, with the points that were counted (may be unknown: empty)."""

    kind: ClassVar[str] = "counting"
    label: str
    count: int
    points: tuple[Point, ...] = ()
    masks: tuple[Mask, ...] = ()
    question: str | None = None
    style: str = "point_count"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPresent:
    """``label`` is asked for but is not in the picture."""

    kind: ClassVar[str] = "not_present"
    label: str
    question: str | None = None
    style: str = "pointing"


@dataclass(frozen=True, slots=True, kw_only=True)
class PointExplanation:
    """A question answered in words that point; ``answer`` has ``<|POINT|>`` where ``points[i]`` goes.

    ``labels[i]`` is what stands in the sentence for the i-th group of points, ``points[i]`` its points and
    ``alts[i]`` what they are (the alt text: "a cup" where the sentence says "here"). Without ``alts`` it is the labels.
    """

    kind: ClassVar[str] = "point_explanation"
    question: str
    answer: str
    labels: tuple[str, ...]
    points: tuple[tuple[Point, ...], ...]
    style: str = "point_qa"
    alts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """Turns of user and assistant in turn, user first; an even number of them."""

    kind: ClassVar[str] = "dialogue"
    turns: tuple[str, ...]
    style: str = "user_qa"


Annotation = Caption | Transcript | QuestionAnswer | Pointing | Counting | NotPresent | PointExplanation | Dialogue

ANNOTATION_KINDS: dict[str, type[Any]] = {
    cls.kind: cls
    for cls in (Caption, Transcript, QuestionAnswer, Pointing, Counting, NotPresent, PointExplanation, Dialogue)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where an example came from. ``made`` maps each annotation kind to how it was made, in order.

    E.g. ``made={"caption": ("person-spoken", "speech-recognition", "text-only-llm")}``: spoken,
    transcribed, then cleaned. ``image`` says how the picture came to be. ``receipts`` hold proofs,
    e.g. ``{"audio_sha256": ...}``.
    """

    dataset: str
    licence: str
    made: dict[str, tuple[Made, ...]]
    image: str = "photograph"
    tool: str = ""
    version: str = ""
    receipts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRef:
    """A picture by its bytes, a local path or a URL (first one given wins), with size and hash.

    ``width``/``height`` in pixels after EXIF rotation; ``sha256`` of the encoded file.
    """

    data: bytes | None = None
    path: str | None = None
    url: str | None = None
    width: int | None = None
    height: int | None = None
    sha256: str | None = None


Split = Literal["train", "validation", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One picture (or several, or none for text-only data) and its annotations.

    ``image`` is the first or only picture, ``more_images`` those after it, ``images`` all. Texts may name each
    picture once, in order, by ``<|image|>``; otherwise all stand before the text.
    ``facts`` is what a program knows about the picture (scene graph, clock time): never shown to
    a model, used for judging. JSON values only.
    """

    id: str
    image: ImageRef | None
    annotations: tuple[Annotation, ...]
    provenance: Provenance
    split: Split = "train"
    facts: dict[str, Any] = field(default_factory=dict)
    more_images: tuple[ImageRef, ...] = ()

    @property
    def images(self) -> tuple[ImageRef, ...]:
        """All pictures, in order."""
        return self.more_images if self.image is None else (self.image, *self.more_images)

    def replace(self, **changes: Any) -> Example:
        """A copy with some fields changed; ``images`` changes all pictures."""
        if "images" in changes:
            images = tuple(changes.pop("images"))
            changes |= {"image": images[0] if images else None, "more_images": images[1:]}
        return dataclasses.replace(self, **changes)
