"""Noun phrases of icons; numbers and places are those of the scenes."""

from __future__ import annotations

from openmolmo.engine.synth.icons.catalogue import KINDS
from openmolmo.engine.synth.scenes.vocabulary import article, number_word

__all__ = ["CATEGORIES", "ORDINALS", "count_phrase", "ordinal", "plural_of"]

CATEGORIES = {
    "animal": "animals",
    "fruit": "pieces of fruit",
    "vegetable": "vegetables",
    "vehicle": "vehicles",
    "building": "buildings",
    "instrument": "musical instruments",
}
"""Categories that may be asked for -> their plural."""

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def ordinal(number: int) -> str:
    """``3`` -> ``third``, from 1 to 10."""
    return ORDINALS[number - 1]


def plural_of(name: str) -> str:
    """Plural of a thing's name, or of ``object``."""
    return "objects" if name == "object" else KINDS[name].plural


def count_phrase(count: int, name: str) -> str:
    """``(3, "mouse")`` -> ``three mice``."""
    return article(name) if count == 1 else f"{number_word(count)} {plural_of(name)}"
