"""The captions to judge: JSON lines, or the result file of an evaluation that asked for captions.

    {"id": "example-7", "caption": "A red star on snow.", "length_hint": 65}

``id`` is that of the data set's example; the text may be called caption, text, reply or answer. The same picture may
have captions of several length hints.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmolmo.core.errors import DataError
from openmolmo.evaluation.comparing.result_file import read_result_file

__all__ = ["GivenCaption", "read_captions"]

_TEXTS = ("caption", "text", "reply", "answer", "prediction")
_GROUP = re.compile(r"hint (\d+)")
_TASKS = ("captions", "dense_caption", "caption_f1")


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenCaption:
    """One caption of one picture; ``hint`` is the length hint it was asked with, None where that is not on record."""

    id: str
    text: str
    hint: int | None = None

    @property
    def key(self) -> str:
        """Picture and hint."""
        return self.id if self.hint is None else f"{self.id}@{self.hint}"


def read_captions(path: Path) -> tuple[list[GivenCaption], dict[str, Any]]:
    """(captions, settings on record). Raises DataError where there is none or one cannot be read."""
    if path.is_dir() or path.suffix == ".json":
        file = read_result_file(path)
        task = next((file.tasks[name] for name in _TASKS if name in file.tasks), None)
        if task is None:
            raise DataError(f"has no captions, but {', '.join(file.tasks)}", file=str(path))
        rows = task.rows.values()
        return [GivenCaption(id=row.cluster, text=row.reply, hint=_hint(row.group)) for row in rows], dict(file.meta)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", file=str(path)) from error
    meta: dict[str, Any] = {}
    captions: dict[str, GivenCaption] = {}
    for number, row in _rows(text, path):
        if isinstance(row.get("meta"), dict):
            meta |= row["meta"]
            continue
        caption = _caption(row, path, number)
        if caption.key in captions:
            raise DataError(f"has a second caption of {caption.key}", file=str(path), row=number)
        captions[caption.key] = caption
    if not captions:
        raise DataError("there is no caption in it", file=str(path), fix="give JSON lines with id and caption")
    return list(captions.values()), meta


def _hint(group: str) -> int | None:
    """The hint that judged captions are grouped by; None for another group."""
    found = _GROUP.fullmatch(group)
    return int(found[1]) if found else None


def _rows(text: str, path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(f"is no JSON: {error}", file=str(path), row=number) from error
        if not isinstance(row, dict):
            raise DataError("is no JSON object", file=str(path), row=number)
        yield number, row


def _caption(row: Mapping[str, Any], path: Path, number: int) -> GivenCaption:
    text = next((row[name] for name in _TEXTS if name in row), None)
    if isinstance(text, Mapping):
        text = text.get("text")
    if "id" not in row or not isinstance(text, str):
        raise DataError("has no id or no caption", file=str(path), row=number, fix="give both to every line")
    hint = row.get("length_hint", row.get("hint"))
    if hint is not None and (not isinstance(hint, int) or isinstance(hint, bool)):
        raise DataError(f"has the length hint {hint!r}, which is no whole number", file=str(path), row=number)
    return GivenCaption(id=str(row["id"]), text=text, hint=hint)
