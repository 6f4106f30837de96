"""What became of a URL."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["MEANING", "STATUS", "FetchFailed", "State", "state_of_status"]

STATUS = "status.sqlite3"
"""The file in a download folder that says what became of every URL."""


class State(StrEnum):
    """``NEW`` was never tried, ``OK`` is in the store, every other one is a kind of failure."""

    NEW = "new"
    OK = "ok"
    TRANSIENT = "transient"
    GONE = "gone"
    FORBIDDEN = "forbidden"
    NOT_AN_IMAGE = "not-an-image"
    HASH_DIFFERS = "hash-differs"
    CORRUPT = "corrupt"
    TOO_LARGE = "too-large"
    OPTED_OUT = "opted-out"


MEANING = {
    State.NEW: "not tried yet",
    State.OK: "fetched, whole, and in the store",
    State.TRANSIENT: "time-outs, broken connections, 408, 425, 429, 5xx: tried again by every run",
    State.GONE: "404, 410 and other refusals of the address; addresses that are none; endless redirects",
    State.FORBIDDEN: "401, 402, 403, 407, 451: the host does not want to give it",
    State.NOT_AN_IMAGE: "an answer that is no picture, such as an error page",
    State.HASH_DIFFERS: "a picture, but not the one that was annotated",
    State.CORRUPT: "a picture that cannot be decoded to its end",
    State.TOO_LARGE: "more bytes or pixels than allowed",
    State.OPTED_OUT: "robots.txt or the header X-Robots-Tag (noai, noimageai) asks not to use it",
}

_FORBIDDEN = frozenset({401, 402, 403, 407, 451})
_TRANSIENT = frozenset({408, 421, 423, 425, 429})


class FetchFailed(Exception):
    """One try failed: the state it leads to, and why.

    ``status`` is the HTTP status if there was an answer; ``retry_after`` seconds are what the host asked for.
    """

    def __init__(
        self, state: State, detail: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(detail)
        self.state, self.detail, self.status, self.retry_after = state, detail, status, retry_after


def state_of_status(status: int) -> State | None:
    """The failure that an HTTP status stands for; None for an answer with a body to look at (2xx)."""
    if 200 <= status < 300:
        return None
    if status in _FORBIDDEN:
        return State.FORBIDDEN
    if status in _TRANSIENT or status >= 500:
        return State.TRANSIENT
    return State.GONE
