"""How much of the vocabulary a generator of scenes uses: all of it, or the few words of an easy world."""

from __future__ import annotations

from dataclasses import dataclass, replace

from openmolmo.engine.synth.scenes.vocabulary import COLOURS, SHAPES

__all__ = ["CARELESS", "CROWD", "MICRO", "SMALL", "TOLD", "WHOLE", "WORLDS", "World"]


@dataclass(frozen=True, kw_only=True)
class World:
    """What scenes are made of and what is said of them.

    ``counts``: how likely scenes of 1, 2, ... plain objects are (none: the mixture of simple and busy scenes).
    ``again``: how often an object is the same as one before. ``scale``: of every radius.
    ``tones``: backgrounds, plain and square pictures only (none: all kinds). ``plain``: labels name neither
    patterns nor sizes, captions are short, and there are no transcripts and explanations. Of such a world,
    ``spoken``: there are transcripts after all. ``brief``: how often a caption tells of some things only, without an
    overview. ``careless``: of how many things a caption says something wrong.
    """

    name: str
    shapes: tuple[str, ...] = SHAPES
    colours: tuple[str, ...] = tuple(COLOURS)
    counts: tuple[float, ...] = ()
    again: float = 0.33
    scale: float = 1.0
    tones: tuple[str, ...] = ()
    plain: bool = False
    spoken: bool = False
    brief: float = 0.0
    careless: float = 0.0


WHOLE = World(name="whole")
MICRO = World(
    name="micro",
    shapes=("circle", "square", "triangle", "star", "cross", "ring"),
    colours=("red", "yellow", "green", "blue", "purple", "black"),
    counts=(4, 4, 2, 1),
    again=0.45,
    scale=1.35,
    tones=("white", "light gray", "light pink"),
    plain=True,
)
"""Small enough to be learnt from random weights in minutes on two cores (docs/log.md)."""

SMALL = replace(MICRO, name="small", counts=(3, 3, 3, 2, 2), scale=0.67)
"""Things too small for one crop of the whole: in pictures of twice a crop's side they are as large as those of micro
are in a crop."""

CROWD = replace(MICRO, name="crowd", counts=(1, 2, 2, 2, 2, 2, 2, 2, 2, 2), again=0.8, scale=0.6)
"""One to ten things, many of a kind, to be counted; for pictures of twice a crop's side."""

TOLD = replace(MICRO, name="told", counts=(0, 2, 3, 3, 2), scale=1.1, spoken=True, brief=0.5)
"""Two to five things, told in writing, at length or briefly, and in speech."""

CARELESS = replace(TOLD, name="careless", careless=0.4)
"""The same things, told by somebody who does not look closely."""

WORLDS = {world.name: world for world in (WHOLE, MICRO, SMALL, CROWD, TOLD, CARELESS)}
