"""Words, dates and numbers as six languages write them."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from openmolmo.core.errors import ConfigError

__all__ = [
    "LANGUAGES",
    "NumberFormat",
    "a_day",
    "date_text",
    "day_text",
    "grouped_format",
    "inside",
    "number_format",
    "one",
    "person",
    "place",
    "some",
    "word",
    "word_list",
]

LANGUAGES = ("en", "de", "fr", "es", "it", "pt")
"""In the order of the word lists, which separate them by bars."""

T = TypeVar("T")
_SPACE = "\u00a0"  # a no-break space: French groups digits by it


@functools.cache
def word_list(name: str) -> dict[str, Any]:
    """One of the committed lists: ``names``, ``terms``, ``papers`` or ``drawings``."""
    lists: dict[str, Any] = json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))
    return lists


def word(entry: str, language: str) -> str:
    """The word of a language in "one|eins|un|uno|uno|um"."""
    if language not in LANGUAGES:
        raise ConfigError(f"there are no words in the language {language!r}", fix=f"use one of {', '.join(LANGUAGES)}")
    return entry.split("|")[LANGUAGES.index(language)]


def one(rng: np.random.Generator, options: Sequence[T]) -> T:
    """One of several, each as likely."""
    return options[int(rng.integers(len(options)))]


def some(rng: np.random.Generator, options: Sequence[T], count: int) -> list[T]:
    """``count`` different ones (all, if there are fewer), in random order."""
    chosen = rng.permutation(len(options))[:count]
    return [options[int(place)] for place in chosen]


def inside(text: str, language: str) -> str:
    """A word as it stands inside a title: in small letters, but for German nouns."""
    return text if language == "de" else text.lower()


def person(rng: np.random.Generator, language: str) -> str:
    """An invented person: a common given name and an invented family name."""
    names = word_list("names")
    return f"{one(rng, names['given'][language])} {one(rng, names['family'][language])}"


def place(rng: np.random.Generator) -> str:
    """An invented town."""
    town: str = one(rng, word_list("names")["places"])
    return town


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberFormat:
    """How a language writes numbers; ``group`` is empty where thousands are not set apart."""

    language: str
    decimal: str
    group: str

    def text(self, value: float, decimals: int = 0) -> str:
        """1234.5 as "1,234.5", "1.234,5" or "1 234,5"."""
        plain = f"{abs(value):,.{decimals}f}"
        swapped = "".join({",": self.group, ".": self.decimal}.get(sign, sign) for sign in plain)
        return ("−" if round(value, decimals) < 0 else "") + swapped

    def money(self, value: float) -> str:
        """An amount in the language's currency: "€41.20", "41,20 €"."""
        return f"€{self.text(value, 2)}" if self.language == "en" else f"{self.text(value, 2)}{_SPACE}€"

    def with_unit(self, value: float, unit: str, decimals: int = 0) -> str:
        """A number and its unit as they are printed in a picture; money as :meth:`money` does, without cents."""
        number = self.text(value, decimals)
        if not unit:
            return number
        if unit == "€" and self.language == "en":
            return f"€{number}"
        return f"{number}%" if unit == "%" and self.language == "en" else f"{number}{_SPACE}{unit}"

    def parse(self, text: str) -> float | None:
        """The one number in a text written this way; none if there is none or several."""
        if self.group.isspace():
            text = text.replace("\u202f", self.group)
        grouped = re.escape(self.group) if self.group else "(?!)"
        found = re.findall(rf"[-−]?\d+(?:{grouped}\d{{3}})*(?:{re.escape(self.decimal)}\d+)?", text)
        if len(found) != 1:
            return None
        plain = found[0].replace("−", "-")
        if self.group:
            plain = plain.replace(self.group, "")
        return float(plain.replace(self.decimal, "."))


def grouped_format(language: str) -> NumberFormat:
    """The format of a language with thousands set apart; it reads numbers without groups too."""
    decimal, group = {"en": (".", ","), "fr": (",", _SPACE)}.get(language, (",", "."))
    return NumberFormat(language=language, decimal=decimal, group=group)


def number_format(rng: np.random.Generator, language: str) -> NumberFormat:
    """One of the formats of a language: thousands set apart, or (one time in four) not."""
    made = grouped_format(language)
    return dataclasses.replace(made, group="") if rng.random() < 0.25 else made


def a_day(rng: np.random.Generator) -> datetime.date:
    """A day of 2015 to 2029."""
    return datetime.date(2015, 1, 1) + datetime.timedelta(days=int(rng.integers(5400)))


def date_text(rng: np.random.Generator, language: str) -> str:
    """Any day as a language writes it, in one of its forms."""
    return day_text(a_day(rng), language, int(rng.integers(6)))


def day_text(day: datetime.date, language: str, form: int) -> str:
    """A day as a language writes it; ``form``: which of its forms, any number."""
    month: str = word_list("terms")["months"][language][day.month - 1]
    short = {
        "en": (f"{day.day} {month} {day.year}", f"{month} {day.day}, {day.year}", day.isoformat()),
        "de": (f"{day.day}. {month} {day.year}", f"{day.day:02d}.{day.month:02d}.{day.year}"),
        "fr": (f"{day.day} {month} {day.year}", f"{day.day:02d}/{day.month:02d}/{day.year}"),
        "es": (f"{day.day} de {month} de {day.year}", f"{day.day:02d}/{day.month:02d}/{day.year}"),
        "it": (f"{day.day} {month} {day.year}", f"{day.day:02d}/{day.month:02d}/{day.year}"),
        "pt": (f"{day.day} de {month} de {day.year}", f"{day.day:02d}/{day.month:02d}/{day.year}"),
    }
    return short[language][form % len(short[language])]
