"""COCO: a JSON file with images, categories and annotations; the centre of each box is a point.

Boxes of crowds are left out: they have no countable centre. Negative categories of a picture
(``neg_category_ids``, as LVIS has them) are labels that are not there.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.records.imports import Marked

__all__ = ["read_coco"]


def read_coco(file: Path, left_out: Counter[str]) -> Iterator[Marked]:
    """Every picture of the file that has a box or a negative category."""
    try:
        values = json.loads(file.read_text(encoding="utf-8-sig"))
        names = {one["id"]: str(one["name"]) for one in values["categories"]}
        pictures = {one["id"]: _picture(one, names) for one in values["images"]}
    except ValueError as error:
        raise DataError(f"is not JSON: {error}", file=str(file), rule="JSON") from error
    except (KeyError, TypeError) as error:
        raise DataError(
            f"is no COCO file: {error} is missing or of another form", file=str(file), rule="form"
        ) from error
    for number, one in enumerate(values.get("annotations", [])):
        if one.get("iscrowd"):
            left_out["boxes of crowds"] += 1
            continue
        try:
            left, top, width, height = map(float, one["bbox"])
            pictures[one["image_id"]].add(names[one["category_id"]], left + width / 2, top + height / 2)
        except (KeyError, TypeError, ValueError) as error:
            said = f"the annotation lacks {error}, or it names what the file does not have"
            raise DataError(said, file=str(file), row=number, field="annotations", rule="form") from error
    yield from (marked for marked in pictures.values())


def _picture(one: dict[str, Any], names: dict[Any, str]) -> Marked:
    size = (int(one["width"]), int(one["height"])) if one.get("width") and one.get("height") else None
    absent = [names[number] for number in one.get("neg_category_ids", [])]
    return Marked(image=str(one["file_name"]), size=size, unit="pixel", absent=absent)
