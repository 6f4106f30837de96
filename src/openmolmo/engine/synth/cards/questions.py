"""What may be asked of a card: short answers, points at words, cells and marks, and counts; each has one truth."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from openmolmo.engine.synth.cards.page import Box
from openmolmo.engine.synth.cards.templates import Card
from openmolmo.engine.synth.cards.words import FIELDS, INKS, NAMES
from openmolmo.engine.synth.scenes.dice import Dice
from openmolmo.records.example import Annotation, Counting, Mask, NotPresent, Point, Pointing, QuestionAnswer
from openmolmo.records.masks import encode

__all__ = ["make_annotations"]

Pair = tuple[str, str]
_STYLE = "text_vqa"


@dataclass(frozen=True)
class _Label:
    """What is pointed at, in singular and plural, and where it is."""

    one: str
    many: str
    boxes: tuple[Box, ...]


def make_annotations(dice: Dice, card: Card) -> tuple[Annotation, ...]:
    """At most three short answers, two pointings, a count, and something that is not there."""
    pairs = dice.sample(_answers(dice, card), 3)
    labels = _labels(card)
    shown = dice.sample(labels, 2)
    several = [label for label in labels if label.many]
    made: list[Annotation] = [QuestionAnswer(question=q, answers=(a,), style=_STYLE) for q, a in pairs]
    for label in shown:
        points, masks = _shown(card, label)
        name = label.many if label.many and (len(points) > 1 or dice.chance(0.3)) else label.one
        made.append(Pointing(label=name, points=points, masks=masks))
    if several:
        label = dice.pick(several)
        points, masks = _shown(card, label)
        made.append(Counting(label=label.many, count=len(points), points=points, masks=masks))
    made.append(NotPresent(label=_missing(dice, card)))
    return tuple(made)


def _shown(card: Card, label: _Label) -> tuple[tuple[Point, ...], tuple[Mask, ...]]:
    """Centres of the boxes, and the boxes with a little room around them."""
    height, width = card.page.picture.shape[:2]
    room = max(2, height // 64)
    points, masks = [], []
    for left, top, right, bottom in label.boxes:
        points.append(Point(round((left + right) / 2 / width * 100, 1), round((top + bottom) / 2 / height * 100, 1)))
        covered = np.zeros((height, width), bool)
        covered[max(0, top - room) : bottom + room, max(0, left - room) : right + room] = True
        masks.append(encode(covered))
    return tuple(points), tuple(masks)


def _labels(card: Card) -> list[_Label]:
    """Everything that can be pointed at; what can be counted has a plural."""
    made: dict[str, _Label] = {}
    words = [written for written in card.page.written if written.text]
    frequent = Counter(written.text for written in words)
    for written in words:
        if frequent[written.text] == 1:
            kind = "number" if written.text.isdigit() else "word"
            made[written.text] = _Label(f'{kind} "{written.text}"', "", (written.box,))
    for entry in card.entries:
        if card.kind == "list" and entry.valued:
            made[f"of {entry.name}"] = _Label(f"price of {entry.name}", "", (entry.valued,))
        elif card.kind == "table" and entry.mark:
            made[f"of {entry.name}, {entry.column}"] = _Label(
                f"cell of {entry.name} and {entry.column}", "", (entry.mark,)
            )
        elif card.kind == "chart" and entry.mark:
            made[f"of {entry.name}"] = _Label(f"bar of {entry.name}", "", (entry.mark,))
        elif card.kind == "form" and entry.mark:
            made[f"of {entry.name}"] = _Label(f"box of {entry.name}", "", (entry.mark,))
        elif card.kind == "sign" and entry.mark:
            made["sign"] = _Label("sign", "", (entry.mark,))
    return [*made.values(), *_groups(card)]


def _groups(card: Card) -> list[_Label]:
    """What there are several of, or one, or none."""
    marks = [entry for entry in card.entries if entry.mark]
    if card.kind == "table":
        values = Counter(entry.value for entry in marks)
        return [
            _Label(
                f"cell that shows {value}",
                f"cells that show {value}",
                tuple(entry.mark for entry in marks if entry.mark and entry.value == value),
            )
            for value in values
        ]
    if card.kind == "chart":
        groups = [_Label("bar", "bars", tuple(entry.mark for entry in marks if entry.mark))]
        colours = Counter(entry.colour for entry in marks)
        return groups + [
            _Label(f"{colour} bar", "", tuple(entry.mark for entry in marks if entry.mark and entry.colour == colour))
            for colour in colours
            if len(colours) > 1
        ]
    if card.kind == "form":
        ticked = tuple(entry.mark for entry in marks if entry.mark and entry.ticked)
        groups = [_Label("box", "boxes", tuple(entry.mark for entry in marks if entry.mark))]
        return groups + ([_Label("ticked box", "ticked boxes", ticked)] if ticked else [])
    if card.kind == "list":
        boxes = tuple(entry.valued for entry in card.entries if entry.valued)
        return [_Label("price", "prices", boxes)]
    return []


def _missing(dice: Dice, card: Card) -> str:
    """Something of the same kind that is not on the card."""
    there = {written.text for written in card.page.written}
    name = dice.pick([name for name in NAMES if name not in there])
    if card.kind == "chart" and dice.chance(0.3):
        gone = [colour for colour in INKS if all(entry.colour != colour for entry in card.entries)]
        return f"{dice.pick(gone)} bar"
    kind = {"list": "price", "chart": "bar", "form": "box"}.get(card.kind)
    return f'word "{name}"' if kind is None or dice.chance(0.5) else f"{kind} of {name}"


def _answers(dice: Dice, card: Card) -> list[Pair]:
    pairs = _ANSWERS[card.kind](dice, card)
    if card.title:
        pairs.append((dice.pick(("What is the title?", "What is written at the top?")), card.title))
    return pairs


def _of_list(dice: Dice, card: Card) -> list[Pair]:
    entries = card.entries
    first, other = dice.pick(entries), dice.pick(entries)
    dear, cheap = (chosen(entries, key=lambda entry: int(entry.value)) for chosen in (max, min))
    return [
        (dice.pick((f"How much is {first.name}?", f"What is the price of {first.name}?")), first.value),
        (f"What costs {other.value}?", other.name),
        ("What costs the most?", dear.name),
        ("What costs the least?", cheap.name),
        (dice.pick(("How many things are on the list?", "How many prices are there?")), str(len(entries))),
    ]


def _of_table(dice: Dice, card: Card) -> list[Pair]:
    one, other = dice.pick(card.entries), dice.pick(card.entries)
    names, columns = ({getattr(entry, key) for entry in card.entries} for key in ("name", "column"))
    return [
        (f"What is the number of {one.name} on {one.column}?", one.value),
        (f"How many {other.name} on {other.column}?", other.value),
        ("How many rows are there without the head?", str(len(names))),
        ("How many days are shown?", str(len(columns))),
        ("What is in the first row?", card.entries[0].name),
    ]


def _of_chart(dice: Dice, card: Card) -> list[Pair]:
    entries = card.entries
    one, high = dice.pick(entries), [entry.mark[1] if entry.mark else 0 for entry in entries]
    pairs = [
        ("Which bar is the highest?", entries[int(np.argmin(high))].name),
        ("Which bar is the lowest?", entries[int(np.argmax(high))].name),
        ("How many bars are there?", str(len(entries))),
        (f"What color is the bar of {one.name}?", one.colour),
    ]
    if one.value:
        pairs.append((f"What is the value of {one.name}?", one.value))
    if len({entry.colour for entry in entries}) == len(entries):
        pairs.append((f"What does the {one.colour} bar show?", one.name))
    return pairs


def _of_form(dice: Dice, card: Card) -> list[Pair]:
    boxes = [entry for entry in card.entries if entry.ticked is not None]
    pairs = [
        (dice.pick((f"What is the {entry.name.lower()}?", f"What stands for {entry.name}?")), entry.value)
        for entry in card.entries
        if entry.name in FIELDS
    ]
    box = dice.pick(boxes)
    pairs.append((f"Is {box.name} ticked?", "yes" if box.ticked else "no"))
    ticked = [entry.name for entry in boxes if entry.ticked]
    if len(ticked) == 1:
        pairs.append(("Which box is ticked?", ticked[0]))
    return [*pairs, ("How many boxes are ticked?", str(len(ticked)))]


def _of_sign(dice: Dice, card: Card) -> list[Pair]:
    entry = card.entries[0]
    text = f"{entry.name} {entry.value}".strip()
    wordings = ("What does the sign say?", "What is written on the sign?")
    pairs = [(dice.pick(wordings), text), ("What is the first word on the sign?", entry.name)]
    if entry.value.isdigit():
        pairs.append(("What number is on the sign?", entry.value))
    return pairs


_ANSWERS = {"list": _of_list, "table": _of_table, "chart": _of_chart, "form": _of_form, "sign": _of_sign}
