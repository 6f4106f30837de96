"""Imported examples on disk: a JSONL file with defaults of its own, or a folder of shards."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.core.files import write_json, write_text
from openmolmo.records.codec import annotation_to_dict
from openmolmo.records.example import Example
from openmolmo.records.imports.marked import Case
from openmolmo.records.imports.reading import Imported
from openmolmo.records.jsonl import own_sidecar
from openmolmo.records.names import is_whole, whole_text
from openmolmo.records.shards import write_dataset

__all__ = ["write_cases", "write_imported"]


def write_imported(imported: Imported, out: Path) -> None:
    """Write a JSONL file (``out`` ends in .jsonl) or a folder of Parquet shards.

    Beside ``stars.jsonl`` stands ``stars.dataset.json`` with the licence and the folder of the pictures: it speaks
    of that file alone, so that a folder can hold several sets.
    """
    if out.suffix != ".jsonl":
        write_dataset(out, imported.examples, made_by={"tool": imported.examples[0].provenance.tool})
        return
    origin = imported.examples[0].provenance
    folder = Path(os.path.relpath(imported.images.resolve(), out.parent.resolve())).as_posix()
    if not is_whole(folder):
        raise DataError(
            f"the name of the folder {whole_text(folder)} is no text",
            rule="valid Unicode",
            fix="rename it, or write shards: an --out that does not end in .jsonl",
        )
    rows = (json.dumps(_row(one, imported.images), ensure_ascii=False) for one in imported.examples)
    sidecar = {"dataset": origin.dataset, "licence": origin.licence, "tool": origin.tool, "images": folder}
    write_json(own_sidecar(out), sidecar)
    write_text(out, "\n".join(rows) + "\n")


def write_cases(file: Path, **kinds: Iterable[Case]) -> None:
    """One JSON object a line for everything that was left out or decided by a rule, with its place."""
    rows = (json.dumps({"kind": kind, **vars(case)}) for kind, cases in kinds.items() for case in cases)
    write_text(file, "".join(f"{row}\n" for row in rows))


def _row(example: Example, images: Path) -> dict[str, Any]:
    assert example.image is not None and example.image.path is not None
    return {
        "id": example.id,
        "image": Path(example.image.path).relative_to(images).as_posix(),
        "width": example.image.width,
        "height": example.image.height,
        "annotations": [annotation_to_dict(item) for item in example.annotations],
        "provenance": {"made": {kind: list(map(str, how)) for kind, how in example.provenance.made.items()}},
    }
