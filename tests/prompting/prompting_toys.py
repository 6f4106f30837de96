"""Small examples and the recorded numbers that prompting is checked against."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from openmolmo.records.example import Annotation, Example, ImageRef, Provenance

FIXTURES = Path(__file__).parents[1] / "fixtures" / "prompting"


def recorded(name: str) -> Any:
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


def example(*annotations: Annotation, image: ImageRef | None = None) -> Example:
    return Example(
        id="toy",
        image=image,
        annotations=annotations,
        provenance=Provenance(dataset="toys", licence="CC0-1.0", made={}),
    )
