"""What one picture has in a file of another program, and the account of what was left out.

The readers of the formats make these; nothing here knows a format.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from openmolmo.records.example import Made

__all__ = ["Account", "BadEntry", "Case", "Mark", "Marked"]


class BadEntry(Exception):
    """One entry of a file cannot be used; the message says which field and what stands there."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing that was left out, or decided by a rule: why, its place in the file, and what it says."""

    reason: str
    where: str
    what: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.what else self.where


@dataclass
class Account:
    """Everything that did not go its plain way: ``left_out`` is lost, ``notes`` were decided by a rule."""

    left_out: list[Case] = field(default_factory=list)
    notes: list[Case] = field(default_factory=list)

    def leave(self, reason: str, where: str, what: str = "") -> None:
        """Something is left out."""
        self.left_out.append(Case(reason=reason, where=where, what=what))

    def note(self, reason: str, where: str, what: str = "") -> None:
        """Something was decided that the user should know of."""
        self.notes.append(Case(reason=reason, where=where, what=what))

    def counts(self) -> dict[str, int]:
        """How much was left out, by reason, in the order in which it was found."""
        return dict(Counter(case.reason for case in self.left_out))


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One point of a label, in the unit of its :class:`Marked`; ``where`` is its place in the file.

    ``extent`` tells shapes with one centre apart: width and height of a box, nothing for a point.
    """

    label: str
    x: float
    y: float
    where: str
    extent: tuple[float, ...] = ()


@dataclass(kw_only=True)
class Marked:
    """What one entry of a file says about one picture.

    ``image`` is the name as it stands there, ``where`` the entry's place in the file. ``marks`` are in ``unit``
    (pixel, percent or fraction); ``size`` in pixels if the file says it; ``absent`` labels were asked for and are
    not there. ``made`` says how marks were made, by annotation kind, where the file knows. ``whole``: the entry
    has all marks of its labels, so that a second one for the same picture repeats them.
    """

    image: str
    where: str
    size: tuple[float, float] | None = None
    unit: str = "percent"
    whole: bool = True
    marks: list[Mark] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    transcripts: list[str] = field(default_factory=list)
    questions: list[tuple[str, str]] = field(default_factory=list)
    made: dict[str, tuple[Made, ...]] = field(default_factory=dict)

    def say(self, kind: str, how: Made) -> None:
        """Some mark of this kind was made so; several ways add up."""
        known = self.made.get(kind, ())
        self.made[kind] = known if how in known else (*known, how)
