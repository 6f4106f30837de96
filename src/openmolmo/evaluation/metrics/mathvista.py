"""MathVista: an extracted answer, brought to the type that the question asks for, equals the reference.

Extraction is a language model's task in the published protocol (``extract`` of an LLM client); here are the shortcuts
that need none, and a rule for everything else, as the published code has for working without a judge.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

from openmolmo.evaluation.metrics.anls import edit_distance
from openmolmo.evaluation.metrics.multiple_choice import choose
from openmolmo.evaluation.metrics.profile import Profile

__all__ = ["extract_by_rule", "mathvista_score", "normalise_extraction"]

_LETTER = {"released": re.compile(r"([a-zA-Z]):"), "official": re.compile(r"\(([a-zA-Z])\)")}


def mathvista_score(
    extraction: str,
    reference: str,
    *,
    question_type: str,
    answer_type: str,
    choices: Sequence[str] | None = None,
    precision: float | None = None,
    profile: Profile = "released",
) -> float:
    """1 where the extracted answer is the reference, else 0; ``precision``: decimals of a float answer."""
    value = normalise_extraction(extraction, question_type, answer_type, choices, precision, profile)
    return float(value is not None and value == reference)


def normalise_extraction(
    extraction: str,
    question_type: str,
    answer_type: str,
    choices: Sequence[str] | None,
    precision: float | None,
    profile: Profile = "released",
) -> str | None:
    """The text of the chosen option; an integer, a float rounded to ``precision``, or a list as text; None: neither."""
    if question_type == "multi_choice":
        return _option(extraction.strip(), list(choices or ()), profile)
    try:
        if answer_type == "integer":
            return str(int(float(extraction)))
        if answer_type == "float":
            return str(round(float(extraction), None if precision is None else int(precision)))
    except (ValueError, OverflowError):
        return None
    return extraction


def extract_by_rule(reply: str, question_type: str, answer_type: str, choices: Sequence[str] | None) -> str:
    """An answer out of a reply without any judge: an option for a multiple choice, else the number or the reply."""
    if question_type == "multi_choice" and choices:
        return choices[choose(reply, string.ascii_uppercase[: len(choices)])]
    try:
        if answer_type == "integer":
            return str(int(reply))
        if answer_type == "float":
            return str(float(reply))
    except ValueError:
        return reply
    return reply


def _option(text: str, choices: list[str], profile: Profile) -> str | None:
    if not choices:
        return None
    letters = string.ascii_uppercase[: len(choices)]
    named = _LETTER[profile].findall(text)
    text = named[0].upper() if named else text
    if len(text) == 1 and text in letters:
        return choices[letters.index(text)]
    return min(choices, key=lambda choice: edit_distance(text, choice))
