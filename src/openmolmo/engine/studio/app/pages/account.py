"""One's own account: language, password, keys, leaving."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from openmolmo.engine.studio import accounts, erasure
from openmolmo.engine.studio.accounts import AccountError
from openmolmo.engine.studio.app.guard import Refusal
from openmolmo.engine.studio.app.signed_in import App, FormBy, Person, drop_cookie
from openmolmo.engine.studio.catalogue import LOCALES
from openmolmo.engine.studio.store.tables import Person as PersonRow

__all__ = ["router"]

router = APIRouter()


@router.get("/account")
def account(request: Request, person: Person, app: App) -> HTMLResponse:
    """The page."""
    return app.page(request, "account.html.j2", person=person, locales=LOCALES, failure="")


@router.post("/account/language")
def language(person: FormBy, app: App, locale: Annotated[str, Form()]) -> RedirectResponse:
    """Another language of the interface."""
    if locale not in LOCALES:
        raise Refusal(400, "common.bad_request")
    with app.database.begin() as rows:
        rows.get_one(PersonRow, person.person_id).locale = locale
    return RedirectResponse("/account", 303)


@router.post("/account/password")
def password(request: Request, person: FormBy, app: App, password: Annotated[str, Form(max_length=1024)]) -> Response:
    """Set a password, so that no new link is needed on another machine; other browsers are signed out."""
    try:
        with app.database.begin() as rows:
            accounts.set_password(rows, rows.get_one(PersonRow, person.person_id), password)
            accounts.sign_out_elsewhere(rows, person.person_id, person.session_id)
    except AccountError as error:
        return app.page(request, "account.html.j2", person=person, status=400, locales=LOCALES, failure=error.key)
    return RedirectResponse("/account", 303)


@router.post("/account/erase")
def erase(request: Request, person: FormBy, app: App, sure: Annotated[str, Form(max_length=200)] = "") -> Response:
    """Delete all of one's own data."""
    if sure.strip().lower() != person.name.lower():
        return app.page(
            request, "account.html.j2", person=person, status=400, locales=LOCALES, failure="people.erase_unsure"
        )
    try:
        with app.database.begin() as rows:
            row = rows.get_one(PersonRow, person.person_id)
            erasure.erase(rows, app.settings.directory, row, by=person.person_id, now=app.now())
    except AccountError as error:
        return app.page(request, "account.html.j2", person=person, status=400, locales=LOCALES, failure=error.key)
    erasure.remove_files(app.database, app.settings.directory)
    answer = RedirectResponse("/sign-in", 303)
    drop_cookie(app, answer)
    return answer
