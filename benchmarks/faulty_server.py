"""A server on this machine that serves small pictures, and every fault there is: to rehearse a download.

    with LoopbackServer() as server:
        server.url("ok", 7)        # http://127.0.0.1:PORT/ok/7.jpg, and picture(7) is what it serves
        server.url("html", 8)      # an error page with status 200
    FAULTS["html"]                 # State.NOT_AN_IMAGE: what a downloader should make of it

It runs in a thread of its own; the benchmark gives it a process.
"""

from __future__ import annotations

import asyncio
import io
import struct
import threading
import time
import zlib
from collections import Counter
from functools import lru_cache
from types import TracebackType

from PIL import Image

from openmolmo.engine.download.states import State

__all__ = ["FAULTS", "LoopbackServer", "picture"]

FAULTS = {
    "ok": State.OK,
    "slow": State.OK,
    "moved": State.OK,
    "once": State.OK,
    "busy": State.OK,
    "down": State.TRANSIENT,
    "hang": State.TRANSIENT,
    "drip": State.TRANSIENT,
    "reset": State.TRANSIENT,
    "short": State.TRANSIENT,
    "404": State.GONE,
    "410": State.GONE,
    "loop": State.GONE,
    "403": State.FORBIDDEN,
    "451": State.FORBIDDEN,
    "html": State.NOT_AN_IMAGE,
    "empty": State.NOT_AN_IMAGE,
    "other": State.HASH_DIFFERS,
    "half": State.CORRUPT,
    "huge": State.TOO_LARGE,
    "endless": State.TOO_LARGE,
    "bomb": State.TOO_LARGE,
    "noai": State.OPTED_OUT,
}
"""The first part of a path, and the state in which its URLs must end."""

_PER_SECOND = 40  # pictures that "busy" gives a second before it answers 429


@lru_cache(maxsize=1)
def _base() -> bytes:
    stream = io.BytesIO()
    Image.linear_gradient("L").resize((96, 64)).convert("RGB").save(stream, "JPEG", quality=80)
    return stream.getvalue()


def picture(number: int) -> bytes:
    """A small JPEG; each number has its own bytes (in a comment), hence its own hash."""
    note = f"picture {number}".encode()
    base = _base()
    return base[:2] + b"\xff\xfe" + struct.pack(">H", len(note) + 2) + note + base[2:]


def _bomb() -> bytes:
    """A PNG of a few bytes that says it has 30,000 x 30,000 pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


class LoopbackServer:
    """Serves ``/FAULT/NUMBER.jpg``; ``requests`` counts the requests for each path.

    ``hosts``: at how many ports; ``delay`` seconds before each answer; ``limit`` bytes beyond which a picture
    is too large for the client.
    """

    def __init__(self, *, hosts: int = 1, delay: float = 0.0, limit: int = 2**20) -> None:
        self.delay, self.limit = delay, limit
        self.requests: Counter[str] = Counter()
        self.ports = [0] * hosts
        self._bucket, self._filled = float(_PER_SECOND), time.monotonic()
        self._started, self._loop = threading.Event(), asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="loopback", daemon=True)

    def __enter__(self) -> LoopbackServer:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join()

    def url(self, fault: str, number: int, host: int = 0) -> str:
        """The address of a picture; each of the ``hosts`` is a port, and a host of its own to a client."""
        return f"http://127.0.0.1:{self.ports[host]}/{fault}/{number}.jpg"

    def _serve(self) -> None:
        self._done = asyncio.Event()
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._listen())

    async def _listen(self) -> None:
        servers = [await asyncio.start_server(self._connection, "127.0.0.1", 0, backlog=1024) for _ in self.ports]
        self.ports = [server.sockets[0].getsockname()[1] for server in servers]
        self._started.set()
        await self._done.wait()
        for server in servers:
            server.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ", 2)[1].decode("latin-1")
                self.requests[path] += 1
                if self.delay:
                    await asyncio.sleep(self.delay)
                if not await self._answer(path, writer):
                    break
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client went away, or the server is put down
        finally:
            writer.close()

    async def _answer(self, path: str, writer: asyncio.StreamWriter) -> bool:
        """Write one answer; False when the connection is to be closed after it."""
        _, fault, name = path.split("/", 2) if path.count("/") >= 2 else ("", path[1:], "0.jpg")
        number = int(name.partition(".")[0]) if name.partition(".")[0].isdecimal() else 0
        if fault in _SLOW:
            return await self._trouble(fault, number, writer)
        status, headers, body = self._plain(fault, number, path)
        writer.write(_head(status, len(body), headers) + body)
        await writer.drain()
        return True

    def _plain(self, fault: str, number: int, path: str) -> tuple[str, str, bytes]:
        """Status, further headers and body of an answer that is given in one piece."""
        page = b"<!DOCTYPE html><html><body>This picture is no longer available.</body></html>"
        good = picture(number)
        answers = {
            "moved": ("302 Found", f"Location: /ok/{number}.jpg\r\n", b""),
            "inwards": ("302 Found", f"Location: http://127.0.0.2:{self.ports[0]}/ok/{number}.jpg\r\n", b""),
            "loop": ("302 Found", f"Location: {path}\r\n", b""),
            "down": ("503 Service Unavailable", "", page),
            "404": ("404 Not Found", "", page),
            "410": ("410 Gone", "", page),
            "403": ("403 Forbidden", "", page),
            "451": ("451 Unavailable For Legal Reasons", "", page),
            "html": ("200 OK", "Content-Type: image/jpeg\r\n", page),
            "empty": ("200 OK", "", b""),
            "other": ("200 OK", "", picture(number + 1_000_000)),
            "half": ("200 OK", "", good[: len(good) // 2]),
            "bomb": ("200 OK", "Content-Type: image/png\r\n", _bomb()),
            "noai": ("200 OK", "X-Robots-Tag: noindex, noai\r\n", good),
            "robots.txt": ("200 OK", "", b"User-agent: *\nDisallow: /private/\n"),
        }
        if fault == "once" and self.requests[path] == 1:
            return answers["down"]
        if fault == "busy" and not self._take():
            return "429 Too Many Requests", "Retry-After: 1\r\n", page
        return answers.get(fault, ("200 OK", "Content-Type: image/jpeg\r\n", good))

    async def _trouble(self, fault: str, number: int, writer: asyncio.StreamWriter) -> bool:
        """Answers that take their time, or never come to an end."""
        good = picture(number)
        if fault == "reset":
            writer.transport.abort()
        elif fault == "hang":
            await self._done.wait()
        elif fault == "short":
            writer.write(_head("200 OK", len(good), "") + good[:-9])
        elif fault == "huge":
            writer.write(_head("200 OK", 2 * self.limit, "") + good)
        elif fault == "endless":
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + good)
            while True:
                writer.write(bytes(2**16))
                await writer.drain()
        elif fault in ("slow", "drip"):
            writer.write(_head("200 OK", len(good), ""))
            step = 512 if fault == "slow" else 1
            for start in range(0, len(good), step):
                writer.write(good[start : start + step])
                await writer.drain()
                await asyncio.sleep(0.02)
            return True
        return False

    def _take(self) -> bool:
        """One of the pictures that may be given this second."""
        now = time.monotonic()
        self._bucket = min(_PER_SECOND, self._bucket + (now - self._filled) * _PER_SECOND)
        self._filled = now
        if self._bucket < 1:
            return False
        self._bucket -= 1
        return True


_SLOW = frozenset({"reset", "hang", "short", "huge", "endless", "slow", "drip"})


def _head(status: str, length: int, headers: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n".encode()
