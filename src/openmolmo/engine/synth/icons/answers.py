"""Short-answer questions about a picture of icons, each with one right answer, and one answered by pointing."""

from __future__ import annotations

from collections.abc import Callable

from openmolmo.engine.synth.icons.captions import BESIDE
from openmolmo.engine.synth.icons.questions import category_items, in_line, labels_of, near_miss
from openmolmo.engine.synth.icons.scene import Item, Scene, where_phrase
from openmolmo.engine.synth.icons.words import CATEGORIES, ordinal, plural_of
from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.engine.synth.scenes.graph import CLEAR_GAP, relation
from openmolmo.engine.synth.scenes.vocabulary import article, join_words, number_word
from openmolmo.records.example import PointExplanation, QuestionAnswer

__all__ = ["make_answers", "make_explanation"]

Pair = tuple[str, str]
POINT = "<|POINT|>"


def make_answers(dice: Dice, scene: Scene, count: int) -> list[QuestionAnswer]:
    """``count`` questions of different kinds, or fewer if the scene does not allow them; a sign is always asked for."""
    made: list[QuestionAnswer] = []
    if scene.sign:
        question = dice.pick(("What does the sign say?", "What is written on the sign?", "What words are on the sign?"))
        made.append(QuestionAnswer(question=question, answers=(scene.sign,), style="text_vqa"))
    makers = list(_MAKERS)
    while makers and len(made) < count:
        maker = makers.pop(dice.weighted([weight for weight, _ in makers]))[1]
        if pair := maker(dice, scene):
            made.append(QuestionAnswer(question=pair[0], answers=(pair[1],), style="vqa2"))
    return made


def _how_many(dice: Dice, scene: Scene) -> Pair | None:
    labels = [near_miss(dice, scene)] if dice.chance(0.15) else labels_of(dice, scene, 1)
    if not labels or " from the " in labels[0].many or labels[0].one == labels[0].many:
        return None
    return f"How many {labels[0].many} are there?", str(len(labels[0].items))


def _exists(dice: Dice, scene: Scene) -> Pair | None:
    if dice.chance(0.5):
        return f"Is there {article(near_miss(dice, scene).one)} in the picture?", "no"
    return f"Is there {article(dice.pick(list(scene.kinds)))} in the picture?", "yes"


def _where(dice: Dice, scene: Scene) -> Pair | None:
    if not scene.single:
        return None
    item = dice.pick(scene.single)
    kind, value = item.where
    if kind == "shelf":
        return f"On which shelf is the {item.name}?", value
    if kind == "cell":
        row, column = value.split()
        axis = dice.pick(("row", "column"))
        return f"In which {axis} is the {item.name}?", row if axis == "row" else column
    return f"Where in the picture is the {item.name}?", value


def _colour(dice: Dice, scene: Scene) -> Pair | None:
    fit = [item for item in scene.single if item.sprite.main]
    if not fit:
        return None
    item = dice.pick(fit)
    verb = "are" if item.name == item.kind.plural else "is"
    return f"What color {verb} the {item.name}?", item.sprite.main


def _neighbour(dice: Dice, scene: Scene) -> Pair | None:
    found = _only_neighbour(dice, scene)
    return (f"What is {BESIDE[found[1]]} the {found[0].name}?", found[2].name) if found else None


def _only_neighbour(dice: Dice, scene: Scene) -> tuple[Item, str, Item] | None:
    """(thing, side, the one thing clearly on that side of it), if no other is even a little on it."""
    for item in dice.shuffled(scene.single):
        side = dice.pick(tuple(BESIDE))
        sign, across = (1 if side in ("left of", "above") else -1), side in ("left of", "right of")
        gaps = {i: sign * ((item.x - o.x) if across else (item.y - o.y)) for i, o in enumerate(scene.items)}
        near = [scene.items[index] for index, gap in gaps.items() if gap > 0 and scene.items[index] is not item]
        if len(near) == 1 and max(gaps.values()) >= CLEAR_GAP:
            return item, side, near[0]
    return None


def _in_order(dice: Dice, scene: Scene) -> Pair | None:
    shelf = dice.pick(scene.items).shelf
    whole = scene.setting.kind == "shelves"
    line = in_line([item for item in scene.items if item.shelf == shelf]) if whole else None
    if line is None:
        return None
    index = dice.below(len(line))
    on = f" on the {shelf} shelf" if shelf else ""
    if dice.chance(0.3):
        return f"What is the {ordinal(len(line) - index)} object from the right{on}?", line[index].name
    return f"What is the {ordinal(index + 1)} object from the left{on}?", line[index].name


def _in_cell(dice: Dice, scene: Scene) -> Pair | None:
    item = dice.pick(scene.items)
    if item.cell is None:
        return None
    row, column = item.cell
    return f"What is in row {row}, column {column}?", item.name


def _beside(dice: Dice, scene: Scene) -> Pair | None:
    if len(scene.single) < 2:
        return None
    one, other = dice.sample(scene.single, 2)
    right = dice.chance(0.5)
    a, b = (one, other) if right else (other, one)
    fit = relation(a.x, a.y, b.x, b.y)
    if not fit:
        return None
    return f"Is the {one.name} {BESIDE[dice.pick(fit)]} the {other.name}?", "yes" if right else "no"


def _compare(dice: Dice, scene: Scene) -> Pair | None:
    answer = dice.pick(("yes", "no"))
    counts = {name: len(items) for name, items in scene.kinds.items()}
    pairs = [(a, b) for a in counts for b in counts if a != b and (counts[a] > counts[b]) == (answer == "yes")]
    if not pairs:
        return None
    one, other = dice.pick(pairs)
    return f"Are there more {plural_of(one)} than {plural_of(other)}?", answer


def _which(dice: Dice, scene: Scene) -> Pair | None:
    category = dice.pick(scene.items).kind.category
    items = category_items(scene, category) if category in CATEGORIES else None
    if not items or len(items) != 1:
        return None
    what = "musical instrument" if category == "instrument" else category
    return f"Which {what} is in the picture?", items[0].name


def _surroundings(dice: Dice, scene: Scene) -> Pair | None:
    setting = scene.setting
    if setting.kind in ("outdoor", "street"):
        return "What color is the sky?", setting.colours[0]
    if setting.kind in ("room", "shelves"):
        return "What color is the wall?", setting.colours[0]
    if setting.kind in ("checked", "striped"):
        return "Is the cloth checked or striped?", setting.kind
    return None


_MAKERS: tuple[tuple[float, Callable[[Dice, Scene], Pair | None]], ...] = (
    (3, _how_many),
    (3, _exists),
    (2.5, _where),
    (2, _colour),
    (3, _neighbour),
    (4, _in_order),
    (3, _in_cell),
    (2, _beside),
    (1.5, _compare),
    (1.5, _which),
    (1, _surroundings),
)


def make_explanation(dice: Dice, scene: Scene) -> PointExplanation:
    """One question whose answer points: what is beside something, or where something is."""
    found = _only_neighbour(dice, scene) if dice.chance(0.5) else None
    if found is not None:
        item, side, other = found
        return PointExplanation(
            question=f"What is {BESIDE[side]} the {item.name}?",
            answer=f"The {POINT} is {BESIDE[side]} the {POINT}.",
            labels=(other.name, item.name),
            points=((other.point,), (item.point,)),
        )
    name = dice.pick(list(scene.kinds))
    items = scene.kinds[name]
    several = len(items) > 1
    where = join_words([where_phrase(w) for w in dict.fromkeys(item.where for item in items)])
    shown = plural_of(name) if several else name
    verb, lead = ("are", f"The {number_word(len(items))}") if several else ("is", "The")
    return PointExplanation(
        question=f"Where {verb} the {shown}?",
        answer=f"{lead} {POINT} {verb} {where}.",
        labels=(shown,),
        points=(tuple(item.point for item in items),),
    )
