"""How much of the vocabulary a generator of scenes uses: all of it, or the few words of an easy world."""

from __future__ import annotations

from dataclasses import dataclass, replace

from openmolmo.engine.synth.scenes.vocabulary import COLOURS, SHAPES

__all__ = [
    "ATTRIBUTES",
    "BRIEF",
    "CARELESS",
    "CROWD",
    "HERD",
    "MICRO",
    "RELATIONS",
    "SMALL",
    "SPARSE",
    "TOLD",
    "WHOLE",
    "WORLDS",
    "World",
]


@dataclass(frozen=True, kw_only=True)
class World:
    """What scenes are made of and what is said of them.

    ``counts``: how likely scenes of 1, 2, ... plain objects are (none: the mixture of simple and busy scenes).
    ``again``: how often an object is the same as one before. ``scale``: of every radius.
    ``tones``: backgrounds, plain and square pictures only (none: all kinds). ``plain``: labels name neither
    patterns nor sizes, captions are short, and there are no transcripts and explanations. Of such a world,
    ``spoken``: there are transcripts after all. ``brief``: how often a caption tells of some things only, without an
    overview. ``careless``: of how many things a caption says something wrong. ``asked``: the kinds of short questions
    (none: all of them).
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
    asked: tuple[str, ...] = ()


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

SMALL = replace(
    MICRO,
    name="small",
    counts=(1, 3, 4, 3, 1),
    again=0.2,
    scale=0.4,
    asked=("colour", "shape", "how_many", "exists"),
)
"""The micro world with small things in large pictures: whoever shrinks the picture cannot tell their shapes."""

CROWD = replace(MICRO, name="crowd", counts=(1, 2, 2, 2, 2, 2, 2, 2, 2, 2), again=0.8, scale=0.6)
"""One to ten things, many of a kind, to be counted; for pictures of twice a crop's side."""

HERD = replace(CROWD, name="herd", again=1.0)
"""One to ten things, all of one kind: how many there are is all that there is to find out."""

TOLD = replace(MICRO, name="told", counts=(0, 2, 3, 3, 2), scale=1.1, spoken=True)
"""Two to five things, told in writing and in speech."""

BRIEF = replace(TOLD, name="brief", brief=0.5)
"""The same things, of which every other caption tells a part only."""

CARELESS = replace(TOLD, name="careless", careless=0.4)
"""The same things, told by somebody who does not look closely."""

ATTRIBUTES = replace(MICRO, name="attributes", asked=("colour", "shape", "place", "exists"))
"""The micro world, of whose things short questions ask what can be seen of one alone."""

RELATIONS = replace(MICRO, name="relations", asked=("how_many", "neighbour", "beside", "compare", "largest"))
"""The micro world, of whose things short questions ask what only several of them together tell."""

SPARSE = replace(SMALL, name="sparse", counts=(5, 2), again=0.0, asked=("shape",))
"""One small thing or two in a large picture, asked for their shapes: most of the picture is empty."""

_ALL = (WHOLE, MICRO, SMALL, CROWD, HERD, TOLD, BRIEF, CARELESS, ATTRIBUTES, RELATIONS, SPARSE)
WORLDS = {world.name: world for world in _ALL}
