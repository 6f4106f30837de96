"""What must hold inside one example, whatever file it came from.

Form (types, known keys) is checked when a row is read, see ``records/codec.py``; here it is the
values: points within 0-100 percent, masks that fill their size, counts that equal their points.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from openmolmo.core.console import counted
from openmolmo.records.example import (
    ANNOTATION_KINDS,
    Annotation,
    Caption,
    Counting,
    Dialogue,
    Example,
    ImageRef,
    Mask,
    NotPresent,
    Point,
    PointExplanation,
    Pointing,
    Provenance,
    QuestionAnswer,
    Split,
    Transcript,
)
from openmolmo.records.names import is_whole, whole_text

__all__ = ["RULES", "Violation", "violations"]

IMAGE_PLACE = "<|image|>"

RULES = {
    "annotations": "an example has at least one annotation",
    "answers": "a question has answers, or at least two options and the index of the right one",
    "count": "a count is not negative and equals the number of points when points are given",
    "dialogue": "a dialogue has an even number of turns, user first",
    "facts": "facts are JSON values without NaN and infinity",
    "image": "an image has bytes, a path or a URL, and a size above zero",
    "image_places": "a user's texts name each picture once by <|image|>, in every annotation or in none",
    "mask": "run lengths are not negative and sum to height * width; as many masks as points; the image's shape",
    "not_present": "a label that is not present has no points elsewhere in the example",
    "picture": "a point is in one of the example's pictures, counted from 0",
    "percent": "points are percent of width and height: finite, 0 to 100",
    "placeholders": "a point explanation has as many <|POINT|> as labels, as groups of points and as alt texts if any",
    "provenance": "data set, licence, and for each annotation kind how it was made are given",
    "split": f"a split is one of {', '.join(get_args(Split))}",
    "text": "texts are not empty, and hold no half of a character",
}
"""The rules by name; ``openmolmo data check`` names the one that is broken."""


_MOST = 2**31
"""More than there is of anything: pixels of a side, things in a picture."""


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One broken rule: the field, the rule's name, and the values that disagree."""

    field: str
    rule: str
    message: str


def violations(example: Example) -> Iterator[Violation]:
    """Every broken rule of one example, in the order of its fields."""
    yield from _text(example.id, "id")
    if example.image is None and example.more_images:
        yield Violation(field="image", rule="image", message="there are more images but no first one")
    for number, image in enumerate(example.images):
        yield from _image(image, number)
    if not example.annotations:
        yield Violation(field="annotations", rule="annotations", message="there is none")
    for number, annotation in enumerate(example.annotations):
        yield from _annotation(annotation, f"annotations[{number}]", example.images)
    yield from _contradictions(example)
    yield from _image_places(example)
    yield from _provenance(example.provenance, {item.kind for item in example.annotations})
    yield from _facts(example.facts)
    if example.split not in get_args(Split):
        yield Violation(field="split", rule="split", message=f"{example.split!r} is no split")


def _annotation(item: Annotation, where: str, images: tuple[ImageRef, ...]) -> Iterator[Violation]:
    yield from _text(item.style, f"{where}.style")
    match item:
        case Caption() | Transcript():
            yield from _text(item.text, f"{where}.text")
        case QuestionAnswer():
            yield from _question(item, where)
        case Pointing() | Counting():
            yield from _label(item.label, item.question, where)
            yield from _points(item.points, f"{where}.points", len(images))
            if isinstance(item, Counting):
                yield from _count(item, where)
            yield from _masks(item, where, images)
        case NotPresent():
            yield from _label(item.label, item.question, where)
        case PointExplanation():
            yield from _explanation(item, where, len(images))
        case Dialogue():
            if not item.turns or len(item.turns) % 2:
                yield Violation(field=f"{where}.turns", rule="dialogue", message=f"there are {len(item.turns)} turns")
            yield from _texts(item.turns, f"{where}.turns")


def _text(text: str, where: str) -> Iterator[Violation]:
    if not text.strip():
        yield Violation(field=where, rule="text", message="the text is empty")
    yield from _whole(text, where)


def _whole(text: str, where: str) -> Iterator[Violation]:
    if not is_whole(text):
        message = f"half a character stands in {whole_text(text)[:40]!r}: no file can keep it"
        yield Violation(field=where, rule="text", message=message)


def _texts(texts: tuple[str, ...], where: str) -> Iterator[Violation]:
    for number, text in enumerate(texts):
        yield from _text(text, f"{where}[{number}]")


def _label(label: str, question: str | None, where: str) -> Iterator[Violation]:
    yield from _text(label, f"{where}.label")
    if question is not None:
        yield from _text(question, f"{where}.question")


def _question(item: QuestionAnswer, where: str) -> Iterator[Violation]:
    yield from _text(item.question, f"{where}.question")
    yield from _texts(item.answers, f"{where}.answers")
    yield from _texts(item.options, f"{where}.options")
    if not item.answers and not item.options:
        yield Violation(field=f"{where}.answers", rule="answers", message="there are neither answers nor options")
    if item.options and len(item.options) < 2:
        yield Violation(field=f"{where}.options", rule="answers", message="there is only one option")
    index = item.answer_index
    if item.options and (index is None or not 0 <= index < len(item.options)):
        message = f"answer_index is {index}, there are {len(item.options)} options (counted from 0)"
        yield Violation(field=f"{where}.answer_index", rule="answers", message=message)
    if index is not None and not item.options:
        yield Violation(
            field=f"{where}.answer_index", rule="answers", message=f"answer_index is {index}, there are no options"
        )


def _points(points: tuple[Point, ...], where: str, images: int) -> Iterator[Violation]:
    for number, point in enumerate(points):
        if not 0 <= point.image < max(images, 1):
            message = f"image is {point.image}, of {counted(images, 'picture')} (counted from 0)"
            yield Violation(field=f"{where}[{number}].image", rule="picture", message=message)
        for axis, value in (("x", point.x), ("y", point.y)):
            if not (math.isfinite(value) and 0 <= value <= 100):
                hint = (
                    f"; if these are pixels, divide by the {'width' if axis == 'x' else 'height'} and multiply by 100"
                )
                yield Violation(
                    field=f"{where}[{number}].{axis}",
                    rule="percent",
                    message=f"{axis} is {value}{hint if value > 100 and math.isfinite(value) else ''}",
                )


def _count(item: Counting, where: str) -> Iterator[Violation]:
    if not 0 <= item.count < _MOST:
        yield Violation(field=f"{where}.count", rule="count", message=f"the count is {item.count}")
    elif item.points and len(item.points) != item.count:
        message = f"the count is {item.count}, the points are {len(item.points)}"
        yield Violation(field=f"{where}.count", rule="count", message=message)


def _masks(item: Pointing | Counting, where: str, images: tuple[ImageRef, ...]) -> Iterator[Violation]:
    masks, points = item.masks, item.points
    if masks and len(masks) != len(points):
        numbers = f"{counted(len(masks), 'mask')} for {counted(len(points), 'point')}"
        yield Violation(field=f"{where}.masks", rule="mask", message=numbers)
    for number, mask in enumerate(masks):
        place = points[number].image if number < len(points) else 0
        message = _mask_fault(mask, images[place] if 0 <= place < len(images) else None)
        if message:
            yield Violation(field=f"{where}.masks[{number}]", rule="mask", message=message)


def _mask_fault(mask: Mask, image: ImageRef | None) -> str | None:
    size = f"{mask.height} x {mask.width}"
    if not (0 < mask.height < _MOST and 0 < mask.width < _MOST) or any(count >= _MOST for count in mask.counts):
        return f"the size is {size}, of at most {max(mask.counts, default=0)} pixels in one run"
    if any(count < 0 for count in mask.counts):
        return f"a run length is {min(mask.counts)}"
    if sum(mask.counts) != mask.height * mask.width:
        return f"the run lengths sum to {sum(mask.counts)}, height * width is {mask.height * mask.width}"
    if image is not None and image.width and image.height:
        # A mask may be coarser than its picture but must have its shape, up to one row or column.
        skew = abs(mask.width * image.height - mask.height * image.width)
        if skew > max(image.width, image.height):
            return f"the mask is {size}, the image {image.height} x {image.width} (height x width)"
    return None


def _explanation(item: PointExplanation, where: str, images: int) -> Iterator[Violation]:
    yield from _text(item.question, f"{where}.question")
    yield from _text(item.answer, f"{where}.answer")
    yield from _texts(item.labels, f"{where}.labels")
    yield from _texts(item.alts, f"{where}.alts")
    if item.alts and len(item.alts) != len(item.labels):
        message = f"{len(item.alts)} alt texts for {len(item.labels)} labels"
        yield Violation(field=f"{where}.alts", rule="placeholders", message=message)
    places = item.answer.count("<|POINT|>")
    if not places == len(item.labels) == len(item.points):
        message = f"{places} <|POINT|> in the answer, {len(item.labels)} labels, {len(item.points)} groups of points"
        yield Violation(field=f"{where}.answer", rule="placeholders", message=message)
    for number, group in enumerate(item.points):
        if not group:
            yield Violation(field=f"{where}.points[{number}]", rule="placeholders", message="the group has no points")
        yield from _points(group, f"{where}.points[{number}]", images)


def _contradictions(example: Example) -> Iterator[Violation]:
    there = {
        item.label.casefold(): number
        for number, item in enumerate(example.annotations)
        if isinstance(item, (Pointing, Counting)) and item.points
    }
    for number, item in enumerate(example.annotations):
        if isinstance(item, NotPresent) and item.label.casefold() in there:
            message = f"{item.label!r} has points in annotations[{there[item.label.casefold()]}]"
            yield Violation(field=f"annotations[{number}].label", rule="not_present", message=message)


def _image_places(example: Example) -> Iterator[Violation]:
    images = len(example.images)
    counts = [sum(text.count(IMAGE_PLACE) for text in _asked(item)) for item in example.annotations]
    for number, count in enumerate(counts):
        if count != images and any(counts):
            message = f"{count} {IMAGE_PLACE} for {counted(images, 'picture')}"
            yield Violation(field=f"annotations[{number}]", rule="image_places", message=message)


def _asked(item: Annotation) -> tuple[str, ...]:
    """What a user says in an annotation, where the record has it."""
    if isinstance(item, Dialogue):
        return item.turns[::2]
    return (getattr(item, "question", None) or getattr(item, "label", ""), *getattr(item, "options", ()))


def _facts(facts: dict[str, Any]) -> Iterator[Violation]:
    try:
        text = json.dumps(facts, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        yield Violation(field="facts", rule="facts", message=f"cannot be written as JSON: {error}")
        return
    yield from _whole(text, "facts")


def _image(image: ImageRef, number: int) -> Iterator[Violation]:
    where = f"images[{number}]" if number else ""
    if image.data is None and image.path is None and image.url is None:
        yield Violation(field=where or "image", rule="image", message="it has neither bytes nor path nor URL")
    yield from _whole(image.url or "", where or "image")
    for side, value in (("width", image.width), ("height", image.height)):
        if value is not None and value < 1:
            yield Violation(field=f"{where}.{side}" if where else side, rule="image", message=f"{side} is {value}")


def _provenance(provenance: Provenance, kinds: set[str]) -> Iterator[Violation]:
    for name, text in (("dataset", provenance.dataset), ("licence", provenance.licence)):
        if not text.strip():
            yield Violation(field=f"provenance.{name}", rule="provenance", message=f"the {name} is missing")
    for text in (provenance.dataset, provenance.licence, provenance.image, provenance.tool, provenance.version):
        yield from _whole(text, "provenance")
    for key, receipt in provenance.receipts.items():
        yield from _whole(f"{key} {receipt}", "provenance.receipts")
    for kind in sorted(kinds):
        if not provenance.made.get(kind):
            message = f"how the {kind} annotations were made is missing"
            yield Violation(field=f"provenance.made.{kind}", rule="provenance", message=message)
    for kind in provenance.made:
        if kind not in ANNOTATION_KINDS:
            yield Violation(
                field=f"provenance.made.{kind}", rule="provenance", message=f"{kind!r} is no annotation kind"
            )
