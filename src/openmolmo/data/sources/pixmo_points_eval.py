"""PixMo-Points-Eval: pointing questions checked by people, with the mask of each object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from openmolmo.data.sources.columns import NUMBER, TEXT, Kind, Row, fields, many
from openmolmo.data.sources.percent import percent_points
from openmolmo.data.sources.published import HubPlace, Layout, PublishedSet, Reading
from openmolmo.records.example import Annotation, Made, Mask, NotPresent, Pointing

__all__ = ["SOURCE", "masks_of"]


def _mask_fault(value: Any, place: str) -> tuple[str, str, Any] | None:
    """Looks at the first value of each mask: a mask has a million of them."""
    for number, mask in enumerate(value if isinstance(value, (list, tuple)) else [None]):
        first = mask[0][0] if isinstance(mask, (list, tuple)) and mask and mask[0] else None
        if not isinstance(first, (bool, int)):
            return f"{place}[{number}]", "rows of true and false", mask
    return None


MASKS = Kind("a list of masks, each rows of true and false", _mask_fault)


def _annotate(row: Row, reading: Reading) -> Iterator[Annotation]:
    label, points = row["label"].strip(), percent_points(row["points"], "points")
    masks = masks_of(row["masks"]) if points else ()
    yield Pointing(label=label, points=points, masks=masks) if points else NotPresent(label=label)


def masks_of(column: Any) -> tuple[Mask, ...]:
    """The masks of a row, as run lengths."""
    return tuple(_run_lengths(mask) for mask in column)


def _run_lengths(mask: Any) -> Mask:
    flags = np.asarray(mask, bool)
    flat = np.concatenate([[False], flags.ravel()])
    changes = np.flatnonzero(np.diff(flat))
    counts = np.diff(np.concatenate([[0], changes, [flags.size]]))
    return Mask(height=flags.shape[0], width=flags.shape[1], counts=tuple(int(count) for count in counts))


SOURCE = PublishedSet(
    name="pixmo_points_eval",
    title="PixMo-Points-Eval",
    home="https://huggingface.co/datasets/allenai/pixmo-points-eval",
    places={"test": HubPlace(repo="allenai/pixmo-points-eval", split="test")},
    layouts=(
        Layout(
            columns={
                "image_url": TEXT,
                "image_sha256": TEXT,
                "label": TEXT,
                "points": many(fields(x=NUMBER, y=NUMBER)),
                "masks": MASKS,
            },
            annotate=_annotate,
            url="image_url",
        ),
    ),
    licence="ODC-BY-1.0",
    made={"pointing": (Made.WRITTEN, Made.CLICKED), "not_present": (Made.WRITTEN,)},
    evaluation_only=True,
)
