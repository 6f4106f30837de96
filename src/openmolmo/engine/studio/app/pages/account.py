"""One's own account: language, password, keys, leaving."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from openmolmo.engine.studio import accounts, erasure
from openmolmo.engine.studio.accounts import AccountError, SignedIn
from openmolmo.engine.studio.app.context import AppContext
from openmolmo.engine.studio.app.guard import Refusal
from openmolmo.engine.studio.app.own_keys import chosen_keys, first_keys
from openmolmo.engine.studio.app.signed_in import App, FormBy, Person, drop_cookie
from openmolmo.engine.studio.catalogue import LOCALES
from openmolmo.engine.studio.store.tables import Person as PersonRow

__all__ = ["router"]

router = APIRouter()


@router.get("/account")
def account(request: Request, person: Person, app: App) -> HTMLResponse:
    """The page."""
    return _page(request, app, person)


def _page(request: Request, app: AppContext, person: SignedIn, failure: str = "") -> HTMLResponse:
    status = 400 if failure else 200
    return app.page(
        request,
        "account.html.j2",
        person=person,
        status=status,
        locales=LOCALES,
        failure=failure,
        areas=first_keys(),
    )


@router.post("/account/keys")
async def keys(request: Request, person: FormBy, app: App) -> Response:
    """Keys of one's own, by action; an empty field is the first key again."""
    given = {name.removeprefix("key."): str(key) for name, key in (await request.form()).items() if name[:4] == "key."}

    def keep() -> None:
        with app.database.begin() as rows:
            row = rows.get_one(PersonRow, person.person_id)
            row.keys = chosen_keys(given, row.keys)

    try:
        await run_in_threadpool(keep)
    except AccountError as error:
        return _page(request, app, person, error.key)
    return RedirectResponse("/account#keys", 303)


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
        return _page(request, app, person, error.key)
    return RedirectResponse("/account", 303)


@router.post("/account/erase")
def erase(request: Request, person: FormBy, app: App, sure: Annotated[str, Form(max_length=200)] = "") -> Response:
    """Delete all of one's own data."""
    if sure.strip().lower() != person.name.lower():
        return _page(request, app, person, "people.erase_unsure")
    try:
        with app.database.begin() as rows:
            row = rows.get_one(PersonRow, person.person_id)
            erasure.erase(rows, app.settings.directory, row, by=person.person_id, now=app.now())
    except AccountError as error:
        return _page(request, app, person, error.key)
    erasure.remove_files(app.database, app.settings.directory)
    answer = RedirectResponse("/sign-in", 303)
    drop_cookie(app, answer)
    return answer
