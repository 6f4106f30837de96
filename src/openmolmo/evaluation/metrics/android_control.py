"""AndroidControl: is the predicted action the annotated one? (step accuracy)

Actions are Click, Long Press, Type, Scroll, Wait, Open App, Navigate Home and Navigate Back, whatever the case. A click
is right inside the box of the element that was clicked; opening an app may be a click on it. Boxes are texts, percent.
``released`` reads their numbers without signs and wants decimals, as the published code does (which stops at a box
without them; here the step is wrong), and calls two unreadable actions equal; ``official`` reads signs and whole
numbers, and an unreadable action is wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from openmolmo.evaluation.metrics.profile import Profile

__all__ = ["Action", "read_action", "score_step", "without_plan"]

_COORDINATE = re.compile(r"\d+(?:\.\d+)?")
_BOX = {"released": re.compile(r"\d+\.\d+"), "official": re.compile(r"-?\d+(?:\.\d+)?")}
_PLAIN = ("wait", "navigate home", "navigate back")
_MARK = "Action:"


@dataclass(frozen=True)
class Action:
    """An action: ``kind`` None where none was read; ``detail`` is the text, direction or app; ``place`` in percent."""

    kind: str | None
    detail: str = ""
    place: tuple[float, float] | None = None


def without_plan(reply: str) -> str:
    """What stands behind ``Action:``, for replies that plan first."""
    return reply.split(_MARK)[1].strip() if _MARK in reply else reply


def read_action(text: str) -> Action:
    """The action that a text begins with."""
    text = text.strip().lower()
    for kind in ("click", "long press"):
        if text.startswith(kind):
            numbers = _COORDINATE.findall(text)
            return Action(kind, place=(float(numbers[0]), float(numbers[1])) if len(numbers) >= 2 else None)
    if text.startswith("type"):
        return Action("type", text[5:])
    if text.startswith("scroll"):
        words = text.split()
        return Action("scroll", words[1] if len(words) >= 2 else "")
    if text.startswith("open app"):
        return Action("open app", text[9:])
    return Action(text if text in _PLAIN else None)


def score_step(prediction: str, target: str, box: str | None, profile: Profile = "released") -> float:
    """1 where the action is right, else 0; ``box`` is ``[x0, y0, x1, y1]`` of the clicked element, as text."""
    said, true = read_action(prediction), read_action(target)
    if said.kind == "click" and true.kind == "open app":
        return float(bool(box) and _inside(said.place, box, profile))
    if said.kind != true.kind or (profile == "official" and said.kind is None):
        return 0.0
    if true.kind in ("click", "long press"):
        return float(true.place is not None and _inside(said.place, box, profile))
    return float(said.detail == true.detail)


def _inside(place: tuple[float, float] | None, box: str | None, profile: Profile) -> bool:
    numbers = [float(number) for number in _BOX[profile].findall(box or "")]
    if place is None or len(numbers) != 4:
        return False
    x0, y0, x1, y1 = numbers
    return x0 <= place[0] <= x1 and y0 <= place[1] <= y1
