"""CountBenchQA (Paiss et al., 2023; Beyer et al., 2024): how many of something; for evaluation only."""

from __future__ import annotations

import re
from collections.abc import Iterator

from openmolmo.data.sources.columns import PICTURE, TEXT, WHOLE, Row
from openmolmo.data.sources.published import HubPlace, Layout, PublishedSet, Reading
from openmolmo.records.example import Annotation, Counting, Made

__all__ = ["SOURCE"]

_HOW_MANY = re.compile(
    r"how many (.+?)(?: (?:are|is|can|do|does|were|have|in|on)\b.*)?\?*\Z", re.IGNORECASE | re.DOTALL
)


def _annotate(row: Row, reading: Reading) -> Iterator[Annotation]:
    question = row["question"].strip()
    match = _HOW_MANY.search(question)
    yield Counting(label=match[1] if match else question, count=int(row["number"]), question=question)


SOURCE = PublishedSet(
    name="count_bench_qa",
    title="CountBenchQA",
    home="https://huggingface.co/datasets/vikhyatk/CountBenchQA",
    places={"test": HubPlace(repo="vikhyatk/CountBenchQA", split="test")},
    layouts=(
        Layout(
            columns={"image": PICTURE, "text": TEXT, "question": TEXT, "number": WHOLE},
            annotate=_annotate,
            picture="image",
            facts=("number",),
        ),
    ),
    licence="not stated; pictures from the web",
    made={"counting": (Made.WRITTEN,)},
    evaluation_only=True,
)
