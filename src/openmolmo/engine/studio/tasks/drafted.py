"""How an answer came to be, read from its turns: written by the person, or drafted and accepted or mended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openmolmo.engine.studio.tasks.base import Work
from openmolmo.records.example import Made

__all__ = ["Drafted", "all_made", "drafted"]

_TOLD = ("ocr_by", "caption_from", "caption_by")
_ORIGIN = ("provider", "model", "host", "served", "prompt", "prompt_sha256", "request_sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """``made``: how the answer was made, in order. ``turns``: all that was said, for the facts of the example."""

    made: tuple[Made, ...]
    receipts: dict[str, str]
    turns: tuple[dict[str, Any], ...]
    drafts: int
    edited: bool


def drafted(work: Work, answer: str) -> Drafted:
    """What the turns of a work say of its answer. Who drafts from a text is told as the draft's own record has it."""
    turns = tuple(_plain(turn) for turn in work.turns)
    drafts = [turn for turn in turns if turn["kind"] == "draft"]
    same = next((turn for turn in reversed(drafts) if turn["text"].strip() == answer), None)
    used = same or (drafts[-1] if drafts else None)
    if used is None:
        return Drafted(made=(Made.WRITTEN,), receipts={}, turns=turns, drafts=0, edited=False)
    how = used["made"]
    origin = how.get("origin") or {}
    written = () if same is not None else (Made.WRITTEN,)
    read = (Made.OCR,) if how.get("ocr_lines") else ()
    told = {**{name: origin.get(name) for name in _ORIGIN}, **{name: how.get(name) for name in _TOLD}}
    return Drafted(
        made=(Made.WRITTEN, *read, _maker(origin), *written),
        receipts={f"draft_{work.annotation_id}.{name}": str(value) for name, value in told.items() if value},
        turns=turns,
        drafts=len(drafts),
        edited=same is None,
    )


def all_made(ways: Iterable[Sequence[Made]]) -> tuple[Made, ...]:
    """Every way that occurs, in the order in which they come first."""
    found = list(ways)
    if len(set(map(tuple, found))) == 1:
        return tuple(found[0])
    return tuple(dict.fromkeys(made for way in found for made in way))


def _maker(origin: Mapping[str, Any]) -> Made:
    """By a language model or a program; unknown where the record does not say, which the audit refuses."""
    made = str(origin.get("made", ""))
    return Made(made) if made in {one.value for one in Made} else Made.UNKNOWN


def _plain(turn: Mapping[str, Any]) -> dict[str, Any]:
    return {"kind": str(turn["kind"]), "text": str(turn["text"]), "made": dict(turn["made"] or {})}
