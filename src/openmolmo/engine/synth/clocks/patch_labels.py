"""Clocks as windows: every patch is labelled with the time that the clock shows."""

from __future__ import annotations

import numpy as np

from openmolmo.core.optional import require
from openmolmo.engine.synth.clocks.generator import ClockGenerator
from openmolmo.engine.synth.patch_labels import FACTS, Window

cv2 = require("cv2", extra="synth")

__all__ = ["make_clock_window"]

_HOUR, _MINUTE = list(FACTS).index("hour"), list(FACTS).index("minute")


def make_clock_window(rng: np.random.Generator, *, size: int, side: int = 112, patch: int = 14) -> Window:
    """One clock of ``size`` pixels, whole, reduced to ``side``."""
    example = ClockGenerator().make(rng, 0, size=size)
    assert example.image is not None and example.image.data is not None
    picture = cv2.imdecode(np.frombuffer(example.image.data, np.uint8), cv2.IMREAD_COLOR)
    picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    if size != side:
        picture = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    facts = np.full(((side // patch) ** 2, len(FACTS)), -1, np.int64)
    clock = example.facts["clock"]
    facts[:, _HOUR] = FACTS["hour"].index(str(clock["hour"]))
    facts[:, _MINUTE] = clock["minute"]
    return Window(picture.astype(np.uint8), facts, np.zeros((len(facts), 2), np.float32))
