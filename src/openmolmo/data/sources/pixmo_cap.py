"""PixMo-Cap: dense captions and the spoken transcripts they were made from (arXiv 2409.17146, section 3)."""

from __future__ import annotations

from collections.abc import Iterator

from openmolmo.data.sources.columns import TEXT, Row, many
from openmolmo.data.sources.published import HubPlace, Layout, PublishedSet, Reading
from openmolmo.records.example import Annotation, Caption, Made, Transcript

__all__ = ["SOURCE"]


def _annotate(row: Row, reading: Reading) -> Iterator[Annotation]:
    if row["caption"].strip():
        yield Caption(text=row["caption"].strip())
    for text in row["transcripts"]:
        if text.strip():
            yield Transcript(text=text.strip())


SOURCE = PublishedSet(
    name="pixmo_cap",
    title="PixMo-Cap",
    home="https://huggingface.co/datasets/allenai/pixmo-cap",
    places={"train": HubPlace(repo="allenai/pixmo-cap", split="train")},
    layouts=(
        Layout(
            columns={"image_url": TEXT, "caption": TEXT, "transcripts": many(TEXT)},
            annotate=_annotate,
            url="image_url",
        ),
    ),
    licence="ODC-BY-1.0",
    made={"caption": (Made.SPOKEN, Made.SPEECH, Made.TEXT_LLM), "transcript": (Made.SPOKEN, Made.SPEECH)},
)
