"""Finished work as examples: one for each picture and mode, with provenance and the receipts of what was spoken.

Receipts of an example (texts, several values parted by spaces, in the same order):

    studio, project, people, handed_in          who (pseudonyms) and when
    audio_sha256, audio_ms, audio_type          the recordings, which lie in ``recordings/``
    erased                                      people who worked on it and whose work was deleted at their request
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

from openmolmo.core.errors import ConfigError
from openmolmo.core.rng import derive
from openmolmo.engine.studio.exporting.finished import Finished
from openmolmo.engine.studio.store.tables import Picture, Project
from openmolmo.engine.studio.tasks.base import MODES, Exported, Spoken, Work
from openmolmo.records.example import Annotation, Example, ImageRef, Made, Provenance, Split
from openmolmo.records.receipts import STUDIO

__all__ = ["Splits", "StudioExample", "examples_of"]


@dataclass(frozen=True, kw_only=True)
class Splits:
    """Shares of the pictures that go to validation and test, where the import did not say so already.

    A picture's split follows from its hash and the seed: it is the same in every mode and in every export.
    """

    validation: float = 0.0
    test: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.validation < 0 or self.test < 0 or self.validation + self.test > 1:
            raise ConfigError(
                f"validation={self.validation} and test={self.test} must be shares, together at most 1",
                fix="say 0.1 for a tenth",
            )

    def of(self, picture: Picture) -> Split:
        """The split of a picture."""
        if picture.split != "train":
            return cast(Split, picture.split)
        drawn = derive(self.seed, "studio-split", picture.sha256).random()
        if drawn < self.validation:
            return "validation"
        return "test" if drawn < self.validation + self.test else "train"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudioExample:
    """An example, and the recordings that vouch for it."""

    example: Example
    mode: str
    spoken: tuple[Spoken, ...]
    speakers: dict[int, str]
    """Pseudonyms by recording."""


@dataclass
class _Part:
    """Tasks of one picture whose annotations were made in the same ways."""

    made: dict[str, tuple[Made, ...]] = field(default_factory=dict)
    annotations: list[Annotation] = field(default_factory=list)
    works: list[Work] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    receipts: dict[str, str] = field(default_factory=dict)
    facts: list[dict[str, Any]] = field(default_factory=list)

    def fits(self, exported: Exported) -> bool:
        return all(self.made.get(kind, how) == how for kind, how in exported.made.items())

    def add(self, one: Finished, exported: Exported) -> None:
        self.made |= exported.made
        self.annotations += [item for item in exported.annotations if item not in self.annotations]
        self.works += one.works
        self.erased += one.erased
        self.receipts |= exported.receipts
        if exported.facts:
            self.facts.append({"task": one.task.id, **exported.facts})


def examples_of(
    finished: Iterable[Finished], project: Project, directory: Path, *, studio: str, splits: Splits
) -> Iterator[StudioExample]:
    """Examples in the order of the tasks. What was made in different ways about one picture is several examples."""
    for tasks in _by_picture(finished):
        parts: list[_Part] = []
        mode = tasks[0].task.mode
        for one in tasks:
            exported = MODES.get(mode).export(one.task, one.works)
            if exported is None or not exported.annotations:
                continue
            part = next((part for part in parts if part.fits(exported)), None)
            if part is None:
                part = _Part()
                parts.append(part)
            part.add(one, exported)
        for number, part in enumerate(parts, 1):
            suffix = "" if number == 1 else f"-{number}"
            yield _example(part, tasks[0], project, directory, studio=studio, splits=splits, suffix=suffix)


def _by_picture(finished: Iterable[Finished]) -> Iterator[list[Finished]]:
    group: list[Finished] = []
    for one in finished:
        if group and (group[0].picture.id, group[0].task.mode) != (one.picture.id, one.task.mode):
            yield group
            group = []
        group.append(one)
    if group:
        yield group


def _example(
    part: _Part, first: Finished, project: Project, directory: Path, *, studio: str, splits: Splits, suffix: str
) -> StudioExample:
    picture, mode = first.picture, first.task.mode
    spoken = tuple(one for work in part.works for one in work.spoken)
    licence = project.licence
    if picture.licence not in (licence, "unknown", ""):
        licence = f"{licence} (picture: {picture.licence})"
    example = Example(
        id=f"studio-{studio}-{project.id}-{mode}-{picture.id}{suffix}",
        image=ImageRef(
            path=str(directory / picture.path),
            url=picture.source if picture.source.startswith(("http://", "https://")) else None,
            width=picture.width,
            height=picture.height,
            sha256=picture.sha256,
        ),
        annotations=tuple(part.annotations),
        provenance=Provenance(
            dataset=project.name,
            licence=licence,
            made=part.made,
            image=str((picture.facts.get("origin") or {}).get("image") or "photograph"),
            tool=STUDIO,
            version=version("openmolmo"),
            receipts={**part.receipts, **_receipts(part, spoken, project, studio)},
        ),
        split=splits.of(picture),
        facts={"studio": part.facts} if part.facts else {},
    )
    speakers = {one.recording_id: work.person for work in part.works for one in work.spoken}
    return StudioExample(example=example, mode=mode, spoken=spoken, speakers=speakers)


def _receipts(part: _Part, spoken: Sequence[Spoken], project: Project, studio: str) -> dict[str, str]:
    said = {
        "studio": studio,
        "project": project.name,
        "people": " ".join(work.person for work in part.works),
        "handed_in": " ".join(_time(work.submitted_at) for work in part.works),
        "audio_sha256": " ".join(one.sha256 for one in spoken),
        "audio_ms": " ".join(str(one.milliseconds) for one in spoken),
        "audio_type": " ".join(one.media_type.replace(" ", "") for one in spoken),
        "erased": " ".join(dict.fromkeys(part.erased)),
    }
    return {name: value for name, value in said.items() if value}


def _time(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
