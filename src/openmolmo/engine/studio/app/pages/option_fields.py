"""A mode's options as fields of a form, by the type of each value, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openmolmo.core.errors import ConfigError

__all__ = ["OptionField", "fields_of", "read_fields"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionField:
    """One field: ``kind`` is yes_no, whole, number, text or lines (a list of texts, one a line)."""

    name: str
    kind: str
    value: Any


def fields_of(options: Mapping[str, Any]) -> list[OptionField]:
    """Fields of all options that a form can show; others (nested ones) are left to the command line."""
    found = []
    for name, value in options.items():
        kind = _kind(value)
        if kind is not None:
            shown = "\n".join(value) if kind == "lines" else value
            found.append(OptionField(name=name, kind=kind, value=shown))
    return found


def _kind(value: Any) -> str | None:
    if isinstance(value, bool):
        return "yes_no"
    if isinstance(value, int):
        return "whole"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return "lines"
    return None


def read_fields(options: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Values of a form that was sent, each of the type that the option had; a wrong one raises ConfigError."""
    values: dict[str, Any] = {}
    for field in fields_of(options):
        text = given.get(field.name, "").strip()
        if field.kind == "yes_no":
            values[field.name] = text == "on"
        elif field.kind == "lines":
            values[field.name] = [line.strip() for line in text.splitlines() if line.strip()]
        elif field.kind == "text":
            values[field.name] = text
        else:
            values[field.name] = _number(field, text)
    return values


def _number(field: OptionField, text: str) -> int | float:
    kind = int if field.kind == "whole" else float
    try:
        value = kind(text)
    except ValueError as error:
        raise ConfigError(f"{field.name}={text!r} is no {field.kind} number") from error
    if not 0 <= value < 1e9:
        raise ConfigError(f"{field.name}={text} must be 0 or more")
    return value
