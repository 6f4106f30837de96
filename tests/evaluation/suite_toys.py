"""Models for suites that need no weights: they know the answers, or say the same, and may break down."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmark_cases import PLACES

from openmolmo.core.errors import ImageError, PromptError
from openmolmo.evaluation.suite.journal import Said
from openmolmo.evaluation.suite.models.base import Outcomes
from openmolmo.evaluation.suite.run import Outcome, SuiteSetup, run_suite
from openmolmo.evaluation.tasks.base import Question, image_source
from openmolmo.pictures import open_image

SMALL = "text_vqa,mmmu,clock_bench"


class Killed(BaseException):
    """What a kill -9 is to a program, as far as it can notice."""


class Knower:
    """Writes the reference of every question; ``breaks``: after so many questions it is killed."""

    name, looks, window = "knower", True, 4

    def __init__(self, *, breaks: int | None = None, about: str = "knower", damaged: Sequence[str] = ()) -> None:
        self.asked: list[str] = []
        self.about: dict[str, Any] = {"model": about}
        self._breaks, self._damaged = breaks, damaged

    def prepare(self, name: str, question: Question, instruction: str) -> tuple[str, str]:
        for image in question.images:
            open_image(image_source(image))
        if name in self._damaged:
            raise ImageError("the picture is damaged", kind="corrupt")
        if name.startswith("doc_vqa"):
            raise PromptError("the prompt takes 9000 tokens, the model's context has 4096")
        return name, question.reply

    def answer(self, prepared: Sequence[tuple[str, str]]) -> Iterator[Outcomes]:
        for start in range(0, len(prepared), 2):
            batch = prepared[start : start + 2]
            if self._breaks is not None and len(self.asked) >= self._breaks:
                raise Killed
            self.asked += [name for name, _ in batch]
            yield [(start + place, Said(reply)) for place, (_, reply) in enumerate(batch)]


def judge_small(out: Path, model: Any, names: str = SMALL, **changes: Any) -> Outcome:
    """A suite of a few benchmarks on their fixtures."""
    return run_suite(SuiteSetup(**{"names": names, "out": out, "places": PLACES, "cases": 1, **changes}), model=model)


def files_of(out: Path) -> dict[str, bytes]:
    """What a finished run leaves, but for the order in which answers came and the times."""
    kept = (
        path
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in ("answers.jsonl", "judge.jsonl", "log.jsonl")
    )
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in kept}


class Server:
    """An OpenAI-compatible server. ``busy``: so many requests get a 429 first; ``broken``: texts it always fails on."""

    def __init__(self, busy: int = 0, broken: str | None = None) -> None:
        self.busy, self.broken = busy, broken
        self.requests: list[dict[str, Any]] = []
        self.address = ""
        self._lock = threading.Lock()

    def reply(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with self._lock:
            if self.busy:
                self.busy -= 1
                return 429, {"error": {"message": "slow down"}}
            text = body["messages"][0]["content"][-1]["text"]
            if self.broken is not None and self.broken in text:
                return 500, {"error": {"message": "out of memory"}}
            self.requests.append(body)
        message = {"role": "assistant", "content": "stop"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return 200, {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """The server at an address of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, values = server.reply(body)
            content = json.dumps(values).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Retry-After-Ms", "1")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        thread = threading.Thread(target=served.serve_forever, daemon=True)
        thread.start()
        server.address = f"http://127.0.0.1:{served.server_address[1]}/v1"
        yield server
        served.shutdown()
