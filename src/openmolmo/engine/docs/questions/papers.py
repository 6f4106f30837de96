"""Questions about papers: fields, lines of a bill, timetables, running text and the order in which it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from openmolmo.engine.docs.base import Fields
from openmolmo.engine.docs.questions.base import Family, Question, View, wording
from openmolmo.engine.docs.worlds.language import word_list

__all__ = ["PAPER_QUESTIONS"]

_NTH = ("first", "second", "third", "fourth", "fifth")


class _Facts:
    """A paper and what of it is printed."""

    def __init__(self, view: View) -> None:
        assert isinstance(view.content, Fields)
        self.view, self.paper = view, view.content
        marks = view.rendered.marks
        labelled = {mark.datum.get("field") for mark in marks if mark.role == "field"}
        valued = {mark.datum.get("field") for mark in marks if mark.role == "value"}
        self.fields = [number for number in range(len(self.paper.fields)) if number in labelled & valued]
        """Fields of which both name and value are printed."""

    def text(self, value: float, decimals: int = 0) -> str:
        return self.view.numbers.text(value, decimals)

    def money(self, value: float) -> str:
        return self.view.numbers.money(value)

    def any_field(self) -> tuple[int, str, str] | None:
        if not self.fields:
            return None
        number = int(self.view.pick(self.fields))
        return number, *self.paper.fields[number]

    def items(self, *columns: int) -> list[tuple[float | None, ...]]:
        """Numbers of the lines of a bill or menu (none, if there are no such columns)."""
        grid = self.paper.items
        if grid is None or any(column >= len(grid.header) for column in columns):
            return []
        rows = [tuple(row[column] for column in columns) for row in grid.numbers]
        return rows if all(value is not None for row in rows for value in row) else []

    def question(self, family: str, answer: str, value: Any, args: tuple[Any, ...], **more: Any) -> Question:
        words = more.pop("words", {})
        return Question(
            family=family, question=wording(self.view, family, **words), answer=answer, value=value, args=args, **more
        )


def _family(make: Callable[[_Facts], Question | None]) -> Family:
    return lambda view: make(_Facts(view))


def _value(facts: _Facts) -> Question | None:
    found = facts.any_field()
    if found is None:
        return None
    number, name, value = found
    return facts.question(
        "paper_value", value, value, (name,), words={"f": name}, data=({"field": number},),
        explanation=f'Beside "{name}" stands {value}.',
    )  # fmt: skip


def _field_of(facts: _Facts) -> Question | None:
    found = facts.any_field()
    if found is None or sum(value == found[2] for _, value in facts.paper.fields) > 1:
        return None
    number, name, value = found
    return facts.question("paper_field_of", name, name, (value,), words={"v": value}, data=({"field": number},))


def _is(facts: _Facts) -> Question | None:
    """The right value, or that of another field."""
    found, other = facts.any_field(), facts.any_field()
    if found is None or other is None:
        return None
    number, name, value = found
    claim = value if facts.view.rng.random() < 0.5 else other[2]
    truth = claim == value
    return facts.question(
        "paper_is", "Yes" if truth else "No", truth, (name, claim), words={"f": name, "v": claim},
        data=({"field": number},), explanation=f'"{name}" is {value}.',
    )  # fmt: skip


def _title(facts: _Facts) -> Question | None:
    if not any(mark.role == "title" for mark in facts.view.rendered.marks):
        return None
    return facts.question("paper_title", facts.paper.title, facts.paper.title, (), data=({"role": "title"},))


def _point_value(facts: _Facts) -> Question | None:
    found = facts.any_field()
    if found is None:
        return None
    number, name, value = found
    return facts.question(
        "paper_point_value", value, value, (name,), words={"f": name}, kind="point", label=f"the value of {name}",
        data=({"field": number, "role": "value"},),
    )  # fmt: skip


def _absent(facts: _Facts) -> Question | None:
    there = " ".join(mark.text for mark in facts.view.rendered.marks).casefold()
    name = facts.view.pick([name for name in word_list("names")["firms"] if name.casefold() not in there])
    return facts.question(
        "paper_absent", "not in the picture", True, (name,), words={"v": name}, kind="not_present", label=name
    )


def _count_items(facts: _Facts) -> Question | None:
    if facts.paper.items is None:
        return None
    count = len(facts.paper.items.rows)
    data = tuple({"row": row, "column": 0} for row in range(count))
    return facts.question("paper_count_items", str(count), float(count), (), data=data)


def _item(facts: _Facts) -> Question | None:
    grid = facts.paper.items
    if grid is None or not any(mark.role == "header" for mark in facts.view.rendered.marks):
        return None
    row, column = int(facts.view.rng.integers(len(grid.rows))), int(facts.view.rng.integers(1, len(grid.header)))
    name, head, text = grid.rows[row][0], grid.header[column], grid.rows[row][column]
    return facts.question(
        "paper_item", text, text, (name, head), words={"r": name, "c": head}, data=({"row": row, "column": column},),
        explanation=f'In the line of {name}, "{head}" is {text}.',
    )  # fmt: skip


def _price_column(facts: _Facts) -> int:
    """Single prices: the second column of a menu, the third of a bill and of a list of shares."""
    return 1 if facts.paper.items is not None and len(facts.paper.items.header) == 2 else 2


def _extreme_item(facts: _Facts) -> Question | None:
    column = _price_column(facts)
    prices = [row[0] or 0.0 for row in facts.items(column)]
    which = facts.view.pick(("max", "min"))
    best = (max(prices) if which == "max" else min(prices)) if prices else 0.0
    if not prices or prices.count(best) > 1 or facts.paper.items is None:
        return None
    row = prices.index(best)
    name = facts.paper.items.rows[row][0]
    return facts.question(
        "paper_extreme_item", name, name, (float(column), which), data=({"row": row, "column": 0},),
        words={"most": "highest" if which == "max" else "lowest", "c": facts.paper.items.header[column].lower()},
        explanation=f"{name} has {facts.paper.items.rows[row][column]}.",
    )  # fmt: skip


def _price_gap(facts: _Facts) -> Question | None:
    column = _price_column(facts)
    prices = [row[0] or 0.0 for row in facts.items(column)]
    if len(prices) < 2 or facts.paper.items is None:
        return None
    one, other = (int(place) for place in facts.view.rng.permutation(len(prices))[:2])
    value = round(abs(prices[one] - prices[other]), 2)
    rows = facts.paper.items.rows
    return facts.question(
        "paper_price_gap", facts.money(value), value, (rows[one][0], rows[other][0], float(column)),
        words={"a": rows[one][0], "b": rows[other][0], "c": facts.paper.items.header[column].lower()},
        data=({"row": one, "column": column}, {"row": other, "column": column}),
        explanation=f"{rows[one][0]}: {rows[one][column]}; {rows[other][0]}: {rows[other][column]}. "
        f"The difference is {facts.money(value)}.",
    )  # fmt: skip


def _count_pieces(facts: _Facts) -> Question | None:
    if facts.paper.items is None or len(facts.paper.items.header) != 4:
        return None
    counts = [row[0] or 0.0 for row in facts.items(1)]
    if not counts:
        return None
    total = sum(counts)
    return facts.question(
        "paper_count_pieces", facts.text(total), total, (),
        data=tuple({"row": row, "column": 1} for row in range(len(counts))),
        explanation=f"{' + '.join(facts.text(count) for count in counts)} = {facts.text(total)}.",
    )  # fmt: skip


def _sum_items(facts: _Facts) -> Question | None:
    if facts.paper.items is None or len(facts.paper.items.header) != 3:
        return None
    amounts = [row[0] or 0.0 for row in facts.items(2)]
    if not amounts:
        return None
    total = round(sum(amounts), 2)
    return facts.question(
        "paper_sum_items", facts.money(total), total, (), words={"c": facts.paper.items.header[2]},
        data=tuple({"row": row, "column": 2} for row in range(len(amounts))),
    )  # fmt: skip


def _most_pieces(facts: _Facts) -> Question | None:
    """Of which article most were bought, and what one of them costs: two steps."""
    if facts.paper.items is None or len(facts.paper.items.header) != 4:
        return None
    rows = facts.items(1, 2)
    counts = [row[0] or 0.0 for row in rows]
    if not counts or counts.count(max(counts)) > 1:
        return None
    row = counts.index(max(counts))
    price = facts.paper.items.rows[row][2]
    return facts.question(
        "paper_most_pieces", price, price, (), data=({"row": row, "column": 1}, {"row": row, "column": 2}),
        explanation=f"Most pieces were bought of {facts.paper.items.rows[row][0]}; one costs {price}.",
    )  # fmt: skip


def _without_tax(facts: _Facts) -> Question | None:
    """The total less the tax, from the lines at the foot of a bill."""
    names = [name for name, _ in facts.paper.fields]
    if facts.paper.items is None or len(facts.paper.items.header) != 4 or len(names) < 7:
        return None
    first = next((place for place, name in enumerate(names) if "%" in name), None)
    if first is None or {first, first + 1} - set(facts.fields):
        return None
    sums = [row[0] or 0.0 for row in facts.items(3)]
    tax, total = names[first], names[first + 1]
    value = round(sum(sums), 2)
    return facts.question(
        "paper_without_tax", facts.money(value), value, (total, tax), words={"a": total, "b": tax},
        data=({"field": first}, {"field": first + 1}),
        explanation=f"{facts.paper.fields[first + 1][1]} less {facts.paper.fields[first][1]} is {facts.money(value)}.",
    )  # fmt: skip


def _duration(facts: _Facts) -> Question | None:
    grid = facts.paper.items
    if grid is None or ":" not in grid.rows[0][-1]:
        return None
    one, other = sorted(int(place) for place in facts.view.rng.permutation(len(grid.rows))[:2])
    trip = int(facts.view.rng.integers(1, len(grid.header)))
    times = [int(text[:2]) * 60 + int(text[3:]) for text in (grid.rows[one][trip], grid.rows[other][trip])]
    value = float(times[1] - times[0])
    a, b, head = grid.rows[one][0], grid.rows[other][0], grid.header[trip]
    return facts.question(
        "paper_duration", f"{value:.0f} minutes", value, (a, b, head), words={"a": a, "b": b, "t": head},
        data=({"row": one, "column": trip}, {"row": other, "column": trip}),
        explanation=f"{head} leaves {a} at {grid.rows[one][trip]} and reaches {b} at {grid.rows[other][trip]}: "
        f"{value:.0f} minutes.",
    )  # fmt: skip


def _next_stop(facts: _Facts) -> Question | None:
    grid = facts.paper.items
    if grid is None or ":" not in grid.rows[0][-1]:
        return None
    row = int(facts.view.rng.integers(len(grid.rows) - 1))
    a, b = grid.rows[row][0], grid.rows[row + 1][0]
    return facts.question("paper_next_stop", b, b, (a,), words={"a": a}, data=({"row": row + 1, "column": 0},))


def _first_after(facts: _Facts) -> Question | None:
    """The next departure from a stop after a time of day."""
    grid = facts.paper.items
    if grid is None or ":" not in grid.rows[0][-1]:
        return None
    row, column = int(facts.view.rng.integers(len(grid.rows))), int(facts.view.rng.integers(1, len(grid.header)))
    text = grid.rows[row][column]
    minutes = int(text[:2]) * 60 + int(text[3:]) - int(facts.view.rng.integers(2, 15))
    after = f"{minutes // 60:02d}:{minutes % 60:02d}"
    return facts.question(
        "paper_first_after", text, text, (grid.rows[row][0], after), words={"a": grid.rows[row][0], "t": after},
        data=({"row": row, "column": column},),
    )  # fmt: skip


def _paragraph(facts: _Facts) -> tuple[int, list[str]] | None:
    if not facts.paper.paragraphs or not any(
        mark.role == "word" and "paragraph" in mark.datum for mark in facts.view.rendered.marks
    ):
        return None
    number = int(facts.view.rng.integers(len(facts.paper.paragraphs)))
    return number, facts.paper.paragraphs[number].split(" ")


def _says(facts: _Facts) -> Question | None:
    found = _paragraph(facts)
    if found is None:
        return None
    number, words = found
    text = " ".join(words)
    return facts.question(
        "paper_says", text, text, (float(number + 1),), words={"nth": _NTH[number]}, data=({"paragraph": number},)
    )


def _count_paragraphs(facts: _Facts) -> Question | None:
    count = len(facts.paper.paragraphs)
    if count < 2 or _paragraph(facts) is None:
        return None
    data = tuple({"paragraph": number} for number in range(count))
    return facts.question("paper_count_paragraphs", str(count), float(count), (), data=data)


def _count_words(facts: _Facts) -> Question | None:
    found = _paragraph(facts)
    if found is None:
        return None
    number, words = found
    return facts.question(
        "paper_count_words", str(len(words)), float(len(words)), (float(number + 1),), words={"nth": _NTH[number]},
        data=({"paragraph": number},),
    )  # fmt: skip


def _is_bare(word: str) -> bool:
    """Whether no mark of a sentence hangs on it: nobody asks for the word "then,"."""
    return word[:1].isalnum() and word[-1:].isalnum()


def _beside_word(facts: _Facts) -> Question | None:
    found = _paragraph(facts)
    if found is None or len(found[1]) < 3:
        return None
    number, words = found
    every = [word for text in facts.paper.paragraphs for word in text.split(" ")]
    places = [
        at
        for at in range(len(words) - 1)
        if every.count(words[at]) == 1 and len(words[at]) > 3 and _is_bare(words[at]) and _is_bare(words[at + 1])
    ]
    if not places:
        return None
    at = int(facts.view.pick(places))
    return facts.question(
        "paper_word_after", words[at + 1], words[at + 1], (words[at],), words={"w": words[at]},
        data=({"paragraph": number, "word": at + 1},),
    )  # fmt: skip


def _edge_word(facts: _Facts) -> Question | None:
    found = _paragraph(facts)
    if found is None:
        return None
    number, words = found
    last = facts.view.rng.random() < 0.5
    at = len(words) - 1 if last else 0
    return facts.question(
        "paper_edge_word", words[at].strip(".,;:"), words[at], (float(number + 1), "last" if last else "first"),
        words={"nth": _NTH[number], "end": "last" if last else "first"}, data=({"paragraph": number, "word": at},),
    )  # fmt: skip


def _point_word(facts: _Facts) -> Question | None:
    found = _paragraph(facts)
    if found is None:
        return None
    number, words = found
    every = [word for text in facts.paper.paragraphs for word in text.split(" ")]
    places = [at for at, word in enumerate(words) if every.count(word) == 1 and len(word) > 3 and _is_bare(word)]
    if not places:
        return None
    at = int(facts.view.pick(places))
    return facts.question(
        "paper_point_word", words[at], words[at], (words[at],), words={"w": words[at]}, kind="point",
        label=f'the word "{words[at]}"', data=({"paragraph": number, "word": at, "role": "word"},),
    )  # fmt: skip


_MAKERS: dict[str, Callable[[_Facts], Question | None]] = {
    "paper_value": _value,
    "paper_field_of": _field_of,
    "paper_is": _is,
    "paper_title": _title,
    "paper_point_value": _point_value,
    "paper_absent": _absent,
    "paper_count_items": _count_items,
    "paper_item": _item,
    "paper_extreme_item": _extreme_item,
    "paper_price_gap": _price_gap,
    "paper_count_pieces": _count_pieces,
    "paper_sum_items": _sum_items,
    "paper_most_pieces": _most_pieces,
    "paper_without_tax": _without_tax,
    "paper_duration": _duration,
    "paper_next_stop": _next_stop,
    "paper_first_after": _first_after,
    "paper_says": _says,
    "paper_count_paragraphs": _count_paragraphs,
    "paper_count_words": _count_words,
    "paper_word_after": _beside_word,
    "paper_edge_word": _edge_word,
    "paper_point_word": _point_word,
}

PAPER_QUESTIONS: dict[str, Family] = {name: _family(make) for name, make in _MAKERS.items()}
