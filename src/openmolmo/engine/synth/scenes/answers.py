"""Short-answer questions about a scene (style ``vqa2``), each with one right answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.engine.synth.scenes.graph import CLEAR_GAP, Scene, Thing, relation
from openmolmo.engine.synth.scenes.questions import Label, labels_of, near_miss
from openmolmo.engine.synth.scenes.vocabulary import article, plural
from openmolmo.records.example import QuestionAnswer

__all__ = ["largest", "make_answers", "only_neighbour"]

Pair = tuple[str, str]

_BESIDE = {"left of": "to the left of", "right of": "to the right of", "above": "above", "below": "below"}
_CLEARLY_LARGER = 1.3


def make_answers(dice: Dice, scene: Scene, count: int) -> list[QuestionAnswer]:
    """``count`` questions of different kinds, or fewer if the scene does not allow them."""
    made: list[QuestionAnswer] = []
    asked = scene.world.asked
    makers = [(weight, maker) for weight, maker in _MAKERS if not asked or maker.__name__.lstrip("_") in asked]
    while makers and len(made) < count:
        maker = makers.pop(dice.weighted([weight for weight, _ in makers]))[1]
        if pair := maker(dice, scene):
            made.append(QuestionAnswer(question=pair[0], answers=(pair[1],), style="vqa2"))
    return made


def only_neighbour(scene: Scene, thing: Thing, side: str) -> Thing | None:
    """The one thing clearly on that side (``left of`` ...) of ``thing``, if no other is even a little on it."""
    across = side in ("left of", "right of")
    sign = 1 if side in ("left of", "above") else -1
    others = [other for other in scene.things if other is not thing]
    gaps = [sign * ((thing.x - o.x) if across else (thing.y - o.y)) for o in others]
    near = [other for other, gap in zip(others, gaps, strict=True) if gap > 0]
    return near[0] if len(near) == 1 and max(gaps) >= CLEAR_GAP else None


def largest(scene: Scene) -> Thing | None:
    """The thing that is clearly larger than every other, if there is one of several."""
    order = sorted(scene.things, key=lambda thing: -thing.radius)
    if len(order) < 2 or order[0].radius < _CLEARLY_LARGER * order[1].radius:
        return None
    return order[0]


def _colour(dice: Dice, scene: Scene) -> Pair | None:
    shapes = Counter(thing.shape for thing in scene.things)
    fit = [thing for thing in scene.things if shapes[thing.shape] == 1]
    if not fit:
        return None
    thing = dice.pick(fit)
    return f"What color is the {thing.shape}?", thing.colour


def _shape(dice: Dice, scene: Scene) -> Pair | None:
    colours = Counter(thing.colour for thing in scene.things)
    fit = [thing for thing in scene.things if colours[thing.colour] == 1]
    if not fit:
        return None
    thing = dice.pick(fit)
    return dice.pick((f"What is the {thing.colour} object?", f"What shape is the {thing.colour} object?")), thing.shape


def _pattern(dice: Dice, scene: Scene) -> Pair | None:
    if not scene.single or all(thing.pattern == "plain" for thing in scene.things):
        return None
    thing = dice.pick(scene.single)
    return f"Is the {thing.kind} plain, striped, dotted or checked?", thing.pattern


def _size(dice: Dice, scene: Scene) -> Pair | None:
    if not scene.single:
        return None
    thing = dice.pick(scene.single)
    return f"Is the {thing.kind} small, medium or large?", thing.size


def _place(dice: Dice, scene: Scene) -> Pair | None:
    if not scene.single:
        return None
    thing = dice.pick(scene.single)
    return dice.pick((f"Where is the {thing.kind}?", f"In what part of the picture is the {thing.kind}?")), thing.place


def _neighbour(dice: Dice, scene: Scene) -> Pair | None:
    for thing in dice.shuffled(scene.single):
        side = dice.pick(tuple(_BESIDE))
        if other := only_neighbour(scene, thing, side):
            return f"What is {_BESIDE[side]} the {thing.kind}?", other.kind
    return None


def _how_many(dice: Dice, scene: Scene) -> Pair | None:
    label = near_miss(dice, scene) if dice.chance(0.15) else labels_of(dice, scene, 1)[0]
    return f"How many {plural(label.text)} are there?", str(len(label.find(scene)))


def _exists(dice: Dice, scene: Scene) -> Pair | None:
    label = near_miss(dice, scene) if dice.chance(0.5) else labels_of(dice, scene, 1)[0]
    if label == Label():
        return None
    return f"Is there {article(label.text)} in the picture?", "yes" if label.find(scene) else "no"


def _beside(dice: Dice, scene: Scene) -> Pair | None:
    if len(scene.single) < 2:
        return None
    one, other = dice.sample(scene.single, 2)
    found = relation(one.x, one.y, other.x, other.y)
    opposite = relation(other.x, other.y, one.x, one.y)
    right = dice.chance(0.5)
    fit = found if right else opposite
    if not fit:
        return None
    return f"Is the {one.kind} {_BESIDE[dice.pick(fit)]} the {other.kind}?", "yes" if right else "no"


def _compare(dice: Dice, scene: Scene) -> Pair | None:
    shapes = Counter(thing.shape for thing in scene.things)
    answer = dice.pick(("yes", "no"))
    pairs = [(a, b) for a in shapes for b in shapes if a != b and (shapes[a] > shapes[b]) == (answer == "yes")]
    if not pairs:
        return None
    one, other = dice.pick(pairs)
    return f"Are there more {plural(one)} than {plural(other)}?", answer


def _largest(dice: Dice, scene: Scene) -> Pair | None:
    thing = largest(scene)
    return ("What is the largest object?", thing.kind) if thing else None


def _background(dice: Dice, scene: Scene) -> Pair | None:
    background = scene.background
    if background.kind == "outdoor":
        sky = ("What color is the sky?", background.colours[0])
        return dice.pick((sky, ("Is the ground grass, sand, water or snow?", background.ground)))
    if background.kind == "gradient":
        return "Is the background one color or does it fade?", "it fades"
    return "What color is the background?", background.colours[0]


_MAKERS: tuple[tuple[float, Callable[[Dice, Scene], Pair | None]], ...] = (
    (4, _colour),
    (3, _shape),
    (2, _pattern),
    (1.5, _size),
    (3, _place),
    (3, _neighbour),
    (3, _how_many),
    (3, _exists),
    (2, _beside),
    (1.5, _compare),
    (2, _largest),
    (1.5, _background),
)
