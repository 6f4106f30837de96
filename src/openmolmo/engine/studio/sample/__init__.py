"""Three pictures of our own, with which a new studio begins, and what people may check on them.

Drawn by ``openmolmo synth scenes`` (Apache-2.0) and kept in the package; :func:`draw` made them. Two of the
three counts are wrong on purpose, so that somebody who checks them has something to mend.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from openmolmo.records.codec import annotation_to_dict
from openmolmo.records.example import Counting, Example, Pointing, QuestionAnswer

__all__ = ["NAMES", "SAMPLE", "draw"]

SAMPLE = Path(__file__).parent / "sample.jsonl"
"""A data set in JSON lines, pictures beside it."""

NAMES = {"keys.jpg": 3, "stars.jpg": 7, "fish.jpg": 8}
"""File names, and which scene of the seed each is."""

_SEED, _SIZE = 2026, 384


def draw(folder: Path) -> None:
    """Draw the pictures and write what is said of them; needs the extra ``synth``."""
    from openmolmo.engine.synth.base import make_example
    from openmolmo.engine.synth.scenes.generator import GENERATOR

    rows = []
    for name, index in NAMES.items():
        example = make_example(GENERATOR, _SEED, index, size=_SIZE)
        assert example.image is not None and example.image.data is not None
        (folder / name).write_bytes(example.image.data)
        rows.append(_row(name, example))
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    (folder / SAMPLE.name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    sidecar = {"dataset": "openmolmo-studio-sample", "licence": "Apache-2.0", "image": "program"}
    made = {"counting": "program", "question_answer": "program"}
    (folder / "sample.dataset.json").write_text(json.dumps({**sidecar, "made": made}, indent=2) + "\n")


def _row(name: str, example: Example) -> dict[str, Any]:
    places = [one for one in example.annotations if isinstance(one, Counting | Pointing)]
    most = max(places, key=lambda one: len(one.points))
    points = most.points[1:] if name != "stars.jpg" else most.points  # one was overlooked
    asked = next((one for one in example.annotations if isinstance(one, QuestionAnswer)), None)
    counted = Counting(label=most.label, count=len(points), points=points)
    kept = [annotation_to_dict(one) for one in (counted, asked) if one is not None]
    return {"id": Path(name).stem, "image": name, "annotations": kept}
