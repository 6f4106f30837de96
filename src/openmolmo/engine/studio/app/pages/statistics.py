"""Statistics for reviewers and admins: how far the work is, how long it takes, how well people agree, what it costs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse

from openmolmo.engine.studio.app.signed_in import App, Reviewer
from openmolmo.engine.studio.charts import bars
from openmolmo.engine.studio.report import make_report

__all__ = ["router"]

router = APIRouter()

DAYS = 30
"""Days in a plot; earlier ones are in ``openmolmo studio report``."""


@router.get("/statistics")
def statistics(
    request: Request, person: Reviewer, app: App, wage: Annotated[float | None, Query(ge=0, le=100_000)] = None
) -> HTMLResponse:
    """Numbers of the shown project, mode by mode; with an hour's ``wage`` also what the work costs."""
    text = app.catalogue(request, person).text
    with app.database.read() as rows:
        project = app.project(rows)
        made = None if project is None else make_report(rows, project=project.name, wage=wage)
    plots = []
    for one in made.modes if made is not None else ():
        days = dict(list(one.pace.by_day.items())[-DAYS:])
        plots.append(bars({day[5:]: float(count) for day, (count, _) in days.items()}, label=text("statistics.by_day")))
    return app.page(request, "statistics.html.j2", person=person, report=made, plots=plots, wage=wage)
