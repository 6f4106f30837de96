"""Errors in OpenAI's form: ``{"error": {"message", "type", "param", "code"}}``, without a traceback or a path."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from openmolmo.core.errors import (
    ConfigError,
    ImageError,
    OpenMolmoError,
    PromptError,
    QueueFullError,
    UnavailableError,
)
from openmolmo.serving.openai.headers import REQUEST_ID, add_headers

__all__ = ["APIError", "ClientGone", "answer_failures", "as_api_error", "error_response", "invalid"]

log = logging.getLogger("openmolmo.serve")

_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
_RETRY_SECONDS = 5.0
_HTTP_WORDS = {404: "there is no such address here", 405: "this address takes another method"}


class APIError(Exception):
    """What a client gets instead of an answer. ``retry_after``: seconds."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        """The value that is sent."""
        kind = _TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def headers(self) -> Mapping[str, str]:
        """Headers that go with it."""
        headers = {} if self.retry_after is None else {"Retry-After": str(math.ceil(self.retry_after))}
        return headers | ({"WWW-Authenticate": "Bearer"} if self.status == 401 else {})


class ClientGone(Exception):
    """Whoever asked has left; nobody reads an answer."""


def invalid(message: str, param: str | None = None, code: str | None = None) -> APIError:
    """A request of the wrong form, or that asks for what there is not: 400."""
    return APIError(400, message, param=param, code=code)


def error_response(error: APIError) -> JSONResponse:
    """The answer for an error."""
    return JSONResponse(error.body(), error.status, headers=dict(error.headers()))


def as_api_error(error: Exception) -> APIError:
    """The error that a client sees for one of ours; for what nobody foresaw, a sentence that says nothing of us."""
    if isinstance(error, APIError):
        return error
    if isinstance(error, QueueFullError):
        return APIError(429, _sentence(error), code="queue_full", retry_after=error.retry_after)
    if isinstance(error, UnavailableError):
        log.error("%s", error)
        message = (
            "the model cannot answer now: it is starting again or stopping, it had too little time, or what read the "
            "pictures was lost; try again, with smaller pictures if it happens again"
        )
        return APIError(503, message, code="unavailable", retry_after=_RETRY_SECONDS)
    if isinstance(error, ImageError):
        return APIError(413 if error.kind == "too_large" else 422, _sentence(error), code="invalid_image")
    if isinstance(error, PromptError):
        long = "context has" in error.message
        return invalid(_sentence(error), "messages", "context_length_exceeded" if long else "invalid_prompt")
    if isinstance(error, ConfigError):
        return invalid(_sentence(error), code="invalid_value")
    if isinstance(error, OpenMolmoError):  # of our own files and machine: for the log, not for a client
        log.error("%s", error)
    return APIError(500, "the server made a mistake; its log says more under this request id", code="internal_error")


def _sentence(error: OpenMolmoError) -> str:
    return error.message if error.fix is None else f"{error.message}; {error.fix}"


def _of_fields(error: ValidationError) -> APIError:
    """The first fault of a body, in words, without what was sent: that can be a whole picture."""
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in fault["loc"] if not str(part).startswith("function-"))
    others = error.error_count() - 1
    more = f" (and {others} more faults)" if others else ""
    if fault["type"] == "json_invalid":
        if "surrogate" in fault["msg"] or "hex escape" in fault["msg"]:
            message = "half a character stands in a text (a lone surrogate, or a \\u that is cut)"
            return APIError(422, message, code="invalid_json")
        return APIError(400, f"the body is no JSON text: {fault['msg']}", code="invalid_json")
    return invalid(f"{where or 'body'}: {fault['msg']}{more}", where or None, "invalid_type")


def answer_failures(app: FastAPI) -> None:
    """Give every error its answer."""

    async def known(_: Request, error: Exception) -> Response:
        return error_response(as_api_error(error))

    async def of_fields(_: Request, error: Exception) -> Response:
        assert isinstance(error, ValidationError)
        return error_response(_of_fields(error))

    async def http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        message = _HTTP_WORDS.get(error.status_code, "the request is refused")
        return error_response(APIError(error.status_code, message, code="unknown_url"))

    async def gone(_: Request, __: Exception) -> Response:
        return Response(status_code=499)

    async def unforeseen(request: Request, error: Exception) -> Response:
        answer = error_response(as_api_error(error))
        add_headers(answer.headers, str(request.scope.get(REQUEST_ID, "")))  # it is made outside of the guard
        answer.headers["Connection"] = "close"  # as the server does after it
        return answer

    for kind in (APIError, OpenMolmoError):
        app.add_exception_handler(kind, known)
    app.add_exception_handler(ValidationError, of_fields)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(ClientGone, gone)
    app.add_exception_handler(Exception, unforeseen)
