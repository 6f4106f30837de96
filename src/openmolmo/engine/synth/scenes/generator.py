"""The scene generator: from a random stream to one example with picture, words and points."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt

from openmolmo.core.errors import ConfigError
from openmolmo.engine.synth.scenes.answers import make_answers
from openmolmo.engine.synth.scenes.backgrounds import avoided_colours, choose_background, paint_background
from openmolmo.engine.synth.scenes.captions import write_caption
from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.engine.synth.scenes.draw import inner_point, paint_objects
from openmolmo.engine.synth.scenes.explanations import make_explanation
from openmolmo.engine.synth.scenes.graph import Background, Scene, Thing
from openmolmo.engine.synth.scenes.jpeg import as_jpeg
from openmolmo.engine.synth.scenes.layout import Placed, choose_easy, choose_few, choose_objects, place_objects
from openmolmo.engine.synth.scenes.questions import make_counting, make_not_present, make_pointing
from openmolmo.engine.synth.scenes.statements import reference_statements
from openmolmo.engine.synth.scenes.transcripts import write_transcript
from openmolmo.engine.synth.scenes.world import WHOLE, WORLDS, World
from openmolmo.records.example import Annotation, Caption, Example, Made, Provenance, Split, Transcript
from openmolmo.records.masks import encode

__all__ = [
    "ATTRIBUTES",
    "BRIEF",
    "CARELESS",
    "CROWD",
    "EASY",
    "GENERATOR",
    "HERD",
    "MICRO",
    "RELATIONS",
    "SMALL",
    "SPARSE",
    "TOLD",
    "SceneGenerator",
]

_LEAST_SIZE = 64
_KINDS = ("caption", "transcript", "pointing", "counting", "not_present", "question_answer", "point_explanation")
_PLAIN_KINDS = ("caption", "pointing", "counting", "not_present", "question_answer")


class SceneGenerator:
    """Pictures of objects with captions, transcripts, points, counts and questions.

    ``make`` is a pure function of the random stream and its arguments. About half of the scenes are
    simple (two to five plain objects, medium or large, on a calm background); the rest have up to
    fifteen objects, patterns, overlaps, textured backgrounds, or are crowds of one kind.
    """

    version = "1"

    def __init__(self, name: str = "scenes", *, most: int | None = None, world: World = WHOLE) -> None:
        """``most``: only easy scenes, of one to so many plain objects, medium or large, on calm backgrounds.

        ``world``: what the scenes are made of.
        """
        self.name, self.most, self.world = name, most, world

    def make(self, rng: np.random.Generator, index: int, *, size: int, split: str) -> Example:
        """One example; ``size`` is the longer side in pixels. Example.facts holds the scene graph."""
        if size < _LEAST_SIZE:
            raise ConfigError(f"size={size} is too small for a scene", fix=f"use at least {_LEAST_SIZE} pixels")
        dice = Dice(rng)
        scene, picture = make_scene(dice, size, self.most, self.world)
        facts = scene.facts()
        facts["statements"] = sorted(map(list, reference_statements(facts)))
        tag = f"{dice.below(1 << 32):08x}"
        return Example(
            id=f"{self.name}-{split}-{tag}-{index:08d}",
            image=as_jpeg(picture),
            annotations=_annotate(dice, scene),
            provenance=Provenance(
                dataset=f"openmolmo-synth-{self.name.replace('_', '-')}",
                licence="Apache-2.0",
                made=dict.fromkeys(_kinds(self.world), (Made.PROGRAM,)),
                image="program",
                tool=f"openmolmo synth {self.name}",
                version=self.version,
            ),
            split=cast(Split, split),
            facts=facts,
        )


def _kinds(world: World) -> tuple[str, ...]:
    if not world.plain:
        return _KINDS
    return (*_PLAIN_KINDS, "transcript") if world.spoken else _PLAIN_KINDS


def make_scene(
    dice: Dice, size: int, most: int | None = None, world: World = WHOLE
) -> tuple[Scene, npt.NDArray[np.uint8]]:
    """A scene graph and its picture (height, width, 3; RGB); an easy one of at most ``most`` objects, if given."""
    if world.counts:
        return _make_few(dice, size, world)
    shape = dice.weighted((70, 17, 13))
    width, height = ((size, size), (size, size * 3 // 4), (size * 3 // 4, size))[shape]
    simple = most is not None or dice.chance(0.5)
    background = choose_background(dice, calm=simple or dice.chance(0.2))
    avoid = avoided_colours(background)
    colours = [colour for colour in world.colours if colour not in avoid]
    wanted = choose_easy(dice, colours, most) if most else choose_objects(dice, colours, simple=simple)
    style = ("flat", "outlined", "shadowed")[dice.weighted((5, 3, 2))]
    placed, owner = place_objects(dice, wanted, width, height)
    picture = paint_background(dice, background, width, height)
    paint_objects(dice, picture, placed, style)
    return Scene(_things(placed, owner), background, style, width, height), picture


def _make_few(dice: Dice, size: int, world: World) -> tuple[Scene, npt.NDArray[np.uint8]]:
    """A square picture of few plain objects, flat on one tone."""
    background = Background("plain", (dice.pick(world.tones),))
    avoid = avoided_colours(background)
    wanted = choose_few(dice, [colour for colour in world.colours if colour not in avoid], world)
    placed, owner = place_objects(dice, wanted, size, size, world.scale)
    picture = paint_background(dice, background, size, size)
    paint_objects(dice, picture, placed, "flat")
    return Scene(_things(placed, owner), background, "flat", size, size, world), picture


def _things(placed: list[Placed], owner: npt.NDArray[np.uint8]) -> tuple[Thing, ...]:
    """The scene graph's things in reading order: rows of thirds from the top, each from the left."""
    height, width = owner.shape
    order = sorted(range(len(placed)), key=lambda i: (int(placed[i].y * 3 // height), placed[i].x))
    rank = {old: new for new, old in enumerate(order)}
    things = []
    for index in order:
        item = placed[index]
        visible = owner == index + 1
        things.append(
            Thing(
                shape=item.wanted.shape,
                colour=item.wanted.colour,
                pattern=item.wanted.pattern,
                size=item.wanted.size,
                x=item.x / width * 100,
                y=item.y / height * 100,
                point=inner_point(visible[item.box], item.left, item.top, width, height),
                radius=item.radius,
                mask=encode(visible),
                covers=tuple(sorted(rank[i] for i in item.covers)),
            )
        )
    return tuple(things)


def _annotate(dice: Dice, scene: Scene) -> tuple[Annotation, ...]:
    if scene.world.plain:
        return (
            Caption(text=write_caption(dice, scene)),
            *((Transcript(text=write_transcript(dice, scene)),) if scene.world.spoken else ()),
            *make_pointing(dice, scene, 3),
            *make_counting(dice, scene, 2),
            *make_not_present(dice, scene, 1),
            *make_answers(dice, scene, 4),
        )
    return (
        Caption(text=write_caption(dice, scene)),
        Transcript(text=write_transcript(dice, scene)),
        *make_pointing(dice, scene, 3),
        *make_counting(dice, scene, 2),
        *make_not_present(dice, scene, 1 + dice.below(2)),
        *make_answers(dice, scene, 2),
        make_explanation(dice, scene),
    )


GENERATOR = SceneGenerator()
EASY = SceneGenerator("easy_scenes", most=2)
EASY.__doc__ = (
    "Scenes of one or two plain objects, medium or large, on calm backgrounds: what a new model learns to see with."
)
MICRO = SceneGenerator("micro_scenes", world=WORLDS["micro"])
MICRO.__doc__ = (
    "Scenes of one to four plain objects, of six shapes and six colours on plain backgrounds: learnt in minutes."
)
SMALL = SceneGenerator("small_scenes", world=WORLDS["small"])
SMALL.__doc__ = (
    "Scenes of one to five small plain objects, made for pictures of 192 pixels: their shapes are lost where the "
    "picture is shrunk."
)
CROWD = SceneGenerator("crowd_scenes", world=WORLDS["crowd"])
CROWD.__doc__ = "Scenes of one to ten of the micro world's objects, many of a kind, to be counted."
HERD = SceneGenerator("herd_scenes", world=WORLDS["herd"])
HERD.__doc__ = "Scenes of one to ten of the micro world's objects, all of one kind, to be counted."
TOLD = SceneGenerator("told_scenes", world=WORLDS["told"])
TOLD.__doc__ = "Scenes of two to five of the micro world's objects, with captions and transcripts."
BRIEF = SceneGenerator("brief_scenes", world=WORLDS["brief"])
BRIEF.__doc__ = "The same kind of scenes; every other caption tells of some of the objects only."
CARELESS = SceneGenerator("careless_scenes", world=WORLDS["careless"])
CARELESS.__doc__ = "The same kind of scenes with captions that are often wrong, to be compared with."
ATTRIBUTES = SceneGenerator("attribute_scenes", world=WORLDS["attributes"])
ATTRIBUTES.__doc__ = "Scenes of the micro world whose short questions are about single things: colour, shape, place."
RELATIONS = SceneGenerator("relation_scenes", world=WORLDS["relations"])
RELATIONS.__doc__ = "Scenes of the micro world whose short questions are about several things: how many, on which side."
SPARSE = SceneGenerator("sparse_scenes", world=WORLDS["sparse"])
SPARSE.__doc__ = "Scenes of one or two small objects, for pictures of 192 pixels; short questions are about shapes."
