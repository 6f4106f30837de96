"""A data set of ours: its pictures, and its annotations as what people shall check.

A counting or pointing annotation gives a count check, a question with one answer a check of the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.engine.studio.importing.found import Found, Refused, storable
from openmolmo.engine.studio.importing.sources.addresses import Address, Fetching, fetched_pictures
from openmolmo.records.example import Annotation, Caption, Counting, Example, ImageRef, Pointing, QuestionAnswer
from openmolmo.records.folder import open_dataset
from openmolmo.records.pictures import picture_bytes
from openmolmo.records.readable import Unread, readable

__all__ = ["checks_of", "dataset_pictures"]


def dataset_pictures(
    path: Path, directory: Path, *, topic: str | None, fetching: Fetching | None = None
) -> Iterator[Found | Refused]:
    """The first picture of every example; ``topic`` names one of its facts. Pictures behind addresses are fetched."""
    dataset = open_dataset(path)
    unread = Unread()
    remote: list[tuple[Address, Found]] = []
    for example in readable(dataset, unread):
        if example.image is None:
            yield Refused(name=example.id, reason="has no picture", what="text only")
            continue
        found = _found(example, topic)
        if not storable(found.checks):
            yield Refused(name=example.id, reason="has annotations that cannot be kept", what="no numbers or no text")
            found = replace(found, checks={})
        try:
            data = _bytes(example.image)
        except DataError as error:
            yield Refused(name=example.id, reason="cannot be read (missing)", what=error.reason)
            continue
        if data is not None:
            yield replace(found, data=data)
        elif example.image.url is not None:
            remote.append((Address(url=example.image.url, sha256=example.image.sha256), found))
    yield from (Refused(name=str(path), reason="cannot be read (row)", what=case) for case in unread.cases)
    yield from _fetched(remote, directory, fetching)


def _bytes(image: ImageRef) -> bytes | None:
    return picture_bytes(image)


def _fetched(
    remote: Sequence[tuple[Address, Found]], directory: Path, fetching: Fetching | None
) -> Iterator[Found | Refused]:
    """One picture for each address, with the checks of all its rows."""
    if not remote:
        return
    rows: dict[str, list[Found]] = {}
    for address, found in remote:
        rows.setdefault(address.url, []).append(found)
    for one in fetched_pictures([address for address, _ in remote], directory, fetching):
        if isinstance(one, Refused):
            yield one
        else:
            yield from (replace(found, name=one.name, data=one.data) for found in rows[one.name])


def _found(example: Example, topic: str | None) -> Found:
    """An example without its bytes."""
    image = example.image
    assert image is not None
    name = image.path or image.url or example.id
    return Found(
        name=Path(name).name if image.url is None else name,
        data=b"",
        topic=str(example.facts.get(topic, "")) if topic else "",
        licence=example.provenance.licence,
        origin=example.provenance.image,
        split=example.split,
        checks=checks_of(example),
    )


def checks_of(example: Example) -> dict[str, tuple[dict[str, Any], ...]]:
    """What people may check on an example, by mode.

    ``Counting(label="stars", count=2, points=(...))`` ->
    ``{"count_check": ({"label": "stars", "points": [{"x": 1.0, "y": 2.0}, ...], "made": ["program"]},)}``
    """
    made = example.provenance.made
    counts, questions = [], []
    caption = next(({"caption": one.text} for one in example.annotations if isinstance(one, Caption)), {})
    for one in example.annotations:
        how = list(map(str, made.get(one.kind, ())))
        if isinstance(one, Counting | Pointing):
            points = [{"x": point.x, "y": point.y} for point in one.points]
            counts.append({"label": one.label, "points": points, "made": how})
        elif isinstance(one, QuestionAnswer) and (answer := _answer(one)):
            questions.append({"question": one.question, "answer": answer, "made": how, **caption})
    return {name: tuple(found) for name, found in (("count_check", counts), ("qa_check", questions)) if found}


def _answer(one: Annotation) -> str:
    assert isinstance(one, QuestionAnswer)
    if one.answers:
        return one.answers[0]
    return one.options[one.answer_index] if one.options and one.answer_index is not None else ""
