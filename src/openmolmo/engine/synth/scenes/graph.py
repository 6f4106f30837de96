"""The scene graph: what is in the picture, in words and percent."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from openmolmo.engine.synth.scenes.vocabulary import place_of
from openmolmo.engine.synth.scenes.world import WHOLE, World
from openmolmo.records.example import Mask, Point

__all__ = ["Background", "Scene", "Thing", "relation"]

CLEAR_GAP = 8.0
"""Centres at least this far apart (percent) before one counts as left of or above the other."""


@dataclass(frozen=True)
class Thing:
    """One object: its words, centre and pointing place in percent, and which things it partly covers."""

    shape: str
    colour: str
    pattern: str
    size: str
    x: float
    y: float
    point: Point
    radius: float
    mask: Mask | None = None
    covers: tuple[int, ...] = ()

    @property
    def kind(self) -> str:
        """Colour and shape, e.g. ``red star``."""
        return f"{self.colour} {self.shape}"

    @property
    def place(self) -> str:
        """The third of the picture it is in, e.g. ``top left``."""
        return place_of(self.x, self.y)

    def matches(self, *, size: str = "", pattern: str = "", colour: str = "", shape: str = "") -> bool:
        """Whether every word given fits."""
        return (
            (not shape or shape == self.shape)
            and (not colour or colour == self.colour)
            and (not pattern or pattern == self.pattern)
            and (not size or size == self.size)
        )


@dataclass(frozen=True)
class Background:
    """``kind`` is plain, gradient, grainy, blurred or outdoor; outdoor has a sky colour and a ``ground``."""

    kind: str
    colours: tuple[str, ...]
    ground: str = ""


@dataclass(frozen=True)
class Scene:
    """Things in reading order, the background and how things are drawn (``flat``, ``outlined``, ``shadowed``).

    ``world`` holds the words that may be asked for.
    """

    things: tuple[Thing, ...]
    background: Background
    style: str
    width: int
    height: int
    world: World = WHOLE

    @cached_property
    def kinds(self) -> dict[str, list[Thing]]:
        """Things by colour and shape, in reading order of the first of each."""
        groups: dict[str, list[Thing]] = defaultdict(list)
        for thing in self.things:
            groups[thing.kind].append(thing)
        return dict(groups)

    @cached_property
    def single(self) -> list[Thing]:
        """Things that are the only one of their colour and shape."""
        return [group[0] for group in self.kinds.values() if len(group) == 1]

    def facts(self) -> dict[str, Any]:
        """The graph as JSON values; centre and point in percent."""
        return {
            "objects": [
                {
                    "label": " ".join(w for w in (t.size, t.pattern, t.colour, t.shape) if w != "plain"),
                    "shape": t.shape,
                    "colour": t.colour,
                    "pattern": t.pattern,
                    "size": t.size,
                    "x": round(t.x, 2),
                    "y": round(t.y, 2),
                    "point": [t.point.x, t.point.y],
                    "place": t.place,
                    "covers": list(t.covers),
                }
                for t in self.things
            ],
            "background": {
                "kind": self.background.kind,
                "colours": list(self.background.colours),
                "ground": self.background.ground,
            },
            "style": self.style,
            # Captions of a plain world leave this out, so nobody can be asked to state it.
            **({"unsaid": ["style"]} if self.world.plain else {}),
        }


def relation(ax: float, ay: float, bx: float, by: float) -> list[str]:
    """How a stands to b, e.g. ``["left of", "above"]``; centres in percent, clear cases only."""
    found = []
    if bx - ax >= CLEAR_GAP:
        found.append("left of")
    if ax - bx >= CLEAR_GAP:
        found.append("right of")
    if by - ay >= CLEAR_GAP:
        found.append("above")
    if ay - by >= CLEAR_GAP:
        found.append("below")
    return found
