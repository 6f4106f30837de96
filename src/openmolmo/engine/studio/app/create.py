"""``create_app(settings)``: the application, put together. Nothing is started and no table is made here."""

from __future__ import annotations

import contextlib
import mimetypes
from collections.abc import AsyncIterator, Callable
from importlib import resources

from anyio import to_thread
from fastapi import APIRouter, FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from openmolmo.core.registry import Registry
from openmolmo.engine.studio import catalogue
from openmolmo.engine.studio.app import leases, picture_files
from openmolmo.engine.studio.app.context import PACKAGE, AppContext, page_sheet, templates
from openmolmo.engine.studio.app.failures import answer_failures
from openmolmo.engine.studio.app.guard import Guard
from openmolmo.engine.studio.app.pages import account, entrance, home, mine, people, project, review, statistics, work
from openmolmo.engine.studio.settings import StudioSettings
from openmolmo.engine.studio.store.database import Database, open_database
from openmolmo.engine.studio.tasks.base import MODES

__all__ = ["ROUTERS", "create_app"]

ROUTERS: Registry[Callable[[AppContext], APIRouter]] = Registry("studio_router")
"""More addresses, of other parts and of plug-ins: recordings, votes, ..."""

_OWN = (entrance, home, work, mine, review, people, project, statistics, account, leases, picture_files)

# What Debian's own table lacks or calls otherwise; a module of the wrong type is not run by browsers.
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("text/css", ".css")


def create_app(settings: StudioSettings, database: Database | None = None, *, threads: int = 20) -> FastAPI:
    """The application for one studio; ``database`` is opened from the settings where none is given.

    ``threads``: requests that are worked on at once.
    """
    packages = _packages_of_modes()
    context = AppContext(
        settings=settings,
        database=database or open_database(settings.database_url),
        catalogues=catalogue.load(*(resources.files(package) / "catalogue" for package in packages)),
        environment=templates(packages),
    )

    @contextlib.asynccontextmanager
    async def few_threads(_: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = threads
        yield

    application = FastAPI(
        title="openmolmo studio", lifespan=few_threads, docs_url=None, redoc_url=None, openapi_url=None
    )
    application.state.context = context
    refused = answer_failures(application, context)
    application.add_middleware(Guard, settings=settings, refused=refused)
    for page in _OWN:
        application.include_router(page.router)
    for name in ROUTERS.names():
        application.include_router(ROUTERS.get(name)(context))
    for mode in context.modes():
        routes = getattr(mode, "routes", None)
        if routes is not None:
            application.include_router(routes(context), prefix=f"/api/modes/{mode.name}")
    _add_files(application, packages)
    return application


def _packages_of_modes() -> tuple[str, ...]:
    """Packages outside of the studio whose modes bring templates, scripts and texts of their own."""
    found = (getattr(MODES.get(name), "package", "") for name in MODES.names())
    return tuple(dict.fromkeys(package for package in found if package and package != PACKAGE))


class _Files(StaticFiles):
    """Files that browsers ask for anew each time, and are told that theirs is the newest: an update is seen at once."""

    def file_response(self, *args: object, **more: object) -> Response:
        answer = super().file_response(*args, **more)  # type: ignore[arg-type]
        answer.headers["Cache-Control"] = "no-cache"
        return answer


def _add_files(application: FastAPI, packages: tuple[str, ...]) -> None:
    sheet = page_sheet()

    @application.get("/static/page.css", include_in_schema=False)
    def shared_sheet() -> Response:
        return Response(sheet, media_type="text/css", headers={"Cache-Control": "no-cache"})

    files = _Files(packages=[(package, "static") for package in (PACKAGE, "openmolmo.core.pages", *packages)])
    application.mount("/static", files, name="static")
