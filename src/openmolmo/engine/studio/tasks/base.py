"""What an annotation mode is. A new mode is one file with an object that meets :class:`Mode`, and one registration.

A mode knows its form of work (``payload``), its page, which programs help, how two people's work is compared and
how finished work becomes examples. It knows nothing of queues, leases, sessions or databases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from openmolmo.core.errors import DataError
from openmolmo.core.registry import Registry
from openmolmo.records.example import Annotation, Made

__all__ = ["MODES", "BadWorkError", "Exported", "JobRequest", "Mode", "Spoken", "TaskView", "Work"]


class BadWorkError(DataError):
    """What a person entered cannot be handed in yet; the message is shown on the page. Nothing is lost by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """Work for a worker: ``kind`` names the job, ``key`` makes asking twice one job."""

    kind: str
    key: str
    payload: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """A task as modes and pages see it: never with another person's work or the gold answer."""

    id: int
    mode: str
    picture_id: int
    width: int
    height: int
    payload: Mapping[str, Any]
    options: Mapping[str, Any]
    """The project's settings for this mode."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What programs found in the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """A complete recording with its newest transcript."""

    recording_id: int
    sha256: str
    media_type: str
    milliseconds: int
    path: str
    """Inside the studio's folder."""
    transcript: str
    engine: str
    """The recogniser, or ``person``."""
    how: Literal["recognised", "corrected", "typed"]
    """By a program; heard by a program, then corrected by the speaker; or typed by them, without a program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One person's finished work on one task, as it is exported."""

    annotation_id: int
    person: str
    """A pseudonym that is stable within the project, never a name."""
    payload: Mapping[str, Any]
    spoken: tuple[Spoken, ...] = ()
    turns: tuple[Mapping[str, Any], ...] = ()
    submitted_at: float = 0.0
    reviewed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What a mode exports from the finished work of one task: annotations, how each kind was made, receipts."""

    annotations: tuple[Annotation, ...]
    made: dict[str, tuple[Made, ...]]
    receipts: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


class Mode(Protocol):
    """One annotation mode.

    A mode whose work is more than its payload may also have ``confirm(rows, lease, payload, now)``: called inside the
    transaction in which work is handed in, it may refuse by :class:`BadWorkError` (no recording is there yet).
    """

    # Read-only, so that a frozen dataclass is a mode too.
    @property
    def name(self) -> str:
        """Registered name and address, e.g. ``point``."""
        ...

    @property
    def template(self) -> str:
        """Jinja page, e.g. ``modes/point.html.j2``; extends ``work.html.j2``."""
        ...

    @property
    def script(self) -> str:
        """ES module under ``static/modes/``."""
        ...

    @property
    def needs_review(self) -> bool:
        """Whether work counts only after a reviewer accepted it (an option of the project may change it)."""
        ...

    @property
    def defaults(self) -> Mapping[str, Any]:
        """Options of a project and their first values: annotations (a task), lease_seconds, gold_share, ..."""
        ...

    def check(self, task: TaskView, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The work in clean form, or :class:`BadWorkError` with a sentence for the person."""
        ...

    def jobs(self, task: TaskView, annotation_id: int, payload: Mapping[str, Any]) -> Sequence[JobRequest]:
        """What a worker shall do once the work was handed in."""
        ...

    def agreement(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> float | None:
        """How far two people agree, 0-1; none where the two cannot be compared."""
        ...

    def matches_gold(self, gold: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
        """Whether the work meets a gold task's known answer."""
        ...

    def export(self, task: TaskView, works: Sequence[Work]) -> Exported | None:
        """Annotations of all finished work on one task; none where nothing is worth exporting."""
        ...


MODES: Registry[Mode] = Registry("studio_mode")
