"""The words of the scenes: shapes, colours, patterns, sizes, places, numbers.

One place for every word, so that what is written (captions, questions) and what is read back
(:mod:`.statements`) cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "COLOURS",
    "NUMBERS",
    "PATTERNS",
    "PLACES",
    "PLURALS",
    "SHAPES",
    "SIZES",
    "article",
    "count_phrase",
    "join_words",
    "number_word",
    "place_of",
    "place_phrase",
    "plural",
]

PLURALS = {
    "circle": "circles",
    "square": "squares",
    "triangle": "triangles",
    "star": "stars",
    "heart": "hearts",
    "hexagon": "hexagons",
    "diamond": "diamonds",
    "cross": "crosses",
    "moon": "moons",
    "ring": "rings",
    "arrow": "arrows",
    "cloud": "clouds",
    "flower": "flowers",
    "house": "houses",
    "fish": "fish",
    "mushroom": "mushrooms",
    "mug": "mugs",
    "key": "keys",
    "leaf": "leaves",
    "bolt": "bolts",
    "tree": "trees",
    "boat": "boats",
    "object": "objects",
}
"""Noun -> plural, ``object`` included."""

SHAPES: tuple[str, ...] = tuple(noun for noun in PLURALS if noun != "object")

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (214, 40, 40),
    "orange": (245, 135, 30),
    "yellow": (250, 212, 48),
    "green": (46, 150, 62),
    "blue": (36, 92, 214),
    "purple": (124, 58, 172),
    "pink": (245, 130, 180),
    "brown": (124, 76, 40),
    "black": (28, 28, 32),
    "white": (248, 248, 246),
    "gray": (134, 136, 140),
}
"""Colour -> RGB, 0-255. The eleven basic colour words of English."""

PATTERNS = ("plain", "striped", "dotted", "checked")

SIZES: dict[str, tuple[float, float]] = {"small": (0.056, 0.07), "medium": (0.09, 0.11), "large": (0.15, 0.19)}
"""Size -> least and greatest radius as a share of the picture's shorter side; the gaps keep the words honest."""

PLACES = (
    ("top left", "top", "top right"),
    ("left", "center", "right"),
    ("bottom left", "bottom", "bottom right"),
)
"""Thirds of the picture, rows from the top."""

_PREPOSITIONS = {"left": "on", "right": "on", "center": "in"}

NUMBERS = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
)


def plural(noun_phrase: str) -> str:
    """``red star`` -> ``red stars``; the last word must be a noun of :data:`PLURALS`."""
    head, space, noun = noun_phrase.rpartition(" ")
    return f"{head}{space}{PLURALS[noun]}"


def article(noun_phrase: str) -> str:
    """``orange star`` -> ``an orange star``."""
    return f"{'an' if noun_phrase[0] in 'aeiou' else 'a'} {noun_phrase}"


def number_word(count: int) -> str:
    """``3`` -> ``three``; above fifteen digits."""
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def count_phrase(count: int, noun_phrase: str) -> str:
    """``(1, red star)`` -> ``a red star``; ``(3, red star)`` -> ``three red stars``."""
    return article(noun_phrase) if count == 1 else f"{number_word(count)} {plural(noun_phrase)}"


def join_words(parts: Sequence[str], last: str = "and") -> str:
    """``[a, b, c]`` -> ``a, b and c``."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def place_of(x: float, y: float) -> str:
    """The third of the picture that holds (x, y), percent of width and height, 0-100."""
    column = min(2, max(0, int(x * 3 // 100)))
    row = min(2, max(0, int(y * 3 // 100)))
    return PLACES[row][column]


def place_phrase(place: str) -> str:
    """``top left`` -> ``at the top left``; ``left`` -> ``on the left``."""
    return f"{_PREPOSITIONS.get(place, 'at')} the {place}"
