"""The second path: every answer is found again from what stands in the picture, or its question is dropped.

The questions' families compute answers from the content; the checks here know nothing of it. They read the marks of
the rendered picture: texts parsed as numbers, lengths of bars, places of points, order of words.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from openmolmo.engine.docs.base import Program, Rendered
from openmolmo.engine.docs.checks import CHECKS, Reading
from openmolmo.engine.docs.export import marks_of
from openmolmo.engine.docs.questions.base import Question

__all__ = ["verified"]


def verified(
    questions: Sequence[Question], program: Program, rendered: Rendered
) -> tuple[list[Question], dict[str, int]]:
    """The questions whose answers were found again, and how many of each family were dropped."""
    reading = Reading(rendered, program.spec.language, getattr(program.content, "form", ""), program.source)
    kept, dropped = [], Counter[str]()
    for question in questions:
        if _holds(question, reading, rendered):
            kept.append(question)
        else:
            dropped[question.family] += 1
    return kept, dict(sorted(dropped.items()))


def _holds(question: Question, reading: Reading, rendered: Rendered) -> bool:
    check = CHECKS.get(question.family)
    if check is None:
        return False
    if question.kind == "point":
        boxes = [mark.box for mark in marks_of(question, rendered.marks)]
        inside = all(
            0 <= (b[0] + b[2]) / 2 <= rendered.width and 0 <= (b[1] + b[3]) / 2 <= rendered.height for b in boxes
        )
        if not boxes or not inside:
            return False
    try:
        found = check(reading, *question.args)
    except (LookupError, ValueError, ZeroDivisionError):  # what is asked about does not stand in the picture
        return False
    return _same(found, question.value)


def _same(found: str | float | bool | None, claimed: str | float | bool) -> bool:
    if isinstance(found, (bool, str)) or isinstance(claimed, (bool, str)):
        return type(found) is type(claimed) and found == claimed
    return found is not None and math.isclose(found, claimed, rel_tol=1e-6, abs_tol=0.006)
