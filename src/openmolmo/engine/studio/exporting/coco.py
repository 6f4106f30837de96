"""COCO: a small box around each point, whose centre is the point; ``openmolmo data import coco`` reads it back.

Labels that are not in a picture are its ``neg_category_ids``, as LVIS has them. Texts have no place in COCO.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from openmolmo.engine.studio.exporting.examples import StudioExample
from openmolmo.engine.studio.exporting.pixmo import picture_place
from openmolmo.engine.studio.exporting.staging import Stage
from openmolmo.records.example import Counting, NotPresent, Point, Pointing

__all__ = ["write_coco"]

_HALF = 4.0  # pixels: half a side of a box, less where the edge of the picture is nearer


def write_coco(stage: Stage, examples: Iterable[StudioExample]) -> None:
    """``coco.json``; pictures lie in ``pictures/``."""
    images: dict[str, dict[str, Any]] = {}
    categories: dict[str, int] = {}
    boxes: list[dict[str, Any]] = []
    for one in examples:
        image = one.example.image
        assert image is not None and image.width is not None and image.height is not None
        for item in one.example.annotations:
            if not isinstance(item, Pointing | Counting | NotPresent):
                continue
            name = picture_place(image)
            row = images.setdefault(
                name, {"id": len(images) + 1, "file_name": name, "width": image.width, "height": image.height}
            )
            category = categories.setdefault(item.label, len(categories) + 1)
            if isinstance(item, NotPresent):
                row.setdefault("neg_category_ids", []).append(category)
                continue
            for point in item.points:
                boxes.append(_box(point, image.width, image.height, len(boxes) + 1, row["id"], category))
    values = {
        "images": list(images.values()),
        "categories": [{"id": number, "name": label} for label, number in categories.items()],
        "annotations": boxes,
    }
    stage.write("coco.json", (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode())


def _box(point: Point, width: int, height: int, number: int, image_id: int, category: int) -> dict[str, Any]:
    x, y = point.x / 100 * width, point.y / 100 * height
    half_x, half_y = min(_HALF, x, width - x), min(_HALF, y, height - y)
    box = [x - half_x, y - half_y, 2 * half_x, 2 * half_y]
    return {
        "id": number,
        "image_id": image_id,
        "category_id": category,
        "bbox": box,
        "area": box[2] * box[3],
        "iscrowd": 0,
    }
