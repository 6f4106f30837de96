"""Multiple choice: which of the options does a reply choose?

``released`` always chooses: the equal option, else the only one that contains the reply, else the nearest by edit
distance, so that "The answer is B" chooses A. ``official`` reads a letter or the text of one option, and chooses none
where the reply says neither clearly.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

from openmolmo.evaluation.metrics.anls import edit_distance

__all__ = ["choose", "read_choice"]

# A letter behind such words is upper case: "the best option is a bird" names none.
_SAID = re.compile(r"\b(?i:answer|choice|option)\b(?:\s+(?i:is))?\s*:?\s*\(?([A-Z])\b\)?")
_ALONE = re.compile(r"\(?([A-Za-z])(?:\)|[.:]|$)(?:\s|$)")
_EMPHASIS = str.maketrans("", "", "*_`\"'<>")


def choose(reply: str, options: Sequence[str]) -> int:
    """Index of the option that the published code takes the reply for; never none. No option at all: -1."""
    said = reply.lower().strip()
    known = [option.lower().strip() for option in options]
    if said in known:
        return known.index(said)
    holding = [index for index, option in enumerate(known) if said in option]
    if len(holding) == 1:
        return holding[0]
    return min(range(len(known)), key=lambda index: edit_distance(known[index], said), default=-1)


def read_choice(reply: str, options: Sequence[str], letters: Sequence[str] = string.ascii_uppercase) -> int:
    """Index of the option whose letter or text the reply clearly gives, else -1.

    ``B``, ``(B)``, ``B.``, ``B: a bird``, ``the answer is B``, the text itself, or a sentence that has the text of one
    option (and of no other) in it.
    """
    said = reply.translate(_EMPHASIS).strip()
    names = [str(letter) for letter in letters[: len(options)]]
    texts = [option.lower().strip() for option in options]
    if (whole := reply.lower().strip()) in texts:
        return texts.index(whole)
    found = _ALONE.match(said) or _SAID.search(said)
    if found is not None and found[1].upper() in names:
        return names.index(found[1].upper())
    inside = [
        index
        for index, text in enumerate(texts)
        if text and re.search(rf"(?<!\w){re.escape(text)}(?!\w)", said, re.IGNORECASE)
    ]
    return inside[0] if len(inside) == 1 else -1
