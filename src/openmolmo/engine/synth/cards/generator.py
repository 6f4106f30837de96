"""The generator of cards: from a random stream to one example with picture, questions, points and masks."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from openmolmo.core.errors import ConfigError
from openmolmo.engine.synth.cards.page import Box
from openmolmo.engine.synth.cards.questions import make_annotations
from openmolmo.engine.synth.cards.templates import Card, draw_card
from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.engine.synth.scenes.jpeg import as_jpeg
from openmolmo.records.example import Example, Made, Provenance, Split

__all__ = ["GENERATOR", "CardGenerator"]

_LEAST_SIZE = 64
_KINDS = ("question_answer", "pointing", "counting", "not_present")


class CardGenerator:
    """Price lists, tables, bar charts, forms and signs in large letters, with questions, points and counts.

    ``make`` is a pure function of the random stream and its arguments. One in five pairs of a word and its value is
    never shown in the split ``train``; the other splits show only those, where there is one that fits.
    """

    name, version = "cards", "1"

    def make(self, rng: np.random.Generator, index: int, *, size: int, split: str) -> Example:
        """One example; ``size`` is the longer side in pixels. Example.facts holds what the card tells."""
        if size < _LEAST_SIZE:
            raise ConfigError(f"size={size} is too small for cards", fix=f"use at least {_LEAST_SIZE} pixels")
        dice = Dice(rng)
        card = draw_card(dice, size, split)
        annotations = make_annotations(dice, card)
        return Example(
            id=f"{self.name}-{split}-{dice.below(1 << 32):08x}-{index:08d}",
            image=as_jpeg(card.page.picture),
            annotations=annotations,
            provenance=Provenance(
                dataset="openmolmo-synth-cards",
                licence="Apache-2.0",
                made=dict.fromkeys(_KINDS, (Made.PROGRAM,)),
                image="program",
                tool="openmolmo synth cards",
                version=self.version,
            ),
            split=cast(Split, split),
            facts={"card": _facts(card)},
        )


def _facts(card: Card) -> dict[str, Any]:
    """JSON values; boxes as left, top, right, bottom in percent."""
    height, width = card.page.picture.shape[:2]

    def place(box: Box | None) -> list[float] | None:
        if box is None:
            return None
        left, top, right, bottom = box
        return [
            round(100 * at / side, 2) for at, side in zip((left, top, right, bottom), (width, height) * 2, strict=True)
        ]

    return {
        "kind": card.kind,
        "title": card.title,
        "entries": [
            {
                "name": entry.name,
                "value": entry.value,
                "column": entry.column,
                "colour": entry.colour,
                "ticked": entry.ticked,
                "named": place(entry.named),
                "valued": place(entry.valued),
                "mark": place(entry.mark),
            }
            for entry in card.entries
        ],
    }


GENERATOR = CardGenerator()
