"""One part of the requests answered into one file, whole or not there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openmolmo.core.errors import OpenMolmoError
from openmolmo.core.files import atomic_file
from openmolmo.inference.at_scale.engines import opened
from openmolmo.inference.at_scale.parts import Part
from openmolmo.inference.at_scale.reading import read_part
from openmolmo.inference.jobs import answered_lines, as_line

if TYPE_CHECKING:
    from openmolmo.inference.settings import Settings

__all__ = ["Done", "Task", "answer_part", "failures_of", "file_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A part, who answers it and how, and the folder that its file goes to."""

    part: Part
    out: Path
    engine: str
    settings: Settings
    default: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """How many requests of a part were answered now, how many before, and what is wrong with some of the others."""

    answered: int
    before: int
    failed: int
    told: tuple[str, ...] = ()


_TOLD = 5  # failures of a part that are named; its file names all


def file_of(out: Path, number: int) -> Path:
    """The file of a part's answers."""
    return out / f"answers-{number:06d}.jsonl"


def failures_of(out: Path, number: int) -> Path:
    """The file that is there while some answers of a part are errors."""
    return out / f"answers-{number:06d}.failed"


def answer_part(task: Task) -> Done:
    """Answer what the part's file has no answer to yet. A worker that dies leaves the file as it was."""
    target, note = file_of(task.out, task.part.number), failures_of(task.out, task.part.number)
    asked = read_part(task.part, dict(task.default))
    kept = _kept(target)
    answerer = opened(task.engine, task.settings)
    # A request draws by its place among all, so that parts of any size give the same answers.
    left = [(task.part.first + place, one) for place, one in enumerate(asked) if one.id not in kept]
    answered, told, failed = 0, [], 0
    with atomic_file(target) as temporary, temporary.open("w", encoding="utf-8") as stream:
        stream.writelines(kept.values())
        for name, values, outcome in answered_lines(left, answerer, task.settings.of_answers()):
            stream.write(as_line(values))
            if isinstance(outcome, OpenMolmoError):
                failed += 1
                told.append(f"{name!r}: {outcome.message}")
            else:
                answered += 1
        if failed:
            note.touch()  # before the file takes its name: a file with failures is never taken for a whole one
    if not failed:
        note.unlink(missing_ok=True)
    return Done(answered, len(asked) - len(left), failed, tuple(told[:_TOLD]))


def _kept(target: Path) -> dict[str, str]:
    """id -> line of what has been answered; failures are asked again."""
    if not target.exists():
        return {}
    lines = [line for line in target.read_text(encoding="utf-8").split("\n") if line]
    return {values["id"]: f"{line}\n" for line in lines if "error" not in (values := json.loads(line))}
