"""What a dial looks like: every choice of paper, ink, numerals, marks, hands and extras.

A body family states its :class:`Taste`; :func:`choose_look` makes one :class:`Look` of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from openmolmo.engine.synth.clocks.dice import Dice
from openmolmo.engine.synth.clocks.palette import Colour, choose, luma, mix, readable_on, rgb

__all__ = ["MARKERS", "NUMERALS", "TICKS", "Look", "Taste", "choose_look"]

NUMERALS = ("arabic", "roman", "quarters", "roman_quarters", "twelve_six", "ring24", "minutes", "none")
MARKERS = ("bar", "dot", "wedge", "diamond", "double", "none")
TICKS = ("bars", "dots", "railway", "hours", "inner", "none")

_PAPERS = (
    *("white", "white", "white", "cream", "silver", "black", "black"),
    *("blue", "green", "red", "salmon", "pastel", "bright"),
)
_NUMERALS = (
    *("arabic", "arabic", "arabic", "roman", "roman", "quarters"),
    *("roman_quarters", "twelve_six", "ring24", "minutes", "none", "none"),
)
_MARKERS = ("bar", "bar", "bar", "dot", "wedge", "diamond", "double")
_TICKS = ("bars", "bars", "bars", "dots", "railway", "hours", "inner", "none")
_HANDS = (
    *("baton", "baton", "tapered", "dauphine", "sword", "leaf", "alpha", "pencil"),
    *("lozenge", "arrow", "spade", "breguet", "syringe", "skeleton", "mercedes"),
)
_TEXTURES = ((5, "plain"), (2, "sunray"), (2, "vignette"), (1, "linear"), (1, "guilloche"), (1, "grain"))
_SERIFS = ("serif", "serif_light", "serif_narrow", "serif")
_SANS = ("sans", "light", "bold", "narrow", "wide", "round", "stroke", "slanted", "sans")


@dataclass(frozen=True, kw_only=True)
class Taste:
    """What a body family likes; an empty tuple leaves the choice free. Repeats weigh more."""

    papers: tuple[str, ...] = ()
    numerals: tuple[str, ...] = ()
    markers: tuple[str, ...] = ()
    ticks: tuple[str, ...] = ()
    hands: tuple[str, ...] = ()
    fonts: tuple[str, ...] = ()
    hand_colours: tuple[str, ...] = ()
    second_hands: tuple[str, ...] = ()
    seconds: float = 0.5
    subdials: float = 0.0
    date: float = 0.15
    logo: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Look:
    """One dial's choices. Sizes are in dial radii."""

    paper: Colour
    ink: Colour
    numerals: str
    marker: str
    marker_colour: Colour
    ticks: str
    font: str
    numeral_height: float
    upright: bool
    hands: str
    hand_colour: Colour
    lume: Colour | None
    hour_length: float
    minute_length: float
    width: float
    second_style: str
    second_colour: Colour
    texture: str
    subdials: str
    date: str
    logo: bool


def choose_look(dice: Dice, taste: Taste) -> Look:
    """Make every choice a dial needs."""
    paper = choose(dice, *(taste.papers or _PAPERS))
    numerals = dice.pick(taste.numerals or _NUMERALS)
    marker = dice.pick(taste.markers or _MARKERS)
    ticks = dice.pick(taste.ticks or _TICKS)
    ink = _ink(dice, paper)
    hand_colour = _hand_colour(dice, paper, ink, taste)
    bold = taste.fonts or (_SERIFS if numerals.startswith("roman") or dice.chance(0.25) else _SANS)
    hour_length = dice.between(0.48, 0.6)
    return Look(
        paper=paper,
        ink=ink,
        numerals=numerals,
        marker=marker,
        marker_colour=ink if dice.chance(0.6) else hand_colour,
        ticks=ticks,
        font=dice.pick(bold),
        numeral_height=dice.between(0.15, 0.24),
        upright=dice.chance(0.25 if numerals.startswith("roman") else 0.92),
        hands=dice.pick(taste.hands or _HANDS),
        hand_colour=hand_colour,
        lume=_lume(dice, hand_colour),
        hour_length=hour_length,
        minute_length=dice.between(max(0.76, hour_length + 0.22), 0.9),
        width=dice.between(0.034, 0.06),
        second_style=dice.pick(taste.second_hands or ("plain", "plain", "counterweight", "lollipop", "arrow")),
        second_colour=_contrasting(dice, paper, choose(dice, "accent", "accent", "ink", "white")),
        texture=dice.weighted(_TEXTURES),
        subdials=_subdials(dice, taste),
        date=dice.pick(("three", "three", "six", "half_four")) if dice.chance(taste.date) else "none",
        logo=dice.chance(taste.logo),
    )


def _subdials(dice: Dice, taste: Taste) -> str:
    return dice.pick(("three", "three", "two", "six", "two_vertical")) if dice.chance(taste.subdials) else "none"


def _ink(dice: Dice, paper: Colour) -> Colour:
    if dice.chance(0.75):
        return readable_on(dice, paper)
    return _contrasting(dice, paper, choose(dice, "gold", "blue", "brown", "silver", "red"))


def _hand_colour(dice: Dice, paper: Colour, ink: Colour, taste: Taste) -> Colour:
    if taste.hand_colours:
        return _contrasting(dice, paper, choose(dice, *taste.hand_colours))
    if dice.chance(0.5):
        return ink
    return _contrasting(dice, paper, choose(dice, "steel", "gold", "ink", "blue", "white", "rose"))


def _lume(dice: Dice, hand: Colour) -> Colour | None:
    if not dice.chance(0.3):
        return None
    return mix(rgb(0xEAF3DC), rgb(0xC9D9A0), dice.unit()) if luma(hand) < 190 else _inlay_colour(dice)


def _inlay_colour(dice: Dice) -> Colour:
    """The inlay of a bright hand."""
    return mix(rgb(0x303438), rgb(0x8A8F94), dice.unit())


def _contrasting(dice: Dice, paper: Colour, wanted: Colour) -> Colour:
    """``wanted`` if it can be told from the paper, otherwise a neutral that can."""
    return wanted if abs(luma(wanted) - luma(paper)) > 80 else readable_on(dice, paper)
