"""Markers in an explanation: ``[2]`` is the second thing that was clicked, ``[2|the lid]`` the same by other words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Marked", "missing_markers", "strange_markers", "take_markers"]

_MARKER = re.compile(r"\[(\d{1,4})(?:\s*\|\s*([^\[\]|\n]*?)\s*)?\]")
_POINT = "<|POINT|>"


@dataclass(frozen=True, slots=True)
class Marked:
    """An answer with ``<|POINT|>`` where a thing is pointed at: which thing (from 0), and by which words."""

    answer: str
    things: tuple[int, ...]
    words: tuple[str, ...]


def missing_markers(answer: str, things: int) -> list[int]:
    """Numbers of things that the answer does not refer to."""
    used = _used(answer)
    return [number for number in range(1, things + 1) if number not in used]


def strange_markers(answer: str, things: int) -> list[int]:
    """Numbers in the answer that no thing has."""
    return sorted(number for number in _used(answer) if not 1 <= number <= things)


def take_markers(answer: str, labels: Sequence[str]) -> Marked:
    """The answer as the data set has it. Every marker must be of a thing: see :func:`strange_markers`."""
    found = list(_MARKER.finditer(answer))
    things = tuple(int(one[1]) - 1 for one in found)
    words = tuple((one[2] or "").strip() or labels[thing] for one, thing in zip(found, things, strict=True))
    plain = answer.replace(_POINT, "")
    return Marked(answer=_MARKER.sub(_POINT, plain), things=things, words=words)


def _used(answer: str) -> set[int]:
    return {int(one[1]) for one in _MARKER.finditer(answer)}
