"""Our wordings of requests: ``wordings.json``, many ways to ask for the same thing.

The first wording of a kind is the plain one: inference uses it, training mixes it with the others.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Literal

import numpy as np

__all__ = ["WordingKind", "wording", "wordings"]

WordingKind = Literal["caption", "transcript", "pointing", "counting", "no_points"]


@cache
def _all() -> dict[str, tuple[str, ...]]:
    text = files("openmolmo.words").joinpath("wordings.json").read_text(encoding="utf-8")
    return {kind: tuple(entries) for kind, entries in json.loads(text).items()}


def wordings(kind: WordingKind) -> tuple[str, ...]:
    """Every wording of a kind; those for pointing and counting hold ``{label}`` once."""
    return _all()[kind]


def wording(kind: WordingKind, rng: np.random.Generator | None = None, *, label: str = "") -> str:
    """One wording, drawn at random or (without ``rng``) the plain one, with the label put in."""
    known = wordings(kind)
    chosen = known[0] if rng is None else known[int(rng.integers(len(known)))]
    return chosen.replace("{label}", label)
