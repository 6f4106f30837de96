"""Pictures that say the same as an earlier one: the same words, or nearly the same words in nearly the same picture."""

from __future__ import annotations

from collections.abc import Mapping

from openmolmo.core.files import sha256_bytes
from openmolmo.engine.docs.ledger import Ledger
from openmolmo.records.quality_hash import LookAlikes, Signature

__all__ = ["duplicates"]

_BITS = 3
"""Of 128: papers of one template differ in few, so words decide too."""
_WORDS = 0.8
"""Part of the words that two pictures have in common, of all that either has."""


def duplicates(ledger: Ledger, chosen: Mapping[int, str]) -> list[int]:
    """Indexes of pictures that an earlier one is like; ``chosen``: index to address of the questions, in order."""
    texts: dict[str, int] = {}
    looks = LookAlikes(_BITS)
    words: dict[str, frozenset[str]] = {}
    found = []
    for index, where in chosen.items():
        row = ledger.get(where)
        assert row is not None
        text, (bits, *colour) = row.output["text"], row.output["look"]
        digest = sha256_bytes(text.encode())
        look = Signature(int(bits, 16), (colour[0], colour[1], colour[2]))
        own = frozenset(text.split())
        like = looks.find(look)
        if digest in texts or (like is not None and _alike(own, words[like])):
            found.append(index)
            continue
        texts[digest] = index
        words[str(index)] = own
        looks.add(look, str(index))
    return found


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) > _WORDS * max(1, len(one | other))
