"""A clock with hands that shows a given time, for data that have the time and lack the picture."""

from __future__ import annotations

import numpy as np

from openmolmo.engine.synth.clocks.dice import Dice
from openmolmo.engine.synth.clocks.family import FAMILY_TABLE
from openmolmo.engine.synth.clocks.generator import FAMILIES, draw_clock
from openmolmo.engine.synth.clocks.moment import Moment
from openmolmo.engine.synth.clocks.photograph import encode

__all__ = ["draw_time"]


def draw_time(rng: np.random.Generator, moment: Moment, *, size: int) -> bytes:
    """An encoded picture of ``size`` pixels each way: a random clock with hands, a function of the stream alone."""
    dice = Dice(rng)
    analog = [FAMILY_TABLE[name] for name in FAMILIES if FAMILY_TABLE[name].display == "analog"]
    family = dice.weighted([(one.weight, one) for one in analog])
    return encode(draw_clock(dice, family, moment, size).picture, dice)
