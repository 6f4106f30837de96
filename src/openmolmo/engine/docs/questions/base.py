"""What a question is, and how families of questions are found.

A family is a function ``(view) -> Question | None``: it picks something from the content and computes the answer from
the data. The verifier (``verify.py``) knows the family by name and finds the answer again from the rendered picture's
texts and boxes; a question that it cannot find again, or finds otherwise, is dropped and counted.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from openmolmo.engine.docs.base import Content, Rendered
from openmolmo.engine.docs.worlds.language import NumberFormat, grouped_format, one

__all__ = ["QUESTIONS_VERSION", "Family", "Question", "View", "wording"]

QUESTIONS_VERSION = "3"
"""Part of the address of questions: raise it when the same picture would be asked otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question with its answer.

    ``args`` and ``value`` are for the verifier: what is asked about, in words that stand in the picture, and the
    answer as a text, a number or a truth value. ``data``: which data answer it, as the marks name them.
    """

    family: str
    question: str
    answer: str
    value: str | float | bool
    args: tuple[str | float, ...] = ()
    explanation: str = ""
    data: tuple[Mapping[str, Any], ...] = ()
    kind: Literal["short", "point", "not_present"] = "short"
    label: str = ""
    """What is pointed at."""
    made_by: str = "template"


@dataclass(kw_only=True)
class View:
    """What a family of questions looks at: the content, its picture, and a random stream."""

    content: Content
    rendered: Rendered
    language: str
    rng: np.random.Generator
    source: str = ""
    """Of the program: only to know what can be verified."""

    @property
    def numbers(self) -> NumberFormat:
        """How numbers are written in this picture."""
        return grouped_format(self.language)

    def pick(self, options: Sequence[Any]) -> Any:
        """One of several."""
        return one(self.rng, options)


Family = Callable[[View], Question | None]


@functools.cache
def _wordings() -> dict[str, list[str]]:
    texts: dict[str, list[str]] = json.loads((Path(__file__).parent / "wordings.json").read_text(encoding="utf-8"))
    return texts


def wording(view: View, family: str, **values: Any) -> str:
    """One of the wordings of a family, filled in."""
    text: str = view.pick(_wordings()[family])
    return text.format(**values)
