"""What every page and address of the application needs, in one object."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from typing import Any

import jinja2
from fastapi import Request
from jinja2.utils import htmlsafe_json_dumps
from sqlalchemy import select
from sqlalchemy.orm import Session as Rows
from starlette.responses import HTMLResponse

from openmolmo.engine.studio.accounts import SignedIn
from openmolmo.engine.studio.app.pace import Pace
from openmolmo.engine.studio.catalogue import Catalogue, negotiate
from openmolmo.engine.studio.settings import StudioSettings
from openmolmo.engine.studio.store.database import Database
from openmolmo.engine.studio.store.tables import Project, Setting
from openmolmo.engine.studio.tasks.base import MODES, Mode

__all__ = ["PACKAGE", "AppContext", "context_of", "page_sheet", "templates"]

PACKAGE = "openmolmo.engine.studio.app"


_SHOWN = (
    select(Project)
    .outerjoin(Setting, (Setting.name == "shown") & (Setting.value["project"].as_integer() == Project.id))
    .order_by(Setting.name.is_(None), Project.id)
    .limit(1)
)


@dataclass(frozen=True, kw_only=True)
class AppContext:
    """One per application. ``now`` is replaced by tests that let time pass."""

    settings: StudioSettings
    database: Database
    catalogues: Mapping[str, Catalogue]
    environment: jinja2.Environment
    pace: Pace = field(default_factory=Pace)

    def now(self) -> float:
        """UTC seconds since 1970."""
        return time.time()

    @property
    def secure(self) -> bool:
        """Whether people reach the studio encrypted, as far as the settings say."""
        return self.settings.address.startswith("https://")

    def catalogue(self, request: Request, person: SignedIn | None = None) -> Catalogue:
        """Texts in the language of the person, or of their browser before they have signed in."""
        locale = person.locale if person is not None else negotiate(request.headers.get("accept-language", ""))
        return self.catalogues.get(locale) or self.catalogues["en"]

    def page(
        self, request: Request, template: str, *, person: SignedIn | None = None, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """A finished page. ``t`` in a template is the text of a key, ``person`` who is signed in."""
        catalogue = self.catalogue(request, person)
        text = self.environment.get_template(template).render(
            t=catalogue.text,
            locale=catalogue.locale,
            person=person,
            path=request.url.path,
            messages=self._messages[catalogue.locale],
            **values,
        )
        return HTMLResponse(text, status_code=status, headers={"Cache-Control": "no-store"})

    @cached_property
    def _messages(self) -> dict[str, str]:
        # A third of a page's time, if it were written for each page.
        return {locale: htmlsafe_json_dumps(found.for_scripts()) for locale, found in self.catalogues.items()}

    def project(self, rows: Rows) -> Project | None:
        """The project that is shown: the one that was chosen, else the oldest."""
        return rows.scalar(_SHOWN)

    def modes(self) -> list[Mode]:
        """Every annotation mode there is."""
        return [MODES.get(name) for name in MODES.names()]


def templates(packages: tuple[str, ...] = ()) -> jinja2.Environment:
    """Templates of the application, and of plug-ins' ``packages`` that have a folder ``templates``."""
    loaders: list[jinja2.BaseLoader] = [jinja2.PackageLoader(package, "templates") for package in (PACKAGE, *packages)]
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["utc"] = _utc
    return environment


def _utc(seconds: float) -> str:
    """As ``studio.js`` writes it in the reader's own zone: the same width, so that nothing moves then."""
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds))


def page_sheet() -> str:
    """The style sheet that all pages of the project share."""
    return resources.files("openmolmo.core.pages").joinpath("page.css").read_text("utf-8")


async def context_of(request: Request) -> AppContext:  # async: it waits for nothing, so it needs no thread
    """The application's context: a dependency of every address."""
    found = request.app.state.context
    assert isinstance(found, AppContext)
    return found
