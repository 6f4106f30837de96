"""Texts of the interface in every language: ``<language>/<area>.json``, merged at start.

A key begins with its area: ``point.title`` stands in ``en/point.json`` and ``de/point.json``. A text may hold named
places, ``{count}``. A new language is a folder; a new mode brings a file of its own in each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

__all__ = ["LOCALES", "Catalogue", "load", "negotiate"]

LOCALES = ("en", "de")
"""Languages of the interface; the first is what others fall back to."""

_SERVER_ONLY = ("pages.", "account.", "people.", "project.", "statistics.", "review_list.")
"""Areas that no script reads: they are left out of the page, which must stay small."""


class Catalogue:
    """All texts of one language."""

    def __init__(self, locale: str, texts: Mapping[str, str], fallback: Mapping[str, str]) -> None:
        self.locale = locale
        self._texts = {**fallback, **texts}

    def __contains__(self, key: object) -> bool:
        return key in self._texts

    def text(self, key: str, **values: Any) -> str:
        """The text called ``key`` with its places filled; the key itself where no language has it."""
        text = self._texts.get(key, key)
        for name, value in values.items():  # not str.format: a text must never reach into an object
            text = text.replace("{" + name + "}", str(value))
        return text

    def for_scripts(self) -> dict[str, str]:
        """What ``t`` of ``api.js`` looks up."""
        return {key: text for key, text in self._texts.items() if not key.startswith(_SERVER_ONLY)}


def load(*folders: Traversable) -> dict[str, Catalogue]:
    """The texts of all languages, of this folder and of plug-ins' ``folders`` of the same form."""
    own = resources.files(__package__)
    texts = {locale: _merged(locale, (own, *folders)) for locale in LOCALES}
    return {locale: Catalogue(locale, own_texts, texts[LOCALES[0]]) for locale, own_texts in texts.items()}


def _merged(locale: str, folders: tuple[Traversable, ...]) -> dict[str, str]:
    merged: dict[str, str] = {}
    for folder in folders:
        place = folder / locale
        if place.is_dir():
            for file in sorted(place.iterdir(), key=lambda file: file.name):
                if file.name.endswith(".json"):
                    merged.update(json.loads(file.read_text("utf-8")))
    return merged


def negotiate(accept_language: str) -> str:
    """The language that a browser asks for first, among ours."""
    for part in accept_language.split(","):
        language = part.partition(";")[0].strip().lower().partition("-")[0]
        if language in LOCALES:
            return language
    return LOCALES[0]
