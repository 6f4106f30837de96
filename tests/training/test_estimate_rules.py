"""Estimates by their rules: what grows with what, ranges of time, and what cannot be."""

from __future__ import annotations

import dataclasses

import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from openmolmo.core.errors import ConfigError
from openmolmo.imaging import CropConfig
from openmolmo.training.config import RunConfig
from openmolmo.training.estimate.gpus import GPUS, MEASURED, UTILISATION, find_gpu, gpu_called
from openmolmo.training.estimate.memory import Sizes, memory, shards_of
from openmolmo.training.estimate.times import require_utilisation, times
from openmolmo.training.estimate.traffic import Traffic, traffic
from openmolmo.training.estimate.work import Load, full_row, most_image_tokens
from openmolmo.training.parallel.config import ParallelConfig
from openmolmo.training.watch.writers import flatten

SIZES = Sizes(every=1_000_000, trained={"encoder": 0, "connector": 200_000, "llm": 600_000}, layer=50_000)
ROW = Load(tokens=128, pairs=8192, crops=3, image_tokens=12, learnt=40)


def parallel(mode: str, **more: object) -> RunConfig:
    config = tiny.tiny().replace(accumulate=8)
    return config.replace(parallel=dataclasses.replace(ParallelConfig(), mode=mode, **more))


def bytes_of(config: RunConfig, *, half: bool = True, count: int = 1, row: Load = ROW) -> dict[str, float]:
    return memory(config, tiny.tiny_model(), SIZES, row, config.crop, half=half, count=count)


# ------------------------------------------------------------------------------------------ memory


def test_one_device_has_everything_in_full_precision_and_a_copy_in_half() -> None:
    found = bytes_of(parallel("none"))
    assert found["weights"] == 4e6 and found["weights in bfloat16"] == 2e6
    assert found["gradients"] == 4 * 800_000 and found["optimiser states"] == 8 * 800_000
    assert "weights in bfloat16" not in bytes_of(parallel("none"), half=False)


def test_shards_divide_what_is_kept_and_gather_what_is_at_work() -> None:
    config = parallel("fsdp")
    assert (shards_of(config, 8), shards_of(parallel("none"), 8)) == (8, 1)
    assert shards_of(parallel("hsdp", replicate=2), 8) == 4
    one, many = bytes_of(config, count=1), bytes_of(config, count=8)
    assert many["weights"] == one["weights"] / 8 and many["optimiser states"] == one["optimiser states"] / 8
    assert many["weights gathered"] == 2 * (2 * 50_000 + 2 * 300 * 32)


def test_gradients_that_are_summed_at_the_end_of_a_step_are_kept_whole_until_then() -> None:
    often, once = (bytes_of(parallel("fsdp", reduce=reduce), count=2)["gradients"] for reduce in ("batch", "step"))
    assert once - often == 4 * 800_000


def test_checkpointing_costs_less_memory_the_fuller_it_is() -> None:
    kept = [bytes_of(parallel("none", checkpointing=kind))["activations"] for kind in ("none", "selective", "full")]
    assert kept[0] > kept[1] > kept[2] > 0


def test_activations_grow_with_the_row_and_everything_is_positive() -> None:
    double = dataclasses.replace(ROW, tokens=256, crops=6)
    small, large = bytes_of(parallel("none")), bytes_of(parallel("none"), row=double)
    assert small["activations"] < large["activations"] <= 2.01 * small["activations"]
    assert large["pictures"] == 2 * small["pictures"]
    assert all(value >= 0 for value in small.values())


def test_an_encoder_that_is_frozen_keeps_nothing_for_its_backward_pass() -> None:
    config = parallel("none")
    assert bytes_of(config.replace(freeze=("encoder",)))["activations"] < bytes_of(config)["activations"]


# -------------------------------------------------------------------------------------------- work


@pytest.mark.parametrize("crops", [1, 2, 6, 12])
def test_the_largest_picture_is_found_among_all_shapes(crops: int) -> None:
    crop = CropConfig(max_crops=crops)
    carrying, together = most_image_tokens(crop)
    assert 144 <= carrying < together
    fewer = most_image_tokens(CropConfig(max_crops=max(1, crops - 1)))
    assert carrying >= fewer[0]
    row = full_row(crop, 4096)
    assert (row.crops, row.learnt) == (crops + 1, max(4096 - together, 409))


@given(st.integers(1, 4000))
def test_a_row_never_learns_nothing_nor_more_than_it_holds(length: int) -> None:
    row = full_row(CropConfig(max_crops=2), length)
    assert length // 10 <= row.learnt <= length and row.image_tokens <= row.tokens == length


# ----------------------------------------------------------------------------------- time and traffic


@pytest.mark.parametrize("value", [0.0, -0.1, 1.01, 35.0, float("nan")])
def test_impossible_shares_of_the_peak_are_refused(value: float) -> None:
    with pytest.raises(ConfigError, match="is no share of the peak"):
        require_utilisation(value)


def test_possible_shares_are_taken() -> None:
    for value in (None, 0.16, 1.0):
        require_utilisation(value)


def test_an_unknown_device_has_no_times() -> None:
    assert times(1e15, 100, None, 8, Traffic(), None) == []


def test_a_share_that_was_measured_gives_one_number() -> None:
    gpu = find_gpu("h100")
    rows = times(gpu.peak * 8, 3600, gpu, 8, Traffic(), 0.5)
    assert rows[0] == ("a step on 8 x H100 SXM", "2 s at 50% of the peak, as given")
    assert rows[-1] == ("all steps", "2.0 h, 16 GPU hours")


def test_else_it_is_a_range_between_both_shares_and_long_runs_are_days() -> None:
    gpu = find_gpu("a100")
    rows = times(gpu.peak, 100_000, gpu, 1, Traffic(), None)
    assert len(rows) == 2
    assert f"{1 / UTILISATION:.3g} to {1 / MEASURED:.3g} s" in str(rows[0][1])
    assert f"{1e5 / UTILISATION / 86400:.1f} days to {1e5 / MEASURED / 86400:.1f} days" in str(rows[-1][1])


def test_a_slow_network_bounds_the_step_from_below() -> None:
    gpu = find_gpu("rtx4090")
    sent = Traffic(near=gpu.near * 0.75 * 100)  # a hundred seconds of sending
    rows = times(gpu.peak, 10, gpu, 2, sent, None)
    assert "100 to 101 s" in str(rows[0][1]) and "none hidden" in str(rows[0][1])
    assert rows[1][0] == "of it sending, about" and str(rows[1][1]).startswith("1e+02 s")


@given(st.sampled_from(["ddp", "fsdp"]), st.integers(2, 256), st.floats(1, 1e12), st.integers(1, 8))
def test_traffic_grows_with_the_model_and_leaves_a_node_only_where_there_are_others(
    mode: str, gpus: int, size: float, batches: int
) -> None:
    one = traffic(mode, gpus, every=size, trained=size, batches=batches)
    two = traffic(mode, gpus, every=2 * size, trained=2 * size, batches=batches)
    assert two.near == pytest.approx(2 * one.near) and two.far == pytest.approx(2 * one.far)
    assert (one.far > 0) == (gpus > 8)
    assert one.near <= (8 if mode == "ddp" else 4 * batches + 4) * size


def test_one_group_of_hybrid_shards_is_plain_sharding() -> None:
    both = [traffic(mode, 16, every=1e9, trained=1e9, replicate=1) for mode in ("fsdp", "hsdp")]
    assert both[0] == both[1]


@pytest.mark.parametrize("key", GPUS)
def test_every_device_is_found_by_its_names(key: str) -> None:
    gpu = GPUS[key]
    assert find_gpu(key.upper()) is find_gpu(f"NVIDIA {key}") is gpu_called(f"NVIDIA {gpu.name} PCIe") is gpu
    assert gpu.peak > 5e13 and gpu.memory >= 24e9 and gpu.near > gpu.far > 0


@given(st.dictionaries(st.text("ab", min_size=1, max_size=3), st.integers() | st.booleans() | st.none() | st.text()))
def test_only_numbers_are_sent_to_writers(inner: dict[str, object]) -> None:
    flat = flatten({"outer": inner, "loss": 1})
    numbers = {f"outer/{k}": float(v) for k, v in inner.items() if isinstance(v, int) and not isinstance(v, bool)}
    assert flat == {**numbers, "loss": 1.0}
