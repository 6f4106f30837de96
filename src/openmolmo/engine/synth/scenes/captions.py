"""The dense caption of a scene: overview with counts, each object, relations, background, style.

The phrasing varies, within a grammar that :mod:`.reading` reads back. Objects come in reading
order. The caption grows with what there is to say: 20 to 200 words.
"""

from __future__ import annotations

from dataclasses import replace

from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.engine.synth.scenes.graph import Background, Scene, Thing, relation
from openmolmo.engine.synth.scenes.vocabulary import SIZES, article, count_phrase, join_words, place_phrase, plural

__all__ = ["background_phrase", "describe_kind", "relations", "write_caption"]

_WORD_LIMIT = 200
_LISTED_KINDS = 8
"""With more kinds than this the overview gives the total only; each kind is counted later."""

_STYLES = {
    "flat": (
        "Everything is drawn flat, without outlines.",
        "The picture is a flat drawing without outlines.",
        "It is a simple flat illustration in solid colors.",
    ),
    "outlined": (
        "Everything is drawn with dark outlines.",
        "The picture is drawn like a cartoon with thin dark outlines.",
        "It is a drawing in which everything has dark outlines.",
    ),
    "shadowed": (
        "Everything casts a soft shadow.",
        "The picture has soft shadows that give it some depth.",
        "It is a drawing with soft shadows to the lower right of everything.",
    ),
}
_RELATIONS = {
    "left of": "to the left of",
    "right of": "to the right of",
    "above": "above",
    "below": "below",
}


def write_caption(dice: Dice, scene: Scene) -> str:
    """The caption; objects are told in reading order, at most 200 words."""
    if scene.world.plain:
        return _write_short(dice, scene)
    late_background = dice.chance(0.5)
    sentences = [_overview(dice, scene, late_background)]
    listed = len(scene.kinds) <= _LISTED_KINDS
    sentences += [describe_kind(dice, kind, things, counted=not listed) for kind, things in scene.kinds.items()]
    extra = relations(dice, scene, min(3, len(scene.single) // 2))
    closing = [dice.pick(_STYLES[scene.style])]
    if late_background:
        closing.insert(dice.below(2), _background_sentence(dice, scene.background))
    while extra and len(" ".join(sentences + extra + closing).split()) > _WORD_LIMIT:
        extra.pop()
    return " ".join(sentences + extra + closing)


def _write_short(dice: Dice, scene: Scene) -> str:
    """How many of what on which background, then size and place of each kind; or these of some kinds alone."""
    seen = _misseen(dice, scene) if scene.world.careless else scene
    if scene.world.brief and dice.chance(scene.world.brief):
        some = dice.sample(list(seen.kinds), 1 + dice.below(len(seen.kinds)))
        return " ".join(
            describe_kind(dice, kind, seen.kinds[kind], counted=True) for kind in seen.kinds if kind in some
        )
    kinds = [describe_kind(dice, kind, things, counted=False) for kind, things in seen.kinds.items()]
    return " ".join([_overview(dice, seen, late_background=False), *kinds])


def _misseen(dice: Dice, scene: Scene) -> Scene:
    """The scene as a careless person takes it: some things have another shape, colour or size."""
    words = {"shape": scene.world.shapes, "colour": scene.world.colours, "size": tuple(SIZES)}
    things = []
    for thing in scene.things:
        if dice.chance(scene.world.careless):
            name = dice.pick(tuple(words))
            thing = replace(thing, **{name: dice.pick([w for w in words[name] if w != getattr(thing, name)])})  # type: ignore[arg-type]
        things.append(thing)
    return replace(scene, things=tuple(things))


def background_phrase(background: Background) -> str:
    """Without article, e.g. ``plain light blue background``."""
    if background.kind == "gradient":
        return f"background that fades from {background.colours[0]} to {background.colours[1]}"
    if background.kind == "outdoor":
        return f"background with {article(background.colours[0])} sky above {background.ground}"
    return f"{background.kind} {background.colours[0]} background"


def _background_sentence(dice: Dice, background: Background) -> str:
    if background.kind == "gradient":
        return f"The background fades from {background.colours[0]} to {background.colours[1]}."
    if background.kind == "outdoor":
        return f"The background shows {article(background.colours[0])} sky above {background.ground}."
    kind, colour = background.kind, background.colours[0]
    return dice.pick((f"The background is {kind} and {colour}.", f"Behind them is a {kind} {colour} background."))


def _overview(dice: Dice, scene: Scene, late_background: bool) -> str:
    count = len(scene.things)
    total = count_phrase(count, "object")
    behind = "" if late_background else f" on {article(background_phrase(scene.background))}"
    if len(scene.kinds) > _LISTED_KINDS:
        many = "of many different kinds"
        return dice.pick(
            (
                f"The picture shows {total} {many}{behind}.",
                f"There are {total} {many}{behind}.",
                f"This is a busy picture of {total} {many}{behind}.",
            )
        )
    parts = join_words([count_phrase(len(things), kind) for kind, things in scene.kinds.items()])
    if len(scene.kinds) == 1:
        there = "There is" if count == 1 else "There are"
        return f"{dice.pick(('The picture shows', 'This is a picture of', there))} {parts}{behind}."
    forms = [
        f"The picture shows {total}{behind}: {parts}.",
        f"There are {total}{behind}: {parts}.",
        f"This is a picture of {total}, {parts}{',' * bool(behind)}{behind}.",
    ]
    return dice.pick(forms)


def describe_kind(dice: Dice, kind: str, things: list[Thing], *, counted: bool) -> str:
    """One sentence with size, pattern and place of everything of one kind.

    ``counted`` sentences also say how many there are; others leave that to the overview.
    """
    if len(things) == 1:
        return _describe_one(dice, kind, things[0], counted)
    looks = [_look(thing) for thing in things]
    lead = f"The {count_phrase(len(things), kind)}" if counted else f"The {plural(kind)}"
    if len(set(looks)) == 1:
        places = _places(things)
        verb = dice.pick(("are", "are all" if len(things) > 2 else "are both"))
        return f"{lead} {verb} {looks[0]} and {dice.pick(('sit', 'can be seen', 'are placed'))} {places}."
    if len(things) == 2:
        start = f"There are {count_phrase(2, kind)}: one" if counted else f"One of the {plural(kind)}"
        first, second = (
            f"is {look} and {place_phrase(thing.place)}" for look, thing in zip(looks, things, strict=True)
        )
        return f"{start} {first}, and the other {second}."
    groups = [
        f"{look}, {_places([t for t, own in zip(things, looks, strict=True) if own == look])}"
        for look in dict.fromkeys(looks)
    ]
    some = [f"{'some' if i == 0 else 'others'} are {group}" for i, group in enumerate(groups)]
    start = f"There are {count_phrase(len(things), kind)}:" if counted else f"Of the {plural(kind)},"
    return f"{start} {', and '.join(some)}."


def _describe_one(dice: Dice, kind: str, thing: Thing, counted: bool) -> str:
    place = place_phrase(thing.place)
    words = f"{thing.size} {kind}" if thing.pattern == "plain" else f"{thing.size} {thing.pattern} {kind}"
    if counted:
        return dice.pick((f"{article(words).capitalize()} is {place}.", f"There is {article(words)} {place}."))
    return dice.pick(
        (
            f"The {kind} is {_look(thing)} and {dice.pick(('sits', 'is placed', 'appears'))} {place}.",
            f"The {kind} {place} is {_look(thing)}.",
            f"{place.capitalize()} is the {words}.",
        )
    )


def _look(thing: Thing) -> str:
    return thing.size if thing.pattern == "plain" else f"{thing.size} and {thing.pattern}"


def _places(things: list[Thing]) -> str:
    return join_words([place_phrase(place) for place in dict.fromkeys(thing.place for thing in things)])


def relations(dice: Dice, scene: Scene, count: int) -> list[str]:
    """Up to ``count`` sentences on how single objects stand to each other; overlaps first."""
    things, told = scene.single, []
    for one in things:
        told += [
            f"The {one.kind} partly covers the {scene.things[i].kind}." for i in one.covers if scene.things[i] in things
        ]
    pairs = dice.sample([(a, b) for a in things for b in things if a is not b], 2 * count)
    for a, b in pairs:
        found = relation(a.x, a.y, b.x, b.y)
        across = abs(a.x - b.x) > abs(a.y - b.y)
        fitting = [r for r in found if (r in ("left of", "right of")) == across]
        told += [f"The {a.kind} is {_RELATIONS[r]} the {b.kind}." for r in fitting]
    return told[: max(count, 0)]
