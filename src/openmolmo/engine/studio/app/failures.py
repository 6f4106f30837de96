"""Errors as sentences in the person's language: a page for people, ``{"error", "code"}`` for scripts."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy import exc
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from openmolmo.core.errors import DiskFullError, OpenMolmoError
from openmolmo.engine.studio.accounts import AccountError, SignedIn
from openmolmo.engine.studio.app.context import AppContext
from openmolmo.engine.studio.app.guard import Refusal, add_headers
from openmolmo.engine.studio.app.signed_in import SignInNeeded
from openmolmo.engine.studio.queue import LeaseLostError
from openmolmo.engine.studio.store.database import DatabaseGoneError
from openmolmo.engine.studio.tasks.base import BadWorkError
from openmolmo.engine.studio.work import StaleDraftError

__all__ = ["answer_failures"]

log = logging.getLogger("openmolmo.studio")

_STATUS_KEYS = {
    403: "common.not_yours",
    404: "common.not_found",
    405: "common.not_found",
    408: "common.too_slow",
    413: "common.too_large",
}
_RETRY_SECONDS = "5"


def answer_failures(application: FastAPI, app: AppContext) -> Callable[[Request, Refusal], Response]:
    """Give every error an answer; returns what answers a refusal."""
    answers = _Failures(app)
    for kind, handler in {
        Refusal: answers.refusal,
        SignInNeeded: answers.sign_in,
        LeaseLostError: answers.lost,
        StaleDraftError: answers.stale,
        BadWorkError: answers.bad_work,
        AccountError: answers.account,
        DatabaseGoneError: answers.away,
        DiskFullError: answers.away,
        OpenMolmoError: answers.other,
        HTTPException: answers.http,
        RequestValidationError: answers.invalid,
        OverflowError: answers.not_to_be_kept,
        UnicodeEncodeError: answers.not_to_be_kept,
        exc.DataError: answers.not_to_be_kept,
        Exception: answers.unforeseen,
    }.items():
        application.add_exception_handler(kind, handler)  # type: ignore[arg-type]
    return answers.refusal


class _Failures:
    """Answers to errors, one method a kind."""

    def __init__(self, app: AppContext) -> None:
        self.app = app

    def _answer(self, request: Request, status: int, code: str, sentence: str, **more: Any) -> Response:
        if request.url.path.startswith("/api/"):
            return JSONResponse({"error": sentence, "code": code, **more}, status)
        return self.app.page(
            request, "failure.html.j2", person=_who(request), status=status, code=status, sentence=sentence
        )

    def _text(self, request: Request, key: str, **values: Any) -> str:
        return self.app.catalogue(request, _who(request)).text(key, **values)

    def _told(self, request: Request, status: int, key: str, **more: Any) -> Response:
        return self._answer(request, status, key.partition(".")[2], self._text(request, key), **more)

    def refusal(self, request: Request, error: Refusal) -> Response:
        answer = self._told(request, error.status, error.key)
        if error.retry_after is not None:
            answer.headers["Retry-After"] = str(math.ceil(error.retry_after))
        return answer

    def sign_in(self, request: Request, _: SignInNeeded) -> Response:
        if request.url.path.startswith("/api/"):
            return self._told(request, 401, "common.signed_out")
        return RedirectResponse("/sign-in", 303)

    def lost(self, request: Request, error: LeaseLostError) -> Response:
        return self._told(request, 410, "common.lease_lost", why=error.code)

    def stale(self, request: Request, error: StaleDraftError) -> Response:
        return self._told(request, 409, "common.stale", draft=error.draft, revision=error.revision)

    def bad_work(self, request: Request, error: BadWorkError) -> Response:
        key, values = getattr(error, "key", ""), getattr(error, "values", {})
        sentence = self._text(request, key, **values) if key else error.reason
        return self._answer(request, 422, "bad_work", sentence)

    def account(self, request: Request, error: AccountError) -> Response:
        return self._told(request, 400, error.key)

    def away(self, request: Request, error: OpenMolmoError) -> Response:
        log.error("%s", error)
        full = isinstance(error, DiskFullError)
        answer = self._told(request, 507 if full else 503, "common.disk_full" if full else "common.database_away")
        answer.headers["Retry-After"] = _RETRY_SECONDS
        return answer

    def other(self, request: Request, error: OpenMolmoError) -> Response:
        return self._answer(request, 400, "refused", str(error))

    def http(self, request: Request, error: HTTPException) -> Response:
        answer = self._told(request, error.status_code, _STATUS_KEYS.get(error.status_code, "common.bad_request"))
        answer.headers.update(error.headers or {})
        return answer

    def invalid(self, request: Request, error: RequestValidationError) -> Response:
        log.info("a request of the wrong form: %s", [(fault["loc"], fault["msg"]) for fault in error.errors()])
        return self._told(request, 422, "common.bad_request")

    def not_to_be_kept(self, request: Request, error: Exception) -> Response:
        """A number or a sign that no database can hold: 10**30, NUL, half a sign."""
        log.info("not to be kept: %s", type(error).__name__)
        return self._told(request, 422, "common.bad_request")

    def unforeseen(self, request: Request, error: Exception) -> Response:
        """Told without its inside; the server's log has it in full."""
        answer = self._told(request, 500, "common.our_fault")
        add_headers(answer.headers, self.app.secure)  # this answer is made outside of the guard
        return answer


def _who(request: Request) -> SignedIn | None:
    """Who asked, as far as that was found out before the error."""
    found = getattr(request.state, "person", None)
    return found if isinstance(found, SignedIn) else None
