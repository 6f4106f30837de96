"""The loader's promises: order, resumption, workers, bad examples."""

from __future__ import annotations

import itertools
import json
import os
import signal
import struct
from typing import Any

import pytest
import torch
from data_toys import ToyProcessor, one_group, toy_config

from openmolmo.core.errors import ConfigError, DataError, RunError
from openmolmo.data.loader import Batch, Loader
from openmolmo.data.mixture import MixtureConfig
from openmolmo.data.streams import LoaderConfig

PACKED = LoaderConfig(rows=3, row_length=64, workers=0, streams=3, open_rows=2)
PLAIN = PACKED.replace(packing=False)
JOINED = PLAIN.replace(rows=2, row_examples=3)
SPLIT = PACKED.replace(split=True, row_length=17)  # up to three parts an example


def take(loader: Loader, count: int) -> list[Batch]:
    return list(itertools.islice(loader, count))


def assert_same(left: list[Batch], right: list[Batch]) -> None:
    assert [batch.positions for batch in left] == [batch.positions for batch in right]
    for a, b in zip(left, right, strict=True):
        assert a.tensors.keys() == b.tensors.keys()
        assert all(torch.equal(a.tensors[key], b.tensors[key]) for key in a.tensors)


@pytest.mark.parametrize("config", [PACKED, PLAIN, JOINED, SPLIT], ids=["packed", "plain", "joined", "split"])
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_workers_do_not_change_the_batches(
    mixture: MixtureConfig, processor: ToyProcessor, config: LoaderConfig, workers: int
) -> None:
    expected = take(Loader(mixture, processor, config, seed=5), 12)
    with Loader(mixture, processor, config.replace(workers=workers), seed=5) as loader:
        assert_same(take(loader, 12), expected)


@pytest.mark.parametrize("config", [PACKED, PLAIN, JOINED, SPLIT], ids=["packed", "plain", "joined", "split"])
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("done", [0, 4, 7])
def test_a_restored_loader_goes_on_with_the_same_batches(
    mixture: MixtureConfig, processor: ToyProcessor, config: LoaderConfig, workers: int, done: int
) -> None:
    with Loader(mixture, processor, config.replace(workers=workers), seed=1) as loader:
        take(loader, done)
        state = json.loads(json.dumps(loader.state()))
        expected = take(loader, 9)
    with Loader(mixture, processor, config.replace(workers=workers and 1), seed=1) as restored:
        restored.load_state(state)
        assert restored.state() == state
        assert_same(take(restored, 9), expected)


def test_every_example_comes_once_an_epoch(processor: ToyProcessor) -> None:
    mixture = MixtureConfig(groups=(one_group(toy_config("a", 36)),))
    batches = take(Loader(mixture, processor, PLAIN, seed=0), 12)
    seen = [int(label) for batch in batches for label in batch.tensors["labels"][:, 0]]
    assert sorted(seen) == list(range(36))


def test_rows_of_several_have_the_examples_of_rows_of_one(mixture: MixtureConfig, processor: ToyProcessor) -> None:
    joined = take(Loader(mixture, processor, PLAIN.replace(rows=1, row_examples=6), seed=3), 8)
    plain = take(Loader(mixture, processor, PLAIN.replace(rows=6), seed=3), 8)
    for one, several in zip(joined, plain, strict=True):
        assert one.positions == [[position for row in several.positions for position in row]]
        assert (one.examples, one.tokens) == (several.examples, several.tokens)
        assert one.utilisation == 1.0  # six rows of different lengths have padding, one row of six has none
        assert several.utilisation < 1.0
        assert torch.equal(one.tensors["crops"], several.tensors["crops"])
        kept = several.tensors["example_ids"] >= 0
        assert torch.equal(one.tensors["input_ids"][0], several.tensors["input_ids"][kept])
        assert one.tensors["example_ids"].unique().tolist() == list(range(6))


def test_rows_that_are_packed_have_no_number_of_examples() -> None:
    with pytest.raises(ConfigError, match=r"row_examples=2 goes with packing=false"):
        PACKED.replace(row_examples=2)


def test_another_seed_gives_another_order(mixture: MixtureConfig, processor: ToyProcessor) -> None:
    def labels(seed: int) -> list[Any]:
        return [b.tensors["labels"][:, 0].tolist() for b in take(Loader(mixture, processor, PLAIN, seed=seed), 4)]

    assert labels(0) != labels(1)


def test_a_state_of_other_settings_is_refused(mixture: MixtureConfig, processor: ToyProcessor) -> None:
    state = Loader(mixture, processor, PACKED, seed=1).state()
    with pytest.raises(ConfigError, match="was saved with"):
        Loader(mixture, processor, PACKED.replace(rows=4), seed=1).load_state(state)


def test_batches_tell_how_full_they_are(mixture: MixtureConfig, processor: ToyProcessor) -> None:
    packed = take(Loader(mixture, processor, PACKED, seed=0), 20)
    plain = take(Loader(mixture, processor, PLAIN, seed=0), 20)
    for batch in packed + plain:
        real = int((batch.tensors["example_ids"] >= 0).sum())
        assert batch.tokens == real
        assert batch.utilisation == real / batch.tensors["input_ids"].numel()
        assert batch.examples == sum(map(len, batch.positions))
    assert all(batch.examples == 3 for batch in plain)
    assert sum(b.utilisation for b in packed) > sum(b.utilisation for b in plain)


@pytest.mark.parametrize("workers", [0, 2])
def test_bad_examples_are_reported_and_passed_over(workers: int) -> None:
    mixture = MixtureConfig(groups=(one_group(toy_config("a", 40, bad=(3, 4))),))
    config = PLAIN.replace(workers=workers)
    with Loader(mixture, ToyProcessor(bad_pictures=(7,)), config, seed=0) as loader:
        batches = take(loader, 13)
        assert loader.state()["skipped"] == [["a", 3], ["a", 4], ["a", 7]]
    seen = [int(label) for batch in batches for label in batch.tensors["labels"][:, 0]]
    skipped = {skip.index: skip for batch in batches for skip in batch.skipped}
    assert set(skipped) == {3, 4, 7}
    assert not set(seen) & set(skipped)
    assert "the toy is broken" in skipped[3].error and skipped[3].source == "a"
    assert skipped[7].error == "ImageError: not a picture"


@pytest.mark.parametrize("workers", [0, 2])
def test_too_many_bad_examples_stop_the_run(workers: int) -> None:
    mixture = MixtureConfig(groups=(one_group(toy_config("a", 40, bad=range(40))),))
    config = PLAIN.replace(max_skipped=5, workers=workers)
    with (
        Loader(mixture, ToyProcessor(), config, seed=0) as loader,
        pytest.raises(DataError, match="more than max_skipped=5; the last one: DataError: the toy is broken"),
    ):
        take(loader, 13)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_example_counts_once_however_often_it_is_met(workers: int) -> None:
    """Of twelve examples two are bad; over five epochs they are met ten times."""
    mixture = MixtureConfig(groups=(one_group(toy_config("a", 12, bad=(3, 4))),))
    config = PLAIN.replace(rows=1, max_skipped=2, workers=workers)
    with Loader(mixture, ToyProcessor(), config, seed=0) as loader:
        batches = take(loader, 50)
        state = json.loads(json.dumps(loader.state()))
    assert sum(len(batch.skipped) for batch in batches) > 5
    restored = Loader(mixture, ToyProcessor(), config.replace(workers=0), seed=0)
    restored.load_state(state)
    take(restored, 50)
    assert restored.skipped == {("a", 3), ("a", 4)}


def test_a_set_with_nothing_to_use_stops_the_run() -> None:
    mixture = MixtureConfig(groups=(one_group(toy_config("a", 3, bad=range(3))),))
    with (
        Loader(mixture, ToyProcessor(), PLAIN.replace(max_skipped=5), seed=0) as loader,
        pytest.raises(DataError, match="one batch met examples that could not be used 6 times"),
    ):
        take(loader, 1)


class ExitingProcessor(ToyProcessor):
    def train(self, *arguments: Any, **keywords: Any) -> Any:
        raise SystemExit(9)


def test_a_worker_that_dies_is_noticed(mixture: MixtureConfig) -> None:
    with (
        Loader(mixture, ExitingProcessor(), PLAIN.replace(workers=1), seed=0) as loader,
        pytest.raises(RunError, match=r"loader process 0 ended unexpectedly \(exit code 9\)"),
    ):
        take(loader, 1)


def test_a_worker_killed_in_the_middle_of_a_batch_is_noticed(
    mixture: MixtureConfig, processor: ToyProcessor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(spec: object, streams: object, results: Any) -> None:
        os.write(results._writer.fileno(), struct.pack("!i", 1_000_000) + b"the beginning of a batch")
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr("openmolmo.data.workers._work", half)
    with (
        Loader(mixture, processor, LoaderConfig(workers=2), seed=0) as loader,
        pytest.raises(RunError, match=r"loader process 0 ended unexpectedly \(exit code -9\)"),
    ):
        loader.next()


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="rows=0 must be at least 1"):
        LoaderConfig(rows=0)
    with pytest.raises(ConfigError, match="workers=9 is more than streams=4"):
        LoaderConfig(workers=9)


@pytest.mark.parametrize("packing", [True, False])
def test_long_examples_are_split_and_counted_once(processor: ToyProcessor, packing: bool) -> None:
    mixture = MixtureConfig(groups=(one_group(toy_config("a", 1000)),))
    whole = take(Loader(mixture, processor, PLAIN.replace(streams=1), seed=0), 4)
    expected = {
        int(row[0]): int(weights.sum())
        for batch in whole
        for row, weights in zip(batch.tensors["labels"], batch.tensors["loss_weights"], strict=True)
    }
    split = take(Loader(mixture, processor, SPLIT.replace(streams=1, packing=packing), seed=0), 12)
    assert all(batch.tensors["input_ids"].shape[1] <= 17 for batch in split)
    labels = torch.cat([batch.tensors["labels"][batch.tensors["loss_weights"] > 0] for batch in split])
    assert max(expected.values()) > 2 * 17
    assert {number: int((labels == number).sum()) for number in expected} == expected
    places = [position for batch in split for row in batch.positions for position in row]
    assert len(places) > len(set(places)) == pytest.approx(sum(batch.examples for batch in split), abs=SPLIT.open_rows)


def test_whether_examples_are_split_belongs_to_the_order(mixture: MixtureConfig, processor: ToyProcessor) -> None:
    state = Loader(mixture, processor, PACKED, seed=1).state()
    assert "split" not in state["order"]  # as runs have it that began before there was a choice
    with pytest.raises(ConfigError, match="was saved with"):
        Loader(mixture, processor, PACKED.replace(split=True), seed=1).load_state(state)
