"""Body families: what carries the dial or display. Each is one function and one registration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from openmolmo.engine.synth.clocks.canvas import Canvas
from openmolmo.engine.synth.clocks.dice import Dice
from openmolmo.engine.synth.clocks.look import Taste
from openmolmo.engine.synth.clocks.shapes import ROUND, Shape

__all__ = ["FAMILY_TABLE", "Body", "Family", "family"]

Body = Callable[[Canvas, Dice, Shape], None]


@dataclass(frozen=True, kw_only=True)
class Family:
    """One body family.

    ``extent`` is how far the body reaches from the dial's centre (left, top, right, bottom), in
    dial radii; ``display`` is ``analog`` or the kind of a digital display; ``weight`` is how
    often it comes relative to the others.
    """

    name: str
    body: Body
    thing: Literal["watch", "clock"]
    extent: tuple[float, float, float, float]
    shapes: tuple[Shape, ...] = (ROUND,)
    display: str = "analog"
    taste: Taste
    weight: float = 1.0


_USUAL_WEIGHT = {True: 1.0, False: 0.7}  # about a quarter of all pictures are digital

FAMILY_TABLE: dict[str, Family] = {}


def family(
    thing: Literal["watch", "clock"],
    extent: tuple[float, float, float, float],
    *,
    shapes: tuple[Shape, ...] = (ROUND,),
    display: str = "analog",
    taste: Taste | None = None,
    weight: float | None = None,
) -> Callable[[Body], Body]:
    """Register the decorated function as the body family of its name."""

    def register(body: Body) -> Body:
        name = body.__name__
        FAMILY_TABLE[name] = Family(
            name=name,
            body=body,
            thing=thing,
            extent=extent,
            shapes=shapes,
            display=display,
            taste=taste or Taste(),
            weight=weight if weight is not None else _USUAL_WEIGHT[display == "analog"],
        )
        return body

    return register
