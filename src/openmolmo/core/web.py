"""What every server of ours asks of a request and says to a browser, as text: no framework is needed for it.

The studio and the API keep their own rules and sentences; whose name and whose page a request comes by, and what a
page may do, are the same question for both.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
import time
import webbrowser
from collections.abc import Collection, Mapping
from typing import Literal, Protocol
from urllib.parse import urlsplit

from openmolmo.core.errors import ConfigError

__all__ = [
    "CONTENT_POLICY",
    "bound_socket",
    "is_known_host",
    "is_of_this_site",
    "open_when_up",
    "own_names",
    "page_headers",
]

CONTENT_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""No script, style or connection but the server's own, nothing inline; pictures and sound that a page made itself."""

_DEVICES = ("microphone", "camera", "geolocation", "payment", "usb")


def page_headers(
    *,
    uses: Literal["camera", "microphone"],
    referrer: Literal["no-referrer", "same-origin"],
    policy: str = CONTENT_POLICY,
) -> dict[str, str]:
    """What an answer says to a browser about what its page may do: of all devices it may ask for one."""
    others = [f"{name}=()" for name in _DEVICES if name != uses]
    return {
        "Content-Security-Policy": policy,
        "Permissions-Policy": ", ".join([f"{uses}=(self)", *others]),
        "Referrer-Policy": referrer,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


def own_names(*given: str) -> frozenset[str]:
    """The names by which a server knows itself: this machine's, and those that are ``given``."""
    own = socket.gethostname().lower()
    return frozenset({"localhost", own, f"{own}.local", *(name.lower() for name in given)} - {""})


def is_known_host(host: str, names: Collection[str]) -> bool:
    """Whether the header ``Host`` has one of these names, or an address.

    A name could be made to lead here by somebody else's page; an address cannot.
    """
    name = (host if host.endswith("]") else re.sub(r":\d+$", "", host)).lower().rstrip(".")
    if name in names:
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def is_of_this_site(headers: Mapping[str, str]) -> bool:
    """Whether a request comes from a page of this server, as far as the browser says; programs say nothing."""
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def bound_socket(host: str, port: int, *, who: str, fix: str, backlog: int | None = None) -> socket.socket:
    """A socket at an address, listening if a ``backlog`` is given.

    Raises ConfigError, in which ``who`` cannot listen there, and ``fix`` says what to do.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        if backlog is not None:
            bound.listen(backlog)
    except OSError as error:
        bound.close()
        raise ConfigError(f"{who} cannot listen at {host}:{port}: {error.strerror or error}", fix=fix) from error
    return bound


class _Server(Protocol):
    """As uvicorn's servers are."""

    started: bool
    should_exit: bool


def open_when_up(server: _Server, address: str) -> None:
    """Open a browser at an address as soon as the server answers; for a thread of its own."""
    while not server.started:
        if server.should_exit:
            return
        time.sleep(0.05)
    with contextlib.suppress(webbrowser.Error):
        webbrowser.open(address)
