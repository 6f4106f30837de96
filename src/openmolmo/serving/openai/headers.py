"""What every answer says to a browser about what its page may do."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders

from openmolmo.core.web import page_headers

__all__ = ["REQUEST_ID", "add_headers"]

REQUEST_ID = "openmolmo_request_id"
"""Where the id of a request stands in its scope."""

_HEADERS = {**page_headers(uses="camera", referrer="no-referrer"), "Cross-Origin-Opener-Policy": "same-origin"}


def add_headers(headers: MutableHeaders, request_id: str) -> None:
    """Put them in, those that are not there already."""
    headers["X-Request-ID"] = request_id
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
