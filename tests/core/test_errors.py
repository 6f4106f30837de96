"""Errors say what, where and what to do, and survive the way from a worker to its parent."""

from __future__ import annotations

import pickle

import pytest

from openmolmo.core import errors
from openmolmo.core.errors import ConfigError, DataError, DiskFullError, ImageError, OpenMolmoError, RunError


def test_the_fix_stands_on_a_line_of_its_own() -> None:
    assert str(ConfigError("steps is -1")) == "steps is -1"
    assert str(ConfigError("steps is -1", fix="use 1")) == "steps is -1\n  -> use 1"


def test_a_data_error_names_the_place() -> None:
    error = DataError("x is 120", file="a.jsonl", row=3, field="points[0].x", rule="percent")
    assert str(error) == "x is 120 (file a.jsonl, row 3, field points[0].x, rule percent)"
    assert (error.reason, error.row, error.rule) == ("x is 120", 3, "percent")
    assert "row 0" in str(DataError("x", row=0))


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("a", fix="b"),
        DataError("a", file="f", row=1, field="x", rule="r", fix="b"),
        ImageError("a", kind="empty"),
        DiskFullError("full"),
    ],
)
def test_errors_cross_process_borders_whole(error: OpenMolmoError) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)


def test_every_public_error_is_in_the_one_tree_and_in_its_picture() -> None:
    for name in errors.__all__:
        assert issubclass(getattr(errors, name), OpenMolmoError)
        assert name in str(errors.__doc__)
    assert issubclass(DiskFullError, RunError)
