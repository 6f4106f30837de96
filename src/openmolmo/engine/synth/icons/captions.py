"""The dense caption of a picture of icons, in a grammar that :mod:`.reading` reads back; and the spoken version."""

from __future__ import annotations

from openmolmo.engine.synth.icons.scene import Item, Scene, where_phrase
from openmolmo.engine.synth.icons.surroundings import placed_phrase
from openmolmo.engine.synth.icons.words import count_phrase, plural_of
from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.engine.synth.scenes.graph import relation
from openmolmo.engine.synth.scenes.vocabulary import article, join_words

__all__ = ["BESIDE", "write_caption", "write_transcript"]

BESIDE = {"left of": "to the left of", "right of": "to the right of", "above": "above", "below": "below"}
_LISTED = 8
"""With more kinds than this the overview gives the total only; each kind is counted later."""
_OPENINGS = ("okay so", "so", "um, so", "let me see,", "okay,", "uh, so", "well,")
_LINKS = ("and then", "um,", "and", "uh,", "so", "then", "also", "")


def write_caption(dice: Dice, scene: Scene) -> str:
    """Overview, each kind in reading order, a few relations, the sign, the surroundings."""
    late = dice.chance(0.5)
    listed = len(scene.kinds) <= _LISTED
    sentences = [_overview(dice, scene, "" if late else f" {placed_phrase(scene.setting)}", listed)]
    sentences += [_describe(dice, name, items, counted=not listed) for name, items in scene.kinds.items()]
    sentences += _relations(dice, scene, min(3, len(scene.single) // 2))
    if scene.sign:
        reads = dice.pick(("A sign reads", "There is a sign that says", "On a sign one can read"))
        sentences.append(f'{reads} "{scene.sign}".')
    if late:
        them = "Everything" if len(scene.items) > 2 else "This"
        sentences.append(f"{them} is {placed_phrase(scene.setting)}.")
    return " ".join(sentences)


def _overview(dice: Dice, scene: Scene, behind: str, listed: bool) -> str:
    total = count_phrase(len(scene.items), "object")
    parts = join_words([count_phrase(len(items), name) for name, items in scene.kinds.items()])
    if not listed:
        return dice.pick((f"The picture shows {total}{behind}.", f"There are {total}{behind}."))
    if len(scene.kinds) == 1:
        return f"{dice.pick(('The picture shows', 'This is a picture of'))} {parts}{behind}."
    return dice.pick((f"The picture shows {total}{behind}: {parts}.", f"There are {total}{behind}: {parts}."))


def _describe(dice: Dice, name: str, items: list[Item], *, counted: bool) -> str:
    if len(items) == 1:
        item = items[0]
        where = where_phrase(item.where)
        if counted or dice.chance(0.3):
            words = article(" ".join(word for word in (item.size, item.sprite.main, name) if word))
            return dice.pick((f"There is {words} {where}.", f"{_upper(where)} is {words}."))
        return f"The {name} {dice.pick(('is', 'is', 'looks'))} {_look(item)} and {dice.pick(('is', 'sits'))} {where}."
    lead = f"The {count_phrase(len(items), name)}" if counted else f"The {plural_of(name)}"
    looks = [_look(item) for item in items]
    if len(set(looks)) == 1:
        return f"{lead} are {looks[0]} and {dice.pick(('can be seen', 'are placed'))} {_wheres(items)}."
    groups = [
        (look, [item for item, own in zip(items, looks, strict=True) if own == look]) for look in dict.fromkeys(looks)
    ]
    some = [f"{_some(i, len(alike), len(items))} {look}, {_wheres(alike)}" for i, (look, alike) in enumerate(groups)]
    start = f"There are {count_phrase(len(items), name)}:" if counted else f"Of the {plural_of(name)},"
    return f"{start} {', and '.join(some)}."


def _some(number: int, alike: int, among: int) -> str:
    """How a sentence speaks of ``alike`` of ``among`` things, as the ``number``-th of its parts."""
    if alike > 1:
        return "others are" if number else "some are"
    if not number:
        return "one is"
    return "the other is" if among == 2 else "another is"


def _look(item: Item) -> str:
    return join_words([word for word in (item.size, item.sprite.main) if word])


def _wheres(items: list[Item]) -> str:
    return join_words([where_phrase(where) for where in dict.fromkeys(item.where for item in items)])


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _relations(dice: Dice, scene: Scene, count: int) -> list[str]:
    items, told = scene.single, []
    for one in items:
        covered = [scene.items[index] for index in one.covers]
        told += [f"The {one.name} partly covers the {other.name}." for other in covered if other in items]
    for a, b in dice.sample([(a, b) for a in items for b in items if a is not b], 2 * count):
        across = abs(a.x - b.x) > abs(a.y - b.y)
        found = [r for r in relation(a.x, a.y, b.x, b.y) if (r in ("left of", "right of")) == across]
        told += [f"The {a.name} is {BESIDE[r]} the {b.name}." for r in found]
    return told[: max(count, 0)]


def write_transcript(dice: Dice, scene: Scene) -> str:
    """What a person might say aloud: the facts of the caption, fewer, with hesitations; lower case."""
    start = dice.pick(("this is a picture of", "i see", "we have"))
    said = [f"{dice.pick(_OPENINGS)} {start} {count_phrase(len(scene.items), 'object')}"]
    for name, items in scene.kinds.items():
        if len(scene.kinds) > 2 and dice.chance(0.15):
            continue
        said.append(f"{dice.pick(_LINKS)} {_speak_of(dice, name, items)}".strip())
    if scene.sign and dice.chance(0.8):
        said.append(f'and there\'s, um, a sign, it says "{scene.sign.lower()}"')
    if dice.chance(0.8):
        said.append(f"{dice.pick(_LINKS)} it's all, um, {placed_phrase(scene.setting)}".strip())
    return ". ".join(said) + "."


def _speak_of(dice: Dice, name: str, items: list[Item]) -> str:
    there = dice.pick(("i see", "i can see", "you've got"))
    if len(items) == 1:
        item = items[0]
        looks = [word for word in (item.size, item.sprite.main) if word and dice.chance(0.6)]
        where = f" {where_phrase(item.where)}" if dice.chance(0.75) else ""
        return f"{there} {article(' '.join([*looks, name]))}{where}"
    places = list(dict.fromkeys(where_phrase(item.where) for item in items if dice.chance(0.6)))
    return f"{there} {count_phrase(len(items), name)}{', like, ' * bool(places)}{join_words(places)}"
