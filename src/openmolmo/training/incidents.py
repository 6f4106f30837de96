"""What a run writes down about its examples: those that could not be used, those of a loss that is no number."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.core.files import write_json
from openmolmo.core.progress import say
from openmolmo.core.runlog import RunLog, read_jsonl
from openmolmo.data.loader import Batch
from openmolmo.data.mixture import Mixture
from openmolmo.data.streams import Skipped

__all__ = ["examples_of", "tell_skipped", "too_many_skipped", "write_nan_report", "write_skipped"]


def write_nan_report(out: Path, step: int, what: str, batches: Sequence[Any]) -> Path:
    """Write ``OUT/nan_step-N.json``: :func:`examples_of` every batch of a step; returns its path."""
    path = out / f"nan_step-{step}.json"
    write_json(path, {"step": step, "what": what, "batches": list(batches)})
    return path


def write_skipped(out: Path, step: int, skipped: Sequence[Skipped]) -> None:
    """Append to ``OUT/skipped.jsonl``; the first of a run is told as well."""
    path = out / "skipped.jsonl"
    if not path.exists():
        say(f"an example of {skipped[0].source} could not be used: {skipped[0].error}; {path} lists all such")
    with RunLog(path) as log:
        for skip in skipped:
            log.write(step=step, position=skip.position, source=skip.source, index=skip.index, error=skip.error)


def tell_skipped(out: Path) -> None:
    """Say how many examples a run could not use, if there were any."""
    path = out / "skipped.jsonl"
    if path.exists() and (rows := read_jsonl(path)):
        known = len({(row["source"], row["index"]) for row in rows})
        say(f"examples that could not be used: {known}, met {len(rows)} times; {path} says why")


def too_many_skipped(skipped: int, most: int, shown: bool) -> DataError | None:
    """The error of several processes that have skipped too much together: each looks after its own share only."""
    if skipped <= most:
        return None
    error = DataError(
        f"{skipped} examples could not be used, more than max_skipped={most}; skipped.jsonl lists them",
        fix="mend the data (openmolmo data check PATH), or allow more with loader.max_skipped=N",
    )
    error.quiet = not shown
    return error


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
