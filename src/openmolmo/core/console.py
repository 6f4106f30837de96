"""What a console or a file can show: plain signs where its encoding has no others."""

from __future__ import annotations

import codecs
import io
import json
import sys
from typing import Any

import click

__all__ = ["counted", "echo_json", "use_plain_signs"]

_HANDLER = "openmolmo.plain"
_PLAIN = {
    "→": "->",
    "←": "<-",
    "…": "...",
    "–": "-",
    "—": "-",
    "·": "-",
    "✓": "+",
    "×": "x",
    "≥": ">=",
    "≤": "<=",
    "\ufffd": "?",
}
_REPLACED = ("strict", "surrogateescape", "backslashreplace")  # what Python sets by itself; a user's choice stays


def use_plain_signs() -> None:
    """Let the standard streams write what their encoding lacks as plain signs or as ``\\u`` escapes, never fail."""
    codecs.register_error(_HANDLER, _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in _REPLACED:
            stream.reconfigure(errors=_HANDLER)


def counted(count: int, noun: str) -> str:
    """A number and its noun: "1 point", "2 points"."""
    return f"{count} {noun}{'s' * (count != 1)}"


def echo_json(value: Any) -> None:
    """Print JSON to standard output: the signs themselves where it is UTF-8, escapes elsewhere."""
    plain = not (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf")
    click.echo(json.dumps(value, indent=2, ensure_ascii=plain))


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(_PLAIN.get(sign) or _escape(sign) for sign in signs), error.end


def _escape(sign: str) -> str:
    """As JSON escapes it: two halves for what is beyond the first plane."""
    units = sign.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
