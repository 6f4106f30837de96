"""Export of a project's finished work into a folder, in one of the forms."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from sqlalchemy import select

from openmolmo.core.errors import DataError
from openmolmo.core.progress import track
from openmolmo.engine.studio.events import record
from openmolmo.engine.studio.exporting.coco import write_coco
from openmolmo.engine.studio.exporting.examples import Splits, StudioExample, examples_of
from openmolmo.engine.studio.exporting.finished import erased_people, finished_tasks, studio_id
from openmolmo.engine.studio.exporting.label_studio import write_label_studio
from openmolmo.engine.studio.exporting.pixmo import picture_place, write_pixmo
from openmolmo.engine.studio.exporting.recordings import copy_recordings
from openmolmo.engine.studio.exporting.records import write_records
from openmolmo.engine.studio.exporting.staging import Stage, staged
from openmolmo.engine.studio.exporting.votes import vote_rows, votes_text
from openmolmo.engine.studio.importing.voting import MODE as VOTE
from openmolmo.engine.studio.store.tables import Access, Project, Task
from openmolmo.engine.studio.tasks.base import MODES
from openmolmo.records.receipts import STUDIO

if TYPE_CHECKING:
    from openmolmo.engine.studio.store.database import Database

__all__ = ["FORMATS", "ExportReport", "ExportSettings", "Format", "export_project"]

Format = Literal["records", "pixmo", "label-studio", "coco", "votes"]
FORMATS: tuple[Format, ...] = get_args(Format)


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """What is exported. ``modes``: none is all that the project has; ``unreviewed``: work that nobody reviewed too."""

    format: Format = "records"
    modes: tuple[str, ...] = ()
    unreviewed: bool = False
    splits: Splits = field(default_factory=Splits)


@dataclass(kw_only=True)
class ExportReport:
    """What an export wrote. ``left_out``: examples whose pictures or recordings are not as they were, and why."""

    examples: int = 0
    annotations: int = 0
    recordings: int = 0
    votes: int = 0
    erased: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def export_project(
    database: Database,
    directory: Path,
    project_id: int,
    out: Path,
    settings: ExportSettings,
    *,
    person_id: int | None = None,
    now: float | None = None,
) -> ExportReport:
    """Write the folder ``out``, or replace the export that is there; nothing is left half.

    ``person_id``: who asked, for the book of access to recordings; none is the command line.
    """
    with database.begin() as session:
        studio = studio_id(session)
        project = session.get_one(Project, project_id)
        there = session.scalars(select(Task.mode).where(Task.project_id == project_id).distinct()).all()
        modes = _modes(there, settings)
        erased = erased_people(session, project, studio)
        finished = list(finished_tasks(session, project, modes, studio=studio, unreviewed=settings.unreviewed))
        votes = vote_rows(session, project, [one for one in finished if one.task.mode == VOTE])
    missing = [] if settings.format == "votes" else [mode for mode in there if mode not in MODES]
    report = ExportReport(erased=erased, votes=len(votes) if settings.format == "votes" else 0)
    report.left_out += [f"all work of the mode {mode!r}, which is not installed here" for mode in missing]
    if settings.format == "votes":
        examples: list[StudioExample] = []
    else:
        rest = [one for one in finished if one.task.mode != VOTE]
        examples = list(examples_of(rest, project, directory, studio=studio, splits=settings.splits))
    if not examples and not report.votes:
        raise DataError(
            f"project {project.name!r} has no finished work for {settings.format}",
            fix="let people hand in work, review it, or say --include-unreviewed",
        )
    made_by: dict[str, object] = {
        "tool": STUDIO,
        "version": version("openmolmo"),
        "studio": studio,
        "project": project.name,
        "format": settings.format,
        "erased": erased,
    }
    with staged(out, made_by) as stage:
        if settings.format == "votes":
            stage.write("votes.jsonl", votes_text(votes))
        kept = _with_files(stage, examples, directory, settings.format, report)
        _WRITERS[settings.format](stage, kept, made_by)
    _book(database, project_id, out, kept, settings, person_id, now)
    return report


def _modes(found: Sequence[str], settings: ExportSettings) -> list[str]:
    """The modes to export; one that is not installed any more cannot say what its work means."""
    there = sorted(found)
    for mode in settings.modes:
        MODES.get(mode)
    if settings.format == "votes":
        return [VOTE] if VOTE in there else []
    return [mode for mode in there if (not settings.modes or mode in settings.modes) and mode in MODES]


def _with_files(
    stage: Stage, examples: list[StudioExample], directory: Path, form: Format, report: ExportReport
) -> list[StudioExample]:
    """The examples whose files are whole; recordings go beside records, pictures beside all other forms."""
    kept = []
    for one in track(examples, "copying recordings and pictures"):
        image = one.example.image
        assert image is not None and image.path is not None and image.sha256 is not None
        try:
            if form == "records":
                copy_recordings(stage, one, directory)
                stage.check(Path(image.path), image.sha256)
            else:
                stage.copy(Path(image.path), picture_place(image), image.sha256)
        except DataError as error:
            report.left_out.append(f"{one.example.id}: {error.message}")
            continue
        kept.append(one)
        report.examples += 1
        report.annotations += len(one.example.annotations)
        report.recordings += len(one.spoken)
    return kept


def _nothing(stage: Stage, examples: list[StudioExample], made_by: dict[str, object]) -> None:
    """Votes are written already."""


_WRITERS = {
    "records": write_records,
    "pixmo": lambda stage, examples, made_by: write_pixmo(stage, examples),
    "label-studio": lambda stage, examples, made_by: write_label_studio(stage, examples),
    "coco": lambda stage, examples, made_by: write_coco(stage, examples),
    "votes": _nothing,
}


def _book(
    database: Database,
    project_id: int,
    out: Path,
    kept: Sequence[StudioExample],
    settings: ExportSettings,
    person_id: int | None,
    now: float | None,
) -> None:
    """That it was exported, and whose recordings were given out."""
    recordings = sorted({spoken.recording_id for one in kept for spoken in one.spoken})
    if settings.format != "records":
        recordings = []
    with database.begin() as session:
        after = {"out": out.name, "format": settings.format, "examples": len(kept), "recordings": recordings}
        at = time.time() if now is None else now
        record(session, "project.exported", "project", project_id, person_id, after=after, now=at)
        if person_id is not None:
            session.add_all(
                Access(recording_id=number, person_id=person_id, at=at, how="export") for number in recordings
            )
