"""A judge: anything that answers a prompt with text, with a name, a cache, and a way to read its labels.

The cache is a file of JSON lines; its key is the SHA-256 of the judge's identity (name, wording) and the prompt, so
that another judge, or other words, never meet old answers. A run that is cut off loses nothing that was answered.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, get_args

from openmolmo.core.errors import ConfigError, DataError, RunError
from openmolmo.evaluation.captions import prompts
from openmolmo.evaluation.metrics.caption_f1 import Labels, read_consistent, read_stated, strict_labels

__all__ = ["PARSERS", "Ask", "Judge", "Parser", "Unjudged"]

Ask = Callable[[str], str]
"""What a judge is: a prompt in, its answer out. Pictures never come into it. Raises RunError where it cannot answer."""

Parser = Literal["strict", "parity"]
"""``strict``: one clear label a statement, or the judge is asked again. ``parity``: the lines as the authors' public
script reads them, whatever their number."""

PARSERS: tuple[Parser, ...] = get_args(Parser)


class Unjudged(RunError):
    """The judge gave no answer that can be used."""


class Judge:
    """``name`` says which judge it is, with its version and settings: scores of different judges are not comparable.

    ``tries``: how often a judge is asked for labels whose number is wrong. ``cache``: a file of earlier answers.
    """

    def __init__(
        self, ask: Ask, name: str, *, parser: Parser = "strict", tries: int = 3, cache: Path | None = None
    ) -> None:
        if parser not in PARSERS:
            raise ConfigError(f"parser={parser!r} is not one of {', '.join(PARSERS)}")
        if tries < 1:
            raise ConfigError(f"tries={tries} must be at least 1")
        self.name, self.parser, self.tries = name, parser, tries
        self.calls = self.cached = self.asked_again = self.mismatches = 0
        self._ask, self._path, self._lock = ask, cache, threading.Lock()
        self._known: dict[str, str] = _read_cache(cache) if cache is not None else {}

    @property
    def identity(self) -> str:
        """Name and wording."""
        return f"{self.name}, wording {prompts.VERSION}"

    def key(self, prompt: str) -> str:
        """The key of a prompt in the cache."""
        return hashlib.sha256(f"{self.identity}\0{prompt}".encode()).hexdigest()

    def statements(self, text: str) -> list[str]:
        """The statements of a text. An empty text has none."""
        return prompts.read_list(self.answer(prompts.split(text))) if text.strip() else []

    def covered(self, statements: Sequence[str], caption: str) -> Labels:
        """Which reference statements the caption states."""
        return self._labels(prompts.cover(statements, caption), len(statements), read_stated)

    def consistent(self, transcripts: Sequence[str], statements: Sequence[str]) -> Labels:
        """Which of the caption's statements the transcripts bear out."""
        return self._labels(prompts.support(transcripts, statements), len(statements), read_consistent)

    def answer(self, prompt: str) -> str:
        """The judge's answer, from the cache where it is known."""
        key = self.key(prompt)
        with self._lock:
            if key in self._known:
                self.cached += 1
                return self._known[key]
            self.calls += 1
        text = self._ask(prompt)
        with self._lock:
            self._known[key] = text
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with self._path.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps({"key": key, "judge": self.name, "answer": text}) + "\n")
        return text

    def _labels(self, prompt: str, count: int, read: Callable[[str], Labels]) -> Labels:
        if self.parser == "parity":
            labels = read(self.answer(prompt))
            self.mismatches += labels.read != count
            return labels
        asked = prompt
        for number in range(self.tries):
            try:
                return strict_labels(self.answer(asked), count)
            except DataError as error:
                self.mismatches += 1
                self.asked_again += number + 1 < self.tries
                asked, reason = prompts.again(prompt, error.reason, count), error.reason
        raise Unjudged(
            f"{self.name} gave no usable labels in {self.tries} tries: {reason}",
            fix="use a stronger judge, or --parser parity, which counts what can be read",
        )


def _read_cache(path: Path) -> dict[str, str]:
    """Earlier answers. A last line that was cut off is taken away, so that what is added begins a line."""
    if not path.exists():
        return {}
    whole, ended, rest = path.read_bytes().rpartition(b"\n")
    if rest:
        os.truncate(path, len(whole) + len(ended))
    known = {}
    for number, line in enumerate(whole.decode("utf-8", "replace").split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            known[row["key"]] = row["answer"]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError("is no line of a judge's cache", file=str(path), row=number) from error
    return known
