"""What a run writes down when its loss is not a number: the examples that were in the step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openmolmo.core.files import write_json
from openmolmo.data.loader import Batch
from openmolmo.data.mixture import Mixture

__all__ = ["examples_of", "write_nan_report"]


def write_nan_report(out: Path, step: int, what: str, batches: Sequence[Batch], mixture: Mixture) -> Path:
    """Write ``OUT/nan_step-N.json``: batches, rows and examples of a step; returns its path."""
    path = out / f"nan_step-{step}.json"
    write_json(path, {"step": step, "what": what, "batches": [examples_of(batch, mixture) for batch in batches]})
    return path


def examples_of(batch: Batch, mixture: Mixture) -> list[list[dict[str, Any]]]:
    """The examples of each row of a batch: stream position, data set, epoch and index in it."""
    return [[_example(position, mixture) for position in row] for row in batch.positions]


def _example(position: int, mixture: Mixture) -> dict[str, Any]:
    place = mixture.place(position)
    return {
        "position": position,
        "source": mixture.names[place.source],
        "epoch": place.epoch,
        "index": place.index,
    }
