"""The pictures of one measurement, through the model's encoder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from openmolmo.core.errors import DataError
from openmolmo.core.progress import track
from openmolmo.evaluation.held_out import from_folder
from openmolmo.evaluation.known_world import pictures as made
from openmolmo.evaluation.known_world.fit import Rows, fit, statistics_of
from openmolmo.evaluation.known_world.rates import rates
from openmolmo.inference.predictor import Predictor
from openmolmo.model.known_world import KnownWorld
from openmolmo.pictures import open_image
from openmolmo.records.example import Example

__all__ = ["Known", "known_pictures", "learn", "measure"]

_SEEDS = {"fit": 5, "held_back": 6, "test": 7}
_FOR = {"fit": "learn from", "held_back": "choose a threshold", "test": "measure"}
_STRANGE = 600


@dataclass(frozen=True)
class Known:
    """Statistics of known pictures: to fit on, to choose the threshold by (both None without fitting), to measure."""

    fit: Rows | None
    held_back: Rows | None
    test: Rows


def known_pictures(
    predictor: Predictor, data: Path | None, generators: Sequence[str], count: int, fitting: bool
) -> Known:
    """Held-out pictures of generators, or a data set cut into 6 : 2 : 2."""
    if data is not None:
        examples = from_folder(data).examples
        if len(examples) < 100:
            raise DataError(f"{data} has {len(examples)} pictures to learn from", fix="give at least 100")
        rows = statistics_of(predictor, _opened(examples))
        cut, end = int(0.6 * len(rows)), int(0.8 * len(rows))
        return Known(rows[:cut], rows[cut:end], rows[end:])

    def of(part: str, split: str, number: int) -> Rows:
        drawn = (made.drawn(name, number, split=split, seed=_SEEDS[part]) for name in generators)
        total = number * len(made.SIZES) * len(generators)
        return statistics_of(predictor, track(chain.from_iterable(drawn), f"pictures it knows, to {_FOR[part]}", total))

    fewer = max(20, round(0.3 * count))
    test = of("test", "test", fewer)
    if not fitting:
        return Known(None, None, test)
    return Known(of("fit", "validation", count), of("held_back", "validation", fewer), test)


def _opened(examples: Sequence[Example]) -> Iterator[np.ndarray[Any, Any]]:
    for example in examples:
        for image in example.images:
            source = image.data if image.data is not None else image.path
            if source is not None:
                yield open_image(source)


def learn(predictor: Predictor, known: Known) -> KnownWorld:
    """What the model knows, told from noise; no photograph is looked at."""
    assert known.fit is not None and known.held_back is not None
    strange = statistics_of(predictor, track(made.strange(_STRANGE, 0), "pictures it does not know", _STRANGE))
    return fit(known.fit, known.held_back, strange, predictor.model.encoder)


def measure(predictor: Predictor, world: KnownWorld, known: Rows) -> dict[str, dict[str, Any]]:
    """Rates of known pictures, photographs, pieces and sizes of those, and other pictures."""
    photographs = made.photographs()
    others = {
        "photographs": photographs.values(),
        "their pieces and sizes": chain.from_iterable(map(made.variants, photographs.values())),
        "one colour": made.plain(),
        "noise": made.noise(),
        "gradients": made.gradients(),
    }
    return rates(world, known, {name: statistics_of(predictor, given) for name, given in others.items()})
