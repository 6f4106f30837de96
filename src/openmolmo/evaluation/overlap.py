"""Was the model trained on the pictures that it is judged on? Its run names the data, and the pictures' bytes tell."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from openmolmo.core.errors import OpenMolmoError
from openmolmo.core.files import sha256_bytes, sha256_file
from openmolmo.data.sources.base import SOURCES, Source
from openmolmo.data.sources.jsonl import JsonlSource
from openmolmo.data.sources.parquet import ParquetSource
from openmolmo.records.example import Example, ImageRef

__all__ = ["Overlap", "heading", "overlap_of"]

_QUICK = ("jsonl", "parquet")
"""Registered data sets whose pictures are compared; those at the hub would have to be fetched."""

_STAGES = 16  # runs that start from one another; more would be a circle


@dataclass(kw_only=True)
class Overlap:
    """``seen`` of the ``pictures`` judged are in the data that the runs behind a model name.

    ``runs``: their folders, the last one first. ``compared``: data sets that were looked into; ``not_compared``:
    others, and why not.
    """

    pictures: int
    seen: int = 0
    runs: list[str] = field(default_factory=list)
    compared: list[str] = field(default_factory=list)
    not_compared: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def overlap_of(folder: Path, examples: Sequence[Example]) -> Overlap:
    """Compare the pictures of ``examples`` with those that the model in ``folder`` was trained on.

    Pictures are the same where all bytes are. Files are read only where their size is that of a judged one.
    """
    judged: dict[str, int] = {}
    for example in examples:
        if example.image is not None and (found := _hash(example.image)) is not None:
            judged[found[0]] = found[1]
    overlap, seen = Overlap(pictures=len(judged)), set()
    for run, settings in _runs(folder):
        overlap.runs.append(str(run))
        for source in _sources(settings):
            if source["source"] == "synth":
                continue  # pictures of one split never occur in another
            name = str(source.get("name") or source["options"].get("path") or source["source"])
            if source["source"] not in _QUICK:
                overlap.not_compared[name] = "its pictures cannot be looked through quickly"
                continue
            try:
                opened = SOURCES.get(source["source"])(**source["options"])
                seen |= judged.keys() & set(_hashes(opened, set(judged.values())))
                overlap.compared.append(name)
            except (OpenMolmoError, OSError, TypeError) as error:
                overlap.not_compared[name] = str(error).splitlines()[0]
    overlap.seen = len(seen)
    return overlap


def heading(meta: dict[str, Any]) -> str:
    """What a table of scores may be called: held-out data only where that is known."""
    found = meta.get("training_data")
    data = meta.get("data")
    if isinstance(data, dict) and data.get("generators") and data.get("split") == "train":
        return "Scores on data drawn as for training (split train)"
    if not found:
        return "Scores on held-out data"
    where = f"{data['data']}, split {data['split']}" if isinstance(data, dict) else str(data)
    if found["seen"]:
        return (
            f"Scores on data that is NOT held out: {found['seen']} of {found['pictures']} pictures of {where} are "
            "among those that the model was trained on"
        )
    if not found["runs"]:
        return f"Scores on {where} (what the model was trained on is not known here)"
    if found["not_compared"]:
        return f"Scores on {where} (not compared with {', '.join(found['not_compared'])}, which it was trained on)"
    return "Scores on held-out data"


def _runs(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The settings of the run that a model folder is of, and of those before it, as far as they are here."""
    for _ in range(_STAGES):
        found = next(((run, settings) for run in (folder, folder.parent) if (settings := _settings(run))), None)
        if found is None:
            return
        yield found
        before = found[1].get("init_from")
        if not isinstance(before, str) or not Path(before).is_dir():
            return
        folder = Path(before)


def _settings(run: Path) -> dict[str, Any] | None:
    """``config.json`` of a run; None where the folder has none, or that of a model."""
    try:
        values = json.loads((run / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) and isinstance(values.get("mixture"), dict) else None


def _sources(settings: dict[str, Any]) -> list[dict[str, Any]]:
    return [source for group in settings["mixture"]["groups"] for source in group["sources"]]


def _hash(image: ImageRef) -> tuple[str, int] | None:
    """Hash and size of the encoded file; None where it is not here."""
    if image.data is not None:
        return sha256_bytes(image.data), len(image.data)
    if image.path is None or not Path(image.path).is_file():
        return None
    return sha256_file(Path(image.path)), Path(image.path).stat().st_size


def _hashes(source: Source, sizes: set[int]) -> Iterator[str]:
    """Hashes of the pictures of a set that a run used, those of other sizes left out where that saves reading."""
    if isinstance(source, ParquetSource):
        yield from source.picture_hashes()
        return
    assert isinstance(source, JsonlSource)
    for example in source.without_pictures():
        path = Path(example.image.path) if example.image is not None and example.image.path else None
        if path is not None and path.is_file() and path.stat().st_size in sizes:
            yield sha256_file(path)
