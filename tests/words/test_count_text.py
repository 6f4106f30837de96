"""Counts in replies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmolmo.prompting import read_count
from openmolmo.words.counts import is_nothing_there
from openmolmo.words.points import NOTHING_THERE, NOTHING_THERE_PAPER

TWO = '<points x1="10.0" y1="20.0" x2="30.5" y2="20.1" alt="dogs">dogs</points>'


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (f"Counting the {TWO} shows a total of 2.", 2),
        (f"Counting the {TWO} shows a total of 3.", 3),
        (f"The total is 2, counting the {TWO}.", 2),
        (f"Counting the {TWO} shows a tot", 2),
        (f" {TWO}", 2),
        ('Counting the <points x1="10.0" y1="20.0" x2="3', 1),
        ('Counting the <points x1="10.0" y1="2', None),
        (NOTHING_THERE, 0),
        (NOTHING_THERE_PAPER, 0),
        ("There are no dogs in the image.", 0),
        ("There aren't any.", 0),
        ("None.", 0),
        ("7", 7),
        (" 12.", 12),
        ("seven", 7),
        ("Twenty-one", 21),
        ("There are fourteen cups.", 14),
        ("It shows a total of twelve.", 12),
        ("a total of 1,200", 1200),
        ("", None),
        ("I cannot tell.", None),
        ("about 3.5 metres", None),
        ("someone", None),
        ("10:30.", None),
        ('<point x="104.2" y="50.0" alt="dog">dog</point>', 1),
        ('<points x1="10" y1="20" x2="101.5" y2="30" alt="dog">dog</points>', 2),
    ],
)
def test_counts(text: str, count: int | None) -> None:
    assert read_count(text) == count


@pytest.mark.parametrize(
    ("text", "nothing"),
    [
        (NOTHING_THERE, True),
        (" There are none.", True),
        (NOTHING_THERE_PAPER, True),
        ("This isn’t in the image.", True),
        ("That is not in the picture.", True),
        ("No.", True),
        ("No, there are 3 of them.", False),
        (TWO, False),
        (f"There are no cats, but there are {TWO}", False),
        ("", False),
        ("A red cup.", False),
    ],
)
def test_absence(text: str, nothing: bool) -> None:
    assert is_nothing_there(text) is nothing


@given(st.text(max_size=100))
def test_no_text_makes_it_raise(text: str) -> None:
    read_count(text)
    is_nothing_there(text)


@pytest.mark.parametrize(
    ("word", "number"),
    [("zero", 0), ("nine", 9), ("sixteen", 16), ("nineteen", 19), ("twenty", 20), ("ninety-nine", 99)],
)
def test_number_words(word: str, number: int) -> None:
    assert read_count(f"There are {word} of them.") == number
    assert read_count(word.replace("-", " ").capitalize()) == number


@pytest.mark.parametrize(
    "text",
    [
        "10:30.",
        "The clock shows 10:30.",
        "12 May 2015",
        "12 May",
        "2015-03-04",
        "In 2015 they won the cup.",
        "IMG_4032",
        "It says IMG_4032.",
        "$5",
        "5 dollars",
        "50%",
        "50 percent of them",
        "There are 50% more.",
        "1/2",
        "-5",
        "3 pm",
        "5 kg",
        "A man wears the number 7 shirt.",
        "Room 12, second floor.",
    ],
)
def test_numbers_that_count_nothing(text: str) -> None:
    assert read_count(text) is None


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("3 dogs", 3),
        ("three red dogs.", 3),
        ("**3**", 3),
        ("Yes, 3.", 3),
        ("About twenty.", 20),
        ("No, there are 3 of them.", 3),
        ("In 2015 there were 3 cups.", 3),
        ("There's one cup.", 1),
        ("I can see 4 cups.", 4),
        ("The answer is 7.", 7),
        ("The number of red dogs is 3.", 3),
        ("Count: 4", 4),
    ],
)
def test_replies_that_say_how_many(text: str, count: int) -> None:
    assert read_count(text) == count
