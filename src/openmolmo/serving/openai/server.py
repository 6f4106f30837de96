"""The server: listens, answers, and on a signal finishes what it writes while it refuses what is new."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import time
from types import FrameType

import uvicorn
from fastapi import FastAPI

from openmolmo.core.web import bound_socket
from openmolmo.serving.openai.network import protocol_class
from openmolmo.serving.openai.settings import ServeSettings

__all__ = ["ServingServer", "listen", "raise_file_limit", "run"]

log = logging.getLogger("openmolmo.serve")

_BACKLOG = 2048


class ServingServer(uvicorn.Server):
    """Stops in two steps: for ``stop_seconds`` running replies go on and new requests get 503, then it ends.

    A second signal ends it at once.
    """

    def __init__(self, app: FastAPI, settings: ServeSettings) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="asyncio",  # one everywhere: where names are resolved is part of what the attacks are tried on
                http=protocol_class(settings.head_seconds, settings.write_seconds),
                ws="none",
                log_level="warning",
                access_log=False,  # the guard writes its own
                server_header=False,
                proxy_headers=False,
                backlog=_BACKLOG,
                timeout_keep_alive=max(1, int(settings.head_seconds)),
                timeout_graceful_shutdown=1,
            )
        )
        self._context, self._settings = app.state.context, settings
        self._until: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._until is None:
            self._captured_signals.append(sig)
            self.stop_soon()
        else:
            super().handle_exit(sig, frame)

    def stop_soon(self) -> None:
        """Refuse new requests from now on; end when the running ones are over, or their time is."""
        self._context.stopping = True
        self._until = time.monotonic() + self._settings.stop_seconds

    async def on_tick(self, counter: int) -> bool:
        if self._until is not None and not self.should_exit:
            late = time.monotonic() >= self._until
            if late and self._context.running:
                log.warning("%d requests were cut off by the stop", self._context.running)
            self.should_exit = late or not self._context.running
        return await super().on_tick(counter)


def listen(host: str, port: int) -> socket.socket:
    """A socket that is bound. Raises ConfigError, which says what to do, where the port is taken."""
    return bound_socket(
        host,
        port,
        who="the server",
        fix=f"choose another port, e.g. --port {port + 1 if 0 < port < 65535 else 0} (0 takes a free one), "
        "or stop what listens there",
        backlog=_BACKLOG,
    )


def raise_file_limit() -> None:
    """Each connection is an open file, and many systems let a process have 1024 until it asks for more."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def run(server: ServingServer, listening: socket.socket) -> None:
    """Serve until a signal comes; returns when all is ended."""
    # The server raises again what ended it; the process must not end before backends were closed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listening])
