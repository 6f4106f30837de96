"""One HTTP request that cannot hang, reads no more than it may, and says in which way it failed."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from types import TracebackType

import aiohttp

from openmolmo.engine.download.pace import retry_after_seconds
from openmolmo.engine.download.public import NotPublicError, public_socket
from openmolmo.engine.download.states import FetchFailed, State, state_of_status
from openmolmo.engine.download.verify import HEAD, starts_like_a_picture

__all__ = ["Client", "Timeouts", "opted_out"]

AGENT = "openmolmo"
_OPT_OUT = frozenset({"noai", "noimageai"})
_PIECE = 2**16


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """Seconds: to connect, between two pieces of an answer, and for the whole request with its redirects."""

    connect: float = 10.0
    read: float = 15.0
    total: float = 60.0


class Client:
    """Connections that are kept open between requests; use it as ``async with Client(...) as client``.

    ``public_only``: no address of a private network is connected to, by whatever name or redirect, nor by a proxy.
    ``hosts``: redirects lead to these only; None is any.
    """

    def __init__(
        self,
        *,
        connections: int,
        max_bytes: int,
        timeouts: Timeouts,
        opt_out: bool = True,
        public_only: bool = False,
        hosts: frozenset[str] | None = None,
    ) -> None:
        self._connections, self._max_bytes, self._opt_out = connections, max_bytes, opt_out
        self._hosts = hosts
        self._public_only = public_only
        self._timeouts = aiohttp.ClientTimeout(
            total=timeouts.total, sock_connect=timeouts.connect, sock_read=timeouts.read
        )

    async def __aenter__(self) -> Client:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._connections, ttl_dns_cache=300, socket_factory=public_socket if self._public_only else None
            ),
            timeout=self._timeouts,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                "User-Agent": f"{AGENT}/{version('openmolmo')}",
                "Accept": "image/*,*/*;q=0.5",
                "Accept-Encoding": "identity",
            },
            trust_env=not self._public_only,  # what a proxy connects to cannot be seen from here
            middlewares=(self._known_host,),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def picture(self, url: str) -> bytes:
        """The body of a URL if it begins like a picture; whatever else comes raises :class:`FetchFailed`."""
        return await self._get(url, picture=True)

    async def text(self, url: str) -> str:
        """The body of a URL as text, at most ``max_bytes`` of it; raises :class:`FetchFailed`."""
        return (await self._get(url, picture=False)).decode("utf-8", errors="replace")

    async def _known_host(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Sees every request, those of redirects too."""
        host = (request.url.host or "").lower()
        if self._hosts is not None and host not in self._hosts:
            raise FetchFailed(State.FORBIDDEN, f"leads to {host}, which is not one of the hosts that may be asked")
        return await handler(request)

    async def _get(self, url: str, *, picture: bool) -> bytes:
        try:
            async with self._session.get(url, max_redirects=5) as response:
                self._check_headers(response, picture)
                return await self._body(response, picture)
        except aiohttp.TooManyRedirects as error:
            raise FetchFailed(State.GONE, "more than 5 redirects") from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise FetchFailed(State.GONE, f"no http address: {str(error)[:120]}") from error
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, NotPublicError):
                raise FetchFailed(State.GONE, "leads to an address of a private network") from error
            raise FetchFailed(State.TRANSIENT, f"{type(error).__name__}: {str(error)[:160]}") from error
        except TimeoutError as error:
            raise FetchFailed(State.TRANSIENT, f"timed out: {str(error)[:120] or 'no whole answer in time'}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise FetchFailed(State.TRANSIENT, f"{type(error).__name__}: {str(error)[:160]}") from error
        except (ValueError, UnicodeError) as error:  # a host name that no one can have
            raise FetchFailed(State.GONE, f"no http address: {str(error)[:120]}") from error

    def _check_headers(self, response: aiohttp.ClientResponse, picture: bool) -> None:
        state = state_of_status(response.status)
        if state is not None:
            again = retry_after_seconds(response.headers.get("Retry-After"))
            raise FetchFailed(state, f"HTTP {response.status}", status=response.status, retry_after=again)
        if picture and self._opt_out and opted_out(response.headers.getall("X-Robots-Tag", [])):
            raise FetchFailed(State.OPTED_OUT, "X-Robots-Tag asks not to use it", status=response.status)
        if picture and (response.content_length or 0) > self._max_bytes:
            said = f"{response.content_length} bytes, the limit is {self._max_bytes}"
            raise FetchFailed(State.TOO_LARGE, said, status=response.status)

    async def _body(self, response: aiohttp.ClientResponse, picture: bool) -> bytes:
        """Read piece by piece: an endless answer stops at the limit, an error page after its first piece."""
        body = bytearray()
        looked = not picture
        async for piece in response.content.iter_chunked(_PIECE):
            body += piece
            if not looked and len(body) >= HEAD:
                looked = True
                if not starts_like_a_picture(bytes(body[:HEAD])):
                    said = f"{response.content_type}, starts with {bytes(body[:12])!r}"
                    raise FetchFailed(State.NOT_AN_IMAGE, said, status=response.status)
            if len(body) > self._max_bytes:
                if not picture:
                    break
                raise FetchFailed(State.TOO_LARGE, f"more than {self._max_bytes} bytes", status=response.status)
        return bytes(body)


def opted_out(headers: list[str]) -> bool:
    """Whether X-Robots-Tag says noai or noimageai, to everybody or to this program.

    ``["noindex, noai"]`` and ``["openmolmo: noimageai"]`` do, ``["otherbot: noai"]`` does not.
    """
    for header in headers:
        agent, colon, rest = header.partition(":")
        named = colon != "" and "," not in agent
        if named and agent.strip().lower() != AGENT:
            continue
        rules = rest if named else header
        if _OPT_OUT & {rule.strip().lower() for rule in rules.split(",")}:
            return True
    return False
