"""Make the sprites again: ``python -m openmolmo.engine.synth.icons.sprites.make icons.json [FOLDER]``.

``icons.json`` comes from ``npm pack @iconify-json/fluent-emoji-flat@1.2.6``; drawing needs ``pip install resvg-py``.
The same file and versions give the same bytes.
"""

from __future__ import annotations

import io
import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from openmolmo.core.errors import ConfigError
from openmolmo.core.files import atomic_file, write_json
from openmolmo.core.optional import require
from openmolmo.engine.synth.icons.sprites.colours import shares

__all__ = ["Line", "make", "read_list"]

HERE = Path(__file__).parent
SIDE = 128
"""Pixels of a drawing's side, its margin included."""
_COLUMNS = 8


@dataclass(frozen=True, kw_only=True)
class Line:
    """A thing of ``things.txt``: its words, and the names of its drawings."""

    name: str
    plural: str
    synonyms: tuple[str, ...]
    category: str
    drawings: tuple[str, ...]


@dataclass
class _List:
    things: list[Line] = field(default_factory=list)
    kin: list[list[str]] = field(default_factory=list)


def read_list(text: str) -> tuple[list[Line], list[list[str]]]:
    """The things, and the sets of names that are kept apart. A kin that is not listed is a :class:`ConfigError`."""
    found, category = _List(), ""
    for line in (line.strip() for line in text.splitlines()):
        if line.startswith("["):
            category = line[1:-1]
        elif line.startswith("kin:"):
            found.kin.append([name.strip() for name in line[4:].split(",")])
        elif line and not line.startswith("#"):
            words, _, drawings = line.partition(" = ")
            names, _, synonyms = words.partition("~")
            name, _, plural = names.strip().partition("/")
            found.things.append(
                Line(
                    name=name,
                    plural=plural or _plural(name),
                    synonyms=tuple(word.strip() for word in synonyms.split(",") if word.strip()),
                    category=category,
                    drawings=tuple(drawings.split()),
                )
            )
    known = {thing.name for thing in found.things}
    if unknown := sorted({name for names in found.kin for name in names} - known):
        raise ConfigError(f"kin {', '.join(unknown)} is not in the list of things", fix="correct things.txt")
    return found.things, found.kin


def _plural(name: str) -> str:
    """``box`` -> ``boxes``; irregular ones stand in the list."""
    if re.search(r"(s|x|ch|sh)$", name):
        return f"{name}es"
    return f"{name[:-1]}ies" if re.search(r"[^aeiou]y$", name) else f"{name}s"


def make(icons: Path, out: Path = HERE) -> int:
    """Draw every sprite into atlases by category, and write their index; returns how many there are."""
    drawings = json.loads(icons.read_text(encoding="utf-8"))["icons"]
    things, kin = read_list((HERE / "things.txt").read_text(encoding="utf-8"))
    rows: list[dict[str, Any]] = []
    for old in out.glob("atlas-*.webp"):
        old.unlink()
    for category in dict.fromkeys(thing.category for thing in things):
        members = [thing for thing in things if thing.category == category]
        pictures = [(thing, name, _draw(drawings[name]["body"])) for thing in members for name in thing.drawings]
        atlas = f"atlas-{category.replace(' ', '-')}.webp"
        with atomic_file(out / atlas) as path:
            path.write_bytes(_packed([picture for _, _, picture in pictures]))
        cells = {name: (number, picture) for number, (_, name, picture) in enumerate(pictures)}
        rows += [_row(thing, atlas, cells) for thing in members]
    write_json(out / "things.json", {"things": rows, "kin": kin})
    return sum(len(row["sprites"]) for row in rows)


def _draw(body: str) -> Image.Image:
    """(SIDE, SIDE) RGBA of a drawing of 32 units a side."""
    resvg = require("resvg_py", extra="dev")
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">{body}</svg>'
    encoded = bytes(resvg.svg_to_bytes(svg_string=svg, width=SIDE, height=SIDE))
    return Image.open(io.BytesIO(encoded)).convert("RGBA")


def _packed(pictures: list[Image.Image]) -> bytes:
    rows = -(-len(pictures) // _COLUMNS)
    sheet = Image.new("RGBA", (_COLUMNS * SIDE, rows * SIDE))
    for number, picture in enumerate(pictures):
        sheet.paste(picture, _corner(number))
    stream = io.BytesIO()
    sheet.save(stream, "WEBP", lossless=True, quality=80, method=4, exact=False)
    return stream.getvalue()


def _corner(number: int) -> tuple[int, int]:
    return number % _COLUMNS * SIDE, number // _COLUMNS * SIDE


def _row(thing: Line, atlas: str, cells: dict[str, tuple[int, Image.Image]]) -> dict[str, Any]:
    sprites = []
    for name in thing.drawings:
        number, picture = cells[name]
        pixels = np.asarray(picture)
        across, down = _corner(number)
        rows, columns = np.nonzero(pixels[..., 3] >= 8)
        left, top, right, bottom = (int(v) for v in (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
        box = [across + left, down + top, right - left, bottom - top]
        sprites.append({"drawing": name, "atlas": atlas, "box": box, "colours": shares(pixels)})
    return {
        "name": thing.name,
        "plural": thing.plural,
        "synonyms": list(thing.synonyms),
        "category": thing.category,
        "sprites": sprites,
    }


if __name__ == "__main__":
    make(Path(sys.argv[1]), *map(Path, sys.argv[2:3]))
