"""What a filter looked at and what it left out, by rule and by name."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

__all__ = ["QualityReport", "Removed"]

_FEW = 3


@dataclass(frozen=True, kw_only=True)
class Removed:
    """One thing that was left out: by which rule, of which example, and what it was."""

    rule: str
    example: str
    what: str


@dataclass(kw_only=True)
class QualityReport:
    """What was looked at and what was left out: annotations and whole examples by rule, and every case by name.

    ``removed_parts`` counts what went out of annotations that stayed: points, masks.
    """

    path: str = ""
    examples: int = 0
    annotations: int = 0
    kept_examples: int = 0
    kept_annotations: int = 0
    removed: Counter[str] = field(default_factory=Counter)
    removed_examples: Counter[str] = field(default_factory=Counter)
    removed_parts: Counter[str] = field(default_factory=Counter)
    cases: list[Removed] = field(default_factory=list)

    @property
    def some(self) -> dict[str, list[str]]:
        """For each rule the first few cases, as "example: what"."""
        found: dict[str, list[str]] = {}
        for case in self.cases:
            if len(known := found.setdefault(case.rule, [])) < _FEW:
                known.append(f"{case.example}: {case.what}")
        return found

    def add(
        self, rule: str, example: str, what: str, *, annotations: int = 0, parts: int = 0, whole: bool = False
    ) -> None:
        """Count one case."""
        self.removed.update({rule: annotations} if annotations else {})
        self.removed_parts.update({rule: parts} if parts else {})
        self.removed_examples.update({rule: 1} if whole else {})
        self.cases.append(Removed(rule=rule, example=example, what=what))

    def to_dict(self) -> dict[str, Any]:
        """JSON values; the cases as the first few of each rule."""
        counts = ("removed", "removed_examples", "removed_parts")
        values = {key: value for key, value in vars(self).items() if key != "cases"}
        return {**values, **{key: dict(values[key]) for key in counts}, "some": self.some}
