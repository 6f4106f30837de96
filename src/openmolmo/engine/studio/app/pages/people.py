"""People, for admins: who works here, invitation links, roles, closing an account, deleting a person's data."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from sqlalchemy import func, select
from sqlalchemy.orm import Session as Rows
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from openmolmo.engine.studio import access, accounts, erasure
from openmolmo.engine.studio.accounts import AccountError
from openmolmo.engine.studio.app.context import AppContext
from openmolmo.engine.studio.app.guard import Refusal
from openmolmo.engine.studio.app.signed_in import Admin, App, FormByAdmin
from openmolmo.engine.studio.store.tables import Annotation, Invitation
from openmolmo.engine.studio.store.tables import Person as PersonRow

__all__ = ["router"]

router = APIRouter()

MOST_USES = 500
ENTRIES = 200
"""Of the log of access, on its page."""


@router.get("/people")
def people(request: Request, person: Admin, app: App) -> HTMLResponse:
    """Everybody, and the links that may still be used."""
    return _page(request, app, person)


def _page(request: Request, app: AppContext, person: Admin, *, link: str = "", failure: str = "") -> HTMLResponse:
    with app.database.read() as rows:
        works = dict(
            rows.execute(
                select(Annotation.person_id, func.count(Annotation.id))
                .where(Annotation.state.in_(("submitted", "accepted")))
                .group_by(Annotation.person_id)
            ).all()
        )
        everybody = [
            {
                "id": row.id,
                "name": row.name,
                "role": row.role,
                "disabled": row.disabled_at is not None,
                "erased": row.erased_at is not None,
                "since": row.created_at,
                "works": works.get(row.id, 0),
                "self": row.id == person.person_id,
            }
            for row in rows.scalars(select(PersonRow).order_by(PersonRow.id))
        ]
        open_links = list(
            rows.scalars(
                select(Invitation)
                .where(Invitation.uses_left > 0, Invitation.expires_at > app.now(), Invitation.person_id.is_(None))
                .order_by(Invitation.id)
            )
        )
    return app.page(
        request,
        "people.html.j2",
        person=person,
        status=400 if failure else 200,
        people=everybody,
        open_links=open_links,
        roles=accounts.ROLES,
        link=link,
        failure=failure,
    )


@router.get("/people/access")
def access_log(request: Request, person: Admin, app: App) -> HTMLResponse:
    """Who heard or took out which recording: the newest entries."""
    with app.database.read() as rows:
        entries = access.latest_access(rows, ENTRIES)
    return app.page(request, "access.html.j2", person=person, entries=entries)


@router.post("/people/invite")
def invite(
    request: Request,
    person: FormByAdmin,
    app: App,
    role: Annotated[str, Form()] = "annotator",
    uses: Annotated[int, Form(ge=1, le=MOST_USES)] = 1,
) -> HTMLResponse:
    """Make a link. It is shown once: only its hash is kept."""
    with app.database.begin() as rows:
        token = accounts.invite(rows, role=role, uses=uses, now=app.now(), created_by=person.person_id)
    return _page(request, app, person, link=f"{_address(request, app)}/join/{token}")


@router.post("/people/links/{invitation_id}/withdraw")
def withdraw(invitation_id: int, person: FormByAdmin, app: App) -> RedirectResponse:
    """Make a link useless."""
    with app.database.begin() as rows:
        row = rows.get(Invitation, invitation_id)
        if row is not None:
            row.uses_left = 0
    return RedirectResponse("/people", 303)


@router.post("/people/{person_id}/{action}")
def change(
    request: Request,
    person_id: int,
    action: str,
    person: FormByAdmin,
    app: App,
    role: Annotated[str, Form()] = "",
    sure: Annotated[str, Form()] = "",
) -> Response:
    """A new sign-in link, another role, shut out or let in again, delete their data."""
    token = None
    try:
        with app.database.begin() as rows:
            other = _present(rows, person_id)
            if action == "link":
                accounts.sign_out_everywhere(rows, other.id)
                token = accounts.invite(
                    rows, role=other.role, person_id=other.id, now=app.now(), created_by=person.person_id
                )
            elif action == "role":
                accounts.set_role(rows, other, role, by=person.person_id)
            elif action in ("disable", "enable"):
                accounts.set_active(rows, other, action == "enable", by=person.person_id, now=app.now())
            elif action == "erase":
                if sure.strip().lower() != other.name.lower():
                    raise Refusal(400, "people.erase_unsure")
                erasure.erase(rows, app.settings.directory, other, by=person.person_id, now=app.now())
            else:
                raise HTTPException(404)
    except AccountError as error:
        return _page(request, app, person, failure=error.key)
    if action == "erase":
        erasure.remove_files(app.database, app.settings.directory)
    if token is not None:
        return _page(request, app, person, link=f"{_address(request, app)}/join/{token}")
    return RedirectResponse("/people", 303)


def _present(rows: Rows, person_id: int) -> PersonRow:
    found = rows.get(PersonRow, person_id)
    if found is None or found.erased_at is not None:
        raise HTTPException(404)
    return found


def _address(request: Request, app: AppContext) -> str:
    """Where the link leads: the public address, or the one that the admin uses."""
    return app.settings.public_url.rstrip("/") or str(request.base_url).rstrip("/")
