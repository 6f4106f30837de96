"""A picture as its marks tell it: texts with boxes, lengths and places; nothing of the data that it was drawn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from openmolmo.engine.docs.base import Mark, Rendered
from openmolmo.engine.docs.tools.png import picture_of
from openmolmo.engine.docs.worlds.language import grouped_format

__all__ = ["Reading", "middle"]


Seen = TypeVar("Seen")


def middle(mark: Mark) -> tuple[float, float]:
    """The middle of a mark's box, pixels."""
    left, top, right, bottom = mark.box
    return (left + right) / 2, (top + bottom) / 2


class Reading:
    """``form``: what sort of chart or diagram it is, which a reader sees at once."""

    def __init__(self, rendered: Rendered, language: str, form: str, source: str = "") -> None:
        self.marks, self.form, self.source, self._png = rendered.marks, form, source, rendered.png
        self.size = (rendered.width, rendered.height)
        self._numbers = grouped_format(language)
        self._seen: dict[Any, Any] = {}

    def role(self, *roles: str) -> list[Mark]:
        """All marks of some roles."""
        return [mark for mark in self.marks if mark.role in roles]

    def seen_as(self, kind: Callable[[Reading], Seen]) -> Seen:
        """What the marks are together (a table, a drawing): found once for all questions."""
        if kind not in self._seen:
            self._seen[kind] = kind(self)
        found: Seen = self._seen[kind]
        return found

    def number(self, text: str) -> float:
        """The number in a text; a LookupError if there is none, or several."""
        found = self._numbers.parse(text)
        if found is None:
            raise LookupError(f"{text!r} holds no number")
        return found

    def text(self, role: str) -> str:
        """The text of the marks of a role, in order of reading; long titles are marked word by word."""
        return " ".join(mark.text for mark in self.in_order(self.role(role)) if mark.text)

    def one_text(self, role: str, text: str) -> Mark:
        """The only mark of a role with a text; several alike are a LookupError, as a reader could not tell."""
        found = [mark for mark in self.role(role) if mark.text == text]
        if len(found) != 1:
            raise LookupError(f"{len(found)} marks are called {text!r}")
        return found[0]

    @staticmethod
    def in_order(marks: Sequence[Mark]) -> list[Mark]:
        """From the top down and from left to right; texts whose middles are in one line belong to it."""
        lines: list[list[Mark]] = []
        for mark in sorted(marks, key=lambda mark: middle(mark)[1]):
            if lines and middle(mark)[1] < lines[-1][0].box[3] and lines[-1][0].box[1] < middle(mark)[1]:
                lines[-1].append(mark)
            else:
                lines.append([mark])
        return [mark for line in lines for mark in sorted(line, key=lambda mark: mark.box[0])]

    @cached_property
    def pixels(self) -> npt.NDArray[np.uint8]:
        """The picture itself, (height, width, 3)."""
        return np.asarray(picture_of(self._png))

    @cached_property
    def everything(self) -> str:
        """All texts in small letters, to see whether something stands there at all."""
        return " | ".join(mark.text for mark in self.in_order([m for m in self.marks if m.text])).casefold()
