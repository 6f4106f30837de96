"""What a run made: kinds, tools, families, families of questions, and why what was dropped was dropped."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openmolmo.core.files import write_json
from openmolmo.engine.docs.item import Addresses
from openmolmo.engine.docs.ledger import Ledger
from openmolmo.engine.docs.plan import DocsPlan

__all__ = ["SUMMARY", "Summary", "summarize"]

SUMMARY = "documents.json"


@dataclass(kw_only=True)
class Summary:
    """Counts by name. ``dropped``: questions that the second path did not confirm; ``failed``: attempts, by error."""

    pictures: int = 0
    wanted: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    tools: Counter[str] = field(default_factory=Counter)
    families: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    questions: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0

    @property
    def asked(self) -> int:
        """Questions before any was dropped."""
        return self.questions.total() + self.dropped.total()

    @property
    def verified(self) -> float:
        """The part of the questions that the second path confirmed, 0-1."""
        return self.questions.total() / max(1, self.asked)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            name: dict(sorted(value.items())) if isinstance(value, Counter) else value
            for name, value in vars(self).items()
        }

    def rows(self) -> Iterator[tuple[str, str, int]]:
        """(what, name, count) of everything."""
        yield "pictures", "made", self.pictures
        for what in ("kinds", "tools", "families", "languages", "questions", "dropped", "failed"):
            for name, count in sorted(getattr(self, what).items()):
                yield what, name, count
        yield "duplicates", "made again", self.duplicates

    def save(self, folder: Path) -> None:
        """Write ``documents.json`` beside the data."""
        write_json(folder / SUMMARY, self.to_dict())


def summarize(
    plan: DocsPlan, ledger: Ledger, chosen: Mapping[int, str], attempts: Mapping[int, list[Addresses]]
) -> Summary:
    """Count what is in the data set, and what the attempts at it came to."""
    summary = Summary(wanted=plan.count, pictures=len(chosen))
    for where in chosen.values():
        row = ledger.get(where)
        assert row is not None
        spec = _spec(row.output)
        for what in ("kind", "tool", "language"):
            getattr(summary, f"{what}s")[spec[what]] += 1
        summary.families[spec["family"]] += 1
        summary.questions.update(row.output["asked"])
        summary.dropped.update(row.output["dropped"])
    for tries in attempts.values():
        for place, tried in enumerate(tries):
            row = ledger.get(tried.questions)
            if row is not None and row.state == "failed":
                summary.failed[_reason(row.error)] += 1
            elif place + 1 < len(tries) or tried.questions not in chosen.values():
                summary.duplicates += 1
    return summary


def _spec(output: Mapping[str, Any]) -> Mapping[str, Any]:
    import json

    facts = output["example"]["facts"]
    values: Mapping[str, Any] = (json.loads(facts) if isinstance(facts, str) else facts)["spec"]
    return values


def _reason(error: str) -> str:
    """An error without what is only of one picture: quoted texts, numbers."""
    first = error.partition("\n")[0]
    return re.sub(r"\d+", "N", re.sub(r"'[^']*'|\"[^\"]*\"", "...", first))[:120]
