"""Replies that were made elsewhere: a JSON-lines file, or a folder of them.

    {"benchmark": "text_vqa", "id": "000001", "text": "stop"}

In a folder the file's name is the benchmark; the predictions that a suite writes are such a folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.core.files import sha256_bytes
from openmolmo.evaluation.suite.journal import Said
from openmolmo.evaluation.suite.models.base import NoReply, Outcomes
from openmolmo.evaluation.tasks.base import Question

__all__ = ["RepliesModel"]


class RepliesModel:
    """The replies by benchmark and id. DataError where a line is no reply, or two lines differ about one question."""

    looks = False
    window = 4096

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.stem
        self.replies: dict[str, tuple[Said, str | None]] = {}
        files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
        if not files:
            raise DataError("has no .jsonl file", file=str(path), fix="one file a benchmark, NAME.jsonl")
        digest = []
        for file in files:
            try:
                content = file.read_bytes()
            except OSError as error:
                raise DataError(f"cannot be read: {error.strerror}", file=str(file)) from error
            digest.append(sha256_bytes(content))
            self._read(file, content.decode("utf-8", errors="replace"), path.is_dir())
        self.about: dict[str, Any] = {"model": f"file:{path.name}", "sha256": sha256_bytes("".join(digest).encode())}

    def prepare(self, name: str, question: Question, instruction: str) -> str:
        """The name under which the reply stands. DataError where it answers another question."""
        asked = self.replies[name][1] if name in self.replies else None
        if asked is not None and asked != question.text:
            raise NoReply(f"its reply is to another question: {asked[:60]!r}, asked is {question.text[:60]!r}")
        return name

    def answer(self, prepared: Sequence[str]) -> Iterator[Outcomes]:
        """All at once."""
        missing = NoReply("the file has no reply to it")
        yield [
            (place, self.replies[name][0] if name in self.replies else missing) for place, name in enumerate(prepared)
        ]

    def unknown(self, asked: set[str], benchmarks: set[str]) -> dict[str, int]:
        """How many replies there are to questions that these benchmarks do not have, by benchmark."""
        counts: dict[str, int] = {}
        for name in self.replies:
            benchmark = name.partition("/")[0]
            if name not in asked and benchmark in benchmarks:
                counts[benchmark] = counts.get(benchmark, 0) + 1
        return counts

    def _read(self, file: Path, text: str, by_name: bool) -> None:
        for number, line in enumerate(text.split("\n"), start=1):
            if not line.strip():
                continue
            try:
                values = json.loads(line)
                benchmark = values.get("benchmark") or (file.stem if by_name else None)
                name, said = f"{benchmark}/{values['id']}", values["text"]
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise _no_reply(file, number, f"{type(error).__name__} {error}") from error
            if benchmark is None or not isinstance(said, str):
                raise _no_reply(file, number, "benchmark is missing" if benchmark is None else "text is no text")
            reply = Said(said.strip(), values.get("finished", True) is not False)
            if name in self.replies and self.replies[name][0].text != reply.text:
                raise DataError(f"there are two replies to {name}", file=str(file), row=number, fix="leave one out")
            self.replies[name] = (reply, values.get("question"))


def _no_reply(file: Path, number: int, why: str) -> DataError:
    return DataError(
        f"is no line of replies: {why}", file=str(file), row=number, fix='{"benchmark": ..., "id": ..., "text": ...}'
    )
