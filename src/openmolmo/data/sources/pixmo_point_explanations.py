"""PixMo point explanations: answers that point at what they speak of (arXiv 2409.17146, section 3).

``parsed_response`` has ``<|POINT|>`` where a group of points goes; rows where it has none are not used.
"""

from __future__ import annotations

from collections.abc import Iterator

from openmolmo.data.sources.columns import NUMBER, TEXT, Row, fields, many, maybe
from openmolmo.data.sources.percent import percent_points
from openmolmo.data.sources.published import HubPlace, Layout, PublishedSet, Reading
from openmolmo.records.example import Annotation, Made, PointExplanation

__all__ = ["SOURCE"]

PLACE = "<|POINT|>"


def _keep(row: Row, reading: Reading) -> bool:
    places = (row["parsed_response"] or "").count(PLACE)
    return 0 < places == len(row["inline_text"] or ()) == len(row["points"] or ()) and all(row["points"])


def _annotate(row: Row, reading: Reading) -> Iterator[Annotation]:
    # What stands in the sentence: it must read on when the points are left out.
    labels = tuple(text.strip() or "it" for text in row["inline_text"])
    alts = tuple(text.strip() or label for text, label in zip(row["alt_text"] or (), labels, strict=False))
    yield PointExplanation(
        question=row["question"].strip(),
        answer=row["parsed_response"].strip(),
        labels=labels,
        alts=alts if len(alts) == len(labels) and alts != labels else (),
        points=tuple(percent_points(group, "points") for group in row["points"]),
    )


SOURCE = PublishedSet(
    name="pixmo_point_explanations",
    title="PixMo point explanations",
    home="https://huggingface.co/datasets/allenai/pixmo-point-explanations",
    places={"train": HubPlace(repo="allenai/pixmo-point-explanations", split="train")},
    layouts=(
        Layout(
            columns={
                "image_url": TEXT,
                "image_sha256": TEXT,
                "question": TEXT,
                "parsed_response": maybe(TEXT),
                "alt_text": maybe(many(TEXT)),
                "inline_text": maybe(many(TEXT)),
                "points": maybe(many(many(fields(x=NUMBER, y=NUMBER)))),
            },
            annotate=_annotate,
            url="image_url",
            group=("image_url",),
            keep=_keep,
            keep_columns=("parsed_response", "inline_text", "points"),
        ),
    ),
    licence="ODC-BY-1.0",
    made={"point_explanation": (Made.WRITTEN, Made.CLICKED, Made.OCR, Made.TEXT_LLM)},
)
