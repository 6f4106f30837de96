"""What an icon picture shows, in words and percent."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from openmolmo.engine.synth.icons.catalogue import Kind, Sprite
from openmolmo.engine.synth.icons.words import CATEGORIES
from openmolmo.engine.synth.scenes.vocabulary import number_word, place_of, place_phrase
from openmolmo.records.example import Mask, Point

__all__ = ["JUDGE", "Item", "Scene", "Setting", "where_phrase"]

JUDGE = "icons"
"""Stands in the facts, for those who judge captions: they are read by the words of icons."""


@dataclass(frozen=True)
class Setting:
    """``kind`` of surroundings, their colours, what the ground is, and rows and columns of a grid or of shelves."""

    kind: str
    colours: tuple[str, ...] = ()
    ground: str = ""
    rows: int = 0
    columns: int = 0


@dataclass(frozen=True)
class Item:
    """One thing: centre and pointing place in percent, and where it stands (``place``, ``shelf`` or ``cell``)."""

    kind: Kind
    sprite: Sprite
    size: str
    x: float
    y: float
    point: Point
    radius: float
    mask: Mask
    covers: tuple[int, ...] = ()
    shelf: str = ""
    cell: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """What it is."""
        return self.kind.name

    @property
    def place(self) -> str:
        """The third of the picture it is in, e.g. ``top left``."""
        return place_of(self.x, self.y)

    @property
    def where(self) -> tuple[str, str]:
        """How one says where it is: (``shelf``, ``top``), (``cell``, ``2 3``) or (``place``, ``top left``)."""
        if self.cell is not None:
            return "cell", f"{self.cell[0]} {self.cell[1]}"
        return ("shelf", self.shelf) if self.shelf else ("place", self.place)


def where_phrase(where: tuple[str, str]) -> str:
    """``(shelf, top)`` -> ``on the top shelf``."""
    kind, value = where
    if kind == "cell":
        row, column = map(int, value.split())
        return f"in row {number_word(row)}, column {number_word(column)}"
    return f"on the {value} shelf" if kind == "shelf" else place_phrase(value)


@dataclass(frozen=True)
class Scene:
    """Items in reading order, their surroundings, and the words on a sign, if there is one."""

    items: tuple[Item, ...]
    setting: Setting
    sign: str
    width: int
    height: int

    @cached_property
    def kinds(self) -> dict[str, list[Item]]:
        """Items by name, in reading order of the first of each."""
        groups: dict[str, list[Item]] = defaultdict(list)
        for item in self.items:
            groups[item.name].append(item)
        return dict(groups)

    @cached_property
    def single(self) -> list[Item]:
        """Items that are the only one of their name."""
        return [group[0] for group in self.kinds.values() if len(group) == 1]

    @cached_property
    def taken(self) -> frozenset[str]:
        """Names that are here, or could be taken for something that is here."""
        return frozenset(name for group in self.kinds.values() for name in group[0].kind.kin)

    def of_category(self, category: str) -> list[Item]:
        """Items of a category of :data:`CATEGORIES`."""
        assert category in CATEGORIES
        return [item for item in self.items if item.kind.category == category]

    def facts(self) -> dict[str, Any]:
        """JSON values; centre and point in percent."""
        return {
            "judge": JUDGE,
            "objects": [
                {
                    "name": item.name,
                    "drawing": item.sprite.drawing,
                    "category": item.kind.category,
                    "colour": item.sprite.main,
                    "colours": list(item.sprite.some),
                    "size": item.size,
                    "x": round(item.x, 2),
                    "y": round(item.y, 2),
                    "point": [item.point.x, item.point.y],
                    "place": item.place,
                    "where": list(item.where),
                    "covers": list(item.covers),
                }
                for item in self.items
            ],
            "setting": {
                "kind": self.setting.kind,
                "colours": list(self.setting.colours),
                "ground": self.setting.ground,
                "rows": self.setting.rows,
                "columns": self.setting.columns,
            },
            "sign": self.sign,
        }
