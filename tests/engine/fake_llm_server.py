"""A server on this machine that speaks OpenAI's chat protocol, over real HTTP, with every fault there is.

    with FakeLLMServer(reply=lambda body: "yes", faults={"busy": 0.09, "server": 0.06}) as server:
        settings = parse_llm(server.line(), ["timeout=1"])
        ...
    server.bodies          what was asked, faults included
    server.headers         and with which headers, names in small letters
    server.answered        how many requests got a whole reply
    server.faults = {}     faults and reply may be changed between runs

Without ``reply`` it gives a small value that fits the schema (sent as such, or in the words of the prompt), else a
sentence that names the last message. Faults are drawn from the seed, the request and how often it came: a run is the
same however its calls interleave.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal

from openmolmo.core.files import sha256_bytes
from openmolmo.core.rng import derive
from openmolmo.engine.llm import prompts
from openmolmo.engine.llm.providers.mock import sample_value

__all__ = ["FAULTS", "FakeLLMServer"]

_PROBE = prompts.load("check_schema@1").text.strip()

FAULTS = {
    "busy": "429, with Retry-After",
    "server": "500",
    "timeout": "no answer for `slow` seconds",
    "reset": "the connection is closed without an answer",
    "html": "200 with an error page",
    "cut_body": "200 with the first half of the body",
    "bad_json": "words where JSON was asked for",
    "half_json": "the first half of the reply",
    "fenced": "the reply in a code fence, with words around it",
}


class FakeLLMServer:
    """Answers ``POST /v1/chat/completions`` and ``GET /v1/models``.

    ``schemas``: "held" to a schema that is sent, "ignored", or "refused" with 400. ``key``: the one that it wants.
    ``wait``: seconds before each answer, ``slow`` those of the fault ``timeout``.
    """

    def __init__(
        self,
        *,
        reply: Callable[[dict[str, Any]], str] | None = None,
        faults: Mapping[str, float] | None = None,
        seed: int = 0,
        model: str = "fake-1",
        schemas: Literal["held", "ignored", "refused"] = "held",
        key: str | None = None,
        wait: float = 0.0,
        slow: float = 3.0,
    ) -> None:
        assert set(faults or {}) <= set(FAULTS), faults
        self.reply, self.faults, self.seed, self.model = reply, dict(faults or {}), seed, model
        self.schemas, self.key, self.wait, self.slow = schemas, key, wait, slow
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.played: Counter[str] = Counter()
        self.answered = 0
        self._times: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._over = threading.Event()
        handler = type("Handler", (_Handler,), {"fake": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """What is given as base_url."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def line(self, model: str | None = None) -> str:
        """What is given as --llm."""
        return f"openai:{model or self.model}@{self.url}"

    def __enter__(self) -> FakeLLMServer:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def draw(self, body: dict[str, Any]) -> str | None:
        """The fault of this request, None for none."""
        digest = sha256_bytes(json.dumps(body, sort_keys=True).encode())
        with self._lock:
            self.bodies.append(body)
            self._times[digest] += 1
            draw = derive(self.seed, digest, self._times[digest]).random()
            for fault, share in self.faults.items():
                if draw < share:
                    self.played[fault] += 1
                    return fault
                draw -= share
        return None

    def text(self, body: dict[str, Any]) -> str:
        """The reply to a request. A client's try whether schemas work is no business of ``reply``."""
        last = body["messages"][-1]["content"]
        if self.reply is not None and last != _PROBE:
            return self.reply(body)
        schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
        if schema is not None and self.schemas == "ignored":
            schema = None
        elif schema is None and "JSON schema" in last:
            schema = json.loads(last[last.rindex("\n\n") :])
        return f"a reply to: {last}" if schema is None else json.dumps(sample_value(schema))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Show what a test's own function raised; a client that left is no fault."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: FakeLLMServer

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on standard error."""

    def do_GET(self) -> None:
        listed = {"object": "list", "data": [{"id": self.fake.model, "object": "model"}]}
        self._send(200 if self.path == "/v1/models" else 404, listed)

    def do_POST(self) -> None:
        fake = self.fake
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fake.headers.append({name.lower(): value for name, value in self.headers.items()})
        refusal = self._refusal(body)
        if refusal is not None:
            fake.bodies.append(body)
            self._send(*refusal)
            return
        fault = fake.draw(body)
        if fault == "timeout":
            fake._over.wait(fake.slow)
        elif fake.wait:
            time.sleep(fake.wait)
        if fault in ("timeout", "reset"):
            self.close_connection = True
        elif fault in ("busy", "server"):
            status = 429 if fault == "busy" else 500
            self._send(status, {"error": {"message": FAULTS[fault], "code": status}}, {"retry-after-ms": "5"})
        elif fault == "html":
            self._write(200, b"<html><h1>Bad gateway</h1></html>", "text/html", {})
        else:
            self._answer(body, fault)

    def _refusal(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        fake = self.fake
        said = None
        if fake.key is not None and self.headers.get("Authorization") != f"Bearer {fake.key}":
            said = 401, "Incorrect API key provided"
        elif self.path != "/v1/chat/completions":
            said = 404, f"no such path: {self.path}"
        elif body.get("model") != fake.model:
            said = 404, f"The model `{body.get('model')}` does not exist."
        elif fake.schemas == "refused" and "response_format" in body:
            said = 400, "response_format is not supported by this server"
        return None if said is None else (said[0], {"error": {"message": said[1], "code": said[0]}})

    def _answer(self, body: dict[str, Any], fault: str | None) -> None:
        text = self.fake.text(body)
        if fault == "bad_json":
            text = "Certainly! I would be delighted to help."
        elif fault == "half_json":
            text = text[: len(text) // 2]
        elif fault == "fenced":
            text = f"Here you are:\n```json\n{text}\n```\nAnything else?"
        words = sum(len(message["content"].split()) for message in body["messages"])
        usage = {"prompt_tokens": words, "completion_tokens": len(text.split())}
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        reply = {"id": "1", "object": "chat.completion", "model": self.fake.model, "choices": [choice], "usage": usage}
        if fault == "cut_body":
            data = json.dumps(reply).encode()
            self._write(200, data[: len(data) // 2], "application/json", {})
            return
        self._send(200, reply)
        self.fake.answered += fault not in ("bad_json", "half_json")

    def _send(self, status: int, value: dict[str, Any], headers: Mapping[str, str] | None = None) -> None:
        self._write(status, json.dumps(value).encode(), "application/json", headers or {})

    def _write(self, status: int, data: bytes, kind: str, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
