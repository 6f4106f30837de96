"""What a run asked for: calls, cache hits, tokens, seconds and failures."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from openmolmo.core.progress import print_table
from openmolmo.engine.llm.providers.base import Answer

__all__ = ["Usage"]


@dataclass(kw_only=True)
class Usage:
    """Counts of one client. ``calls`` are those that the provider answered, ``seconds`` their sum of time."""

    requests: int = 0
    cache_hits: int = 0
    calls: int = 0
    retries: int = 0
    asked_again: int = 0
    mended: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    failures: Counter[str] = field(default_factory=Counter)

    def add(self, answer: Answer, seconds: float) -> None:
        """Count one answer of the provider."""
        self.calls += 1
        self.retries += answer.retries
        self.prompt_tokens += answer.prompt_tokens
        self.completion_tokens += answer.completion_tokens
        self.seconds += seconds

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {**asdict(self), "seconds": round(self.seconds, 3), "failures": dict(sorted(self.failures.items()))}

    def print(self, title: str) -> None:
        """Print a table of the counts to standard output."""
        names = {
            "requests": "requests",
            "cache_hits": "of these, answered before",
            "calls": "calls answered",
            "retries": "tries that failed and were made again",
            "asked_again": "replies asked for once more (not the JSON that was wanted)",
            "mended": "replies whose JSON was mended",
            "prompt_tokens": "tokens sent",
            "completion_tokens": "tokens received",
        }
        rows: list[list[object]] = [[words, getattr(self, name)] for name, words in names.items()]
        rows.append(["seconds of waiting, all calls together", f"{self.seconds:.1f}"])
        rows += [[f"failed: {kind}", count] for kind, count in sorted(self.failures.items())]
        print_table(title, ["", "count"], rows)
