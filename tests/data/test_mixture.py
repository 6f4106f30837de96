"""Rates, order and selection of a mixture."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from data_toys import one_group, toy_config
from hypothesis import given
from hypothesis import strategies as st

from openmolmo.core.errors import ConfigError, DataError, NotRegisteredError
from openmolmo.data.mixture import GroupConfig, Mixture, MixtureConfig, SourceConfig, permute


@given(st.integers(1, 500), st.integers(0, 2**128))
def test_permute_is_a_permutation(size: int, key: int) -> None:
    assert sorted(permute(step, size, key) for step in range(size)) == list(range(size))


def test_permutations_of_two_epochs_differ() -> None:
    orders = [[permute(step, 1000, key) for step in range(1000)] for key in (1, 2)]
    assert orders[0] != orders[1]
    assert abs(np.corrcoef(np.arange(1000), orders[0])[0, 1]) < 0.15


def test_rates_follow_the_square_root_of_sizes(mixture: MixtureConfig) -> None:
    made = Mixture(mixture, seed=0)
    assert made.names == ["big", "small", "other"]
    np.testing.assert_allclose(made.rates, [0.75 * 20 / 25, 0.75 * 5 / 25, 0.25])
    seen = Counter(made.place(k).source for k in range(10 * 1024))
    for source, rate in enumerate(made.rates):
        assert abs(seen[source] - rate * 10 * 1024) <= 10


def test_a_size_set_by_hand_replaces_the_real_one() -> None:
    group = one_group(toy_config("a", 400, rate_size=100), toy_config("b", 25, rate_size=100))
    np.testing.assert_allclose(Mixture(MixtureConfig(groups=(group,)), 0).rates, [0.5, 0.5])


def test_no_example_returns_within_an_epoch(mixture: MixtureConfig) -> None:
    made = Mixture(mixture, seed=3)
    seen: dict[int, list[tuple[int, int]]] = {0: [], 1: [], 2: []}
    for k in range(3000):
        place = made.place(k)
        seen[place.source].append((place.epoch, place.index))
    for source, places in seen.items():
        size = len(made.sources[source])
        assert len(set(places)) == len(places)
        assert [epoch for epoch, _ in places] == [n // size for n in range(len(places))]
    first = [index for epoch, index in seen[2] if epoch == 0]
    second = [index for epoch, index in seen[2] if epoch == 1]
    assert sorted(first) == sorted(second) == list(range(60))
    assert first != second


def test_a_position_means_the_same_wherever_one_starts(mixture: MixtureConfig) -> None:
    walked = Mixture(mixture, seed=1)
    places = [walked.place(k) for k in range(2500)]
    assert Mixture(mixture, seed=1).place(2300) == places[2300]
    assert walked.place(17) == places[17]
    assert [Mixture(mixture, seed=2).place(k) for k in range(20)] != places[:20]


def test_kinds_and_number_of_annotations_are_selected() -> None:
    config = toy_config("a", 10, kinds=("transcript",), max_annotations=1)
    made = Mixture(MixtureConfig(groups=(one_group(config),)), seed=0)
    texts = {made.example(made.place(k))[0].annotations for k in range(40)}
    assert {(a.kind, a.text) for (a,) in texts} == {("transcript", "b"), ("transcript", "c")}


def test_the_formatting_stream_depends_on_epoch_and_example(mixture: MixtureConfig) -> None:
    made = Mixture(mixture, seed=0)
    again = Mixture(mixture, seed=0)
    draws = [made.example(made.place(k))[1].integers(2**60) for k in range(200)]
    assert draws == [again.example(again.place(k))[1].integers(2**60) for k in range(200)]
    assert len(set(draws)) == 200


def test_faulty_mixtures_are_refused() -> None:
    with pytest.raises(ConfigError, match="two data sets of the mixture are called a"):
        Mixture(MixtureConfig(groups=(one_group(toy_config("a", 5), toy_config("a", 6)),)), 0)
    with pytest.raises(DataError, match="'a' is empty"):
        Mixture(MixtureConfig(groups=(one_group(toy_config("a", 0)),)), 0)
    with pytest.raises(NotRegisteredError, match="no dataset called 'parquett'"):
        Mixture(MixtureConfig(groups=(one_group(SourceConfig(source="parquett")),)), 0)
    with pytest.raises(ConfigError, match="unexpected keyword argument 'sizze'"):
        Mixture(MixtureConfig(groups=(one_group(SourceConfig(source="toy", options={"sizze": 1})),)), 0)
    with pytest.raises(ConfigError, match="must be a positive number"):
        GroupConfig(rate=0.0, sources=(toy_config("a", 5),))
    with pytest.raises(ConfigError, match="no sources"):
        GroupConfig(rate=1.0, sources=())
    with pytest.raises(ConfigError, match="at least one group"):
        MixtureConfig(groups=())
    with pytest.raises(ConfigError, match="'captions' is not one of"):
        SourceConfig(source="toy", kinds=("captions",))
    with pytest.raises(DataError, match="no annotation of kind: counting"):
        made = Mixture(MixtureConfig(groups=(one_group(toy_config("a", 5, kinds=("counting",))),)), 0)
        made.example(made.place(0))
    assert made.whereabouts("a", 3) == "a, example 3 (counted from 0)"
