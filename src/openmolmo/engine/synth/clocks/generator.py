"""The clock generator: one random clock picture with its question, answer and facts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from openmolmo.core.errors import ConfigError
from openmolmo.engine.synth.clocks import digital_bodies, standing_clocks, watches
from openmolmo.engine.synth.clocks.backgrounds import draw_background
from openmolmo.engine.synth.clocks.canvas import Canvas, Pixels
from openmolmo.engine.synth.clocks.dial import draw_dial
from openmolmo.engine.synth.clocks.dice import Dice
from openmolmo.engine.synth.clocks.displays import Reading, choose_reading, draw_display
from openmolmo.engine.synth.clocks.family import FAMILY_TABLE, Family
from openmolmo.engine.synth.clocks.hands import draw_hands
from openmolmo.engine.synth.clocks.look import choose_look
from openmolmo.engine.synth.clocks.moment import Moment, random_moment
from openmolmo.engine.synth.clocks.photograph import blend, choose_pose, encode, finish, occlude
from openmolmo.engine.synth.clocks.phrases import answer, question
from openmolmo.records.example import Example, ImageRef, Made, Provenance, QuestionAnswer, Split

__all__ = ["FAMILIES", "GENERATOR", "SIZES", "ClockGenerator", "draw_clock"]

_REGISTERED = (watches, standing_clocks, digital_bodies)
FAMILIES: tuple[str, ...] = tuple(FAMILY_TABLE)
SIZES = (64, 640)  # smallest and largest picture, pixels


@dataclass(frozen=True)
class _Drawn:
    """A finished picture and what is known about it."""

    picture: Pixels
    reading: Reading | None
    facts: dict[str, Any]


@dataclass(frozen=True)
class ClockGenerator:
    """Draws clocks and watches and asks for the time (the idea of arXiv 2409.17146, section 3).

    ``families`` limits the body families; empty means all of them.
    """

    name: str = "clocks"
    version: str = "1.0"
    families: tuple[str, ...] = ()

    def make(self, rng: np.random.Generator, index: int, *, size: int = 256, split: str = "train") -> Example:
        """One example, a function of the random stream alone; ``size`` is the side in pixels."""
        if not SIZES[0] <= size <= SIZES[1]:
            raise ConfigError(f"size={size} is outside {SIZES[0]}..{SIZES[1]} pixels", fix="choose e.g. size=256")
        dice = Dice(rng)
        family = self._family(dice)
        moment = random_moment(dice, seconds=dice.chance(family.taste.seconds))
        drawn = draw_clock(dice, family, moment, size)
        data = encode(drawn.picture, dice)
        shown = moment.text(hours24=drawn.reading is not None and drawn.reading.hours24)
        if drawn.reading is not None and drawn.reading.suffix:
            shown = f"{shown} {drawn.reading.suffix}"
        asked = QuestionAnswer(
            question=question(dice, thing=family.thing, seconds=moment.second is not None),
            answers=(answer(dice, time=shown, thing=family.thing),),
            style="clocks",
        )
        return Example(
            id=f"{self.name}-{split}-{index:08d}",
            image=ImageRef(data=data, width=size, height=size, sha256=hashlib.sha256(data).hexdigest()),
            annotations=(asked,),
            provenance=Provenance(
                dataset="openmolmo-synth-clocks",
                licence="Apache-2.0",
                made={"question_answer": (Made.PROGRAM,)},
                image="program",
                tool="openmolmo.engine.synth.clocks",
                version=self.version,
            ),
            split=cast(Split, split),
            facts={"clock": drawn.facts},
        )

    def _family(self, dice: Dice) -> Family:
        names = self.families or FAMILIES
        return dice.weighted([(FAMILY_TABLE[name].weight, FAMILY_TABLE[name]) for name in names])


def draw_clock(dice: Dice, family: Family, moment: Moment, size: int) -> _Drawn:
    """The picture of a clock of this family showing this time, and what is known about it."""
    shape = dice.pick(family.shapes)
    analog = family.display == "analog"
    facts: dict[str, Any] = {
        "hour": moment.hour12,
        "minute": moment.minute,
        "second": moment.second,
        "display": "analog" if analog else "digital",
        "family": family.name,
    }
    look = choose_look(dice, family.taste) if analog else None
    marked = look is None or look.numerals not in {"none"}
    pose = choose_pose(dice, family, shape, size, marked=marked)
    canvas = Canvas(family.extent, pose.radius * _supersample(size))
    family.body(canvas, dice, shape)
    reading = None
    if look is not None:
        draw_dial(canvas, dice, look, shape)
        draw_hands(canvas, dice, moment, look, shape)
        facts |= {"numerals": look.numerals, "hands": look.hands}
    else:
        reading = choose_reading(dice, moment, family.display)
        draw_display(canvas, dice, family.display, shape, reading)
        facts |= {"screen": family.display, "hours24": reading.hours24, "suffix": reading.suffix or None}
        if reading.hours24:
            facts["hour24"] = moment.hour
    background, kind = draw_background(dice, size)
    picture = blend(background, canvas, pose, dice)
    occluded = analog and dice.chance(0.07)  # a hidden digit could not be read back
    if occluded:
        occlude(picture, dice, pose)
    picture = finish(picture, dice, pose, analog=analog)
    facts |= {"background": kind, "radius": round(pose.radius / size, 4), "occluded": occluded}
    return _Drawn(picture, reading, facts)


def _supersample(size: int) -> float:
    """Canvas pixels per picture pixel: finer where pictures are small."""
    return 2.0 if size <= 288 else 1.5


GENERATOR = ClockGenerator()
