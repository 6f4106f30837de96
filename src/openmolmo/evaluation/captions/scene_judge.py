"""A judge without a model: it reads captions of generated scenes back into statements, and answers the same prompts.

It stands where a language model stands, behind ``ask(prompt) -> str``, so that the whole protocol runs in tests and
offline; its verdicts are those of the deterministic caption metric. A statement is written ``kind: subject = value``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from openmolmo.core.errors import RunError
from openmolmo.evaluation.captions.prompts import CLOSE, OPEN, numbered, read_list

__all__ = ["NAME", "ask", "reference_of", "truth_of"]

NAME = "scenes, deterministic"

_WRITTEN = re.compile(r"(?P<kind>[a-z ]+): (?P<subject>[^=:\n]+) = (?P<value>[^\n=]+)")
_TEXT = re.compile(rf"^{OPEN}\n(.*?)\n{CLOSE}$", re.MULTILINE | re.DOTALL)

Claim = tuple[str, str, str]


def ask(prompt: str) -> str:
    """The answer to one of the three prompts. Raises RunError for any other text."""
    task = prompt.partition("\n")[0]
    texts = _TEXT.findall(prompt)
    if task == "TASK: SPLIT":
        return numbered([_write(claim) for claim in sorted(_read(texts[0]))]) or "NONE"
    known = {claim for text in texts for claim in _read(text)}
    good, bad = {"TASK: COVER": ("Stated", "Not Stated"), "TASK: SUPPORT": ("Consistent", "Inconsistent")}.get(
        task, ("", "")
    )
    if not good:
        raise RunError(f"the judge of scenes does not know {task[:40]!r}", fix="it answers the three prompts only")
    listed = prompt.rpartition("STATEMENTS:\n")[2].partition("\n\nCAPTION:")[0]
    return numbered([good if _claim(text) in known else bad for text in read_list(listed)])


def truth_of(facts: Mapping[str, Any]) -> str:
    """Everything that is true of a scene, as a transcript that this judge reads."""
    from openmolmo.engine.synth.judging import true_statements  # it brings OpenCV

    return _written(true_statements(facts))


def reference_of(facts: Mapping[str, Any]) -> list[str]:
    """What the full caption of a scene says, as statements."""
    from openmolmo.engine.synth.judging import reference_statements

    return [_write(claim) for claim in sorted(reference_statements(facts))]


def _read(text: str) -> set[Claim]:
    """Claims written out, or else read from plain words."""
    from openmolmo.engine.synth.judging import read_statements

    written = {claim for line in text.split("\n") if (claim := _claim(line)) is not None}
    return written or {(found.kind, found.subject, found.value) for found in read_statements(text)}


def _written(claims: Iterable[Claim]) -> str:
    return "\n".join(_write(claim) for claim in sorted(claims))


def _write(claim: Claim) -> str:
    return f"{claim[0]}: {claim[1]} = {claim[2]}"


def _claim(text: str) -> Claim | None:
    found = _WRITTEN.fullmatch(text.strip())
    return (found["kind"], found["subject"], found["value"]) if found else None
