"""Questions answered in words that point: ``<|POINT|>`` stands where a labelled group of points goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from openmolmo.engine.synth.scenes.answers import largest, only_neighbour
from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.engine.synth.scenes.graph import Scene, Thing
from openmolmo.engine.synth.scenes.vocabulary import join_words, number_word, place_phrase, plural
from openmolmo.records.example import PointExplanation

__all__ = ["make_explanation"]

POINT = "<|POINT|>"
_SIDES = {"left of": "to the left of", "right of": "to the right of", "above": "above", "below": "below"}

Told = tuple[str, str, list[tuple[str, list[Thing]]]]
"""Question, answer, and (label, things) of each point in it."""


def make_explanation(dice: Dice, scene: Scene) -> PointExplanation:
    """One question whose answer points; every scene allows at least the question where something is."""
    makers = list(_MAKERS)
    told = None
    while told is None:
        told = makers.pop(dice.weighted([weight for weight, _ in makers]))[1](dice, scene) if makers else None
        if not makers and told is None:
            told = _where(dice, scene)
    question, answer, groups = told
    return PointExplanation(
        question=question,
        answer=answer,
        labels=tuple(label for label, _ in groups),
        points=tuple(tuple(thing.point for thing in things) for _, things in groups),
    )


def _name(noun_phrase: str, things: list[Thing]) -> str:
    return noun_phrase if len(things) == 1 else plural(noun_phrase)


def _where(dice: Dice, scene: Scene) -> Told:
    kind = dice.pick(list(scene.kinds))
    things = scene.kinds[kind]
    places = join_words([place_phrase(p) for p in dict.fromkeys(t.place for t in things)])
    verb = "is" if len(things) == 1 else "are"
    name = _name(kind, things)
    return f"Where {verb} the {name}?", f"The {POINT} {verb} {places}.", [(name, things)]


def _largest(dice: Dice, scene: Scene) -> Told | None:
    thing = largest(scene)
    if thing is None:
        return None
    question = dice.pick(("Which object is the largest?", "What is the biggest thing in the picture?"))
    return question, f"The largest object is the {POINT} {place_phrase(thing.place)}.", [(thing.kind, [thing])]


def _neighbour(dice: Dice, scene: Scene) -> Told | None:
    for thing in dice.shuffled(scene.single):
        side = dice.pick(tuple(_SIDES))
        if other := only_neighbour(scene, thing, side):
            answer = f"The {POINT} is {_SIDES[side]} the {POINT}."
            return f"What is {_SIDES[side]} the {thing.kind}?", answer, [(other.kind, [other]), (thing.kind, [thing])]
    return None


def _of_colour(dice: Dice, scene: Scene) -> Told | None:
    colour = dice.pick(scene.things).colour
    groups: dict[str, list[Thing]] = {}
    for thing in scene.things:
        if thing.colour == colour:
            groups.setdefault(thing.shape, []).append(thing)
    named = [(_name(shape, things), things) for shape, things in groups.items()]
    if len(named) == 1 and len(named[0][1]) == 1:
        return f"Which object is {colour}?", f"The {POINT} is {colour}.", named
    parts = join_words([f"the {POINT}" for _ in named])
    return f"Which objects are {colour}?", f"The {colour} objects are {parts}.", named


def _more(dice: Dice, scene: Scene) -> Told | None:
    shapes = Counter(thing.shape for thing in scene.things)
    if len(shapes) < 2:
        return None
    one, other = dice.sample(sorted(shapes), 2)
    groups = [(shape, [t for t in scene.things if t.shape == shape]) for shape in (one, other)]
    question = f"Are there more {plural(one)} or more {plural(other)}?"
    if shapes[one] == shapes[other]:
        told = [(_name(shape, things), things) for shape, things in groups]
        same = number_word(shapes[one])
        return question, f"Neither: there {'is' if same == 'one' else 'are'} {same} {POINT} and {same} {POINT}.", told
    groups.sort(key=lambda group: -len(group[1]))
    more, fewer = ((_name(shape, things), things) for shape, things in groups)
    counts = [number_word(len(things)) for _, things in groups]
    return (
        question,
        f"There are more {plural(groups[0][0])}: {counts[0]} {POINT} against {counts[1]} {POINT}.",
        [more, fewer],
    )


def _patterned(dice: Dice, scene: Scene) -> Told | None:
    patterns = sorted({thing.pattern for thing in scene.things} - {"plain"})
    if not patterns:
        return None
    pattern = dice.pick(patterns)
    groups: dict[str, list[Thing]] = {}
    for thing in scene.things:
        if thing.pattern == pattern:
            groups.setdefault(thing.kind, []).append(thing)
    named = [(_name(kind, things), things) for kind, things in groups.items()]
    verb = "is" if len(named) == 1 and len(named[0][1]) == 1 else "are"
    names = join_words([f"the {POINT}" for _ in named])
    return f"What is {pattern}?", f"T{names[1:]} {verb} {pattern}.", named


def _in_place(dice: Dice, scene: Scene) -> Told | None:
    place = dice.pick(scene.things).place
    if any(place != thing.place and place in thing.place.split() for thing in scene.things):
        return None  # people would count the top left as part of the top
    groups: dict[str, list[Thing]] = {}
    for thing in scene.things:
        if thing.place == place:
            groups.setdefault(thing.kind, []).append(thing)
    named = [(_name(kind, things), things) for kind, things in groups.items()]
    parts = [f"{number_word(len(things))} {POINT}" for _, things in named]
    verb = "is" if len(named[0][1]) == 1 else "are"
    where = place_phrase(place)
    return f"What is {where}?", f"{where.capitalize()} there {verb} {join_words(parts)}.", named


_MAKERS: tuple[tuple[float, Callable[[Dice, Scene], Told | None]], ...] = (
    (2, _where),
    (2, _largest),
    (3, _neighbour),
    (2, _of_colour),
    (2, _more),
    (1.5, _patterned),
    (2, _in_place),
)
