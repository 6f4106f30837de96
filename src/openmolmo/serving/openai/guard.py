"""What holds for every request, before any address sees it: keys, hosts, sizes, time, headers, and the log.

Plain ASGI, so that it holds for files, errors and streams too.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from openmolmo.core.web import is_known_host, is_of_this_site, own_names
from openmolmo.serving.openai.context import Context
from openmolmo.serving.openai.failures import APIError, error_response
from openmolmo.serving.openai.headers import REQUEST_ID, add_headers
from openmolmo.serving.openai.settings import ServeSettings

__all__ = ["Guard"]

log = logging.getLogger("openmolmo.serve.requests")

_KEYED = re.compile(r"^/(v1|tokenize|detokenize|metrics)(/|$)")
_ALWAYS = ("/health", "/metrics")
_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_RETRY_SECONDS = 2.0
_FREE_BODY = 1_000_000
_REST_SECONDS = 5.0
_PAUSE_SECONDS = 0.5
_KNOWN_PATHS = re.compile(
    r"^/(v1/(chat/completions|completions|responses|models)|tokenize|detokenize|version|health|metrics)$"
)


class Guard:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self.app, self.context = app, context
        self._hosts = own_names(context.settings.host, *context.settings.public_names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status, context = time.monotonic(), 500, self.context
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        scope[REQUEST_ID] = request_id

        body = _Body(receive, context)

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                out = MutableHeaders(scope=message)
                add_headers(out, request_id)
                # A client that still sends would see a broken connection, and never the answer.
                if not await body.rest_read("expect" in headers):
                    out["Connection"] = "close"
            await send(message)

        context.running += 1
        try:
            self._check(scope, headers)
            await self.app(scope, body, sending)
        except APIError as error:
            await error_response(error)(scope, receive, sending)
        finally:
            context.running -= 1
            body.leave()
            self._tell(scope, status, request_id, time.monotonic() - began)

    def _check(self, scope: Scope, headers: Headers) -> None:
        settings, path = self.context.settings, scope["path"]
        if self.context.stopping and path not in _ALWAYS:
            raise APIError(503, "the server is stopping", code="stopping", retry_after=settings.stop_seconds)
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            raise APIError(400, "the length of the body is no number")
        if int(length) > settings.max_body_mb * 1e6:
            raise _too_large(settings)
        if self.context.keys.asked_for:
            if _KEYED.match(path):
                self._check_key(scope, headers)
        elif not is_known_host(headers.get("host", ""), self._hosts):
            message = "the server does not know itself by this name; start it with --public-name NAME, or with keys"
            raise APIError(403, message, code="unknown_host")
        elif self._of_other_site(headers):
            raise APIError(403, "pages of other sites may not use this server", code="other_site")

    def _check_key(self, scope: Scope, headers: Headers) -> None:
        kind, _, key = headers.get("authorization", "").partition(" ")
        owner = self.context.keys.owner(key.strip()) if kind.lower() == "bearer" and key.strip() else None
        if owner is None:
            raise APIError(401, "a valid API key is needed: Authorization: Bearer KEY", code="invalid_api_key")
        scope.setdefault("openmolmo_facts", {})["key"] = owner

    def _of_other_site(self, headers: Headers) -> bool:
        """Whether a browser says that another site's page asks; programs say nothing."""
        origin = headers.get("origin")
        allowed = self.context.settings.allow_origins
        if origin is not None and (origin in allowed or "*" in allowed):
            return False
        if headers.get("sec-fetch-mode") == "navigate":
            return False
        return not is_of_this_site(headers)

    def _tell(self, scope: Scope, status: int, request_id: str, seconds: float) -> None:
        path = scope["path"] if _KNOWN_PATHS.match(scope["path"]) else "other"
        self.context.metrics.requests.labels(path, str(status)).inc()
        facts = " ".join(f"{key}={value}" for key, value in scope.get("openmolmo_facts", {}).items())
        shown = ascii(scope["path"][:100])
        log.info("%s %s %d %.0f ms id=%s %s", scope["method"], shown, status, 1000 * seconds, request_id, facts)


class _Body:
    """A body that is whole within its time, no larger than allowed, and counted while it is in the server."""

    def __init__(self, receive: Receive, context: Context) -> None:
        self._receive, self._context = receive, context
        self._size = 0
        self._whole = False
        self._until = time.monotonic() + context.settings.body_seconds

    async def __call__(self) -> Message:
        if self._whole:  # what comes now says that the client has left
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, self._until - time.monotonic()))
        except TimeoutError:
            seconds = self._context.settings.body_seconds
            raise APIError(408, f"the body did not come within {seconds:g} seconds", code="slow_body") from None
        if message["type"] == "http.request":
            self._take(len(message.get("body", b"")))
            self._whole = not message.get("more_body", False)
        return message

    def _take(self, size: int) -> None:
        settings, context = self._context.settings, self._context
        self._size += size
        context.bytes_inside += size
        if self._size > settings.max_body_mb * 1e6:
            raise _too_large(settings)
        if self._size > _FREE_BODY and context.bytes_inside > settings.max_bodies_mb * 1e6:
            raise APIError(
                429, "too many large requests at once; try again", code="too_many_bytes", retry_after=_RETRY_SECONDS
            )

    async def rest_read(self, waiting: bool) -> bool:
        """Read and drop what is left of a body, within limits; whether that was all of it. ``waiting``: the client
        sends none before it is told to."""
        if self._whole or waiting:
            return self._whole
        left, until = 4 * self._context.settings.max_body_mb * 1e6, time.monotonic() + _REST_SECONDS
        while left > 0:
            try:
                message = await asyncio.wait_for(
                    self._receive(), min(_PAUSE_SECONDS, max(0.0, until - time.monotonic()))
                )
            except TimeoutError:
                return False
            if message["type"] != "http.request" or not message.get("more_body", False):
                self._whole = True
                break
            left -= len(message.get("body", b""))
        return self._whole

    def leave(self) -> None:
        """The request is over."""
        self._context.bytes_inside -= self._size
        self._size = 0


def _too_large(settings: ServeSettings) -> APIError:
    return APIError(413, f"the body has more than {settings.max_body_mb:g} MB", code="body_too_large")
