"""What a person might say aloud about a scene: the facts of the caption, fewer, with hesitations."""

from __future__ import annotations

from openmolmo.engine.synth.scenes.captions import background_phrase
from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.engine.synth.scenes.graph import Scene, Thing
from openmolmo.engine.synth.scenes.vocabulary import article, count_phrase, join_words, place_phrase, plural

__all__ = ["write_transcript"]

_OPENINGS = ("okay so", "so", "um, so", "alright, um,", "let me see,", "okay,", "uh, so")
_LINKS = ("and then", "um,", "and", "uh, and", "so", "then", "also", "and, um,", "")
_STYLES = {
    "flat": "it's, um, it's all flat, no outlines",
    "outlined": "everything has these, uh, dark outlines",
    "shadowed": "and there's, like, a soft shadow under everything",
}


def write_transcript(dice: Dice, scene: Scene) -> str:
    """Spoken words, lower case, sentences ended by full stops."""
    total = "one object" if len(scene.things) == 1 else count_phrase(len(scene.things), "object")
    start = dice.pick(
        ("this is a picture of", "i see", "there's" if len(scene.things) == 1 else "there are", "we have")
    )
    said = [f"{dice.pick(_OPENINGS)} {start} {total}"]
    for kind, things in scene.kinds.items():
        if dice.chance(0.15) and len(scene.kinds) > 2:
            continue
        link = dice.pick(_LINKS)
        said.append(f"{link} {_restart(dice, _speak_of(dice, kind, things))}".strip())
    if dice.chance(0.7):
        said.append(f"{dice.pick(_LINKS)} it's on, um, {article(background_phrase(scene.background))}".strip())
    if dice.chance(0.5):
        said.append(_STYLES[scene.style])
    return ". ".join(said) + "."


def _speak_of(dice: Dice, kind: str, things: list[Thing]) -> str:
    there = dice.pick(("there's", "i see", "i can see", "you've got"))
    if len(things) == 1:
        thing = things[0]
        looks = [word for word in (thing.size, thing.pattern) if word != "plain" and dice.chance(0.6)]
        where = f" {place_phrase(thing.place)}" if dice.chance(0.75) else ""
        if dice.chance(0.5):
            after = f", it's {join_words(looks)}" if looks else ""
            return f"{there} {article(kind)}{where}{after}"
        return f"{there} {article(' '.join([*looks, kind]))}{where}"
    there = there.replace("there's", "there are")
    spoken = f"{there} {count_phrase(len(things), kind)}"
    places = list(dict.fromkeys(place_phrase(thing.place) for thing in things if dice.chance(0.6)))
    if places:
        spoken += f", {dice.pick(('like,', 'one is', 'you know,', 'um,'))} {join_words(places)}"
    if len({thing.size for thing in things}) == 1 and dice.chance(0.5):
        spoken += f", they're all {things[0].size} {plural(things[0].shape)}"
    return spoken


def _restart(dice: Dice, spoken: str) -> str:
    """Now and then the first words are said twice, or a hesitation slips in after them."""
    words = spoken.split()
    if dice.chance(0.15):
        return " ".join([*words[:2], "um,", *words])
    if dice.chance(0.25):
        head = 1 if words[0] in ("there's",) else 2
        return " ".join([*words[:head], dice.pick(("uh,", "like,", "um,")), *words[head:]])
    return spoken
