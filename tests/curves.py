"""Runs of tests end without a picture of their curves, which takes longer than most of them.

A room's ``conftest.py`` imports both fixtures; a test that looks at the curves asks for ``with_curves``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from openmolmo.training import plot, steps

__all__ = ["no_curves", "with_curves"]

draw = plot.try_plot


@pytest.fixture(scope="session", autouse=True)
def no_curves() -> Iterator[None]:
    """For all tests of the room."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "try_plot", lambda *_: None)
        yield


@pytest.fixture
def with_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """For one test."""
    monkeypatch.setattr(steps, "try_plot", draw)
