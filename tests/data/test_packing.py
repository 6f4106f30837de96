"""Packing keeps every item, in rows that fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmolmo.core.errors import ConfigError
from openmolmo.data.packing import Packer


@given(st.lists(st.integers(1, 100), max_size=200), st.integers(1, 8))
def test_every_item_is_in_exactly_one_row_that_fits(lengths: list[int], open_rows: int) -> None:
    packer: Packer[int] = Packer(100, open_rows)
    rows = []
    for position, length in enumerate(lengths):
        rows += packer.add(length, position, length)
        assert len(packer.open) <= open_rows
    rows += packer.open
    assert sorted(p for row in rows for p in row.positions) == list(range(len(lengths)))
    for row in rows:
        assert row.used == sum(row.items) <= 100
        assert row.positions == sorted(row.positions)
        assert [lengths[p] for p in row.positions] == row.items


def test_rows_become_nearly_full() -> None:
    rng = np.random.default_rng(0)
    packer: Packer[None] = Packer(512, 8)
    used = []
    for position in range(3000):
        length = int(np.clip(rng.lognormal(4.8, 0.5), 20, 512))
        used += [row.used for row in packer.add(None, position, length)]
    assert np.mean(used) / 512 > 0.9


def test_best_fit_prefers_the_fullest_row_that_still_fits() -> None:
    packer: Packer[str] = Packer(10, 4)
    for position, (item, length) in enumerate([("a", 6), ("b", 7), ("c", 3)]):
        closed = packer.add(item, position, length)
    assert [row.items for row in closed] == [["b", "c"]]
    assert [row.items for row in packer.open] == [["a"]]


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="must be at least 1"):
        Packer(0, 4)
