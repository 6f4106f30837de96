"""Random streams: the same keys give the same stream, other keys another one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from openmolmo.core.rng import derive, derive_seed

KEYS = st.lists(st.integers() | st.text(alphabet="abis|12", max_size=4), max_size=4).map(tuple)


def test_the_stream_is_the_same_on_every_machine() -> None:
    assert derive(0, "clocks", "train", 7).integers(0, 2**32, 3).tolist() == [446326390, 2473915023, 4264270079]


@given(KEYS, KEYS)
def test_different_keys_give_different_seeds(one: tuple[int | str, ...], two: tuple[int | str, ...]) -> None:
    assert (derive_seed(0, *one) == derive_seed(0, *two)) == (one == two)


def test_types_order_and_seed_matter_but_not_the_kind_of_integer() -> None:
    seeds = [derive_seed(0, 1), derive_seed(0, "1"), derive_seed(1, 0), derive_seed(0, 1, 0), derive_seed(0)]
    assert len(set(seeds)) == len(seeds)
    assert derive_seed(0, np.int64(1)) == derive_seed(0, 1)


def test_the_global_stream_is_not_touched() -> None:
    np.random.seed(3)  # noqa: NPY002 - the point of the test
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    derive(0, "x").normal(size=10)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
