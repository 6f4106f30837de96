"""Answers about papers, found in the picture: values beside their labels, lines of items, words in reading order."""

from __future__ import annotations

from collections.abc import Callable

from openmolmo.engine.docs.base import Mark
from openmolmo.engine.docs.checks.reading import Reading, middle

__all__ = ["PAPER_CHECKS"]


def _field(reading: Reading, name: str) -> Mark:
    """The value beside the one label that reads so."""
    labels = [mark for mark in reading.role("field") if mark.text.removesuffix(":") == name]
    if len(labels) != 1:
        raise LookupError(f"{len(labels)} labels read {name!r}")
    values = [mark for mark in reading.role("value") if mark.datum.get("field") == labels[0].datum.get("field")]
    if len(values) != 1:
        raise LookupError(f"{len(values)} values stand beside {name!r}")
    return values[0]


def _value(reading: Reading, name: str) -> str:
    return _field(reading, name).text


def _field_of(reading: Reading, text: str) -> str:
    value = reading.one_text("value", text)
    (label,) = [mark for mark in reading.role("field") if mark.datum.get("field") == value.datum.get("field")]
    return label.text.removesuffix(":")


def _is(reading: Reading, name: str, claim: str) -> bool:
    return _field(reading, name).text == claim


def _title(reading: Reading) -> str:
    return reading.text("title")


def _absent(reading: Reading, name: str) -> bool:
    return name.casefold() not in reading.everything


def _lines(reading: Reading) -> list[list[Mark]]:
    """Lines of items from the top down, each from left to right."""
    lines: list[list[Mark]] = []
    for cell in sorted(reading.role("cell"), key=lambda mark: middle(mark)[1]):
        if lines and lines[-1][0].box[1] <= middle(cell)[1] <= lines[-1][0].box[3]:
            lines[-1].append(cell)
        else:
            lines.append([cell])
    return [sorted(line, key=lambda mark: mark.box[0]) for line in lines]


def _line(reading: Reading, name: str) -> list[Mark]:
    found = [line for line in _lines(reading) if line[0].text == name]
    if len(found) != 1:
        raise LookupError(f"{len(found)} lines begin with {name!r}")
    return found[0]


def _count_items(reading: Reading) -> float:
    return float(len(_lines(reading)))


def _column(reading: Reading, head: str) -> int:
    heads = [mark.text for mark in sorted(reading.role("header"), key=lambda mark: mark.box[0])]
    if heads.count(head) != 1:
        raise LookupError(head)
    return heads.index(head)


def _item(reading: Reading, name: str, head: str) -> str:
    return _line(reading, name)[_column(reading, head)].text


def _numbers(reading: Reading, column: int) -> list[float]:
    return [reading.number(line[column].text) for line in _lines(reading)]


def _extreme_item(reading: Reading, column: float, which: str) -> str:
    prices = _numbers(reading, int(column))
    best = max(prices) if which == "max" else min(prices)
    if prices.count(best) != 1:
        raise LookupError("there are several")
    return _lines(reading)[prices.index(best)][0].text


def _price_gap(reading: Reading, one: str, other: str, column: float) -> float:
    first, second = (reading.number(_line(reading, name)[int(column)].text) for name in (one, other))
    return abs(first - second)


def _count_pieces(reading: Reading) -> float:
    return sum(_numbers(reading, 1))


def _sum_items(reading: Reading) -> float:
    return sum(_numbers(reading, 2))


def _most_pieces(reading: Reading) -> str:
    counts = _numbers(reading, 1)
    return _lines(reading)[counts.index(max(counts))][2].text


def _without_tax(reading: Reading, total: str, tax: str) -> float:
    return reading.number(_field(reading, total).text) - reading.number(_field(reading, tax).text)


def _minutes(text: str) -> float:
    hours, minutes = text.split(":")
    return 60.0 * int(hours) + int(minutes)


def _duration(reading: Reading, one: str, other: str, trip: str) -> float:
    return _minutes(_item(reading, other, trip)) - _minutes(_item(reading, one, trip))


def _next_stop(reading: Reading, name: str) -> str:
    names = [line[0].text for line in _lines(reading)]
    return names[names.index(name) + 1]


def _first_after(reading: Reading, name: str, after: str) -> str:
    times = [mark.text for mark in _line(reading, name)[1:]]
    return min((time for time in times if _minutes(time) >= _minutes(after)), key=_minutes)


def _paragraphs(reading: Reading) -> list[list[str]]:
    """Words in reading order, parted where one paragraph ends."""
    by_number: dict[int, list[Mark]] = {}
    for mark in reading.role("word"):
        if "paragraph" in mark.datum:
            by_number.setdefault(int(mark.datum["paragraph"]), []).append(mark)
    ordered = sorted(by_number.values(), key=lambda marks: min(mark.box[1] for mark in marks))
    return [[mark.text for mark in reading.in_order(marks)] for marks in ordered]


def _says(reading: Reading, place: float) -> str:
    return " ".join(_paragraphs(reading)[int(place) - 1])


def _count_paragraphs(reading: Reading) -> float:
    return float(len(_paragraphs(reading)))


def _count_words(reading: Reading, place: float) -> float:
    return float(len(_paragraphs(reading)[int(place) - 1]))


def _word_after(reading: Reading, word: str) -> str:
    (found,) = [words for words in _paragraphs(reading) if word in words]
    return found[found.index(word) + 1]


def _edge_word(reading: Reading, place: float, end: str) -> str:
    return _paragraphs(reading)[int(place) - 1][-1 if end == "last" else 0]


def _point_word(reading: Reading, word: str) -> str:
    return reading.one_text("word", word).text


PAPER_CHECKS: dict[str, Callable[..., str | float | bool | None]] = {
    "paper_value": _value,
    "paper_field_of": _field_of,
    "paper_is": _is,
    "paper_title": _title,
    "paper_point_value": _value,
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
    "paper_word_after": _word_after,
    "paper_edge_word": _edge_word,
    "paper_point_word": _point_word,
}
