"""Pointing, counting and not-present questions, with labels from ``object`` to ``large red star``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.engine.synth.scenes.graph import Scene, Thing
from openmolmo.engine.synth.scenes.vocabulary import PATTERNS, SIZES, plural
from openmolmo.records.example import Counting, Mask, NotPresent, Point, Pointing

__all__ = ["Label", "labels_of", "make_counting", "make_not_present", "make_pointing"]


@dataclass(frozen=True)
class Label:
    """A noun phrase in words; an empty shape means any object."""

    size: str = ""
    pattern: str = ""
    colour: str = ""
    shape: str = ""

    @property
    def text(self) -> str:
        """Singular, e.g. ``striped star`` or ``blue object``."""
        return " ".join(word for word in (self.size, self.pattern, self.colour, self.shape or "object") if word)

    def find(self, scene: Scene) -> list[Thing]:
        """The things it fits, in reading order."""
        return [
            thing
            for thing in scene.things
            if thing.matches(size=self.size, pattern=self.pattern, colour=self.colour, shape=self.shape)
        ]


_FORMS: tuple[tuple[float, tuple[str, ...]], ...] = (
    (30, ("shape",)),
    (34, ("colour", "shape")),
    (12, ("colour",)),
    (8, ("pattern",)),
    (6, ("pattern", "shape")),
    (4, ("pattern", "colour", "shape")),
    (4, ("size", "shape")),
    (4, ("size", "colour", "shape")),
    (3, ()),
)
"""How often a label names which attributes. Plain is not said: a label with a pattern needs a patterned thing."""
_WEIGHTS = [weight for weight, _ in _FORMS]


def labels_of(dice: Dice, scene: Scene, count: int) -> list[Label]:
    """Up to ``count`` different labels that fit something in the scene; several things rather than one."""
    found: dict[Label, None] = {}
    for _ in range(4 * count):
        if len(found) == count:
            break
        label = _some_label(dice, scene)
        other = _some_label(dice, scene)
        if dice.chance(0.6) and len(other.find(scene)) > len(label.find(scene)):
            label = other
        found[label] = None
    return list(found)


def _some_label(dice: Dice, scene: Scene) -> Label:
    thing = dice.pick(scene.things)
    names = _FORMS[dice.weighted(_WEIGHTS)][1]
    if ("pattern" in names and thing.pattern == "plain") or ("size" in names and scene.world.plain):
        names = ("colour", "shape")
    return Label(**{name: getattr(thing, name) for name in names})


def _write(dice: Dice, label: Label, count: int) -> str:
    """Mostly singular for one and plural for several, as people write; not always, so that it gives nothing away."""
    return plural(label.text) if dice.chance(0.25 if count == 1 else 0.75) else label.text


def _shown(things: Iterable[Thing]) -> tuple[tuple[Point, ...], tuple[Mask, ...]]:
    things = list(things)
    return tuple(t.point for t in things), tuple(t.mask for t in things if t.mask is not None)


def make_pointing(dice: Dice, scene: Scene, count: int) -> list[Pointing]:
    """``count`` pointing questions or fewer (a small scene has few labels)."""
    made = []
    for label in labels_of(dice, scene, count):
        points, masks = _shown(label.find(scene))
        made.append(Pointing(label=_write(dice, label, len(points)), points=points, masks=masks))
    return made


def make_counting(dice: Dice, scene: Scene, count: int) -> list[Counting]:
    """Counting questions; one in eight is about something that is not there."""
    made = []
    for label in labels_of(dice, scene, count):
        asked = near_miss(dice, scene) if dice.chance(0.125) else label
        points, masks = _shown(asked.find(scene))
        made.append(Counting(label=plural(asked.text), count=len(points), points=points, masks=masks))
    return made


def make_not_present(dice: Dice, scene: Scene, count: int) -> list[NotPresent]:
    """Different labels that fit nothing in the scene."""
    labels = dict.fromkeys(near_miss(dice, scene) for _ in range(count))
    return [NotPresent(label=plural(label.text) if dice.chance(0.5) else label.text) for label in labels]


def near_miss(dice: Dice, scene: Scene) -> Label:
    """A label that fits nothing: mostly a thing of the scene with one word changed."""
    world = scene.world
    while True:
        thing = dice.pick(scene.things)
        label = Label(colour=thing.colour, shape=thing.shape)
        change = dice.weighted((4, 3, 0, 0, 1.5) if world.plain else (4, 3, 1, 1, 1.5))
        if change == 0:
            label = replace(label, colour=dice.pick(world.colours))
        elif change == 1:
            label = replace(label, shape=dice.pick(world.shapes))
        elif change == 2:
            label = replace(label, pattern=dice.pick(PATTERNS[1:]))
        elif change == 3:
            label = replace(label, size=dice.pick(tuple(SIZES)))
        else:
            label = dice.pick((Label(shape=dice.pick(world.shapes)), Label(colour=dice.pick(world.colours))))
        if not label.find(scene):
            return label
