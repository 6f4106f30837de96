"""Pointing as people do it: labels cleaned, several people's clicks merged, what is exported trains and is audited."""

from __future__ import annotations

import itertools
import json
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmolmo.engine.studio.tasks.base import MODES, BadWorkError, TaskView, Work
from openmolmo.engine.studio.tasks.complaints import UnfinishedError
from openmolmo.engine.studio.tasks.matching import FARTHEST, agree, merge, pair, reach
from openmolmo.engine.studio.tasks.point import POINT
from openmolmo.engine.studio.tasks.reading import LONGEST_LABEL, clean_label, points_in, points_out
from openmolmo.records.example import Example, ImageRef, Made, NotPresent, Point, Pointing, Provenance
from openmolmo.records.rules import violations

percent = st.floats(0, 100, allow_nan=False)
points = st.lists(st.builds(Point, percent, percent), max_size=8)
keys = st.sampled_from(["x", "y", "label", "points", "groups", "absent"])
anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


def task(width: int = 200, height: int = 100, **payload: Any) -> TaskView:
    return TaskView(
        id=7, mode="point", picture_id=1, width=width, height=height, payload=payload, options=POINT.defaults
    )


def rows(*places: tuple[float, float]) -> list[dict[str, float]]:
    return [{"x": x, "y": y} for x, y in places]


def group(label: str, *places: tuple[float, float]) -> dict[str, Any]:
    return {"label": label, "points": rows(*places)}


def work(number: int, payload: dict[str, Any], *, reviewed: bool = False, on: TaskView | None = None) -> Work:
    return Work(
        annotation_id=number, person=f"p{number}", payload=POINT.check(on or task(), payload), reviewed=reviewed
    )


def test_work_comes_out_clean() -> None:
    clean = POINT.check(
        task(),
        {
            "groups": [
                group("  Red\n CUPS. ", (12.34567, 0), (12.34567, 0), (100, 100)),
                {"label": "", "points": []},
                group("“Café”", (1, 2)),
            ],
            "absent": ["Dog", "dog ", ""],
        },
    )
    assert clean["groups"] == [group("red cups", (12.3457, 0.0), (100.0, 100.0)), group("café", (1.0, 2.0))]
    assert clean["absent"] == ["dog"]
    assert clean["aspect"] == 0.5
    assert POINT.check(task(), clean) == clean
    assert json.loads(json.dumps(clean)) == clean
    assert MODES.get("point") is POINT


@pytest.mark.parametrize(
    ("payload", "asked", "sentence"),
    [
        ({}, [], "Nothing is entered yet"),
        ({"groups": [group("", (1, 1), (2, 2))]}, [], "no name yet (points: 2)"),
        ({"groups": [group("cup")]}, [], "“cup” has no points"),
        ({"groups": [group("cup", (1, 1)), group(" CUP", (2, 2))]}, [], "Two things are called “cup”"),
        ({"groups": [group("cup", (1, 1))], "absent": ["Cup"]}, [], "“cup” is clicked and said not to be"),
        ({"absent": ["dog"]}, ["Cat", "dog"], "“cat” is asked for"),
        ({"groups": [group("cup", (1, 100.2))]}, [], "at 100.2 %, outside of the picture"),
        ({"groups": [group("x" * (LONGEST_LABEL + 1), (1, 1))]}, [], "A name has 121 characters, 120 are"),
        ({"groups": "cup"}, [], "not work of this kind"),
        ({"groups": [{"label": "cup", "points": [{"x": "1", "y": True}]}]}, [], "not work of this kind"),
        ({"groups": [group("cup", *[(i / 30, 1) for i in range(2001)])]}, [], "2001 points of one name, 2000"),
    ],
)
def test_unfinished_work_is_told_in_a_sentence(payload: dict[str, Any], asked: list[str], sentence: str) -> None:
    with pytest.raises(BadWorkError) as told:
        POINT.check(task(labels=asked), payload)
    assert sentence in told.value.message
    assert isinstance(told.value, UnfinishedError)
    assert "{" not in told.value.message


@given(st.text())
def test_cleaning_a_label_twice_is_cleaning_it_once(text: str) -> None:
    try:
        label = clean_label(text)
    except BadWorkError:
        return
    assert clean_label(label) == label
    assert label == label.strip()
    assert "\n" not in label
    label.encode("utf-8")  # no half of a character


@given(anything)
@settings(max_examples=150)
def test_whatever_a_page_sends_is_clean_or_told(value: Any) -> None:
    payload = value if isinstance(value, dict) else {"groups": value, "absent": value}
    try:
        clean = POINT.check(task(), payload)
    except BadWorkError:
        return
    assert POINT.check(task(), clean) == clean


@given(points)
def test_points_survive_their_written_form(given_points: list[Point]) -> None:
    once = points_in(points_out(given_points))
    assert points_in(json.loads(json.dumps(points_out(once)))) == once
    for point in given_points:
        assert any(abs(kept.x - point.x) <= 5e-5 and abs(kept.y - point.y) <= 5e-5 for kept in once)


@given(points, points, st.floats(0.2, 4))
@settings(max_examples=60)
def test_agreement_is_the_same_both_ways(one: list[Point], other: list[Point], aspect: float) -> None:
    value = agree(one, other, aspect=aspect)
    assert 0 <= value <= 1
    assert value == agree(other, one, aspect=aspect)
    assert agree(one, one, aspect=aspect) == 1
    near = reach(one, other, aspect=aspect)
    pairs = pair(one, other, aspect=aspect)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    for i, j in pairs:
        assert ((one[i].x - other[j].x) ** 2 + ((one[i].y - other[j].y) * aspect) ** 2) ** 0.5 <= near * (1 + 1e-9)


def test_as_many_pairs_as_can_be() -> None:
    # The nearest pair first would leave the others alone.
    one, other = [Point(0, 0), Point(3.0, 0)], [Point(2.9, 0), Point(5.9, 0)]
    assert pair(one, other, within=3) == [(0, 0), (1, 1)]


def test_reach_is_half_the_way_to_the_next_thing() -> None:
    alone, row = [Point(50, 50)], [Point(10.0 + 6 * i, 50) for i in range(5)]
    assert reach(alone, alone) == FARTHEST
    assert reach(row, alone) == 3
    assert agree([Point(45, 50)], [Point(53, 50)]) == 1  # two clicks on one large thing
    assert agree(row, [Point(p.x + 4, 50) for p in row[:4]] + [Point(90, 50)]) < 1


@given(points, st.integers(1, 4))
@settings(max_examples=60)
def test_merging_the_same_work_changes_nothing(clicks: list[Point], people: int) -> None:
    distinct = list(dict.fromkeys(clicks))
    assert sorted(merge([distinct] * people), key=str) == sorted(distinct, key=str)


@given(st.lists(points, min_size=1, max_size=4))
@settings(max_examples=60)
def test_what_is_merged_was_clicked_by_more_than_half(people: list[list[Point]]) -> None:
    merged = merge(people)
    assert set(merged) <= set(itertools.chain(*people))
    assert len(merged) * (len(people) // 2 + 1) <= sum(map(len, people))


def test_three_people_make_one_answer() -> None:
    works = [
        work(1, {"groups": [group("cup", (10, 10), (50, 50), (90, 10)), group("lamp", (5, 5))], "absent": ["dog"]}),
        work(2, {"groups": [group("cup", (11, 10), (50, 52))], "absent": ["dog", "lamp"]}),
        work(3, {"groups": [group("cups", (0, 0)), group("cup", (10, 11), (49, 50), (70, 90)), group("dog", (1, 1))]}),
    ]
    exported = POINT.export(task(), works)
    assert exported is not None
    by_label = {item.label: item for item in exported.annotations if isinstance(item, Pointing | NotPresent)}
    assert by_label["cup"] == Pointing(label="cup", points=(Point(10, 10), Point(50, 50)))
    assert by_label["dog"] == NotPresent(label="dog")
    assert "lamp" not in by_label  # one clicked it, one says it is not there
    assert by_label["cups"] == Pointing(label="cups", points=(Point(0, 0),))
    assert exported.made == {"pointing": (Made.WRITTEN, Made.CLICKED), "not_present": (Made.WRITTEN,)}
    assert exported.facts["pointing"]["disputed"] == ["lamp"]
    assert exported.facts["pointing"]["people"] == {"cup": 3, "lamp": 2, "dog": 3, "cups": 1}
    example = Example(
        id="a",
        image=ImageRef(path="a.png", width=200, height=100),
        annotations=exported.annotations,
        provenance=Provenance(dataset="s", licence="CC0-1.0", made=exported.made),
        facts=exported.facts,
    )
    assert list(violations(example)) == []


def test_reviewed_work_stands_alone() -> None:
    others = [work(n, {"groups": [group("cup", (10, 10))]}) for n in (1, 2)]
    reviewed = work(3, {"groups": [group("cup", (10, 10), (80, 80))]}, reviewed=True)
    exported = POINT.export(task(), [*others, reviewed])
    assert exported is not None
    assert exported.annotations == (Pointing(label="cup", points=(Point(10, 10), Point(80, 80))),)
    assert "not_present" not in exported.made
    assert POINT.export(task(), []) is None


def test_people_are_compared_on_the_labels_that_both_used() -> None:
    one = work(1, {"groups": [group("cup", (10, 10), (60, 60))], "absent": ["dog", "cat"]}).payload
    other = work(2, {"groups": [group("Cup", (10, 11)), group("cat", (1, 1))], "absent": ["dog"]}).payload
    agreement = POINT.agreement(one, other)
    assert agreement == pytest.approx((2 / 3 + 1 + 0) / 3)  # cup, dog, cat
    assert POINT.agreement(one, work(3, {"groups": [group("mug", (10, 10))]}).payload) is None


def test_a_gold_task_is_met_by_all_its_labels() -> None:
    gold = {"groups": [group("cup", *[(5 + 10 * i, 50) for i in range(10)])], "absent": ["dog"]}
    most = [(5.5 + 10 * i, 50) for i in range(9)]
    assert POINT.matches_gold(gold, work(1, {"groups": [group("cup", *most)], "absent": ["dog"]}).payload)
    assert not POINT.matches_gold(gold, work(1, {"groups": [group("cup", *most[:6])], "absent": ["dog"]}).payload)
    assert not POINT.matches_gold(gold, work(1, {"groups": [group("cup", *most)]}).payload)
    assert not POINT.matches_gold(gold, work(1, {"groups": [group("cup", *most), group("dog", (1, 1))]}).payload)


def test_every_sentence_is_there_in_both_languages() -> None:
    import openmolmo.engine.studio.catalogue as catalogue

    folder = Path(catalogue.__file__).parent
    for area in ("modes", "point", "count_check", "qa_check"):
        english, german = (json.loads((folder / lang / f"{area}.json").read_text("utf-8")) for lang in ("en", "de"))
        assert english.keys() == german.keys()
        for key in english:
            assert key.startswith((f"{area}.", "project.option_"))
            places = [sorted(p for _, p, _, _ in string.Formatter().parse(t[key]) if p) for t in (english, german)]
            assert places[0] == places[1], key
