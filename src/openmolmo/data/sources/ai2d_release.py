"""The authors' release of AI2D: ``questions/``, ``annotations/``, ``images/`` and ``ai2d_test_ids.csv``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.core.files import sha256_bytes
from openmolmo.core.rng import derive
from openmolmo.data.sources.rows import MemoryRows, Rows

__all__ = ["VALIDATION_IMAGES", "ai2d_release"]

VALIDATION_IMAGES = 384


def ai2d_release(folder: Path, split: str) -> Rows | None:
    """One row a question (two where boxes can be drawn, opaque and transparent); None when it is no release."""
    folder = folder / "ai2d" if (folder / "ai2d" / "questions").is_dir() else folder
    if not (folder / "questions").is_dir():
        return None
    files = {path.name.removesuffix(".json"): path for path in sorted((folder / "questions").glob("*.json"))}
    rows: list[dict[str, Any]] = []
    for name in _names(folder, split, list(files)):
        try:
            rows += _rows(folder, name, json.loads(files[name].read_text(encoding="utf-8")))
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise DataError(f"does not look like AI2D: {error!r}", file=str(files[name]), rule="release") from error
    return MemoryRows(rows, str(folder), sha256_bytes(json.dumps(rows).encode())[:16])


def _names(folder: Path, split: str, names: list[str]) -> list[str]:
    """Pictures of a split: test as published, validation drawn once and for all, train the rest."""
    listed = next((path for place in (folder, folder.parent) for path in place.glob("ai2d_test_ids.csv")), None)
    if listed is None:
        raise DataError(
            f"{folder} has no ai2d_test_ids.csv", file=str(folder), fix="get it beside the release: it names the test"
        )
    test = {line.strip().removesuffix(".png") for line in listed.read_text(encoding="utf-8").splitlines()}
    others = [name for name in names if name.removesuffix(".png") not in test]
    drawn = {others[i] for i in derive(0, "ai2d", "validation").permutation(len(others))[:VALIDATION_IMAGES]}
    if split == "test":
        return [name for name in names if name.removesuffix(".png") in test]
    return [name for name in others if (name in drawn) == (split == "validation")]


def _rows(folder: Path, name: str, content: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for question, about in content["questions"].items():
        labels = _labels(folder, name) if about["abcLabel"] else []
        row = {
            "image": str(folder / "images" / content.get("imageName", name)),
            "question": question,
            "options": list(about["answerTexts"]),
            "answer": int(about["correctAnswer"]),
            "labels": labels,
        }
        rows += [{**row, "boxes": boxes} for boxes in (("opaque", "transparent") if labels else ("none",))]
    return sorted(rows, key=lambda row: str(row["boxes"]))


def _labels(folder: Path, name: str) -> list[dict[str, Any]]:
    content = json.loads((folder / "annotations" / f"{name}.json").read_text(encoding="utf-8"))
    return [
        {"letter": text["replacementText"], "box": [*text["rectangle"][0], *text["rectangle"][1]]}
        for text in content["text"].values()
        if text.get("replacementText")
    ]
