"""A reply in JSON: found among a model's words, mended where that is safe, and held to its schema."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from openmolmo.core.errors import ConfigError
from openmolmo.core.optional import require

__all__ = ["NotTheJson", "check_schema", "read_json", "without_thoughts"]

_FENCE = re.compile(r"```(?:json|JSON)?\s*\n?(.*?)```", re.DOTALL)
_THOUGHTS = re.compile(r"\A(?:.*?</think>|\s*<think>.*\Z)\s*", re.DOTALL)
_SHOWN = 80


class NotTheJson(Exception):
    """A reply is not the JSON that was asked for; its text says why, in words that the model is told too."""


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raise ConfigError where ``schema`` is no JSON schema."""
    jsonschema = require("jsonschema", extra="llm")
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ConfigError(f"this is no JSON schema: {error.message}", fix="json-schema.org says what is one") from error


def without_thoughts(text: str) -> str:
    """A reply without what a model thought aloud before it: ``<think> ... </think>``, the first tag may lack."""
    return _THOUGHTS.sub("", text)


def read_json(text: str, schema: Mapping[str, Any]) -> tuple[Any, bool]:
    """The JSON value in a reply, and whether it had to be mended. Raises NotTheJson.

    Mended are slips of spelling (single quotes, a comma too many, a comment); a text that ends in the middle is not:
    what would be made up of it may fit the schema and lack half of what was meant.
    """
    jsonschema = require("jsonschema", extra="llm")
    value, mended = _value(_FENCE.sub(r"\1", without_thoughts(text)).strip())
    fault = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(value))
    if fault is not None:
        where = "".join(f"[{part!r}]" for part in fault.absolute_path) or "the whole"
        raise NotTheJson(f"{where} does not fit the schema: {fault.message[:200]}")
    return value, mended


def _value(text: str) -> tuple[Any, bool]:
    try:
        return json.loads(text), False
    except json.JSONDecodeError as error:
        fault = f"it cannot be read as JSON ({error.msg} at letter {error.pos})"
    starts = [place for place in (text.find("{"), text.find("[")) if place >= 0]
    if not starts:
        raise NotTheJson(f"there is no JSON in it, but {text[:_SHOWN]!r}")
    begun = text[min(starts) :]
    end = max(begun.rfind("}"), begun.rfind("]")) + 1
    try:
        return json.loads(begun[:end]), False  # other words stood around it
    except json.JSONDecodeError:
        pass
    if end == 0 or not _is_closed(begun[:end]):
        raise NotTheJson(f"{fault}: it ends in the middle")
    return require("json_repair", extra="llm").loads(begun[:end]), True


def _is_closed(text: str) -> bool:
    """Whether every string and every bracket outside of strings is closed."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", text, flags=re.DOTALL)
    return '"' not in bare and bare.count("{") <= bare.count("}") and bare.count("[") <= bare.count("]")
