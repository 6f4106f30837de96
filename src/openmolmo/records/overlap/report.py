"""What two sets have in common: counts, shares, and the first cases of each kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Case", "OverlapReport", "RoleOverlap"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing of the test set that the training set has too. ``kind``: file, address, alike or text."""

    kind: str
    test: str
    train: str
    text: str = ""
    role: str = ""
    share: float = 1.0


@dataclass(kw_only=True)
class RoleOverlap:
    """Texts of one role in the test set: how many there are; of how many the training set has any run, half, all.

    ``short`` texts, of fewer words than a run, are not among them; ``short_known`` of those are in the training set.
    """

    texts: int = 0
    any: int = 0
    half: int = 0
    whole: int = 0
    short: int = 0
    short_known: int = 0


@dataclass(kw_only=True)
class OverlapReport:
    """``pictures`` of the test set (different files), and how many were found by kind. ``examples_with_picture``: test
    examples with such a picture; ``examples_with_both``: those of them with a text of which the training set has half.
    """

    train: str
    test: str
    words: int
    near: int | None
    train_examples: int = 0
    train_pictures: int = 0
    test_examples: int = 0
    pictures: int = 0
    found: Counter[str] = field(default_factory=Counter)
    examples_with_picture: int = 0
    examples_with_both: int = 0
    texts: dict[str, RoleOverlap] = field(default_factory=dict)
    cases: list[Case] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def share_of_pictures(self) -> float:
        """Test pictures that the training set has, by whatever kind, 0-1."""
        return self.found.total() / self.pictures if self.pictures else 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {**asdict(self), "found": dict(self.found), "share_of_pictures": self.share_of_pictures}
