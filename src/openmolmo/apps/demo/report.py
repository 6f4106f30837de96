"""The page that the demo leaves: pictures, scores, curves and cases, in one file."""

from __future__ import annotations

import itertools
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmolmo import __version__
from openmolmo.apps.demo.curves import curve
from openmolmo.apps.demo.pictures import Asked
from openmolmo.apps.demo.plan import Plan
from openmolmo.apps.demo.scores import Comparison, case_views
from openmolmo.apps.demo.training import Stage
from openmolmo.core.files import write_text
from openmolmo.core.pages import page
from openmolmo.evaluation.pictures import RIGHT, TRUTH, WRONG, data_url
from openmolmo.inference.draw import enlarge
from openmolmo.pictures import open_image
from openmolmo.pictures.addresses import to_address
from openmolmo.records.example import Caption, Example, QuestionAnswer

__all__ = ["Story", "write_report"]

_CASES = 2  # right ones and wrong ones of each task


@dataclass(frozen=True, kw_only=True)
class Story:
    """Everything the page tells."""

    out: Path
    plan: Plan
    seed: int
    date: str
    shown: list[Example]
    stages: list[Stage]
    scores: Comparison
    asked: list[Asked]
    commands: list[tuple[str, str]]
    steps: list[tuple[str, float]]


def write_report(story: Story) -> Path:
    """Write ``OUT/report.html``; it needs no other file."""
    rendered = page(
        "openmolmo.apps.demo",
        "report.html.j2",
        folder=".",
        title=f"openmolmo: the demo of {story.date}",
        story=story,
        machine=f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        version=__version__,
        quick=story.plan.seconds is None,
        samples=[_sample(example) for example in story.shown],
        stages=[_stage(stage, colour) for stage, colour in zip(story.stages, itertools.cycle("ab"), strict=False)],
        pictures=[{"asked": asked, "url": _embedded(asked.annotated)} for asked in story.asked],
        cases=case_views(story.scores, _CASES),
        colours={"right": RIGHT, "wrong": WRONG, "truth": TRUTH},
    )
    path = story.out / "report.html"
    write_text(path, rendered)
    return path


def _sample(example: Example) -> dict[str, str]:
    """A training picture and one thing that is said about it."""
    assert example.image is not None and example.image.data is not None
    texts = [a.text for a in example.annotations if isinstance(a, Caption)]
    texts += [f"{a.question} {a.answers[0]}" for a in example.annotations if isinstance(a, QuestionAnswer)]
    picture = enlarge(open_image(example.image.data), smallest=160)
    return {"url": data_url(picture), "text": texts[0] if texts else ""}


def _stage(stage: Stage, colour: str) -> dict[str, Any]:
    words = "ce" in stage.log[0]  # the first stage has none
    losses = [row["ce" if words else "loss"] for row in stage.log]
    tail = losses[-max(1, len(losses) // 20) :]
    return {
        "stage": stage,
        "measure": "cross-entropy, nats a token" if words else "loss, all labels together",
        "loss": curve(losses, label=f"loss, {stage.title}", log=True, colour=colour),
        "rate": curve([max(row["lr"].values()) for row in stage.log], label="learning rate", height=84, colour=colour),
        "first": losses[0],
        "last": sum(tail) / len(tail),
        "examples": stage.log[-1]["examples"],
        "steps": stage.log[-1]["step"],
    }


def _embedded(path: Path) -> str:
    return to_address(path.read_bytes(), "image/png")
