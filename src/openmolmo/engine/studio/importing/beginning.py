"""A new studio: a folder, a project, and if wished three pictures of our own to try it with."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from openmolmo.core.errors import ConfigError
from openmolmo.engine.studio.importing.report import ImportReport, ImportSettings
from openmolmo.engine.studio.importing.sources.datasets import dataset_pictures
from openmolmo.engine.studio.importing.taking_in import take_in
from openmolmo.engine.studio.sample import SAMPLE
from openmolmo.engine.studio.store.tables import Project
from openmolmo.engine.studio.tasks.base import MODES

if TYPE_CHECKING:
    from openmolmo.engine.studio.store.database import Database

__all__ = ["SAMPLE_PROJECT", "init_sample", "make_project", "project_called"]

SAMPLE_PROJECT = "sample"
_SAMPLE_MODES = ("speak", "point", "ask", "count_check", "qa_check")


def make_project(database: Database, name: str, *, licence: str = "unknown") -> int:
    """The number of the project called so, made if there is none."""
    if not name.strip() or len(name) > 200:
        raise ConfigError(f"{name!r} is no name of a project", fix="give it 1 to 200 letters")
    with database.begin() as session:
        found = session.scalar(select(Project.id).where(Project.name == name))
        if found is not None:
            return found
        project = Project(name=name, licence=licence, settings={}, created_at=time.time())
        session.add(project)
        session.flush()
        return project.id


def project_called(database: Database, name: str | None) -> int:
    """The number of a project by its name; without a name, of the only one."""
    with database.begin() as session:
        known = {row.name: row.id for row in session.scalars(select(Project).order_by(Project.id))}
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name is not None and name in known:
        return known[name]
    there = ", ".join(known) or "none"
    if name is None:
        raise ConfigError(f"the studio has {len(known)} projects: {there}", fix="say --project NAME")
    raise ConfigError(f"there is no project {name!r}; the studio has: {there}", fix="openmolmo studio init makes one")


def init_sample(directory: Path, database: Database) -> ImportReport:
    """Make the project ``sample`` with three pictures and a task in every mode that is installed.

    Doing it again adds what is missing, and nothing else.
    """
    directory.mkdir(parents=True, exist_ok=True)
    project_id = make_project(database, SAMPLE_PROJECT, licence="CC-BY-4.0")
    modes = tuple(mode for mode in _SAMPLE_MODES if mode in MODES)
    pictures = dataset_pictures(SAMPLE, directory, topic=None)
    return take_in(database, directory, project_id, pictures, ImportSettings(modes=modes, licence="Apache-2.0"))
