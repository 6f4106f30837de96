"""Windows of cards: every patch is labelled with the word, the number or the colour of the mark that it shows."""

from __future__ import annotations

import numpy as np

from openmolmo.engine.synth.cards.templates import draw_card
from openmolmo.engine.synth.patch_labels import FACTS, Window
from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.engine.synth.windows import cut_windows

__all__ = ["make_card_windows"]

_NAMES = list(FACTS)
_CLASSES = {word: place for place, word in enumerate(FACTS["word"])}
_LEAST_SHARE = 0.12
"""A line of letters covers less of a patch than a thing does, and is seen all the same."""


def make_card_windows(
    rng: np.random.Generator, count: int, *, size: int, side: int = 112, patch: int = 14
) -> list[Window]:
    """``count`` windows of one new card of ``size`` pixels, of the split train."""
    dice = Dice(rng)
    page = draw_card(dice, size, "train").page
    owner = np.zeros(page.picture.shape[:2], np.uint8)
    table = np.full((len(page.written) + 1, len(FACTS)), -1, np.int64)
    centres = np.zeros((len(page.written) + 1, 2), np.float32)
    for number, written in enumerate(page.written, start=1):
        left, top, right, bottom = written.box
        owner[top:bottom, left:right] = number
        centres[number] = (left + right) / 2, (top + bottom) / 2
        if written.text.isdigit():
            table[number, _NAMES.index("tens")] = int(written.text) // 10
            table[number, _NAMES.index("ones")] = int(written.text) % 10
        elif written.text:
            table[number, _NAMES.index("word")] = _CLASSES[written.text]
        elif written.colour in FACTS["colour"]:
            table[number, _NAMES.index("colour")] = FACTS["colour"].index(written.colour)
    return cut_windows(dice, count, page.picture, owner, table, centres, side=side, patch=patch, least=_LEAST_SHARE)
