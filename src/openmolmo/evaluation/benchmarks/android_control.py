"""AndroidControl: the next action on a phone's screen, for the step's instruction (low level) or the goal (high level).

Replies may have the released models' words (``Click(45.2, 78.1)``, ``Open App Clock``) or those of our source
(``click 45.2 78.1``, ``open_app Clock``). The hub's copy has no boxes of the screen's elements: a click is right
within ten pixels of the annotated one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from openmolmo.data.sources.android_control import action_text
from openmolmo.data.sources.published_source import SourceRow
from openmolmo.data.sources.reading import size_of
from openmolmo.evaluation.benchmarks.base import Asked, Benchmark, Reference, RequestSettings
from openmolmo.evaluation.metrics.android_control import score_step, without_plan
from openmolmo.evaluation.metrics.profile import Profile
from openmolmo.evaluation.tasks.base import Question

__all__ = ["HIGH", "LOW"]

_NEAR = 10  # pixels
_TOKENS = 16
_SAYS = "Answer with one action: Click(X, Y) or Long Press(X, Y) in percent of width and height with one decimal, "
_SAYS += "Type TEXT, Scroll DIRECTION, Open App NAME, Wait, Navigate Home or Navigate Back."
_TYPED = re.compile(r'\Ainput_text "?(.*?)"?\Z', re.IGNORECASE | re.DOTALL)
_WORDS = ("long_press", "open_app", "navigate_back", "navigate_home")


def _ask(row: SourceRow, level: str, instruction: str) -> Iterator[Asked]:
    action = row.values["actions"][row.part]
    image = row.picture()
    size = None if image is None else size_of(image)
    target = _plain(action_text(action, size))
    box = None
    if size is not None and action["x"] is not None and action["y"] is not None:
        x, y = float(action["x"]), float(action["y"])
        corners = ((x - _NEAR) / size[0], (y - _NEAR) / size[1], (x + _NEAR) / size[0], (y + _NEAR) / size[1])
        box = ", ".join(f"{min(max(100 * corner, 0.0), 100.0):.1f}" for corner in corners)
    yield Asked(
        text=f"{level}_level: {instruction.strip()}",
        truth=Reference(answers=(target,), facts={"box": box}),
        reply=target,
        group=str(action["action_type"]).replace("_", " "),
        key=f"{row.values['episode_id']}-{row.part}",
    )


def _ask_low(row: SourceRow, settings: RequestSettings) -> Iterator[Asked]:
    return _ask(row, "low", row.values["step_instructions"][row.part])


def _ask_high(row: SourceRow, settings: RequestSettings) -> Iterator[Asked]:
    return _ask(row, "high", row.values["goal"])


def _plain(action: str) -> str:
    """``long_press 1.0 2.0`` -> ``long press 1.0 2.0``; the released models' words stay as they are."""
    action = without_plan(action).strip()
    if typed := _TYPED.match(action):
        return f"type {typed[1]}"
    word = next((word for word in _WORDS if action.lower().startswith(word)), "")
    return word.replace("_", " ") + action[len(word) :]


def _score(question: Question, reply: str, profile: Profile) -> dict[str, float]:
    truth = question.truth
    assert isinstance(truth, Reference)
    return {"step_accuracy": score_step(_plain(reply), truth.answers[0], truth.facts["box"], profile)}


_COMMON: dict[str, Any] = {
    "source": "android_control",
    "splits": {"test": None},
    "settings": RequestSettings(style="android_control", instruction=_SAYS, max_new_tokens=_TOKENS),
    "score": _score,
    "metrics": ("step_accuracy",),
    "suites": ("skills",),
    "note": "clicks are right within 10 pixels: the rows have no boxes of the screen's elements",
}

LOW = Benchmark(name="android_control_low", title="AndroidControl, low level", ask=_ask_low, form="low", **_COMMON)
HIGH = Benchmark(name="android_control_high", title="AndroidControl, high level", ask=_ask_high, form="high", **_COMMON)
