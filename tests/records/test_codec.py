"""Examples as rows and JSON, and back; wrong forms are named by field and rule."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import ALL_KINDS, ANNOTATIONS, EXAMPLES, JSON, example

from openmolmo.core.errors import DataError
from openmolmo.records.codec import annotation_from_dict, annotation_to_dict, example_to_row, row_to_example
from openmolmo.records.example import ANNOTATION_KINDS, Annotation, Example, ImageRef, Point, Pointing


@given(EXAMPLES)
def test_rows_and_back(made: Example) -> None:
    assert row_to_example(example_to_row(made)) == made


@given(ANNOTATIONS)
def test_json_and_back(annotation: Annotation) -> None:
    values = json.loads(json.dumps(annotation_to_dict(annotation)))
    back = annotation_from_dict(values)
    assert back == annotation
    assert type(back) is type(annotation)


def test_the_json_form_is_the_documented_one() -> None:
    assert annotation_to_dict(Pointing(label="red star", points=(Point(20.5, 31.0),))) == {
        "kind": "pointing",
        "label": "red star",
        "points": [{"x": 20.5, "y": 31.0}],
        "style": "pointing",
    }
    assert annotation_to_dict(Pointing(label="x", points=()))["points"] == []


def test_every_kind_of_annotation_is_covered_here() -> None:
    assert {item.kind for item in ALL_KINDS} == set(ANNOTATION_KINDS)


@given(JSON)
def test_no_json_value_does_worse_than_a_data_error(value: Any) -> None:
    try:
        annotation_from_dict(value)
    except DataError as error:
        assert error.field and error.rule


@given(st.sampled_from(ALL_KINDS), st.data())
def test_one_wrong_value_is_a_data_error_or_harmless(annotation: Annotation, data: st.DataObject) -> None:
    values = annotation_to_dict(annotation)
    key = data.draw(st.sampled_from(sorted(values)))
    try:
        annotation_from_dict({**values, key: data.draw(JSON)}, field="a")
    except DataError as error:
        assert str(error.field).startswith(f"a.{key}")


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ("caption", "a", "not an object"),
        ({"kind": "captoin", "text": "x"}, "a.kind", "'captoin' is no annotation kind"),
        ({"kind": "caption"}, "a.text", "'text' is missing"),
        ({"kind": "caption", "text": 3}, "a.text", "3 is not a text"),
        ({"kind": "caption", "text": "x", "txet": 1}, "a.txet", "did you mean 'text'"),
        ({"kind": "counting", "label": "x", "count": 2.0}, "a.count", "2.0 is not a whole number"),
        ({"kind": "counting", "label": "x", "count": True}, "a.count", "True is not a whole number"),
        ({"kind": "pointing", "label": "x", "points": [{"x": 1}]}, "a.points[0]", "not an object of x, y"),
        ({"kind": "pointing", "label": "x", "points": [{"x": 1, "y": "2"}]}, "a.points[0].y", "not a number"),
        ({"kind": "pointing", "label": "x", "points": {"x": 1, "y": 2}}, "a.points", "not a list"),
        ({"kind": "dialogue", "turns": "hello"}, "a.turns", "'hello' is not a list"),
    ],
)
def test_wrong_forms_are_named(values: Any, field: str, said: str) -> None:
    with pytest.raises(DataError) as caught:
        annotation_from_dict(values, field="a")
    assert caught.value.field == field
    assert said in caught.value.reason


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"annotations": "{"}, "annotations"),
        ({"annotations": "{}"}, "annotations"),
        ({"annotations": "[" * 100_000}, "annotations"),
        ({"annotations": '[{"kind":"caption"}]'}, "annotations[0].text"),
        ({"provenance": '{"dataset":"x"}'}, "provenance.licence"),
        ({"provenance": '{"dataset":"x","licence":"y","made":{"caption":["magic"]}}'}, "provenance.made.caption[0]"),
        ({"split": "dev"}, "split"),
        ({"facts": "[]"}, "facts"),
        ({"id": None}, "id"),
    ],
)
def test_damaged_rows_are_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(DataError) as caught:
        row_to_example({**example_to_row(example()), **change})
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"image": ImageRef()}, "image"),
        ({"facts": {"x": math.nan}}, "facts"),
        ({"facts": {"x": {1, 2}}}, "facts"),
        ({"annotations": (Pointing(label="x", points=(Point(math.inf, 0),)),)}, "annotations"),
        ({"id": "half \ud800 a character"}, "id"),
    ],
)
def test_what_cannot_be_stored_is_refused_before_it_is_written(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(DataError) as caught:
        example_to_row(example(**changes))
    assert caught.value.field == field
