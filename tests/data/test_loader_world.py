"""Several processes see together what one sees, and any number of them can go on from a state."""

from __future__ import annotations

import itertools
import json

import pytest
from data_toys import ToyProcessor, one_group, toy_config

from openmolmo.core.errors import ConfigError
from openmolmo.data.loader import Loader, merge_states
from openmolmo.data.mixture import Mixture, MixtureConfig
from openmolmo.data.streams import LoaderConfig

CONFIG = LoaderConfig(rows=3, row_length=64, workers=0, streams=4, open_rows=2)
Positions = list[list[list[int]]]


def world(mixture: MixtureConfig, config: LoaderConfig, size: int) -> list[Loader]:
    return [Loader(mixture, ToyProcessor(), config, seed=3, rank=rank, world_size=size) for rank in range(size)]


def run(loaders: list[Loader], rounds: int) -> Positions:
    """Positions of the batches of all processes, in the order of the run."""
    return [loader.next().positions for _ in range(rounds) for loader in loaders]


def alone(mixture: MixtureConfig, count: int) -> Positions:
    loader = Loader(mixture, ToyProcessor(), CONFIG, seed=3)
    return [batch.positions for batch in itertools.islice(loader, count)]


@pytest.mark.parametrize("size", [1, 2, 4])
@pytest.mark.parametrize("packing", [True, False])
def test_world_sizes_share_one_order(mixture: MixtureConfig, size: int, packing: bool) -> None:
    config = CONFIG.replace(packing=packing)
    expected = run(world(mixture, config, 1), 12)
    assert run(world(mixture, config, size), 12 // size) == expected


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1), (2, 4), (4, 2), (2, 2)])
def test_another_number_of_processes_goes_on_from_a_state(mixture: MixtureConfig, before: int, after: int) -> None:
    expected = alone(mixture, 4 + 8)
    first = world(mixture, CONFIG, before)
    assert run(first, 4 // before) == expected[:4]
    state = json.loads(json.dumps(merge_states([loader.state() for loader in first])))
    second = world(mixture, CONFIG, after)
    for loader in second:
        loader.load_state(state)
    assert run(second, 8 // after) == expected[4:]


def test_a_state_between_rounds_of_more_processes_is_no_obstacle(mixture: MixtureConfig) -> None:
    expected = alone(mixture, 3 + 8)
    first = world(mixture, CONFIG, 1)
    run(first, 3)
    second = world(mixture, CONFIG, 4)
    for loader in second:
        loader.load_state(first[0].state())
    assert run(second, 2) == expected[3:]


def test_workers_change_nothing_in_a_world(mixture: MixtureConfig) -> None:
    expected = alone(mixture, 8)
    loaders = world(mixture, CONFIG.replace(workers=2), 2)
    try:
        assert run(loaders, 4) == expected
    finally:
        for loader in loaders:
            loader.close()


def test_no_example_returns_within_an_epoch_of_its_set() -> None:
    groups = (one_group(toy_config("big", 300), toy_config("small", 7)), one_group(toy_config("mid", 40), rate=3.0))
    made = Mixture(MixtureConfig(groups=groups), seed=0)
    seen: dict[tuple[int, int], set[int]] = {}
    for position in range(6000):
        place = made.place(position)
        epoch = seen.setdefault((place.source, place.epoch), set())
        assert place.index not in epoch
        epoch.add(place.index)
    for (source, epoch), indices in seen.items():
        last = max(e for s, e in seen if s == source)
        assert epoch == last or len(indices) == len(made.sources[source])


def test_skipped_examples_are_counted_once() -> None:
    mixture = MixtureConfig(groups=(one_group(toy_config("a", 24, bad=(3, 4, 5))),))
    loaders = world(mixture, CONFIG.replace(packing=False), 2)
    run(loaders, 4)
    merged = merge_states([loader.state() for loader in loaders])
    assert merged["skipped"] == [["a", 3], ["a", 4], ["a", 5]]
    restored = world(mixture, CONFIG.replace(packing=False), 2)
    for loader in restored:
        loader.load_state(merged)
    assert merge_states([loader.state() for loader in restored]) == merged


def test_worlds_that_cannot_be_are_refused(mixture: MixtureConfig) -> None:
    with pytest.raises(ConfigError, match="streams=4 cannot be dealt out to 3 processes"):
        Loader(mixture, ToyProcessor(), CONFIG, seed=0, world_size=3)
    with pytest.raises(ConfigError, match=r"rank=2 is not one of 0\.\.1"):
        Loader(mixture, ToyProcessor(), CONFIG, seed=0, rank=2, world_size=2)
    with pytest.raises(ConfigError, match="workers=4 in each of 2 processes are more than streams=4"):
        Loader(mixture, ToyProcessor(), CONFIG.replace(workers=4), seed=0, world_size=2)
    loaders = world(mixture, CONFIG, 2)
    with pytest.raises(ConfigError, match="one process of several"):
        loaders[0].load_state(loaders[0].state())
    with pytest.raises(ConfigError, match="no process has the state of stream 1"):
        merge_states([loaders[0].state()])
    loaders[0].next()
    with pytest.raises(ConfigError, match="stand at turn 2 and 0"):
        merge_states([loader.state() for loader in loaders])
