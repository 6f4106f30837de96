"""The words and values on cards, and which pairs of them are kept for judging."""

from __future__ import annotations

from openmolmo.engine.synth.scenes.dice import Dice

__all__ = ["DAYS", "FIELDS", "HEADINGS", "INKS", "NAMES", "VALUES", "WORDS", "pick_value", "repeated_values"]

NAMES = (
    "apple", "bread", "cake", "coffee", "corn", "egg", "fish", "honey", "jam", "juice", "lemon", "milk", "onion",
    "pasta", "pear", "pizza", "rice", "salad", "salt", "soup", "sugar", "tea", "toast", "water", "bag", "ball", "book",
    "box", "chair", "cup", "hat", "key", "lamp", "pen", "ring", "shoe", "sock", "table", "toy", "watch",
)  # fmt: skip
"""What is on a list, in a table, under a bar and beside a box to tick."""

HEADINGS = ("Menu", "Prices", "Shop", "Stock", "Sales", "Orders", "Today", "List", "Market", "Report")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
FIELDS = {
    "Name": ("Anna", "Ben", "Clara", "David", "Emma", "Felix", "Julia", "Leo", "Maria", "Tom"),
    "City": ("Berlin", "Cairo", "Lima", "London", "Madrid", "Oslo", "Paris", "Rome", "Tokyo", "Vienna"),
    "Color": ("black", "blue", "brown", "gray", "green", "orange", "pink", "purple", "red", "white"),
    "Pet": ("bird", "cat", "cow", "dog", "duck", "goat", "horse", "mouse", "rabbit", "sheep"),
    "Day": DAYS,
}
"""A form's fields and what may stand in them."""

VALUES = tuple(str(number) for number in range(1, 100))

INKS = {
    "red": (206, 50, 44), "blue": (44, 92, 204), "green": (44, 150, 70), "orange": (240, 140, 34),
    "purple": (132, 66, 176), "yellow": (240, 200, 40), "brown": (128, 84, 50), "gray": (124, 126, 132),
}  # fmt: skip
"""Colours of bars."""

WORDS = tuple(dict.fromkeys((*NAMES, *HEADINGS, *DAYS, *FIELDS, *(word for few in FIELDS.values() for word in few))))
"""Every word that a card can bear, without numbers."""

_HELD_OUT = 5


def _is_held_out(name: str, value: str) -> bool:
    return (sum(map(ord, name)) * 7 + sum(ord(c) * (i + 3) for i, c in enumerate(value))) % _HELD_OUT == 0


def repeated_values(dice: Dice, name: str, few: tuple[str, ...], split: str) -> tuple[str, ...]:
    """Values of a row in which some come again: of ``few`` in training; two of the row's own in the other splits.

    Of four values at most one may be shown beside a word there: the whole row would be equal.
    """
    if split == "train":
        return few
    return tuple(dice.sample([value for value in VALUES if _is_held_out(name, value)], 2))


def pick_value(dice: Dice, name: str, values: tuple[str, ...], split: str) -> str:
    """A value for ``name``: one in five pairs is never shown in training, and only those in the other splits."""
    fit = [value for value in values if _is_held_out(name, value) == (split != "train")]
    return dice.pick(fit or values)
