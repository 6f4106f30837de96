"""Clients that are slow, leave, or come forty at once; a server that stops. Nobody else is disturbed."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable

import httpx2
from scripted import REPLY, Scripted, served

from openmolmo.core.errors import QueueFullError
from openmolmo.serving.backend import Event, Generation
from openmolmo.serving.openai import ServeSettings
from openmolmo.words.answer import Answer

ASK = {"model": "nano", "messages": [{"role": "user", "content": "Hello"}]}


def raw(address: str) -> socket.socket:
    host, port = address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def head(length: int, path: str = "/v1/chat/completions") -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def until(true: Callable[[], bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def received(connection: socket.socket) -> bytes:
    """All that comes until the server ends the connection."""
    parts = []
    while piece := connection.recv(65536):
        parts.append(piece)
    return b"".join(parts)


def test_slow_clients_are_cut_and_others_answered() -> None:
    settings = ServeSettings(head_seconds=0.2, body_seconds=0.3)
    with served(Scripted(), settings) as server:
        silent, half, trickle = raw(server.address), raw(server.address), raw(server.address)
        half.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: ")
        trickle.sendall(head(1000) + b'{"mess')
        assert httpx2.post(f"{server.address}/v1/chat/completions", json=ASK).status_code == 200
        assert (received(silent), received(half)) == (b"", b"")
        answer = received(trickle)
        assert answer.startswith(b"HTTP/1.1 408") and b'"code":"slow_body"' in answer
        for one in (silent, half, trickle):
            one.close()
        until(lambda: not server.app.state.context.running and not server.app.state.context.bytes_inside)


class Talking(Scripted):
    """Says more than a connection holds."""

    async def generate(self, generation: Generation):  # type: ignore[no-untyped-def]
        self.asked.append(generation)
        self.running += 1
        for number in range(8):
            yield Event(text="x" * 1_000_000, prompt_tokens=1, completion_tokens=number + 1)
        yield Event(answer=Answer("whole"), finish="stop", prompt_tokens=1, completion_tokens=9)
        self.running -= 1


def test_a_client_that_reads_nothing_holds_no_row() -> None:
    backend = Talking()
    with served(backend, ServeSettings(write_seconds=0.3)) as server:
        connection = raw(server.address)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        body = json.dumps(ASK | {"stream": True}).encode()
        connection.sendall(head(len(body)) + body)
        until(lambda: len(backend.asked) == 1 and backend.running == 0)
        until(lambda: not server.app.state.context.running)
        until(lambda: not server.server.server_state.connections)
        connection.close()


def test_a_client_that_leaves_ends_its_reply() -> None:
    backend = Scripted(lambda _: "word " * 1000, seconds=0.01)
    with served(backend) as server:
        for stream in (False, True):
            left = backend.left
            connection = raw(server.address)
            body = json.dumps(ASK | {"stream": stream, "n": 2, "max_tokens": 1000}).encode()
            connection.sendall(head(len(body)) + body)
            until(lambda: backend.running == 2)
            if stream:
                connection.recv(1000)
            connection.close()
            until(lambda: backend.running == 0)
            assert backend.left == left + 2
        until(lambda: not server.app.state.context.running)


def test_a_reply_that_takes_too_long_is_ended() -> None:
    backend = Scripted(lambda _: "word " * 1000, seconds=0.01)
    with (
        served(backend, ServeSettings(request_seconds=0.2)) as server,
        httpx2.Client(base_url=server.address) as client,
    ):
        late = client.post("/v1/chat/completions", json=ASK)
        assert (late.status_code, late.json()["error"]["code"]) == (503, "timeout")
        lines = client.post("/v1/chat/completions", json=ASK | {"stream": True}).text.strip().split("\n\n")
        assert (
            json.loads(lines[-2].removeprefix("data: "))["error"]["code"] == "timeout" and lines[-1] == "data: [DONE]"
        )
        events = client.post("/v1/responses", json={"input": "Hello", "stream": True}).text.strip().split("\n\n")
        assert events[-1].startswith("event: response.failed")
        assert backend.running == 0


class Rows(Scripted):
    """Has room for eight at once."""

    async def generate(self, generation: Generation):  # type: ignore[no-untyped-def]
        if self.running >= 8:
            raise QueueFullError("8 requests are being answered", retry_after=1.0)
        async for event in super().generate(generation):
            yield event


def test_forty_at_once_are_each_answered_or_refused() -> None:
    backend = Rows(lambda generation: f"You said {generation.request.text}", seconds=0.01)
    with served(backend) as server:

        async def one(client: httpx2.AsyncClient, number: int) -> int:
            asked = {"messages": [{"role": "user", "content": f"number{number}"}]}
            got = await client.post("/v1/chat/completions", json=asked)
            if got.status_code == 429:
                assert got.headers["Retry-After"] == "1"
            else:
                assert got.json()["choices"][0]["message"]["content"] == f"You said number{number}"
            return got.status_code

        async def all_of_them() -> list[int]:
            limits = httpx2.Limits(max_connections=40)
            async with httpx2.AsyncClient(base_url=server.address, limits=limits, timeout=30) as client:
                return await asyncio.gather(*(one(client, number) for number in range(40)))

        statuses = asyncio.run(all_of_them())
        assert set(statuses) == {200, 429}, statuses


def test_many_large_bodies_at_once_are_refused_before_memory_is_full() -> None:
    settings = ServeSettings(max_body_mb=4, max_bodies_mb=5)
    with served(Scripted(), settings) as server:
        connections = [raw(server.address) for _ in range(3)]
        for connection in connections:
            connection.sendall(head(3_000_000) + b" " * 1_900_000)
        answers = []
        for connection in connections:
            connection.settimeout(1.5)
            try:
                answers.append(connection.recv(1000)[:12])
            except TimeoutError:
                answers.append(b"")
        assert sorted(answers) == [b"", b"", b"HTTP/1.1 429"] or b"HTTP/1.1 429" in answers, answers
        for connection in connections:
            connection.close()
        until(lambda: not server.app.state.context.bytes_inside)


def test_a_server_that_stops_finishes_what_it_writes_and_refuses_the_rest() -> None:
    backend = Scripted(lambda _: REPLY, seconds=0.05)
    with served(backend) as server:
        with httpx2.Client(base_url=server.address) as client, httpx2.Client(base_url=server.address) as other:
            assert other.get("/version").status_code == 200
            with client.stream("POST", "/v1/chat/completions", json=ASK | {"stream": True}) as stream:
                lines = stream.iter_lines()
                next(lines)
                server.server.stop_soon()
                refused = other.post("/v1/chat/completions", json=ASK)
                assert (refused.status_code, refused.json()["error"]["code"]) == (503, "stopping")
                assert int(refused.headers["Retry-After"]) > 0
                assert other.get("/health").status_code == 503
                assert list(lines)[-2] == "data: [DONE]"
        server._thread.join(5)
        assert not server._thread.is_alive() and backend.closed


def test_an_error_in_the_midst_of_a_stream_is_told() -> None:
    class Breaking(Scripted):
        async def generate(self, generation: Generation):  # type: ignore[no-untyped-def]
            yield Event(text="Half ", prompt_tokens=1, completion_tokens=1)
            raise QueueFullError("lost", retry_after=1.0)

    with served(Breaking()) as server:
        lines = httpx2.post(f"{server.address}/v1/chat/completions", json=ASK | {"stream": True}).text.split("\n\n")
        assert "Half " in lines[1]
        assert json.loads(lines[2].removeprefix("data: "))["error"]["code"] == "queue_full"
