"""The columns of the published PixMo sets, one Parquet file a set and split, with the pictures beside them.

``image_url`` is the address that a picture came from, or its place in the export where it came from elsewhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from openmolmo.core.files import atomic_file
from openmolmo.engine.studio.exporting.examples import StudioExample
from openmolmo.engine.studio.exporting.staging import Stage
from openmolmo.records.example import (
    Caption,
    Counting,
    Example,
    ImageRef,
    NotPresent,
    Point,
    PointExplanation,
    Pointing,
    QuestionAnswer,
    Transcript,
)
from openmolmo.words.points import write_points

__all__ = ["SETS", "picture_place", "write_pixmo"]

_TEXT, _TEXTS = pa.string(), pa.list_(pa.string())
_PLACE = pa.struct([("x", pa.float64()), ("y", pa.float64())])
_IMAGE = [("image_url", _TEXT), ("image_sha256", _TEXT)]

SETS: dict[str, pa.Schema] = {
    "pixmo-cap": pa.schema([("image_url", _TEXT), ("caption", _TEXT), ("transcripts", _TEXTS)]),
    "pixmo-ask-model-anything": pa.schema([*_IMAGE, ("question", _TEXT), ("answer", _TEXT)]),
    "pixmo-points": pa.schema(
        [
            *_IMAGE,
            ("points", pa.list_(_PLACE)),
            ("count", pa.int64()),
            ("label", _TEXT),
            ("collection_method", _TEXT),
        ]
    ),
    "pixmo-point-explanations": pa.schema(
        [
            *_IMAGE,
            ("question", _TEXT),
            ("response", _TEXT),
            ("parsed_response", _TEXT),
            ("alt_text", _TEXTS),
            ("inline_text", _TEXTS),
            ("points", pa.list_(pa.list_(_PLACE))),
        ]
    ),
    "pixmo-cap-qa": pa.schema([*_IMAGE, ("question", _TEXT), ("answer", _TEXT), ("messages", _TEXTS)]),
    "pixmo-count": pa.schema(
        [
            *_IMAGE,
            ("count", pa.int64()),
            ("points", pa.struct([("x", pa.list_(pa.float64())), ("y", pa.list_(pa.float64()))])),
            ("label", _TEXT),
        ]
    ),
}
"""Columns as on the data cards; points of pixmo-points are percent, those of pixmo-count pixels."""

_SPLIT = "<|POINT|>"

Rows = Iterator[tuple[str, dict[str, Any]]]


def write_pixmo(stage: Stage, examples: Iterable[StudioExample]) -> None:
    """``pixmo-points/train.parquet`` and so on, for the sets that there is something for."""
    found: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for one in examples:
        for name, row in _rows(one.example, one.mode):
            found[name, one.example.split].append(row)
    for (name, split), rows in sorted(found.items()):
        with atomic_file(stage.place(f"{name}/{split}.parquet")) as temporary:
            pq.write_table(pa.Table.from_pylist(rows, schema=SETS[name]), temporary, compression="zstd")


def picture_place(image: ImageRef) -> str:
    """Where an export that has its pictures beside it keeps one."""
    assert image.path is not None and image.sha256 is not None
    return f"pictures/{image.path.rpartition('/')[2]}"


def _rows(example: Example, mode: str) -> Rows:
    """The rows of an example, each with the name of its set."""
    assert example.image is not None
    url = example.image.url or picture_place(example.image)
    image = {"image_url": url, "image_sha256": example.image.sha256}
    transcripts = [one.text for one in example.annotations if isinstance(one, Transcript)]
    captions = [one.text for one in example.annotations if isinstance(one, Caption)]
    for caption in captions or ([""] if transcripts else []):
        yield "pixmo-cap", {"image_url": url, "caption": caption, "transcripts": transcripts}
    for one in example.annotations:
        match one:
            case QuestionAnswer(question=question, answers=(answer, *_)) if mode == "qa_check":
                messages = [f"[USER] {question} [ASSISTANT] {answer}"]
                yield "pixmo-cap-qa", {**image, "question": question, "answer": answer, "messages": messages}
            case QuestionAnswer(question=question, answers=(answer, *_)):
                yield "pixmo-ask-model-anything", {**image, "question": question, "answer": answer}
            case Pointing(label=label, points=points):
                yield "pixmo-points", {**image, **_pointing(label, points)}
            case NotPresent(label=label, style="point_count"):
                yield "pixmo-count", {**image, "count": 0, "points": {"x": [], "y": []}, "label": label}
            case NotPresent(label=label):
                yield "pixmo-points", {**image, **_pointing(label, ())}
            case Counting():
                yield "pixmo-count", {**image, **_counting(one, example.image)}
            case PointExplanation():
                yield "pixmo-point-explanations", {**image, **_explanation(one)}


def _pointing(label: str, points: Sequence[Point]) -> dict[str, Any]:
    return {"points": _places(points), "count": len(points), "label": label, "collection_method": "pointing"}


def _places(points: Sequence[Point]) -> list[dict[str, float]]:
    return [{"x": point.x, "y": point.y} for point in points]


def _counting(one: Counting, image: ImageRef) -> dict[str, Any]:
    assert image.width is not None and image.height is not None
    x = [round(point.x / 100 * image.width, 3) for point in one.points]
    y = [round(point.y / 100 * image.height, 3) for point in one.points]
    return {"count": one.count, "points": {"x": x, "y": y}, "label": one.label}


def _explanation(one: PointExplanation) -> dict[str, Any]:
    alts = one.alts or one.labels
    parts = one.answer.split(_SPLIT)
    groups = zip(one.points, one.labels, alts, strict=True)
    marks = [write_points(points, label, order="given", alt=alt) for points, label, alt in groups]
    response = "".join(part + mark for part, mark in zip(parts, [*marks, ""], strict=True))
    return {
        "question": one.question,
        "response": response,
        "parsed_response": one.answer,
        "alt_text": list(alts),
        "inline_text": list(one.labels),
        "points": [_places(points) for points in one.points],
    }
