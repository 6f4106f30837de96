"""All that ``openmolmo studio report`` says: gathered once, then shown in the terminal, as JSON or as a page."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import orm, select

from openmolmo.core.errors import DataError
from openmolmo.core.pages import page
from openmolmo.engine.studio.agreement import Agreement, agreement
from openmolmo.engine.studio.charts import bars
from openmolmo.engine.studio.finished import finished
from openmolmo.engine.studio.gold import GoldScore, gold_scores
from openmolmo.engine.studio.statistics import (
    Cost,
    Pace,
    PersonNumbers,
    Progress,
    cost,
    job_counts,
    pace,
    people_numbers,
    progress,
)
from openmolmo.engine.studio.store.tables import Person, Project, Task

__all__ = ["ModeReport", "StudioReport", "make_report", "report_page"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeReport:
    """One mode of one project."""

    project: str
    mode: str
    progress: Progress
    pace: Pace
    people: dict[int, PersonNumbers]
    agreement: Agreement
    gold: dict[int, GoldScore]
    cost: Cost | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudioReport:
    """The whole studio. ``names``: person -> name, as it is shown ("person 7" where it was erased)."""

    modes: tuple[ModeReport, ...]
    names: dict[int, str]
    jobs: list[tuple[str, str, int]]
    """Kind, state, number."""

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def make_report(
    session: orm.Session, *, project: str | None = None, modes: Sequence[str] = (), wage: float | None = None
) -> StudioReport:
    """Numbers of one project, or of all; of some modes, or of all that have tasks. ``wage``: of an hour."""
    projects = session.scalars(select(Project).order_by(Project.name)).all()
    chosen = [one for one in projects if project in (None, one.name)]
    if project is not None and not chosen:
        raise DataError(f"there is no project {project!r}", fix=f"known: {', '.join(one.name for one in projects)}")
    made = []
    for one in chosen:
        known = session.scalars(select(Task.mode).where(Task.project_id == one.id).distinct().order_by(Task.mode)).all()
        made += [_mode(session, one, mode, wage) for mode in known if not modes or mode in modes]
    people = session.execute(select(Person.id, Person.name))
    return StudioReport(
        modes=tuple(made),
        names={number: name or f"person {number}" for number, name in people},
        jobs=job_counts(session),
    )


def _mode(session: orm.Session, project: Project, mode: str, wage: float | None) -> ModeReport:
    works = finished(session, project.id, mode)
    far, how = progress(session, project.id, mode, works), pace(works)
    return ModeReport(
        project=project.name,
        mode=mode,
        progress=far,
        pace=how,
        people=people_numbers(session, project.id, mode, works),
        agreement=agreement(mode, works),
        gold=gold_scores(mode, works),
        cost=None if wage is None else cost(how, far, len(works), wage),
    )


def report_page(report: StudioReport, *, currency: str) -> str:
    """The report as one HTML page with plots of throughput, time and agreement."""
    plots = []
    for one in report.modes:
        days = one.pace.by_day
        plots.append(
            {
                "throughput": bars(
                    {day: float(count) for day, (count, _) in days.items()}, label="work handed in, by day"
                ),
                "time": bars({day: median for day, (_, median) in days.items()}, label="median seconds a task, by day"),
                "agreement": bars(
                    {report.names[person]: mean for person, (mean, _) in one.agreement.by_person.items()},
                    label="mean agreement with others, by person",
                    top=1.0,
                ),
            }
        )
    return page(
        "openmolmo.engine.studio",
        "report.html.j2",
        title="Studio report",
        report=report,
        plots=plots,
        currency=currency,
    )
