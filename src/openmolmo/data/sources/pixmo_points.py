"""PixMo-Points: what people clicked and what they called it, for pointing and for counting.

Two collections: ``basic`` (anything in a picture) and ``high_frequency`` (pictures chosen for their many
instances); each is asked as pointing and as counting (arXiv 2409.17146, section 3). Points are percent,
whatever the card says; a row with more than 40 of them is not used.
"""

from __future__ import annotations

from collections.abc import Iterator

from openmolmo.data.sources.columns import NUMBER, TEXT, WHOLE, Row, fields, many, maybe
from openmolmo.data.sources.percent import percent_points
from openmolmo.data.sources.published import HubPlace, Layout, PublishedSet, Reading
from openmolmo.records.example import Annotation, Counting, Made, NotPresent, Pointing

__all__ = ["SOURCE"]

MAX_POINTS = 40
FORMS = ("basic_pointing", "basic_counting", "high_frequency_pointing", "high_frequency_counting")
_METHODS = {"basic": "pointing", "high_frequency": "counting"}


def _keep(row: Row, reading: Reading) -> bool:
    if row["count"] > MAX_POINTS or not row["label"].strip():
        return False
    return reading.form is None or row["collection_method"] == _METHODS[reading.form.rpartition("_")[0]]


def _annotate(row: Row, reading: Reading) -> Iterator[Annotation]:
    label, points = row["label"].strip(), percent_points(row["points"], "points")
    form = "" if reading.form is None else reading.form.rpartition("_")[2]
    if form != "counting":
        yield Pointing(label=label, points=points) if points else NotPresent(label=label)
    if form != "pointing":
        counted = Counting(label=label, count=len(points), points=points)
        yield counted if points else NotPresent(label=label, style="point_count")


SOURCE = PublishedSet(
    name="pixmo_points",
    title="PixMo-Points",
    home="https://huggingface.co/datasets/allenai/pixmo-points",
    places={"train": HubPlace(repo="allenai/pixmo-points", split="train")},
    layouts=(
        Layout(
            columns={
                "image_url": TEXT,
                "image_sha256": maybe(TEXT),
                "points": many(fields(x=NUMBER, y=NUMBER)),
                "count": WHOLE,
                "label": TEXT,
                "collection_method": TEXT,
            },
            annotate=_annotate,
            url="image_url",
            group=("image_url",),
            keep=_keep,
            keep_columns=("count", "label", "collection_method"),
        ),
    ),
    licence="ODC-BY-1.0",
    made=dict.fromkeys(("pointing", "counting"), (Made.WRITTEN, Made.CLICKED)) | {"not_present": (Made.WRITTEN,)},
    forms=FORMS,
)
