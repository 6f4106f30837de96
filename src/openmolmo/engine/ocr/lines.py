"""Lines of writing in a picture, and the order in which people read them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openmolmo.core.errors import DataError

__all__ = ["Line", "Reading", "in_rows"]

Corner = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One piece of writing; ``corners`` are of its box, in percent of the picture's width and height.

    They go round from where the text begins at its top, so a box may be turned. ``score`` is the engine's, 0 to 1.
    """

    text: str
    score: float
    corners: tuple[Corner, Corner, Corner, Corner]

    @property
    def top(self) -> float:
        return min(y for _, y in self.corners)

    @property
    def bottom(self) -> float:
        return max(y for _, y in self.corners)

    @property
    def left(self) -> float:
        return min(x for x, _ in self.corners)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """All lines of a picture, in the order of reading, and by what they were read.

    ``picture_sha256`` is of the pixels, so that the same picture in another file is the same.
    """

    lines: tuple[Line, ...]
    engine: str
    model: str
    version: str
    picture_sha256: str

    @property
    def rows(self) -> list[str]:
        """The writing row by row, as it goes into a prompt."""
        return [" ".join(line.text for line in row) for row in in_rows(self.lines)]

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and texts, for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Reading:
        """The reverse of :meth:`to_dict`; a field that is missing or unknown raises :class:`DataError`."""
        try:
            return cls(**{**fields, "lines": tuple(_line(line) for line in fields["lines"])})
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"these are no lines of a picture: {error!r}", fix="read the picture again") from error


def in_rows(lines: Sequence[Line], *, overlap: float = 0.5) -> list[list[Line]]:
    """Rows from top to bottom, each from left to right.

    Two lines stand in one row where their heights overlap by at least ``overlap`` of the lower of the two, so that
    ``Total`` and ``12.50`` of a receipt come together though one box begins a little higher.
    """
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.top + line.bottom):
        # Of the last row only: lines come by their middles. Its first line counts, else rows of a skewed page chain.
        if rows and _overlap(rows[-1][0], line) >= overlap:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.left) for row in rows]


def _overlap(one: Line, other: Line) -> float:
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    lower = min(one.bottom - one.top, other.bottom - other.top)
    return shared / lower if lower > 0 else 0.0


def _line(fields: Mapping[str, Any]) -> Line:
    one, two, three, four = ((float(x), float(y)) for x, y in fields["corners"])
    return Line(text=str(fields["text"]), score=float(fields["score"]), corners=(one, two, three, four))
