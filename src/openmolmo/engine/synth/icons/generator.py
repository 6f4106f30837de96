"""The generator of icons: from a random stream to one example with picture, words, points and masks."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt

from openmolmo.core.errors import ConfigError
from openmolmo.engine.synth.icons.answers import make_answers, make_explanation
from openmolmo.engine.synth.icons.captions import write_caption, write_transcript
from openmolmo.engine.synth.icons.draw import choose_sign, paint_items, paint_sign
from openmolmo.engine.synth.icons.layout import Placed, choose, choose_different, place
from openmolmo.engine.synth.icons.questions import make_counting, make_not_present, make_pointing
from openmolmo.engine.synth.icons.scene import Item, Scene
from openmolmo.engine.synth.icons.stages import Stage, choose_stage
from openmolmo.engine.synth.icons.statements import reference_statements
from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.engine.synth.scenes.draw import inner_point
from openmolmo.engine.synth.scenes.jpeg import as_jpeg
from openmolmo.records.example import Annotation, Caption, Example, Made, Provenance, Split, Transcript
from openmolmo.records.masks import encode

__all__ = ["FULL", "GENERATOR", "IconGenerator", "make_scene"]

_LEAST_SIZE = 64
_KINDS = ("caption", "transcript", "pointing", "counting", "not_present", "question_answer", "point_explanation")


class IconGenerator:
    """Pictures of everyday things with captions, transcripts, points, counts, questions and signs.

    ``make`` is a pure function of the random stream and its arguments.
    """

    version = "2"

    def __init__(self, name: str = "icons", different: int = 0) -> None:
        self.name, self._different = name, different

    def make(self, rng: np.random.Generator, index: int, *, size: int, split: str) -> Example:
        """One example; ``size`` is the longer side in pixels. Example.facts holds the scene graph."""
        if size < _LEAST_SIZE:
            raise ConfigError(f"size={size} is too small for icons", fix=f"use at least {_LEAST_SIZE} pixels")
        dice = Dice(rng)
        scene, picture = make_scene(dice, size, self._different)
        facts = scene.facts()
        facts["statements"] = sorted(map(list, reference_statements(facts)))
        tag = f"{dice.below(1 << 32):08x}"
        return Example(
            id=f"{self.name}-{split}-{tag}-{index:08d}",
            image=as_jpeg(picture),
            annotations=_annotate(dice, scene, pointing=3 if self._different == 0 else 7),
            provenance=Provenance(
                dataset="openmolmo-synth-icons",
                licence="Apache-2.0 AND MIT",  # the drawings are Fluent Emoji
                made=dict.fromkeys(_KINDS, (Made.PROGRAM,)),
                image="program",
                tool=f"openmolmo synth {self.name}",
                version=self.version,
            ),
            split=cast(Split, split),
            facts=facts,
        )


def make_scene(dice: Dice, size: int, different: int = 0) -> tuple[Scene, npt.NDArray[np.uint8]]:
    """A scene and its picture (height, width, 3; RGB); of ``different`` things, if more than 0, as many as fit."""
    width, height = ((size, size), (size, size * 3 // 4), (size * 3 // 4, size))[dice.weighted((60, 28, 12))]
    crowd = different > 0 or dice.chance(0.2)
    while True:
        stage = choose_stage(dice, width, height, crowd=crowd)
        sign = choose_sign(dice, stage) if dice.chance(0.4) else None
        wanted = choose_different(dice, stage, different) if different else choose(dice, stage, crowd=crowd)
        placed, owner = place(dice, stage, wanted, sign.box if sign else None)
        if placed:
            break
    if sign is not None:
        paint_sign(stage.picture, sign)
    standing = stage.upright
    paint_items(dice, stage.picture, placed, standing=standing)
    return Scene(_items(stage, placed, owner), stage.setting, sign.text if sign else "", width, height), stage.picture


def _items(stage: Stage, placed: list[Placed], owner: npt.NDArray[np.uint8]) -> tuple[Item, ...]:
    """The items in reading order: by shelf or cell, else rows of thirds from the top, each from the left."""
    height, width = owner.shape

    def key(index: int) -> tuple[float, float]:
        slot = placed[index].slot
        row = slot.y if slot is not None else float(placed[index].y * 3 // height)
        return row, placed[index].x

    order = sorted(range(len(placed)), key=key)
    rank = {old: new for new, old in enumerate(order)}
    items = []
    for index in order:
        thing = placed[index]
        visible = owner == index + 1
        items.append(
            Item(
                kind=thing.wanted.kind,
                sprite=thing.wanted.sprite,
                size=thing.wanted.size,
                x=thing.x / width * 100,
                y=thing.y / height * 100,
                point=inner_point(visible[thing.box], thing.left, thing.top, width, height),
                radius=thing.radius,
                mask=encode(visible),
                covers=tuple(sorted(rank[i] for i in thing.covers)),
                shelf=thing.slot.shelf if thing.slot else "",
                cell=thing.slot.cell if thing.slot else None,
            )
        )
    return tuple(items)


def _annotate(dice: Dice, scene: Scene, *, pointing: int) -> tuple[Annotation, ...]:
    return (
        Caption(text=write_caption(dice, scene)),
        Transcript(text=write_transcript(dice, scene)),
        *make_pointing(dice, scene, pointing),
        *make_counting(dice, scene, 2),
        *make_not_present(dice, scene, 1 + dice.below(2)),
        *make_answers(dice, scene, 3),
        make_explanation(dice, scene),
    )


GENERATOR = IconGenerator()
FULL = IconGenerator("full_icons", different=14)
FULL.__doc__ = "Pictures with as many different everyday things as have room, up to 14, and more questions about them."
