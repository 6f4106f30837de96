"""What holds for every request, before any page sees it: known hosts, own origin, sizes, headers, the log of requests.

Plain ASGI, so that it holds for files, errors and streamed bodies too.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from openmolmo.core.web import is_known_host, is_of_this_site, own_names, page_headers
from openmolmo.engine.studio.settings import StudioSettings

__all__ = ["Guard", "Refusal", "add_headers"]

log = logging.getLogger("openmolmo.studio.requests")

_HEADERS = {
    **page_headers(uses="microphone", referrer="same-origin"),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
BODY_SECONDS, BODY_BYTES_A_SECOND = 20.0, 500.0
"""A body has this time, and one second more for so many bytes that have come: the slowest network is quicker."""
_YEAR = "max-age=31536000"
_SAFE = {"GET", "HEAD", "OPTIONS"}
_CHUNK = re.compile(r"^/api/recordings/[^/]+/chunks/[^/]+$")
_SECRET = re.compile(r"^(/join/)[^/?]+")


class Refusal(Exception):
    """A request is refused with ``status``; ``key`` names the sentence of the catalogue that says why."""

    def __init__(self, status: int, key: str, *, retry_after: float | None = None) -> None:
        super().__init__(key)
        self.status, self.key, self.retry_after = status, key, retry_after


class Guard:
    """Wraps the application. ``refused`` makes the answer to what is not let through."""

    def __init__(self, app: ASGIApp, settings: StudioSettings, refused: Callable[[Request, Refusal], Response]) -> None:
        self.app, self.settings, self._refused = app, settings, refused
        self._hosts = own_names(settings.host, urlsplit(settings.address).hostname or "")
        self._encrypted = settings.address.startswith("https://")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.monotonic()
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                add_headers(MutableHeaders(scope=message), self._encrypted)
            await send(message)

        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        app = self.app if refusal is None else self._refused(Request(scope), refusal)
        try:
            await app(scope, _Limited(receive, self._limit(scope["path"])), sending)
        finally:
            # The secret of a link is a part of its path, and must not stand in a log.
            path = _SECRET.sub(r"\1...", scope["path"])
            log.info("%s %s %d %.0f ms", scope["method"], path, status, 1000 * (time.monotonic() - began))

    def _refusal(self, scope: Scope, headers: Headers) -> Refusal | None:
        if not is_known_host(headers.get("host", ""), self._hosts):
            return Refusal(421, "common.unknown_host")
        if scope["method"] not in _SAFE and not is_of_this_site(headers):
            return Refusal(403, "common.other_site")
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            return Refusal(400, "common.bad_request")
        if int(length) > self._limit(scope["path"]):
            return Refusal(413, "common.too_large")
        return None

    def _limit(self, path: str) -> int:
        settings = self.settings
        return int(settings.max_chunk_mb * 1e6) if _CHUNK.match(path) else int(settings.max_json_kb * 1e3)


def add_headers(headers: MutableHeaders, encrypted: bool) -> None:
    """What every answer says to the browser about what its page may do."""
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    if encrypted:
        headers.setdefault("Strict-Transport-Security", _YEAR)


class _Limited:
    """A body that says 413 when it grows over ``limit`` bytes, whatever its length was said to be, and 408 when it
    comes too slowly: nothing is begun for it before it is whole, and what never becomes whole is cut off."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive, self._limit, self._had, self._whole = receive, limit, 0, False
        self._began = time.monotonic()

    async def __call__(self) -> Message:
        if self._whole:  # what is waited for now is the end of the connection
            return await self._receive()
        left = self._began + BODY_SECONDS + self._had / BODY_BYTES_A_SECOND - time.monotonic()
        try:
            async with asyncio.timeout(left):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, headers={"Connection": "close"}) from None
        if message["type"] == "http.request":
            self._had += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            if self._had > self._limit:
                raise HTTPException(413)
        return message
