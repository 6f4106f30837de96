"""Connections that stand still are cut: heads that do not come, answers that are not read."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["Impatient", "protocol_class"]


def protocol_class(head_seconds: float, write_seconds: float) -> type[asyncio.Protocol]:
    """The protocol of connections with so much patience."""
    return type("Connection", (Impatient,), {"head_seconds": head_seconds, "write_seconds": write_seconds})


class Impatient(H11Protocol):
    """A client has ``head_seconds`` to send the head of a request, between two of them too (twice as long at most, for
    it is looked at now and then), and may read nothing for ``write_seconds``."""

    head_seconds = 15.0
    write_seconds = 30.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._stuck: asyncio.TimerHandle | None = None
        self._seen: Any = None
        self._idle_since = self._closing_since = self.loop.time()
        self._watch = self.loop.call_later(self.head_seconds, self._look)

    def _look(self) -> None:
        """End a connection that had no request for too long, or that does not end by itself."""
        now = self.loop.time()
        if self.transport.is_closing():
            if now - self._closing_since >= self.write_seconds:  # what is left for it is not read
                self.transport.abort()
                return
            self._watch = self.loop.call_later(self.write_seconds, self._look)
            return
        self._closing_since = now
        busy = self.cycle is not None and not self.cycle.response_complete
        if busy or self.cycle is not self._seen:
            self._seen, self._idle_since = self.cycle, now
        elif now - self._idle_since >= self.head_seconds:
            self.transport.close()
        self._watch = self.loop.call_later(self.head_seconds, self._look)

    def pause_writing(self) -> None:
        """More waits for the client than is kept."""
        super().pause_writing()
        if self._stuck is None:
            self._stuck = self.loop.call_later(self.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It was read."""
        super().resume_writing()
        self._calm()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over; no timer of it stays."""
        self._watch.cancel()
        self._calm()
        super().connection_lost(exc)

    def _calm(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None
