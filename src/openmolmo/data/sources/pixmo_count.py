"""PixMo-Count: web pictures with how many of something there are, found by a detector.

Points are pixels in the published rows; as percent they need the picture's size, so without the fetched
picture (or in validation and test, which have no points) only the count is asked (arXiv 2409.17146, section 3).
"""

from __future__ import annotations

from collections.abc import Iterator

from openmolmo.data.sources.columns import NUMBER, TEXT, WHOLE, Row, fields, many, maybe
from openmolmo.data.sources.percent import pixels_to_percent
from openmolmo.data.sources.published import HubPlace, Layout, PublishedSet, Reading
from openmolmo.records.example import Annotation, Counting, Made, NotPresent, Point, Pointing

__all__ = ["SOURCE"]


def _annotate(row: Row, reading: Reading) -> Iterator[Annotation]:
    label, count = row["label"].strip(), int(row["count"])
    points = _points(row, reading)
    if reading.asks("pointing") and (points or count == 0):
        yield Pointing(label=label, points=points) if points else NotPresent(label=label)
    if reading.asks("counting"):
        absent = NotPresent(label=label, style="point_count")
        yield Counting(label=label, count=count, points=points) if count else absent


def _points(row: Row, reading: Reading) -> tuple[Point, ...]:
    given, size = row.get("points"), reading.size()
    if not given or not given["x"] or size is None:
        return ()
    return pixels_to_percent(given["x"], given["y"], size, "points")


SOURCE = PublishedSet(
    name="pixmo_count",
    title="PixMo-Count",
    home="https://huggingface.co/datasets/allenai/pixmo-count",
    places={
        "train": HubPlace(repo="allenai/pixmo-count", split="train"),
        "validation": HubPlace(repo="allenai/pixmo-count", split="validation"),
        "test": HubPlace(repo="allenai/pixmo-count", split="test"),
    },
    layouts=(
        Layout(
            columns={
                "image_url": TEXT,
                "image_sha256": maybe(TEXT),
                "count": WHOLE,
                "label": TEXT,
                "points": maybe(fields(x=many(NUMBER), y=many(NUMBER))),
            },
            annotate=_annotate,
            url="image_url",
        ),
    ),
    licence="ODC-BY-1.0",
    made=dict.fromkeys(("pointing", "counting", "not_present"), (Made.DETECTOR,)),
    forms=("pointing", "counting"),
)
