"""Programs written for earlier versions still find the names that they import."""

from __future__ import annotations

import importlib

import pytest


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("openmolmo.inference.answer", "openmolmo.words.answer"),
        ("openmolmo.inference.requests", "openmolmo.words.requests"),
        ("openmolmo.prompting.points", "openmolmo.words.points"),
        ("openmolmo.prompting.counts", "openmolmo.words.counts"),
    ],
)
def test_names_are_the_same_objects(before: str, now: str) -> None:
    old, new = importlib.import_module(before), importlib.import_module(now)
    assert set(old.__all__) <= set(new.__all__)
    assert all(getattr(old, name) is getattr(new, name) for name in old.__all__)
