"""What captions are judged against: the transcripts of people about each picture, and the statements in them.

A data set with transcripts gives them (kind ``transcript``); generated scenes without have their facts. Statements of
the transcripts are made once by the judge and kept in its cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from openmolmo.core.errors import DataError
from openmolmo.evaluation.captions.scene_judge import reference_of, truth_of
from openmolmo.records.example import Caption, Example, Transcript
from openmolmo.records.folder import open_dataset
from openmolmo.records.readable import Unread, readable

__all__ = ["SOURCES", "Reference", "Source", "read_references"]

Source = Literal["transcripts", "captions", "facts"]
"""What the reference is: what people said, written captions where there is nothing else, or a scene's facts."""

SOURCES: tuple[Source, ...] = get_args(Source)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """One picture: ``transcripts``, and ``statements`` where they are known already."""

    id: str
    transcripts: tuple[str, ...]
    statements: tuple[str, ...] | None = None


def read_references(
    path: Path, source: Source = "transcripts", *, split: str | None = None
) -> tuple[dict[str, Reference], list[str]]:
    """(references by example id, what was passed over). Raises DataError where the set has none."""
    unread = Unread()
    found: dict[str, Reference] = {}
    without = 0
    for example in readable(open_dataset(path, check_shards=False), unread, images=False):
        if split not in (None, example.split):
            continue
        reference = next(_reference(example, source), None)
        if reference is None:
            without += 1
        else:
            found[example.id] = reference
    if not found:
        raise DataError(
            f"{path} has no example with {source}{'' if split is None else f' in the split {split}'}",
            fix=f"choose another set, or --reference {' | '.join(one for one in SOURCES if one != source)}",
        )
    notes = [f"{without} examples have no {source} and are not judged"] if without else []
    return found, [*notes, *([unread.told()] if unread.cases else [])]


def _reference(example: Example, source: Source) -> Iterator[Reference]:
    if source == "facts":
        if "objects" in example.facts:
            facts = example.facts
            yield Reference(id=example.id, transcripts=(truth_of(facts),), statements=tuple(reference_of(facts)))
        return
    kind = Transcript if source == "transcripts" else Caption
    texts = tuple(item.text for item in example.annotations if isinstance(item, kind) and item.text.strip())
    if texts:
        yield Reference(id=example.id, transcripts=texts)
