"""The way in and out: links, names with passwords, and why a page that is not secure has no microphone."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from openmolmo.engine.studio import accounts
from openmolmo.engine.studio.accounts import AccountError
from openmolmo.engine.studio.app.context import AppContext
from openmolmo.engine.studio.app.guard import Refusal
from openmolmo.engine.studio.app.signed_in import App, FormBy, Somebody, drop_cookie, set_cookie
from openmolmo.engine.studio.catalogue import negotiate
from openmolmo.engine.studio.store.tables import Person as PersonRow

__all__ = ["router"]

router = APIRouter()


def _pace(request: Request, app: AppContext, *more: str) -> None:
    """Guessing names, passwords and links is slow: by address, and by what is guessed at."""
    address = request.client.host if request.client is not None else "unknown"
    for who in (address, *more):
        wait = app.pace.wait("sign-in", who, per_minute=app.settings.sign_ins_per_minute)
        if wait:
            raise Refusal(429, "common.too_often", retry_after=wait)


@router.get("/join/{token}")
def invitation(request: Request, token: str, app: App, who: Somebody) -> HTMLResponse:
    """What a link leads to. Looking uses nothing up: chat programs look at links too."""
    with app.database.read() as rows:
        try:
            row = accounts.invitation_of(rows, token, app.now())
        except AccountError as error:
            return app.page(request, "join.html.j2", person=who, status=410, known=None, role="", failure=error.key)
        known = rows.get(PersonRow, row.person_id) if row.person_id is not None else None
        name, role = known.name if known is not None else None, row.role
    return app.page(request, "join.html.j2", person=who, known=name, role=role, failure="")


@router.post("/join/{token}")
def join(request: Request, token: str, app: App, name: Annotated[str, Form(max_length=200)] = "") -> Response:
    """Use the link up, and be signed in."""
    _pace(request, app)
    locale = negotiate(request.headers.get("accept-language", ""))
    try:
        with app.database.begin() as rows:
            joined = accounts.join(rows, token, name=name, now=app.now(), locale=locale)
            secret = accounts.sign_in(rows, joined, app.now())
    except AccountError as error:
        return _again(request, app, token, error)
    answer = RedirectResponse("/", 303)
    set_cookie(app, answer, secret)
    return answer


def _again(request: Request, app: AppContext, token: str, error: AccountError) -> HTMLResponse:
    with app.database.read() as rows:
        try:
            role = accounts.invitation_of(rows, token, app.now()).role
        except AccountError:
            role = ""
    return app.page(request, "join.html.j2", status=400 if role else 410, known=None, role=role, failure=error.key)


@router.get("/sign-in")
def sign_in_page(request: Request, app: App, who: Somebody) -> Response:
    """Name and password, and what to do without."""
    if who is not None:
        return RedirectResponse("/", 303)
    return app.page(request, "sign_in.html.j2", failure="", name="")


@router.post("/sign-in")
def sign_in(
    request: Request,
    app: App,
    name: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=1024)] = "",
) -> Response:
    """Sign in with name and password."""
    _pace(request, app, f"name {name.strip().lower()}")
    try:
        with app.database.read() as rows:  # a tenth of a second, in which others go on writing
            person_id = accounts.check_password(rows, name, password).id
        with app.database.begin() as rows:
            person = rows.get_one(PersonRow, person_id)
            secret = accounts.sign_in(rows, person, app.now())
            accounts.renew_hash(person, password)
    except AccountError as error:
        return app.page(request, "sign_in.html.j2", status=400, failure=error.key, name=name)
    answer = RedirectResponse("/", 303)
    set_cookie(app, answer, secret)
    return answer


@router.post("/sign-out")
def sign_out(person: FormBy, app: App) -> Response:
    """End this session."""
    with app.database.begin() as rows:
        accounts.sign_out(rows, person.session_id)
    answer = RedirectResponse("/sign-in", 303)
    drop_cookie(app, answer)
    return answer


@router.get("/not-secure")
def not_secure(request: Request, app: App, who: Somebody) -> HTMLResponse:
    """Why the microphone is missing, and what to do about it."""
    host = request.url.hostname or ""
    secure = request.url.scheme == "https" or host in ("localhost", "127.0.0.1", "::1")
    return app.page(request, "not_secure.html.j2", person=who, host=host, secure=secure)


@router.get("/health")
def health(app: App) -> dict[str, bool]:
    """For a supervisor: the server answers and its database too."""
    with app.database.read() as rows:
        app.project(rows)
    return {"ok": True}
