"""One HTML page of a data set: pictures with points and mask outlines drawn on them, texts, provenance."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from openmolmo.core.console import counted
from openmolmo.core.errors import DataError
from openmolmo.core.files import write_text
from openmolmo.core.pages import page
from openmolmo.core.progress import track
from openmolmo.pictures import MAX_PIXELS, thumbnail
from openmolmo.pictures.addresses import to_address
from openmolmo.records.dataset import ParquetDataset
from openmolmo.records.example import (
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
    Transcript,
)
from openmolmo.records.folder import open_dataset
from openmolmo.records.jsonl import JsonlDataset
from openmolmo.records.masks import decode
from openmolmo.records.names import whole_text
from openmolmo.records.pictures import picture_bytes, picture_facts, unreadable_as_fault

__all__ = ["write_page"]

THUMBNAIL = 384
"""Longer side of a picture on the page, in pixels."""

HIDDEN = "Transparency hides what this picture is about: shown is what a model sees, the colours under it."

# Ten colours that stay apart on most pictures and for colour-blind readers.
COLOURS = (
    "#e6194b", "#0072b2", "#f5c400", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#7b3fe4", "#00c2c2", "#7f8c1d",
)  # fmt: skip


@dataclass(kw_only=True)
class _Line:
    """One annotation on the page: its texts and, picture by picture, its points in pixels of the thumbnail."""

    kind: str
    style: str
    made: str
    colour: str
    texts: list[tuple[str, str]] = field(default_factory=list)
    dots: dict[int, list[tuple[float, float, str]]] = field(default_factory=dict)
    outlines: dict[int, str | None] = field(default_factory=dict)
    boxes: list[tuple[float, float, float, float, str]] = field(default_factory=list)
    """Of what answers it in the first picture, where the facts say so: left, top, width, height, name."""


@dataclass(kw_only=True)
class _Picture:
    """One picture on the page: where it is, its size there, or why it cannot be shown."""

    source: str | None = None
    width: int = THUMBNAIL
    height: int = THUMBNAIL
    complaint: str | None = None
    note: str | None = None


@dataclass(kw_only=True)
class _Card:
    """One example on the page."""

    example: Example
    pictures: list[_Picture]
    lines: list[_Line]
    boxes: list[tuple[float, float, float, float, str]]
    """Everything that the facts know a place of, in the first picture."""
    facts: str
    provenance: list[tuple[str, str]]


def write_page(path: str | Path, out: Path, *, limit: int = 50, start: int = 0) -> int:
    """Write the page of ``limit`` examples from index ``start`` on; returns how many there are on it.

    The page is one file; the browser fetches only pictures that are nothing but a URL.
    An empty data set is a :class:`DataError`.
    """
    dataset = open_dataset(path, check_shards=False)
    total = len(dataset)
    if total == 0:
        raise DataError(f"{path} has no examples", rule="empty", fix="there is nothing to show: check the path")
    if start >= total:
        raise DataError(f"{path} has {total} examples, the page would start at {start}", fix="use a smaller --start")
    indexes = range(start, min(start + limit, total))
    cards = [_card_at(dataset, index) for index in track(indexes, "drawing", total=len(indexes))]
    values = {"path": str(path), "total": total, "start": start, "cards": cards}
    write_text(out, whole_text(page("openmolmo.records", "show.html.j2", folder=".", title=str(path), **values)))
    return len(cards)


def _card_at(dataset: ParquetDataset | JsonlDataset, index: int) -> _Card:
    """The card of an example; one that cannot be read says so in its place."""
    try:
        return _card(dataset[index])
    except DataError as error:
        file, row = dataset.locate(index)
        origin = Provenance(dataset=file.name, licence="", made={})
        card = _card(Example(id=f"{file.name} row {row}", image=None, annotations=(), provenance=origin))
        card.pictures.append(_Picture(complaint=f"the row cannot be read: {error.reason}"))
        return card


def _card(example: Example) -> _Card:
    pictures = [_picture(image) for image in example.images]
    lines = [
        _line(annotation, example, COLOURS[number % len(COLOURS)], pictures)
        for number, annotation in enumerate(example.annotations)
    ]
    boxes = _boxes(example, lines, pictures)
    return _Card(
        example=example,
        pictures=pictures,
        lines=lines,
        boxes=boxes,
        facts=json.dumps(example.facts, indent=1, ensure_ascii=False) if example.facts else "",
        provenance=list(_provenance(example)),
    )


def _picture(image: ImageRef) -> _Picture:
    """A picture that is only a URL is linked, in its own shape if that is known."""
    try:
        data = picture_bytes(image)
        if data is not None:
            note = HIDDEN if picture_facts(data).hidden else None
            with unreadable_as_fault():
                source, width, height = thumbnail(data, THUMBNAIL)
            return _Picture(source=source, width=width, height=height, note=note)
    except DataError as error:
        return _Picture(complaint=error.reason)
    width, height = image.width or THUMBNAIL, image.height or THUMBNAIL
    scale = THUMBNAIL / max(width, height, 1)
    return _Picture(source=image.url, width=max(1, round(width * scale)), height=max(1, round(height * scale)))


def _line(item: Annotation, example: Example, colour: str, pictures: list[_Picture]) -> _Line:
    made = " → ".join(example.provenance.made.get(item.kind, ())) or "unknown"
    line = _Line(kind=item.kind, style=item.style, made=made, colour=colour, texts=list(_texts(item)))
    match item:
        case Pointing() | Counting():
            titled = [(point, str(number)) for number, point in enumerate(item.points, start=1)]
            for place in range(len(pictures)):
                masks = [m for m, point in zip(item.masks, item.points, strict=False) if point.image == place]
                line.outlines[place] = _outline(masks, colour)
        case PointExplanation():
            named = zip(item.alts or item.labels, item.points, strict=False)
            titled = [(point, name) for name, group in named for point in group]
        case _:
            titled = []
    for place, picture in enumerate(pictures):
        line.dots[place] = [_dot(point, title, picture) for point, title in titled if point.image == place]
    return line


def _boxes(
    example: Example, lines: Sequence[_Line], pictures: Sequence[_Picture]
) -> list[tuple[float, float, float, float, str]]:
    """Boxes of the facts' ``marks`` (percent), and for each line those of the data that answer it.

    ``facts["questions"]`` says which annotations a question has become, and in ``data`` what answers it.
    """
    marks, questions = example.facts.get("marks"), example.facts.get("questions")
    if not isinstance(marks, list) or not isinstance(questions, list) or not pictures:
        return []
    placed = [(mark, _box(mark, pictures[0])) for mark in marks if _is_mark(mark)]
    for question in questions:
        for number in question.get("annotations", ()):
            if 0 <= number < len(lines):
                lines[number].boxes = [box for mark, box in placed if _answers(mark, question.get("data", ()))]
    return [box for _, box in placed]


def _is_mark(mark: Any) -> bool:
    return isinstance(mark, dict) and isinstance(mark.get("datum"), dict) and len(mark.get("box", ())) == 4


def _answers(mark: dict[str, Any], data: Sequence[dict[str, Any]]) -> bool:
    """Whether a mark shows one of the data; a datum may name the role of the mark too."""
    known = {**mark["datum"], "role": mark.get("role")}
    return any(datum and datum.items() <= known.items() for datum in data)


def _box(mark: dict[str, Any], picture: _Picture) -> tuple[float, float, float, float, str]:
    left, top, right, bottom = (float(value) / 100 for value in mark["box"])
    x, y = left * picture.width, top * picture.height
    width, height = (right - left) * picture.width, (bottom - top) * picture.height
    return round(x, 2), round(y, 2), round(width, 2), round(height, 2), f"{mark.get('role')}: {mark.get('text', '')}"


def _dot(point: Point, title: str, picture: _Picture) -> tuple[float, float, str]:
    return round(point.x / 100 * picture.width, 2), round(point.y / 100 * picture.height, 2), title


def _texts(item: Annotation) -> Iterator[tuple[str, str]]:
    """What an annotation says, as (role, text)."""
    match item:
        case Caption() | Transcript():
            yield "", item.text
        case QuestionAnswer():
            yield "Q", item.question
            for number, option in enumerate(item.options):
                yield ("✓" if number == item.answer_index else "·"), option
            yield from (("A", answer) for answer in item.answers)
        case Pointing():
            yield from _asked(item.label, item.question)
            yield "", counted(len(item.points), "point")
        case Counting():
            yield from _asked(item.label, item.question)
            yield "A", str(item.count)
        case NotPresent():
            yield from _asked(item.label, item.question)
            yield "A", "not in the picture"
        case PointExplanation():
            answer = item.answer
            for number, label in enumerate(item.labels):
                alt = item.alts[number : number + 1]
                meant = f" = {alt[0]}" if alt and alt[0] != label else ""
                answer = answer.replace("<|POINT|>", f"[{label}{meant}]", 1)
            yield "Q", item.question
            yield "A", answer
        case Dialogue():
            for number, turn in enumerate(item.turns):
                yield ("A" if number % 2 else "Q"), turn


def _asked(label: str, question: str | None) -> Iterator[tuple[str, str]]:
    yield "label", label
    if question is not None:
        yield "Q", question


def _outline(masks: Sequence[Mask], colour: str) -> str | None:
    """A transparent PNG (data URL) with the borders of all masks of one annotation."""
    good = [
        mask
        for mask in masks
        if mask.counts
        and min(mask.counts) >= 0
        and 0 < mask.height * mask.width == sum(mask.counts) <= MAX_PIXELS
        and mask.height > 0
    ]
    if not good or len({(mask.height, mask.width) for mask in good}) > 1:
        return None
    height, width = good[0].height, good[0].width
    pixels = np.zeros((height, width, 4), np.uint8)
    for mask in good:
        inside = np.pad(decode(mask), 1)
        core = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
        pixels[inside[1:-1, 1:-1] & ~core] = (*bytes.fromhex(colour[1:]), 255)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", optimize=True)
    return to_address(stream.getvalue(), "image/png")


def _provenance(example: Example) -> Iterator[tuple[str, str]]:
    origin = example.provenance
    values: dict[str, Any] = {
        "data set": origin.dataset,
        "licence": origin.licence,
        "picture": origin.image,
        "tool": f"{origin.tool} {origin.version}".strip(),
        "split": example.split,
        **{f"receipt: {key}": value for key, value in origin.receipts.items()},
    }
    yield from ((key, value) for key, value in values.items() if value)
