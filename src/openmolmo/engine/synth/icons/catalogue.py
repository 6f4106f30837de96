"""The things that can be drawn: their words, and their pixels."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from openmolmo.core.optional import require

__all__ = ["KINDS", "Kind", "Sprite", "pixels_of"]

_FOLDER = "openmolmo.engine.synth.icons.sprites"
_MAIN = 0.6
"""Share of a drawing's area above which it is said to have that colour."""
_SOME = 0.12
"""Share above which nobody is surprised when it is said to have that colour, too."""
_LEAST_SIDE = 32


@dataclass(frozen=True)
class Sprite:
    """One drawing: where it is (left, top, width, height in its atlas), and its colours by share of area."""

    drawing: str
    atlas: str
    box: tuple[int, int, int, int]
    colours: Mapping[str, float]

    @cached_property
    def main(self) -> str:
        """The one colour that it clearly has, or nothing."""
        colour, share = next(iter(self.colours.items()), ("", 0.0))
        return colour if share >= _MAIN else ""

    @cached_property
    def some(self) -> tuple[str, ...]:
        """Every colour that may be said of it."""
        return tuple(colour for colour, share in self.colours.items() if share >= _SOME)


@dataclass(frozen=True, eq=False)
class Kind:
    """A thing in words. ``kin``: names that people could take for it, and that must not be beside it."""

    name: str
    plural: str
    synonyms: tuple[str, ...]
    category: str
    sprites: tuple[Sprite, ...]
    kin: frozenset[str]

    @cached_property
    def words(self) -> frozenset[str]:
        """Name and synonyms."""
        return frozenset((self.name, *self.synonyms))


def _load() -> dict[str, Kind]:
    index = json.loads(files(_FOLDER).joinpath("things.json").read_text(encoding="utf-8"))
    kin: dict[str, set[str]] = defaultdict(set)
    for names in index["kin"]:
        for name in names:
            kin[name].update(names)
    heads: dict[str, set[str]] = defaultdict(set)  # a police car is a car: they share their last word
    for row in index["things"]:
        for words in (row["name"], *row["synonyms"]):
            heads[words.rpartition(" ")[2]].add(row["name"])
    for names in heads.values():
        for name in names:
            kin[name] |= names
    return {
        row["name"]: Kind(
            name=row["name"],
            plural=row["plural"],
            synonyms=tuple(row["synonyms"]),
            category=row["category"],
            sprites=tuple(Sprite(s["drawing"], s["atlas"], tuple(s["box"]), s["colours"]) for s in row["sprites"]),
            kin=frozenset(kin[row["name"]] | {row["name"]}),
        )
        for row in index["things"]
    }


KINDS: dict[str, Kind] = _load()
"""Name -> thing."""


@cache
def _atlas(name: str) -> npt.NDArray[np.uint8]:
    cv2 = require("cv2", extra="synth")
    data = np.frombuffer(files(_FOLDER).joinpath(name).read_bytes(), np.uint8)
    sheet = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)
    alpha = sheet[..., 3:].astype(np.uint16)
    sheet[..., :3] = (sheet[..., :3] * alpha + 127) // 255
    return np.asarray(sheet, np.uint8)


@cache
def _smaller(atlas: str, box: tuple[int, int, int, int], halvings: int) -> npt.NDArray[np.uint8]:
    cv2 = require("cv2", extra="synth")
    left, top, width, height = box
    cell = _atlas(atlas)[top : top + height, left : left + width]
    if not halvings:
        return cell
    size = (max(1, width >> halvings), max(1, height >> halvings))
    return np.asarray(cv2.resize(cell, size, interpolation=cv2.INTER_AREA), np.uint8)


def pixels_of(sprite: Sprite, side: float) -> npt.NDArray[np.uint8]:
    """(H, W, 4) RGBA, colours already multiplied by alpha; the smallest of its sizes that is at least ``side`` wide."""
    longest, halvings = max(sprite.box[2:]), 0
    while longest >> (halvings + 1) >= max(side, _LEAST_SIDE):
        halvings += 1
    return _smaller(sprite.atlas, sprite.box, halvings)
