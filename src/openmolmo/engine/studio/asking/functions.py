"""What drafts where no language model is named: search in the caption and the writing. Marked as made by a program."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from openmolmo.engine.llm.providers.template import answer

__all__ = ["ask", "explain"]


def ask(context: Mapping[str, Any]) -> str:
    """The sentence or line that shares most words with the question, of those that no earlier answer held."""
    gone = " ".join(str(one["text"]) for one in context.get("rejected") or ())
    sentences = re.split(r"(?<=[.!?])\s+", str(context.get("caption") or ""))
    left = {
        "question": context["question"],
        "caption": " ".join(one for one in sentences if one.strip() and one.strip() not in gone),
        "ocr": [line for line in context.get("ocr") or () if str(line).strip() not in gone],
    }
    return answer(left)


def explain(context: Mapping[str, Any]) -> str:
    """What the search says, and every thing that was clicked."""
    marks = [f"[{number}]" for number, _ in enumerate(context["things"], 1)]
    listed = marks[0] if len(marks) == 1 else f"{', '.join(marks[:-1])} and {marks[-1]}"
    return f"{ask(context)} See {listed}."
