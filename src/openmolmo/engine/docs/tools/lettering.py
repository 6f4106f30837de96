"""Fonts of the machine: which there are, which letters they have.

A tool that finds no letter in the font that was asked for takes it from any other; where none has it, a box is drawn
instead. Such a picture is refused.
"""

from __future__ import annotations

import functools
import hashlib
import shutil
import subprocess
import unicodedata
from collections.abc import Iterable

from openmolmo.engine.docs.failures import RenderError

__all__ = ["fonts_digest", "fonts_missing", "lacking", "refuse_missing_letters"]

FAMILIES = ("DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono", "Liberation Sans", "Liberation Serif")
"""What the templates write in."""


@functools.cache
def _listing() -> tuple[str, ...]:
    """One line a font: family, file name, letters as hexadecimal ranges; sorted."""
    command = ["fc-list", "--format", "%{family[0]}\t%{file|basename}\t%{fontversion}\t%{charset}\n"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return tuple(sorted(set(done.stdout.splitlines())))


def fonts_missing() -> str | None:
    """A sentence with the line that installs the fonts, or none where they are there."""
    if shutil.which("fc-list") is None:
        return "the list of fonts (fontconfig) is not installed: apt-get install fontconfig fonts-dejavu"
    there = {line.split("\t")[0] for line in _listing()}
    lacks = [name for name in FAMILIES if name not in there]
    if lacks:
        return f"the font {lacks[0]} is not installed: apt-get install fonts-dejavu fonts-liberation"
    return None


@functools.cache
def fonts_digest() -> str:
    """Eight letters that change whenever a font of the machine does: pictures of other fonts are other pictures."""
    return hashlib.sha256("\n".join(_listing()).encode()).hexdigest()[:8]


@functools.cache
def _ranges() -> tuple[tuple[int, int], ...]:
    found: set[tuple[int, int]] = set()
    for line in _listing():
        for part in line.split("\t")[3].split():
            first, _, last = part.partition("-")
            found.add((int(first, 16), int(last or first, 16)))
    return tuple(sorted(found))


@functools.cache
def _has(letter: str) -> bool:
    code = ord(letter)
    return any(first <= code <= last for first, last in _ranges())


def lacking(text: str) -> str:
    """The letters of ``text`` that no font of the machine has, each once; what leaves no ink is not looked for."""
    unseen = {"Cc", "Cf", "Zs", "Zl", "Zp"}
    return "".join(
        letter for letter in dict.fromkeys(text) if unicodedata.category(letter) not in unseen and not _has(letter)
    )


def refuse_missing_letters(tool: str, texts: Iterable[str]) -> None:
    """Raise for the first text with a letter that would be drawn as a box."""
    for text in texts:
        if absent := lacking(text):
            raise RenderError(tool, f"no font has the letter {absent[0]!r} (U+{ord(absent[0]):04X}) of {text!r}")
