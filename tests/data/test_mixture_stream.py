"""The stream of a mixture as arithmetic: shares of blocks, positions, epochs; and joins by the hash of pictures."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from data_toys import one_group, toy_config
from hypothesis import given, settings
from hypothesis import strategies as st

from faulty_server import picture
from openmolmo.core.errors import ConfigError, DataError
from openmolmo.core.files import sha256_bytes
from openmolmo.data.join import join, read_held_out, split_of
from openmolmo.data.mixture import BLOCK, GroupConfig, Mixture, MixtureConfig, SourceConfig
from openmolmo.engine.download.store import ImageStore
from openmolmo.records import ParquetDataset
from openmolmo.records.example import Caption, Example, ImageRef, Made, Provenance

GROUPS = st.lists(
    st.tuples(st.floats(0.01, 100), st.lists(st.integers(1, 5000), min_size=1, max_size=3)), min_size=1, max_size=4
)


def made_of(groups: list[tuple[float, list[int]]], seed: int = 0) -> Mixture:
    """A mixture of groups, each a rate and the sizes of its sets."""
    configs = []
    for number, (rate, sizes) in enumerate(groups):
        sources = [toy_config(f"{number}-{n}", size) for n, size in enumerate(sizes)]
        configs.append(one_group(*sources, rate=rate))
    return Mixture(MixtureConfig(groups=tuple(configs)), seed)


@given(GROUPS)
def test_rates_are_shares_of_groups_and_roots_of_sizes(groups: list[tuple[float, list[int]]]) -> None:
    rates = list(made_of(groups).rates)
    assert sum(rates) == pytest.approx(1)
    total = sum(rate for rate, _ in groups)
    for rate, sizes in groups:
        own = [rates.pop(0) for _ in sizes]
        assert sum(own) == pytest.approx(rate / total)
        for one, size in zip(own, sizes, strict=True):
            assert (one / own[0]) ** 2 == pytest.approx(size / sizes[0])


@given(GROUPS, st.integers(0, 2**40), st.integers(0, 3))
@settings(max_examples=10)
def test_every_block_has_its_shares_up_to_one_place(
    groups: list[tuple[float, list[int]]], seed: int, block: int
) -> None:
    made = made_of(groups, seed)
    seen = Counter(made.place(block * BLOCK + k).source for k in range(BLOCK))
    for source, rate in enumerate(made.rates):
        assert abs(seen[source] - rate * BLOCK) <= 1 + 1e-6


@given(GROUPS, st.integers(0, 2**40), st.lists(st.integers(0, 4 * BLOCK), min_size=1, max_size=12))
@settings(max_examples=15)
def test_positions_do_not_depend_on_what_was_asked_before(
    groups: list[tuple[float, list[int]]], seed: int, positions: list[int]
) -> None:
    made = made_of(groups, seed)
    there = [made.place(position) for position in positions]
    assert there == [made_of(groups, seed).place(position) for position in positions]
    for place in there:
        assert 0 <= place.index < len(made.sources[place.source]) and place.epoch >= 0


def test_a_rare_set_comes_as_often_as_its_rate_says_in_the_long_run() -> None:
    """A rate of a third of a place a block: not never, and not in every block."""
    made = made_of([(1 / (3 * BLOCK), [10]), (1 - 1 / (3 * BLOCK), [100])], seed=5)
    blocks = [sum(made.place(b * BLOCK + k).source == 0 for k in range(BLOCK)) for b in range(30)]
    assert set(blocks) == {0, 1} and 4 <= sum(blocks) <= 17


def test_a_set_of_one_example_gives_it_every_epoch() -> None:
    made = made_of([(1.0, [1])])
    assert [(p.epoch, p.index) for p in map(made.place, (0, 1, 2, 5000))] == [(0, 0), (1, 0), (2, 0), (5000, 0)]


def test_annotations_are_drawn_anew_each_epoch_and_keep_their_order() -> None:
    config = toy_config("a", 1, max_annotations=2)
    made = Mixture(MixtureConfig(groups=(one_group(config),)), seed=0)
    drawn = [made.example(made.place(k))[0].annotations for k in range(60)]
    texts = {"".join(a.text for a in chosen) for chosen in drawn}  # type: ignore[union-attr]
    assert texts == {"ab", "ac", "bc"}


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_rates_that_are_none_are_refused(rate: float) -> None:
    with pytest.raises(ConfigError, match="must be a positive number"):
        GroupConfig(rate=rate, sources=(toy_config("a", 5),))


@pytest.mark.parametrize("field", ["rate_size", "max_annotations"])
def test_numbers_of_sets_are_at_least_one(field: str) -> None:
    with pytest.raises(ConfigError, match=f"{field}=0 must be at least 1"):
        SourceConfig(source="toy", **{field: 0})  # type: ignore[arg-type]


# --------------------------------------------------------------------------------------------- joining

ORIGIN = Provenance(dataset="d", licence="CC0-1.0", made={"caption": (Made.WRITTEN,)})


def row(name: str, number: int, text: str = "x", **changes: object) -> Example:
    """An example about picture ``number``."""
    example = Example(
        id=name, image=ImageRef(data=picture(number)), annotations=(Caption(text=text),), provenance=ORIGIN
    )
    return example.replace(**changes)


@given(st.binary(min_size=1), st.floats(0, 0.99), st.floats(0, 0.99))
def test_a_larger_share_for_validation_only_adds_pictures(content: bytes, one: float, other: float) -> None:
    """So that data sets split with different shares never train on what another one validates on, or hardly."""
    digest = sha256_bytes(content)
    low, high = sorted((one, other))
    if split_of(digest, low) == "validation":
        assert split_of(digest, high) == "validation"
    assert split_of(digest, 0.0) == "train" and split_of("f" * 64, high) == "train"


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["train", "validation", "test"])), min_size=1))
@settings(max_examples=25)
def test_a_picture_goes_to_the_strictest_of_its_sides(tmp_path_factory: pytest.TempPathFactory, rows: list) -> None:
    out = tmp_path_factory.mktemp("join") / "out"
    examples = [row(str(n), number, f"text {n}", split=split) for n, (number, split) in enumerate(rows)]
    report = join(examples, out)
    strictness = ["train", "validation", "test"]
    wanted: dict[int, str] = {}
    for number, split in rows:
        wanted[number] = max(wanted.get(number, "train"), split, key=strictness.index)
    found = list(ParquetDataset(out))
    assert [one.split for one in found] == list(wanted.values())
    assert sum(len(one.annotations) for one in found) == report.annotations == len(rows)
    assert report.splits == Counter(wanted.values()) and report.pictures == len(wanted)


@pytest.mark.parametrize("validation", [-0.1, 1.0, 2.0])
def test_a_share_that_leaves_nothing_to_train_on_is_refused(tmp_path: Path, validation: float) -> None:
    with pytest.raises(ConfigError, match=r"at least 0 and less than 1"):
        join([row("1", 1)], tmp_path / "out", validation=validation)
    assert not (tmp_path / "out").exists()


def test_pictures_for_testing_stay_so_whatever_share_validates(tmp_path: Path) -> None:
    join([row(str(n), n, split="test") for n in range(6)], tmp_path / "out", validation=0.9)
    assert {one.split for one in ParquetDataset(tmp_path / "out")} == {"test"}


def test_a_picture_that_is_not_the_one_on_record_is_refused(tmp_path: Path) -> None:
    wrong = row("1", 1, image=ImageRef(data=picture(1), sha256=sha256_bytes(picture(2)), url="http://h/a.jpg"))
    with pytest.raises(DataError, match="the picture has sha256") as caught:
        join([wrong], tmp_path / "out")
    assert (caught.value.file, caught.value.field) == ("http://h/a.jpg", "sha256")
    assert not list((tmp_path / "out").glob("*.parquet"))


def test_texts_without_pictures_are_kept_apart(tmp_path: Path) -> None:
    report = join([row("1", 1, image=None), row("2", 1, image=None), row("3", 1)], tmp_path / "out")
    assert (report.examples, report.pictures, report.missing) == (3, 1, 0)
    assert [one.image is None for one in ParquetDataset(tmp_path / "out")] == [True, True, False]


def test_lists_of_what_is_held_out_take_hashes_in_any_case_and_addresses(tmp_path: Path) -> None:
    digest = sha256_bytes(picture(1))
    (tmp_path / "list.txt").write_text(f"\ufeff{digest.upper()}\n\n  http://h/b.jpg \n", encoding="utf-8")
    held_out = read_held_out([tmp_path / "list.txt"])
    assert held_out == {digest, "http://h/b.jpg"}
    store = ImageStore(tmp_path / "store")
    store.put("http://h/b.jpg", picture(2))
    rows = [row("1", 1), row("2", 2, image=ImageRef(url="http://h/b.jpg")), row("3", 3)]
    report = join(rows, tmp_path / "out", store=store, held_out=held_out)
    assert report.held_out == 2 and [one.id for one in ParquetDataset(tmp_path / "out")] == ["3"]


def test_annotations_are_the_same_only_if_all_of_them_is(tmp_path: Path) -> None:
    rows = [row("1", 1, "a"), row("2", 1, "b"), row("3", 1, "a"), row("4", 1, "a ")]
    report = join(rows, tmp_path / "out")
    (one,) = ParquetDataset(tmp_path / "out")
    assert [a.text for a in one.annotations] == ["a", "b", "a "]  # type: ignore[union-attr]
    assert report.repeats == 1 and one.id == "1"


def test_an_epoch_is_a_fair_shuffle() -> None:
    """Each example is at each tenth of an epoch about as often as at any other."""
    made = made_of([(1.0, [50])], seed=2)
    table = np.zeros((50, 10))
    for position in range(50 * 200):
        place = made.place(position)
        table[place.index, position % 50 // 5] += 1
    assert table.sum(axis=1).tolist() == [200.0] * 50
    assert np.abs(table - 20).max() < 22  # 5 standard deviations of 200 throws of a die with ten sides
