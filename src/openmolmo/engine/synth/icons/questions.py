"""Pointing, counting and questions about what is not there."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from openmolmo.engine.synth.icons.catalogue import KINDS
from openmolmo.engine.synth.icons.scene import Item, Scene
from openmolmo.engine.synth.icons.words import CATEGORIES, ordinal, plural_of
from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.engine.synth.scenes.vocabulary import COLOURS
from openmolmo.records.example import Counting, Mask, NotPresent, Point, Pointing

__all__ = ["Label", "in_line", "labels_of", "make_counting", "make_not_present", "make_pointing", "near_miss"]

_TRACE = 0.02
"""A colour with more than this share of a drawing is not said to be missing from it."""
_DOUBTFUL = {
    "animal": ("toy or sport", "carousel horse", "nest", "shell", "feather", "bone", "spider web"),
    "fruit": ("vegetable", "food", "drink", "bunch of grapes"),
    "vegetable": ("fruit", "food", "drink", "plant"),
    "vehicle": ("toy or sport", "outdoor thing"),
    "building": ("vehicle", "outdoor thing"),
    "instrument": ("device", "toy or sport", "service bell"),
}
"""Categories and names beside which it is a matter of taste what belongs to a category."""
_APART = 5.0
"""Least distance, percent, of things in a line before one counts from the left."""


@dataclass(frozen=True)
class Label:
    """What is asked for, in singular and plural, and the items that fit."""

    one: str
    many: str
    items: tuple[Item, ...]


def in_line(items: list[Item]) -> list[Item] | None:
    """The items from left to right, if there are at least three and no two are nearly above each other."""
    order = sorted(items, key=lambda item: item.x)
    gaps = [right.x - left.x for left, right in itertools.pairwise(order)]
    return order if 3 <= len(order) <= 10 and min(gaps) >= _APART else None


def labels_of(dice: Dice, scene: Scene, count: int) -> list[Label]:
    """Up to ``count`` different labels that fit something: names mostly, and colours, categories, places in a line."""
    found: dict[str, Label] = {}
    for _ in range(4 * count):
        maker = _MAKERS[dice.weighted([weight for weight, _ in _MAKERS])][1]
        label = maker(dice, scene)
        if label is not None:
            found.setdefault(label.one, label)
        if len(found) == count:
            break
    return list(found.values())


def _name(dice: Dice, scene: Scene) -> Label | None:
    name = dice.pick(list(scene.kinds))
    items = tuple(scene.kinds[name])
    if items[0].kind.synonyms and dice.chance(0.15):
        word = items[0].kind.synonyms[0]
        return Label(word, word, items)  # its plural is not known
    return Label(name, plural_of(name), items)


def _coloured(dice: Dice, scene: Scene) -> Label | None:
    item = dice.pick(scene.items)
    same = scene.kinds[item.name]
    if not item.sprite.main or not all(other.sprite.main for other in same):
        return None
    items = tuple(other for other in same if other.sprite.main == item.sprite.main)
    return Label(f"{item.sprite.main} {item.name}", f"{item.sprite.main} {plural_of(item.name)}", items)


def category_items(scene: Scene, category: str) -> tuple[Item, ...] | None:
    """Items of a category; None where people could differ about it."""
    doubtful = _DOUBTFUL[category]
    if any(item.kind.category in doubtful or item.name in doubtful for item in scene.items):
        return None
    return tuple(scene.of_category(category))


def _category(dice: Dice, scene: Scene) -> Label | None:
    category = dice.pick(scene.items).kind.category
    items = category_items(scene, category) if category in CATEGORIES else None
    many = CATEGORIES.get(category, "")
    return Label(many[: -len("s")] if not many.startswith("pieces") else "fruit", many, items) if items else None


def _from_left(dice: Dice, scene: Scene) -> Label | None:
    name = dice.pick(list(scene.kinds))
    shelf = dice.pick(scene.items).shelf
    line = in_line([item for item in scene.items if item.shelf == shelf] if shelf else scene.kinds[name])
    if line is None:
        return None
    index = dice.below(len(line))
    what = f"object from the left on the {shelf} shelf" if shelf else f"{name} from the left"
    side = ordinal(index + 1)
    if dice.chance(0.3):
        what, side = what.replace("left", "right"), ordinal(len(line) - index)
    text = f"{side} {what}"
    return Label(text, text, (line[index],))


_MAKERS: tuple[tuple[float, Callable[[Dice, Scene], Label | None]], ...] = (
    (6, _name),
    (2, _coloured),
    (1.5, _category),
    (2, _from_left),
)


def _write(dice: Dice, label: Label) -> str:
    return label.many if dice.chance(0.25 if len(label.items) == 1 else 0.75) else label.one


def _shown(items: tuple[Item, ...]) -> tuple[tuple[Point, ...], tuple[Mask, ...]]:
    return tuple(item.point for item in items), tuple(item.mask for item in items)


def make_pointing(dice: Dice, scene: Scene, count: int) -> list[Pointing]:
    """``count`` pointing questions, or fewer."""
    made = []
    for label in labels_of(dice, scene, count):
        points, masks = _shown(label.items)
        made.append(Pointing(label=_write(dice, label), points=points, masks=masks))
    return made


def make_counting(dice: Dice, scene: Scene, count: int) -> list[Counting]:
    """Counting questions; one in eight is about something that is not there."""
    made = []
    for label in labels_of(dice, scene, count):
        asked = near_miss(dice, scene) if dice.chance(0.125) else label
        points, masks = _shown(asked.items)
        made.append(Counting(label=asked.many, count=len(points), points=points, masks=masks))
    return made


def make_not_present(dice: Dice, scene: Scene, count: int) -> list[NotPresent]:
    """Different labels that fit nothing in the picture."""
    labels = dict.fromkeys(near_miss(dice, scene) for _ in range(count))
    return [NotPresent(label=label.many if dice.chance(0.5) else label.one) for label in labels]


def near_miss(dice: Dice, scene: Scene) -> Label:
    """A label that fits nothing: mostly something of a category that is there, or a wrong colour."""
    for _ in range(40):
        item = dice.pick(scene.items)
        if dice.chance(0.3):
            colour = dice.pick(tuple(COLOURS))
            if _lacks(scene.kinds[item.name], colour):
                return Label(f"{colour} {item.name}", f"{colour} {plural_of(item.name)}", ())
            continue
        kind = dice.pick(_BY_CATEGORY[item.kind.category] if dice.chance(0.6) else tuple(KINDS.values()))
        if _absent(scene, kind.name):
            return Label(kind.name, kind.plural, ())
    return next(Label(k.name, k.plural, ()) for k in KINDS.values() if _absent(scene, k.name))


def _lacks(items: list[Item], colour: str) -> bool:
    """Nobody would call one of them so; drawings that are mostly of unnamed colours are left out."""
    return all(item.sprite.main and item.sprite.colours.get(colour, 0.0) < _TRACE for item in items) and not (
        any({item.sprite.main, colour} <= family for item in items for family in _ALIKE)
    )


_ALIKE = (
    {"red", "pink"}, {"red", "orange"}, {"orange", "yellow"}, {"pink", "purple"}, {"blue", "purple"},
    {"gray", "white"}, {"gray", "black"}, {"brown", "orange"}, {"brown", "red"}, {"green", "yellow"},
    {"black", "purple"}, {"black", "brown"}, {"green", "blue"}, {"gray", "purple"},
)  # fmt: skip
"""Pairs of colours that people take for each other."""


def _absent(scene: Scene, name: str) -> bool:
    """Not there, nor taken for something that is, nor painted as a part of the surroundings."""
    kind = KINDS[name]
    if name in scene.taken or kind.category in _PAINTED.get(scene.setting.kind, ()) or name in _PARTS:
        return False
    return not any(kind.words & item.kind.words for item in scene.items)


_PAINTED = {
    "street": ("building", "outdoor thing", "sky thing"),
    "outdoor": ("sky thing", "plant", "outdoor thing"),
    "room": ("building",),
}
"""Categories of which something may be seen in the surroundings."""

_PARTS = frozenset(
    {"wheel", "door", "tooth", "flame", "knot", "gear", "hook", "feather", "coin", "shell", "label tag", "log",
     "plate of curry", "jar", "egg", "drop of water", "bone", "bell", "mountain", "star", "heart", "ladder",
     "electric plug", "ring", "ribbon", "tree", "key", "light bulb", "brick", "battery", "keyboard", "candle",
     "spoon", "ticket", "sun", "crescent moon", "cloud"}
)  # fmt: skip
"""Things that are often a part of others, and so never said to be missing."""

_BY_CATEGORY = {
    category: tuple(kind for kind in KINDS.values() if kind.category == category)
    for category in {kind.category for kind in KINDS.values()}
}
