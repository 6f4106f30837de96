"""What every answer says to a browser about what its page may do."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders

__all__ = ["CONTENT_POLICY", "REQUEST_ID", "add_headers"]

REQUEST_ID = "openmolmo_request_id"
"""Where the id of a request stands in its scope."""

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
"""No script, style or connection but the server's own, nothing inline; pictures that a page made itself."""

_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def add_headers(headers: MutableHeaders, request_id: str) -> None:
    """Put them in, those that are not there already."""
    headers["X-Request-ID"] = request_id
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
