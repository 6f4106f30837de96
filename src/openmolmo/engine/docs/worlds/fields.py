"""Papers of every day: what stands on a receipt, an invoice, a letter, an ID card of somebody invented ..."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from openmolmo.core.errors import ConfigError
from openmolmo.engine.docs.base import Fields, Grid, Spec
from openmolmo.engine.docs.worlds.language import (
    NumberFormat,
    a_day,
    date_text,
    day_text,
    number_format,
    one,
    person,
    place,
    some,
    word,
    word_list,
)

__all__ = ["FIELD_FORMS", "fields"]

FIELD_FORMS = (
    "receipt", "invoice", "form", "letter", "timetable", "menu", "report", "id_card", "slide", "ticket", "label",
    "certificate",
)  # fmt: skip

_NAMES: dict[str, tuple[str, ...]] = {
    "form": ("name", "born", "address", "city", "phone", "course", "level", "start"),
    "letter": ("sender", "receiver", "place", "date", "subject"),
    "timetable": ("line", "valid"),
    "menu": ("chef", "date", "phone"),
    "report": ("author", "place", "date", "budget", "team"),
    "id_card": ("club", "name", "born", "member", "city", "expires"),
    "slide": ("speaker", "place", "date"),
    "ticket": ("event", "name", "date", "time", "row", "seat", "price"),
    "label": ("sender", "receiver", "address", "number", "date", "parcels", "weight"),
    "certificate": ("name", "course", "mark", "date", "signed"),
}
_PEOPLE = frozenset(
    {"name", "sender", "receiver", "customer", "author", "signed", "speaker", "chef", "cashier", "seller"}
)
_DAYS = {
    "date": (0, 1),
    "due": (10, 60),
    "valid": (-20, 40),
    "start": (5, 200),
    "expires": (200, 1800),
    "born": (-28000, -6000),
}
"""From how many days after the paper's own day to how many."""
_CHOICES = {"level": ("A1", "A2", "B1", "B2", "C1"), "row": tuple("ABCDEFGHJKLM")}


def fields(rng: np.random.Generator, spec: Spec, form: str) -> Fields:
    """A document of a form in :data:`FIELD_FORMS`; sums and taxes are right to the cent."""
    if form not in FIELD_FORMS:
        raise ConfigError(f"there is no document form {form!r}", fix=f"use one of {', '.join(FIELD_FORMS)}")
    numbers = number_format(rng, spec.language)
    title = word(word_list("papers")["titles"][form], spec.language)
    if form in {"receipt", "invoice"}:
        return _bill(rng, numbers, title, invoice=form == "invoice")
    days = _Days.choose(rng)
    named = tuple((_name(key, spec.language), _value(rng, numbers, key, days)) for key in _NAMES[form])
    items: Grid | None = None
    paragraphs: tuple[str, ...] = ()
    if form == "timetable":
        items = _timetable(rng, spec.language)
    elif form == "menu":
        items = _menu(rng, numbers)
    elif form == "slide":
        items = _shares(rng, numbers)
        paragraphs = _sentences(rng, numbers, 2)
    elif form in {"letter", "report"}:
        paragraphs = _sentences(rng, numbers, int(rng.integers(3, 6)))
    elif form == "certificate":
        paragraphs = _sentences(rng, numbers, 1)
    if form == "report":
        items = _shares(rng, numbers)
    return Fields(title=title, fields=named, items=items, paragraphs=paragraphs)


@dataclass(frozen=True, slots=True)
class _Days:
    """The day of a paper, and how it writes days."""

    today: datetime.date
    form: int

    @classmethod
    def choose(cls, rng: np.random.Generator) -> _Days:
        return cls(a_day(rng), int(rng.integers(6)))

    def text(self, rng: np.random.Generator, language: str, key: str) -> str:
        day = self.today + datetime.timedelta(days=int(rng.integers(*_DAYS[key])))
        return day_text(day, language, self.form)


def _name(key: str, language: str) -> str:
    return word(word_list("papers")["names"][key], language)


def _value(rng: np.random.Generator, numbers: NumberFormat, key: str, days: _Days) -> str:
    """What somebody might have written into a field."""
    language, papers, names = numbers.language, word_list("papers"), word_list("names")
    if key in _PEOPLE:
        return person(rng, language)
    if key in _DAYS:
        return days.text(rng, language, key)
    if key in {"city", "place"}:
        return place(rng)
    if key in {"course", "event", "subject"}:
        return word(one(rng, papers["courses"]), language)
    if key in {"club", "shop"}:
        firm: str = one(rng, names["firms"])
        return firm
    if key == "address":
        street: str = one(rng, names["streets"][language])
        house = int(rng.integers(1, 140))
        return f"{house} {street}" if language in {"en", "fr"} else f"{street} {house}"
    if key in _CHOICES:
        return one(rng, _CHOICES[key])
    return _number(rng, numbers, key)


def _number(rng: np.random.Generator, numbers: NumberFormat, key: str) -> str:
    match key:
        case "phone":
            return f"01632 960{int(rng.integers(100, 999))}"  # a range that is kept free for fiction
        case "time":
            return f"{int(rng.integers(7, 23)):02d}:{int(rng.integers(12)) * 5:02d}"
        case "budget":
            return numbers.money(float(rng.integers(20, 990)) * 100)
        case "price":
            return numbers.money(float(rng.integers(300, 9000)) / 100)
        case "weight":
            return numbers.with_unit(float(rng.integers(8, 420)) / 10, "kg", 1)
        case "number" | "member":
            return f"{one(rng, 'AKMR')}{int(rng.integers(10000, 99999))}"
        case "line":
            return f"{one(rng, ('N', 'S', 'T', ''))}{int(rng.integers(2, 90))}"
        case "mark":
            return numbers.text(float(rng.integers(50, 101)))
    assert key in {"seat", "parcels", "team"}, key
    return str(int(rng.integers(2, 48)))


def _bill(rng: np.random.Generator, numbers: NumberFormat, title: str, *, invoice: bool) -> Fields:
    language, papers = numbers.language, word_list("papers")
    goods = [word(item, language) for item in some(rng, papers["goods"], int(rng.integers(2, 8)))]
    counts = [int(count) for count in rng.integers(1, 9 if invoice else 5, len(goods))]
    cents = [int(price) for price in rng.integers(45, 9000 if invoice else 2400, len(goods))]
    sums = [count * price for count, price in zip(counts, cents, strict=True)]
    columns = [word(papers["columns"][key], language) for key in ("item", "count", "price", "amount")]
    items = Grid(
        title="",
        header=tuple(columns),
        rows=tuple(
            (good, str(count), numbers.money(price / 100), numbers.money(amount / 100))
            for good, count, price, amount in zip(goods, counts, cents, sums, strict=True)
        ),
        numbers=tuple(
            (None, float(count), price / 100, amount / 100)
            for count, price, amount in zip(counts, cents, sums, strict=True)
        ),
        units=("", "", "€", "€"),
    )
    rate = one(rng, (5, 7, 10, 19, 21))
    tax = round(sum(sums) * rate / 100)
    total = sum(sums) + tax
    heads = (
        ("seller", "customer", "address", "number", "date", "due") if invoice else ("shop", "date", "time", "number")
    )
    days = _Days.choose(rng)
    named = [(_name(key, language), _value(rng, numbers, key, days)) for key in heads]
    if invoice:
        named[0] = (named[0][0], one(rng, word_list("names")["firms"]))
    named += [
        (_name("subtotal", language), numbers.money(sum(sums) / 100)),
        (f"{_name('tax', language)} {rate}{'%' if language == 'en' else ' %'}", numbers.money(tax / 100)),
        (_name("total", language), numbers.money(total / 100)),
    ]
    if not invoice:
        paid = -(-total // 500) * 500
        named += [
            (_name("paid", language), numbers.money(paid / 100)),
            (_name("change", language), numbers.money((paid - total) / 100)),
        ]
    return Fields(title=title, fields=tuple(named), items=items)


def _timetable(rng: np.random.Generator, language: str) -> Grid:
    columns = word_list("papers")["columns"]
    stops = some(rng, word_list("names")["places"], int(rng.integers(4, 9)))
    trips = int(rng.integers(3, 6))
    legs = rng.integers(3, 19, len(stops) - 1)
    starts = int(rng.integers(300, 540)) + np.cumsum(rng.integers(25, 95, trips))
    rows = []
    for place_, after in zip(stops, [0, *np.cumsum(legs)], strict=True):
        minutes = [int(start + after) for start in starts]
        rows.append((place_, *(f"{minute // 60:02d}:{minute % 60:02d}" for minute in minutes)))
    return Grid(
        title="",
        header=(word(columns["stop"], language), *(f"{word(columns['trip'], language)} {n + 1}" for n in range(trips))),
        rows=tuple(rows),
        numbers=tuple((None,) * (trips + 1) for _ in rows),
    )


def _menu(rng: np.random.Generator, numbers: NumberFormat) -> Grid:
    papers, language = word_list("papers"), numbers.language
    dishes = [word(dish, language) for dish in some(rng, papers["dishes"], int(rng.integers(4, 10)))]
    prices = [float(price) / 2 for price in rng.integers(6, 60, len(dishes))]
    return Grid(
        title="",
        header=tuple(word(papers["columns"][key], language) for key in ("dish", "price")),
        rows=tuple((dish, numbers.money(price)) for dish, price in zip(dishes, prices, strict=True)),
        numbers=tuple((None, price) for price in prices),
        units=("", "€"),
    )


def _shares(rng: np.random.Generator, numbers: NumberFormat) -> Grid:
    papers, language = word_list("papers"), numbers.language
    parts = [word(item, language) for item in some(rng, word_list("drawings")["roles"], int(rng.integers(3, 6)))]
    shares = np.floor(rng.dirichlet(np.full(len(parts), 3.0)) * 100).astype(int)
    shares[0] += 100 - int(shares.sum())
    money = [float(amount) * 100 for amount in rng.integers(5, 900, len(parts))]
    return Grid(
        title="",
        header=tuple(word(papers["columns"][key], language) for key in ("part", "share", "amount")),
        rows=tuple(
            (part, numbers.with_unit(float(share), "%"), numbers.money(amount))
            for part, share, amount in zip(parts, shares, money, strict=True)
        ),
        numbers=tuple((None, float(share), amount) for share, amount in zip(shares, money, strict=True)),
        units=("", "%", "€"),
    )


def _sentences(rng: np.random.Generator, numbers: NumberFormat, count: int) -> tuple[str, ...]:
    language, papers = numbers.language, word_list("papers")
    forms: Sequence[str] = papers["sentences"][language]
    return tuple(
        form.format(
            thing=word(one(rng, papers["courses"]), language),
            place=place(rng),
            date=date_text(rng, language),
            n=int(rng.integers(3, 90)),
            person=person(rng, language),
            firm=one(rng, word_list("names")["firms"]),
            money=numbers.money(float(rng.integers(3, 900)) * 100),
        )
        for form in some(rng, forms, count)
    )
