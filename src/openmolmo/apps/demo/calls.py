"""Command lines to show, written as they work in the user's shell."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["call", "next_calls"]


def call(*words: str | Path) -> str:
    """``openmolmo WORDS``, quoted; with its path where a shell would not find it by name."""
    return shlex.join([_program(), *map(str, words)])


def next_calls(
    out: Path, pointed: tuple[Path, str], captioned: Path, stages: Sequence[Path], model: str
) -> list[tuple[str, str]]:
    """(command, what it does): what to try after a demo in ``out``.

    ``pointed``: a picture and what to point at in it; ``stages``: the weights of each stage just trained;
    ``model``: the finished one.
    """
    picture, label = pointed
    which = [] if model == "nano" else ["--model", model]
    seeing, new = stages
    return [
        (
            call("point", picture, label, "--out", "points.png", *which),
            "points on a picture; try any picture and words of yours",
        ),
        (call("caption", captioned, "--model", new), "what the model trained just now says"),
        (call("data", "show", out / "data/train-micro"), "a page with the pictures and texts it learnt from"),
        (
            call("eval", "card", model, "--count", "200", "--out", "evaluation"),
            "the scores of its model card, each world by itself",
        ),
        (
            call("train", "micro_sft", f"init_from={seeing}", "steps=3000", "--out", "runs/longer"),
            "train longer, with fresh pictures in every step",
        ),
    ]


def _program() -> str:
    called = Path(sys.argv[0])
    if called.name != "openmolmo" or shutil.which("openmolmo"):
        return "openmolmo"
    here = Path.cwd()
    return str(called.relative_to(here) if called.is_relative_to(here) else called)
