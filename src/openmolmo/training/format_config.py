"""A configuration as people read it: JSON that leaves out what a table beside it lists."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from openmolmo.core.config import to_dict
from openmolmo.training.config import BaseRunConfig

__all__ = ["format_config"]

_WIDTH = 110
_LISTED = 3
"""So many data sets of a group are written out; more are counted, since the table of the data names them all."""


def format_config(config: BaseRunConfig) -> str:
    """JSON, a line for each setting of the run, or a few for one of many parts; numbers have 12 digits.

    What is off (null or false) is left out. Not to be read back: ``to_dict`` has every digit and every data set.
    """
    values = {name: value for name, value in to_dict(config).items() if value is not None and value is not False}
    for group in values.get("mixture", {}).get("groups", ()):
        if len(group["sources"]) > _LISTED:
            group["sources"] = f"{len(group['sources'])} data sets, see the table"
    return _lines(_rounded(values), "", 0)


def _rounded(value: Any) -> Any:
    """Without the last digits of binary fractions: 0.0003, not 0.00030000000000000003."""
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value


def _lines(value: Any, indent: str, used: int) -> str:
    line = json.dumps(value, ensure_ascii=False)
    inner = f"{indent}  "
    if not isinstance(value, (dict, list)) or not value or (indent and len(indent) + used + len(line) < _WIDTH):
        return line
    if isinstance(value, list):
        items = [f"{inner}{_lines(item, inner, 0)}" for item in value]
        return "[\n" + ",\n".join(items) + f"\n{indent}]"
    items = [f"{json.dumps(key)}: {_lines(item, inner, len(key) + 5)}" for key, item in value.items()]
    return "{\n" + "\n".join(_filled(items, inner, alone=not indent)) + f"\n{indent}}}"


def _filled(items: list[str], indent: str, *, alone: bool) -> list[str]:
    """Lines of as many items as fit, or of one each where they stand ``alone`` or do not fit a line."""
    lines: list[str] = []
    for number, item in enumerate(items):
        text = item + ("," if number < len(items) - 1 else "")
        parts = any(mark in line for line in (item, *lines[-1:]) for mark in ("\n", "{"))
        if lines and not alone and not parts and len(lines[-1]) + len(text) < _WIDTH:
            lines[-1] += f" {text}"
        else:
            lines.append(indent + text)
    return lines
