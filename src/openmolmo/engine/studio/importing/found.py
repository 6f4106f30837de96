"""What a source gives: a picture that nobody has opened yet, or why there is none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from openmolmo.records.names import whole_text

__all__ = ["Found", "Refused", "shown_text", "storable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The bytes of a picture; ``name`` is its file name or address, ``topic`` of balanced choice.

    ``checks`` are by mode what people shall check on it: ``{"count_check": ({"label": "star", "points": [...]},)}``.
    """

    name: str
    data: bytes
    topic: str = ""
    alt: str = ""
    licence: str = ""
    origin: str = ""
    """How the picture came to be, as ``Provenance.image`` has it; empty is not said."""
    split: str = ""
    checks: Mapping[str, tuple[dict[str, Any], ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A picture that could not be had, or is not taken: its name, a reason to count by, and what was seen."""

    name: str
    reason: str
    what: str = ""


def storable(values: object) -> bool:
    """Whether both databases can keep JSON values: finite numbers, whole characters, no NUL."""
    try:
        text = json.dumps(values, ensure_ascii=False, allow_nan=False)
        text.encode()
    except ValueError:
        return False
    return "\\u0000" not in text


def shown_text(text: str) -> str:
    """A name or words that came with a picture, in a form that both databases can keep."""
    return whole_text(text).replace("\0", "\N{REPLACEMENT CHARACTER}")
