"""Who asks: dependencies that addresses name in their parameters.

def page(person: Reviewer, app: App): ...          # refuses everybody below a reviewer
def change(person: ChangeBy, app: App): ...        # a change: the secret of the session must be repeated
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Form, Request
from starlette.responses import Response

from openmolmo.engine.studio import accounts
from openmolmo.engine.studio.accounts import SignedIn
from openmolmo.engine.studio.app.context import AppContext, context_of
from openmolmo.engine.studio.app.guard import Refusal

__all__ = ["Admin", "App", "Change", "FormBy", "FormByAdmin", "Person", "Reviewer", "ReviewerChange", "SignInNeeded"]


class SignInNeeded(Exception):
    """Nobody is signed in: a page leads to the sign-in page, a script gets 401."""


App = Annotated[AppContext, Depends(context_of)]


def cookie_name(app: AppContext) -> str:
    """The prefix makes browsers refuse the cookie from other hosts, paths and from unencrypted pages."""
    return "__Host-studio" if app.secure else "studio"


def set_cookie(app: AppContext, response: Response, secret: str) -> None:
    """Keep somebody signed in: no script reads the cookie, no other site sends it along with a change."""
    response.set_cookie(
        cookie_name(app),
        secret,
        max_age=int(accounts.SESSION_SECONDS),
        path="/",
        httponly=True,
        secure=app.secure,
        samesite="lax",
    )


def drop_cookie(app: AppContext, response: Response) -> None:
    """Forget the cookie."""
    response.delete_cookie(cookie_name(app), path="/", httponly=True, secure=app.secure, samesite="lax")


def somebody(request: Request, app: App) -> SignedIn | None:
    """Who is signed in, if anybody; their pace is kept here."""
    secret = request.cookies.get(cookie_name(app))
    if not secret:
        return None
    with app.database.ask() as rows:
        person = accounts.session_of(rows, secret, app.now())
    if person is not None:
        wait = app.pace.wait("requests", str(person.person_id), per_minute=app.settings.requests_per_minute)
        if wait:
            raise Refusal(429, "common.too_often", retry_after=wait)
        request.state.person = person
    return person


Somebody = Annotated[SignedIn | None, Depends(somebody)]


# Below here nothing is waited for: as coroutines these need no thread, which would cost more than they do.
async def person(found: Somebody) -> SignedIn:
    """Who is signed in."""
    if found is None:
        raise SignInNeeded
    return found


Person = Annotated[SignedIn, Depends(person)]


def _at_least(role: str) -> Callable[[SignedIn], Coroutine[Any, Any, SignedIn]]:
    async def allowed(found: Person) -> SignedIn:
        if not found.may(role):
            raise Refusal(403, "common.not_yours")
        return found

    return allowed


Reviewer = Annotated[SignedIn, Depends(_at_least("reviewer"))]
Admin = Annotated[SignedIn, Depends(_at_least("admin"))]


def _repeats(found: SignedIn, given: str) -> None:
    if not hmac.compare_digest(found.csrf.encode(), given.encode()):
        raise Refusal(403, "common.no_csrf")


async def change(request: Request, found: Person) -> SignedIn:
    """Who changes something by a script: the header ``X-CSRF`` repeats the session's secret."""
    _repeats(found, request.headers.get("x-csrf", ""))
    return found


async def reviewer_change(request: Request, found: Reviewer) -> SignedIn:
    """As :func:`change`, for reviewers and admins."""
    _repeats(found, request.headers.get("x-csrf", ""))
    return found


async def form_by(found: Person, csrf: Annotated[str, Form()] = "") -> SignedIn:
    """Who sends a form: its field ``csrf`` repeats the session's secret."""
    _repeats(found, csrf)
    return found


async def form_by_admin(found: Admin, csrf: Annotated[str, Form()] = "") -> SignedIn:
    """As :func:`form_by`, for admins."""
    _repeats(found, csrf)
    return found


Change = Annotated[SignedIn, Depends(change)]
ReviewerChange = Annotated[SignedIn, Depends(reviewer_change)]
FormBy = Annotated[SignedIn, Depends(form_by)]
FormByAdmin = Annotated[SignedIn, Depends(form_by_admin)]
