"""The authors' release of VQA v2.0 and OK-VQA: questions and annotations in two files, pictures from COCO.

A folder with ``*questions.json`` and ``*annotations.json`` of a split (``train2014``, ``val2014``) and
COCO's own folders: ``train2014/COCO_train2014_000000000009.jpg``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.core.files import sha256_bytes
from openmolmo.data.sources.rows import MemoryRows, Rows

__all__ = ["vqa_release"]

_KEYS = ("questions", "annotations")
_COCO = {"train": "train2014", "validation": "val2014"}


def vqa_release(folder: Path, split: str) -> Rows | None:
    """The joined rows of a release folder; None when it is none."""
    coco = _COCO.get(split)
    if coco is None or not folder.is_dir():
        return None
    found = [sorted(folder.rglob(f"*{coco}*{kind}.json")) for kind in ("questions", "annotations")]
    if not all(found):
        return None
    texts = [files[0].read_bytes() for files in found]
    try:
        questions, annotations = (json.loads(text)[key] for text, key in zip(texts, _KEYS, strict=True))
        asked = {item["question_id"]: item["question"] for item in questions}
        rows = [_row(item, asked[item["question_id"]], coco) for item in annotations]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"questions and annotations do not fit together: {error!r}", file=str(found[1][0]), rule="release"
        ) from error
    return MemoryRows(rows, str(folder), sha256_bytes(b"".join(texts))[:16])


def _row(item: dict[str, Any], question: str, coco: str) -> dict[str, Any]:
    number = int(item["image_id"])
    return {
        "image": f"{coco}/COCO_{coco}_{number:012d}.jpg",
        "image_id": number,
        "question_id": item["question_id"],
        "question": question,
        "answers": [{"answer": answer["answer"]} for answer in item["answers"]],
    }
