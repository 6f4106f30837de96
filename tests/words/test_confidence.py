"""The confidence of points, from the probabilities of the tokens that they are written with."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmolmo.words.answer import read_answer
from openmolmo.words.confidence import SECOND_DIGIT, with_confidence
from openmolmo.words.reply import token_texts

TWO = [" <", "points", " x", '1="', "1", "0", ".", "4", '" y1="', "2", "0", ".", "5"]
TWO += ['" x2="', "6", "1", ".", "5", '" y2="', "4", ".", "2", '" alt="', "dog", '">', "dog", "</points>"]


def confidences(texts, chances=None, **options):
    """The confidence of every point, where ``chances`` are those of tokens by place, and others are certain."""
    tokens = [(text, math.log((chances or {}).get(place, 1.0))) for place, text in enumerate(texts)]
    answer = read_answer("".join(texts), [(100, 100)])
    found = with_confidence(answer, tokens, **options)
    assert found == answer, "nothing else of an answer changes"
    return [None if point.confidence is None else round(point.confidence, 6) for point in found.points]


def test_what_decides_about_a_point_makes_its_confidence_and_nothing_else():
    assert confidences(TWO) == [1.0, 1.0]
    assert confidences(TWO, {0: 0.5}) == [0.5, 1.0]  # whether there is anything
    assert confidences(TWO, {13: 0.3}) == [1.0, 0.3]  # whether there is another one
    assert confidences(TWO, {4: 0.25}) == [0.5, 1.0]  # the first digit of x: the root of it
    assert confidences(TWO, {14: 0.25, 19: 0.25}) == [1.0, 0.25]
    assert confidences(TWO, {20: 0.25}) == [1.0, 0.5]  # 4.2, and not forty-something
    tenth = round(0.25 ** (SECOND_DIGIT / 2), 6)
    assert confidences(TWO, {5: 0.25, 10: 0.25}) == [round(tenth**2, 6), 1.0]  # the second digits: a tenth of that
    assert confidences(TWO, {5: 0.25}, second_digit=1.0) == [0.5, 1.0]
    assert confidences(TWO, {1: 0.1, 7: 0.1, 12: 0.1, 22: 0.1, 23: 0.1}) == [1.0, 1.0]  # how many, tenths, words


@pytest.mark.parametrize(
    "text",
    [
        'A dog <point x="61.5" y="40.4" alt="dog">dog</point>, a cat <point x="5.0" y="9.0">cat</point>.',
        '<points coords="1 1 615 404 2 050 090">dogs</points>',
        "<points 1=615,404 2=050,090>dogs</points>",
        "Click(61.5, 40.4) Click(5.0, 9.0)",
        "&lt;point x=&quot;61.5&quot; y=&quot;40.4&quot;&gt;dog&lt;/point&gt; Click(5.0, 9.0)",
        '<points x2="5.0" y2="9.0" x1="61.5" y1="40.4">out of order</points>',
        '<points x1="61.5" y1="40.4" x2="500" y2="1" x3="5.0" y3="9.0">outside</points>',
    ],
)
def test_every_form_of_pointing_is_known(text):
    """One token a character, all of them certain but the first digit of the first point."""
    digit = text.index("6")
    first, second = confidences(list(text), {digit: 0.09})
    assert first == 0.3
    assert second == 1.0
    # A token of several characters shares what it has among them.
    pieces = [text[:digit], text[digit : digit + 2], text[digit + 2 :]]
    assert confidences(pieces, {1: 0.09})[0] == round(0.3 ** (0.5 + 0.5 * SECOND_DIGIT), 6)


def test_points_of_pictures_that_are_not_there_take_no_confidence_from_others():
    texts = ['<points image1="2" x1="', "5", '0.0" y1="1.0" x2="', "6", '0.0" y2="1.0">a</points>']
    tokens = [(text, math.log(0.25 if text == "5" else 0.04 if text == "6" else 1.0)) for text in texts]
    assert [point.confidence for point in with_confidence(read_answer("".join(texts), [(9, 9)]), tokens).points] == [
        pytest.approx(0.2)
    ]


def test_where_nothing_is_known_nothing_is_said():
    assert confidences(TWO[1:], {}) == confidences([], {}) == []  # no point at all
    answer = read_answer("".join(TWO), [(100, 100)])
    other = with_confidence(answer, [("something else", -1.0)])
    unknown = with_confidence(answer, [(text, math.nan if text == "6" else 0.0) for text in TWO])
    assert [point.confidence for point in other.points] == [None, None]
    assert [point.confidence for point in unknown.points] == [1.0, None]
    assert "confidence" not in other.to_json()["points"][0]
    assert unknown.to_json()["points"][0]["confidence"] == 1.0
    cut = with_confidence(answer, [(text, 0.0) for text in [*TWO, "!", " x1=", "7"]])  # as a stop string leaves it
    assert [point.confidence for point in cut.points] == [1.0, 1.0]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([*TWO, " ", "", "&lt;", "x", "-"]), st.floats(max_value=0)), max_size=40))
def test_any_reply_whatever_is_read(tokens):
    found = with_confidence(read_answer("".join(text for text, _ in tokens), [(9, 9)]), tokens)
    assert all(point.confidence is None or 0.0 <= point.confidence <= 1.0 for point in found.points)


@given(st.text(max_size=12))
def test_the_texts_of_tokens_make_up_the_text(text):
    def decode(ids):
        return bytes(ids).decode("utf-8", errors="replace")

    for ids in (list(text.encode()), list(text.encode())[:-1]):
        texts = token_texts(decode, ids)
        assert len(texts) == len(ids)
        assert "".join(texts) == decode(ids)
