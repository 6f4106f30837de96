"""AI2D: multiple choice about school diagrams, with the labels' boxes transparent (as the paper reports) or opaque.

An opaque box hides the label that stands under its letter: ten points of accuracy lie between the two. Questions
without letters are the same in both. The authors' release has the boxes, so that both can be drawn; the hub has a copy
of each kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.data.sources.published_source import SourceRow
from openmolmo.evaluation.benchmarks.asking import CHOICE, choice
from openmolmo.evaluation.benchmarks.base import Asked, Benchmark, RequestSettings
from openmolmo.evaluation.benchmarks.scoring import score_choice

__all__ = ["OPAQUE", "TRANSPARENT"]


def _ask(row: SourceRow, settings: RequestSettings) -> Iterator[Asked]:
    values = row.values
    if "boxes" not in values and row.reading.form == "transparent" and row.reading.folder is not None:
        raise DataError(
            "the rows do not say where the labels' boxes are, so they may be opaque",
            field="boxes",
            fix="get the authors' release, in which they can be drawn, or judge on ai2d_opaque",
        )
    options = [str(option).strip() for option in values["options"]]
    letters = all(re.fullmatch(r"[A-Za-z]", option) for option in options)
    if letters:  # the letter in the diagram is the answer: it gets no second one
        options = [option.upper() for option in options]
    yield choice(
        values["question"],
        options,
        int(values["answer"]),
        style="ai2_diagram_no_letter" if letters else "ai2_diagram",
        group="letters in the diagram" if letters else "texts",
    )


_COMMON: dict[str, Any] = {
    "source": "ai2d",
    "splits": {"test": 3088},
    "settings": RequestSettings(style="ai2_diagram", instruction=CHOICE),
    "ask": _ask,
    "score": score_choice,
    "metrics": ("accuracy",),
}

TRANSPARENT = Benchmark(
    name="ai2d",
    title="AI2D, transparent boxes",
    form="transparent",
    repo="Efficient-Large-Model/ai2d-no-mask",
    suites=("academic11",),
    published="ai2d",
    **_COMMON,
)
OPAQUE = Benchmark(name="ai2d_opaque", title="AI2D, opaque boxes", form="opaque", **_COMMON)
