"""Five kinds of card, drawn: each gives its entries back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from openmolmo.engine.synth.cards.page import Box, Colour, Entry, Page, text_width
from openmolmo.engine.synth.cards.words import DAYS, FIELDS, HEADINGS, INKS, NAMES, VALUES, pick_value, repeated_values
from openmolmo.engine.synth.scenes.dice import Dice

__all__ = ["KINDS", "Card", "draw_card"]

_PAPERS: tuple[Colour, ...] = (
    (255, 255, 255), (252, 248, 236), (240, 245, 252), (242, 250, 242), (252, 240, 240), (238, 238, 240),
)  # fmt: skip
_INKS: tuple[Colour, ...] = ((28, 30, 36), (28, 30, 36), (24, 46, 110), (96, 30, 40), (20, 78, 56))
_BOARDS: tuple[tuple[Colour, Colour], ...] = (
    ((30, 66, 140), (252, 252, 252)), ((34, 98, 62), (250, 250, 244)), ((178, 36, 40), (252, 250, 248)),
    ((250, 214, 74), (30, 28, 26)), ((44, 46, 54), (248, 246, 240)), ((250, 250, 248), (32, 34, 40)),
)  # fmt: skip
_PLACES: tuple[Colour, ...] = ((196, 178, 150), (150, 152, 156), (176, 196, 214), (120, 104, 92), (214, 206, 190))


@dataclass(frozen=True)
class Card:
    """A finished card: its ``kind``, the words above it, its entries in reading order, and its page."""

    kind: str
    title: str
    entries: tuple[Entry, ...]
    page: Page


def draw_card(dice: Dice, size: int, split: str) -> Card:
    """A new card; ``size`` is the longer side in pixels."""
    height = size if dice.chance(0.6) else size * 3 // 4
    kind = tuple(KINDS)[dice.weighted([weight for weight, _ in KINDS.values()])]
    page = Page(np.empty((height, size, 3), np.uint8), dice.pick(_INKS), stroke=int(dice.chance(0.4) and size >= 160))
    page.picture[...] = dice.pick(_PAPERS)
    title, entries = KINDS[kind][1](dice, page, split)
    if dice.chance(0.5):  # light falls from one side
        light = np.linspace(dice.between(0.86, 1), dice.between(0.9, 1), size, dtype=np.float32)[None, :, None]
        page.picture[...] = (page.picture * light).astype(np.uint8)
    return Card(kind, title, tuple(entries), page)


def _title(dice: Dice, page: Page, letter: int) -> tuple[str, int]:
    """A heading over a line or on a band, mostly; returns it and the height from which there is room."""
    height, width = page.picture.shape[:2]
    edge = round(letter * 1.9)
    if dice.chance(0.25):
        return "", round(0.03 * height)
    title = dice.pick(HEADINGS)
    if dice.chance(0.5):
        board, ink = dice.pick(_BOARDS[:5])
        page.fill((0, 0, width, edge), board)
        page.write(title, width / 2, edge / 2, letter, align="center", ink=ink)
    else:
        page.write(title, width / 2, edge / 2, letter, align="center")
        page.line((width // 12, edge - 1), (width - width // 12, edge - 1), page.ink, 1 + width // 300)
    return title, edge + round(0.03 * height)


def _letter(page: Page, rows: int) -> int:
    """Height of letters for so many rows."""
    height, width = page.picture.shape[:2]
    return int(max(8, round(min(height / (1.75 * rows), width * 0.105))))


def _rows(page: Page, top: int, count: int) -> list[tuple[int, int]]:
    height = page.picture.shape[0]
    tall = (height - top - round(0.03 * height)) / count
    return [(round(top + row * tall), round(top + (row + 1) * tall)) for row in range(count)]


def _pale(page: Page, share: float) -> Colour:
    """The paper, a little darker."""
    red, green, blue = (round(float(tone) * share) for tone in page.picture[-1, -1])
    return red, green, blue


def _prices(dice: Dice, page: Page, split: str) -> tuple[str, list[Entry]]:
    count = 2 + dice.below(4)
    letter = _letter(page, count + 2)
    title, top = _title(dice, page, letter)
    width = page.picture.shape[1]
    names, used, entries = dice.sample(NAMES, count), set[str](), list[Entry]()
    striped, dotted = dice.chance(0.4), dice.chance(0.5)
    stripe = _pale(page, 0.92)
    for number, (name, (up, down)) in enumerate(zip(names, _rows(page, top, count), strict=True)):
        value = pick_value(dice, name, tuple(v for v in VALUES if v not in used), split)
        used.add(value)
        if striped and number % 2 == 0:
            page.fill((0, up, width, down), stripe)
        middle = (up + down) / 2
        named = page.write(name, 0.08 * width, middle, letter)
        valued = page.write(value, 0.92 * width, middle, letter, align="right")
        if dotted:
            for x in range(named[2] + letter // 2, valued[0] - letter // 3, max(4, letter // 2)):
                page.line((x, round(middle) + letter // 3), (x + 1, round(middle) + letter // 3), page.ink)
        entries.append(Entry(name, value, named, valued))
    return title, entries


def _table(dice: Dice, page: Page, split: str) -> tuple[str, list[Entry]]:
    rows, columns = 2 + dice.below(3), 2 + dice.below(2)
    letter = min(_letter(page, rows + 2), round(page.picture.shape[1] * 0.085))
    title, top = _title(dice, page, letter) if dice.chance(0.4) else ("", 4)
    width = page.picture.shape[1]
    first = round(width * 0.36)
    edges = [4, *(first + round((width - 4 - first) * column / columns) for column in range(columns + 1))]
    names, days = dice.sample(NAMES, rows), sorted(dice.sample(DAYS, columns), key=DAYS.index)
    head, few = _pale(page, 0.86), tuple(dice.sample(VALUES, 4))
    again = [repeated_values(dice, name, few, split) for name in names] if dice.chance(0.5) else [VALUES] * rows
    entries = list[Entry]()
    places: list[Box | None] = []
    for row, (up, down) in enumerate(_rows(page, top, rows + 1)):
        for column in range(columns + 1):
            box = (edges[column], up, edges[column + 1] + 1, down + 1)
            page.fill(box, head if row == 0 or column == 0 else _pale(page, 1), line=page.ink, thick=1 + width // 400)
            x, y = (box[0] + box[2]) / 2, (up + down) / 2
            if row == 0 and column:
                page.write(days[column - 1], x, y, letter, align="center")
            elif row and column == 0:
                places.append(page.write(names[row - 1], x, y, letter, align="center"))
            elif row:
                value = pick_value(dice, names[row - 1], again[row - 1], split)
                valued = page.write(value, x, y, letter, align="center")
                entries.append(Entry(names[row - 1], value, places[-1], valued, box, days[column - 1]))
    return title, entries


def _bars(dice: Dice, page: Page, split: str) -> tuple[str, list[Entry]]:
    count = 2 + dice.below(4)
    height, width = page.picture.shape[:2]
    room = width * 0.96 / count
    names = dice.sample([name for name in NAMES if len(name) <= (5 if count > 3 else 6)], count)
    letter = max(8, round(min(height * 0.11, width * 0.09)))
    while letter > 8 and max(text_width(name, letter, page.stroke) for name in names) > 0.92 * room:
        letter -= 1
    title, top = _title(dice, page, letter)
    base, used, entries = height - round(letter * 1.6), set[str](), list[Entry]()
    colours = dice.sample(tuple(INKS), count) if dice.chance(0.7) else [dice.pick(tuple(INKS))] * count
    written = dice.chance(0.75)
    tallest = base - top - letter * 1.5
    for number, (name, colour) in enumerate(zip(names, colours, strict=True)):
        apart = tuple(v for v in VALUES if all(abs(int(v) - int(other)) >= 6 for other in used) and int(v) >= 8)
        value = pick_value(dice, name, apart, split)
        used.add(value)
        x = 0.02 * width + (number + 0.5) * room
        up = round(base - tallest * int(value) / 100)
        mark = page.fill((round(x - room * 0.3), up, round(x + room * 0.3), base), INKS[colour], called=colour)
        valued = page.write(value, x, up - letter * 0.65, letter, align="center") if written else None
        named = page.write(name, x, base + letter * 0.8, letter, align="center")
        entries.append(Entry(name, value if written else "", named, valued, mark, colour=colour))
    page.line((2, base), (width - 3, base), page.ink, 1 + width // 200)
    return title, entries


def _form(dice: Dice, page: Page, split: str) -> tuple[str, list[Entry]]:
    fields, boxes = dice.sample(tuple(FIELDS), dice.below(3)), 2 + dice.below(2)
    letter = _letter(page, len(fields) + boxes + 2)
    title, top = _title(dice, page, letter)
    width, entries = page.picture.shape[1], list[Entry]()
    rows = _rows(page, top, len(fields) + boxes)
    for name, (up, down) in zip(fields, rows, strict=False):
        middle, value = (up + down) / 2, pick_value(dice, name, FIELDS[name], split)
        named = page.write(name, 0.06 * width, middle, letter)
        start = round(0.44 * width)
        page.line(
            (start, round(middle + letter * 0.55)), (round(0.95 * width), round(middle + letter * 0.55)), page.ink
        )
        valued = page.write(value, start + letter * 0.3, middle, letter, ink=(30, 60, 150))
        entries.append(Entry(name, value, named, valued))
    side = round(letter * 0.9)
    for name, (up, down) in zip(dice.sample(NAMES, boxes), rows[len(fields) :], strict=True):
        middle, left = (up + down) // 2, round(0.07 * width)
        box = page.fill(
            (left, middle - side // 2, left + side, middle - side // 2 + side),
            (255, 255, 255),
            line=page.ink,
            thick=1 + side // 12,
        )
        ticked = dice.chance(0.5)
        if ticked:
            thick, low = 1 + side // 7, box[3] - side // 5
            page.line((left + side // 5, middle), (left + side // 2, low), (30, 60, 150), thick)
            page.line((left + side // 2, low), (box[2] + side // 6, box[1]), (30, 60, 150), thick)
        named = page.write(name, left + side * 1.7, middle, letter)
        entries.append(Entry(name, "", named, mark=box, ticked=ticked))
    return title, entries


def _sign(dice: Dice, page: Page, split: str) -> tuple[str, list[Entry]]:
    height, width = page.picture.shape[:2]
    page.picture[...] = dice.pick(_PLACES)
    board, ink = dice.pick(_BOARDS)
    words = [dice.pick(NAMES)]
    if dice.chance(0.7):
        words.append(pick_value(dice, words[0], VALUES if dice.chance(0.5) else DAYS, split))
    letter = round(min(height, width) * dice.between(0.15, 0.24))
    while max(text_width(word, letter, page.stroke) for word in words) > 0.74 * width:
        letter -= 1
    wide = max(text_width(word, letter, page.stroke) for word in words) + letter
    tall = round(letter * (1.4 * len(words) + 0.5))
    left = round(dice.between(0.03, 0.97 - wide / width) * width) if wide < 0.94 * width else 2
    top = round(dice.between(0.03, max(0.04, 0.97 - tall / height)) * height)
    mark = page.fill((left, top, left + wide, top + tall), board, line=ink, thick=1 + letter // 12)
    boxes = [
        page.write(word, left + wide / 2, top + letter * (0.95 + 1.4 * row), letter, align="center", ink=ink)
        for row, word in enumerate(words)
    ]
    value, valued = (words[1], boxes[1]) if len(words) > 1 else ("", None)
    return "", [Entry(words[0], value, boxes[0], valued, mark)]


KINDS: dict[str, tuple[float, Callable[[Dice, Page, str], tuple[str, list[Entry]]]]] = {
    "list": (1.0, _prices),
    "table": (1.0, _table),
    "chart": (1.0, _bars),
    "form": (0.8, _form),
    "sign": (0.7, _sign),
}
"""Kind of card -> how frequent it is, and what draws it."""
