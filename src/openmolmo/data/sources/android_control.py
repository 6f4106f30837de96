"""AndroidControl (Li et al., 2024): what to do next on a phone's screen, as four tasks.

A row is an episode; each step becomes an example with its screenshot: instruction -> action, goal -> action,
both -> action, goal -> instruction and action. Actions are one line, places in percent:

    click 45.2 78.1        long_press 45.2 78.1    scroll down    input_text "milk"
    open_app Clock         navigate_back           navigate_home  wait
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.data.sources.answers import asked
from openmolmo.data.sources.columns import ANY, NUMBER, TEXT, Row, fields, many, maybe
from openmolmo.data.sources.percent import pixels_to_percent
from openmolmo.data.sources.published import HubPlace, Layout, PublishedSet, Reading
from openmolmo.records.example import Annotation, ImageRef, Made

__all__ = ["SOURCE", "action_text"]

FORMS = ("low", "high", "both", "reasoning")
_PLACED = ("click", "long_press")


def _annotate(row: Row, reading: Reading) -> Iterator[Annotation]:
    goal, step = row["goal"].strip(), row["step_instructions"][reading.part].strip()
    action = action_text(row["actions"][reading.part], reading.size())
    for form, tag, question, answer in (
        ("low", "ll", step, action),
        ("high", "hl", goal, action),
        ("both", "hl_ll", f"{goal}\n{step}", action),
        ("reasoning", "hl_cot", goal, f"{step}\n{action}"),
    ):
        if reading.asks(form):
            yield from asked(question, [answer], f"android_control_{tag}")


def action_text(action: Row, size: tuple[int, int] | None) -> str:
    """An action as one line; ``size`` (width, height) of the screenshot turns its pixels into percent."""
    kind = action["action_type"]
    if kind in _PLACED:
        if size is None or action["x"] is None or action["y"] is None:
            raise DataError(f"{kind} has no place on a screenshot", field="actions", rule="column types")
        (point,) = pixels_to_percent([action["x"]], [action["y"]], size, "actions")
        return f"{kind} {point.x:.1f} {point.y:.1f}"
    if kind == "input_text":
        return f'{kind} "{action["text"] or ""}"'
    detail = {"scroll": action["direction"], "open_app": action["app_name"]}.get(kind)
    return f"{kind} {detail}" if detail else str(kind)


def _screenshot(row: Row, reading: Reading) -> ImageRef:
    shots: Any = row["screenshots_b64"]
    try:
        return ImageRef(data=base64.b64decode(shots[reading.part], validate=True))
    except (IndexError, binascii.Error, ValueError) as error:
        raise DataError(
            f"screenshot {reading.part} cannot be read: {error}", field="screenshots_b64", rule="column types"
        ) from error


SOURCE = PublishedSet(
    name="android_control",
    title="AndroidControl",
    home="https://github.com/google-research/google-research/tree/master/android_control",
    places={"train": HubPlace(repo="smolagents/android-control", split="train")},
    elsewhere={"test": "test"},
    layouts=(
        Layout(
            columns={
                "episode_id": ANY,
                "goal": TEXT,
                "screenshots_b64": many(TEXT),
                "actions": many(
                    fields(
                        action_type=TEXT,
                        x=maybe(NUMBER),
                        y=maybe(NUMBER),
                        text=maybe(TEXT),
                        app_name=maybe(TEXT),
                        direction=maybe(TEXT),
                    )
                ),
                "step_instructions": many(TEXT),
            },
            annotate=_annotate,
            picture=_screenshot,
            parts="actions",
            facts=("episode_id",),
        ),
    ),
    licence="Apache-2.0",
    made={"question_answer": (Made.WRITTEN, Made.CLICKED)},
    picture="screenshot",
    forms=FORMS,
)
