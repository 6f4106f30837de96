"""The benchmark of training on a GPU runs in small on a processor, and loses nothing when a way fails."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

NAMES = ("train_gpu", "train_gpu_measure", "train_gpu_data", "reference", "surroundings")
OURS = ("all", "no_packing", "no_compile", "no_chunked_loss", "no_flex_attention")
MEASURED = ("all", "no_packing", "no_chunked_loss")


@pytest.fixture(scope="module")
def bench():
    """The scripts as modules."""
    folder = Path(__file__).parents[2] / "benchmarks"
    limit = torch._dynamo.config.recompile_limit  # which a measurement raises; pytest would delete it afterwards
    with pytest.MonkeyPatch.context() as patch, torch._dynamo.config.patch(recompile_limit=limit):
        patch.syspath_prepend(folder)  # as when one of them is run
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in NAMES})
        for name in NAMES:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def logits_seen() -> list[tuple[int, ...]]:
    """Shapes of the logits that the usual loss was computed from."""
    return []


@pytest.fixture(scope="module")
def report(bench, logits_seen, tmp_path_factory) -> dict[str, Any]:
    """The file that the command leaves, all ways measured in this process."""
    out = tmp_path_factory.mktemp("train_gpu") / "figures.json"
    usual = bench.train_gpu_measure.usual_terms

    def spy(logits, labels, weights):
        logits_seen.append(tuple(logits.shape))
        return usual(logits, labels, weights)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench.train_gpu, "measure_apart", lambda name, options, _: bench.train_gpu.measure(name, options))
        patch.setattr(bench.train_gpu_measure, "usual_terms", spy)
        bench.train_gpu.main(["--tiny", "--seconds", "0", "--commit", "abc", "--out", str(out)])
    return json.loads(out.read_text())


def test_every_way_has_figures_or_a_reason(report):
    assert tuple(report["ways"]) == OURS and report["commit"] == "abc" and report["torch"] == version("torch")
    for name in MEASURED:
        row = report["ways"][name]
        for kind in ("images", "samples", "tokens", "supervised_tokens"):
            assert row[f"{kind}_per_second"] > 0, (name, kind)
        assert row["tflops"] > 0 and row["crops"] > 0
        assert row["peak_gb"] > -0.1  # in this process memory of earlier tests is used again
        assert row["too_large"] == [] and len(row["pass_seconds"]) == 1
    assert "no backward pass on a processor" in report["ways"]["no_flex_attention"]["not_available"]
    assert "--compile" in report["ways"]["no_compile"]["not_available"]
    assert set(report["all_over_the_others"]) == set(MEASURED)


def test_all_ways_have_the_same_loss_over_the_same_examples(report):
    losses = [report["ways"][name]["loss"] for name in MEASURED]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-5) and report["other_loss"] == {}
    assert len({report["ways"][name]["tokens"] for name in MEASURED}) == 1


def test_a_way_that_is_switched_off_is_really_off(bench, report, logits_seen):
    size = bench.train_gpu_data.TINY
    packed, plain = (report["ways"][name]["tokens_with_padding"] for name in ("all", "no_packing"))
    assert packed == size.rows * size.row_length < plain
    # One batch a row, in warming up and in one pass, of that way alone.
    assert logits_seen == [(1, size.row_length, 512)] * (2 * size.rows)


def test_what_is_switched_off_on_an_accelerator(bench):
    made = bench.train_gpu_measure
    cuda = torch.device("cuda")

    def config(name):
        setting = made.Setting(made.WAYS[name], bench.train_gpu_data.TINY, cuda, [], 1.0, compile=True)
        return made.our_config(setting, made.Rung(2, "selective"))

    whole = config("all")
    assert (whole.precision, whole.attention, whole.loader.packing) == ("bfloat16", "auto", True)
    assert whole.parallel.compile and whole.parallel.checkpointing == "selective"
    assert config("no_flex_attention") == whole.replace(attention="sdpa")
    assert config("no_compile") == whole.replace(parallel=whole.parallel.replace(compile=False))
    assert config("no_packing") == whole.replace(loader=whole.loader.replace(packing=False))
    assert not made.WAYS["no_chunked_loss"].chunked and config("no_chunked_loss") == whole


def test_less_is_tried_when_the_memory_does_not_suffice(bench):
    made = bench.train_gpu_measure
    options = bench.train_gpu.parse(["--tiny", "--rows", "4", "--reference-batch", "8"])
    rungs = made.rungs_of(made.WAYS["all"], options)
    assert [(rung.batch, rung.checkpointing) for rung in rungs] == [
        (4, "none"),
        (2, "none"),
        (1, "none"),
        (1, "selective"),
        (1, "full"),
    ]
    assert [rung.batch for rung in made.rungs_of(made.WAYS["reference"], options)] == [8, 4, 2, 1]

    def attempt(rung):
        if rung.batch > 1 or rung.checkpointing == "none":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return {"loss": 1.0, "checkpointing": rung.checkpointing}

    row = made.climb(rungs, attempt)
    assert row["checkpointing"] == "selective" and len(row["too_large"]) == 3
    assert made.climb(rungs[:3], attempt)["failed"] == "out of memory"

    def wrong(rung):
        raise RuntimeError("a tensor has another shape")

    with pytest.raises(RuntimeError, match="another shape"):
        made.climb(rungs, wrong)


def test_a_way_that_fails_does_not_take_the_others_along(bench, monkeypatch, tmp_path, capsys):
    def run(command, timeout, **_):
        name = command[command.index("--measure") + 1]
        if name == "no_packing":
            return subprocess.CompletedProcess(command, -9, "", "warning\nKilled\n")
        if name == "no_chunked_loss":
            raise subprocess.TimeoutExpired(command, timeout)
        figures = dict.fromkeys(("images_per_second", "samples_per_second", "tokens_per_second", "peak_gb"), 2.0)
        row = {**figures, "loss": 1.0, "flops_utilisation": 0.5, "warm_up_seconds": 1.0, "device": "a GPU"}
        return subprocess.CompletedProcess(command, 0, f"noise\n{json.dumps(row)}\n", "")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(bench.train_gpu, "surroundings", lambda *packages: {"commit": ""})
    out = tmp_path / "figures.json"
    bench.train_gpu.main(["--tiny", "--limit", "40", "--out", str(out)])
    found = json.loads(out.read_text())
    assert found["ways"]["all"]["loss"] == 1.0 and found["device"] == "a GPU"
    assert found["ways"]["no_packing"] == {"failed": "exit code -9: Killed"}
    assert found["ways"]["no_chunked_loss"] == {"failed": "not done after 40 seconds"}
    assert "50.0% of the peak" in capsys.readouterr().out
    bench.train_gpu.main(["--tiny", "--minutes", "0.1", "--ways", "all", "--out", str(out)])
    assert json.loads(out.read_text())["ways"]["all"] == {"failed": "no time was left"}


@pytest.mark.slow
def test_a_way_in_a_process_of_its_own(bench):
    options = bench.train_gpu.parse(["--tiny", "--seconds", "0"])
    row = bench.train_gpu.measure_apart("all", options, 200)
    assert row["images_per_second"] > 0 and row["attention"] == "eager"


def test_ratios_are_to_the_faster_reference(bench):
    rows = {"all": 30.0, "reference": 10.0, "reference_keeping": 12.0}
    ways = {name: {"images_per_second": rate, "loss": 1.0} for name, rate in rows.items()}
    ways["reference"]["loss"] = 1.01
    report = {"ways": {**ways, "no_packing": {"failed": "out of memory"}}}
    bench.train_gpu.summarise(report)
    assert report["ratio_to_reference"] == {"all": 2.5, "reference": 0.833, "reference_keeping": 1.0}
    assert report["other_loss"] == {"reference": pytest.approx(0.01)}


def test_the_references_batch_has_one_shape_and_texts_without_pictures(bench):
    size = bench.train_gpu_data.TINY
    examples = [one for row in bench.train_gpu_data.make_rows(size) for one in row]
    place = next(i for i, one in enumerate(examples) if not one.images)
    some = [examples[place], *(one for one in examples if one.images)][:3]
    most = 1 + size.crop.max_crops
    batch = bench.reference.reference_training_batch(some, 514, most_crops=most, length=size.limit)
    assert batch["input_ids"].shape == batch["subsegment_ids"].shape == (3, size.limit)
    assert batch["images"].shape == (3, most, 16, 588)
    assert (batch["images"][0] == -1).all() and (batch["image_input_idx"][0] == -100).all()
    for row, one in enumerate(some):
        span = len(one)
        assert np.array_equal(batch["labels"][row, :span], one.labels)
        assert (batch["input_ids"][row, span:] == -1).all() and (batch["loss_masks"][row, span:] == 0).all()
        assert batch["subsegment_ids"][row, 0] == 10000
        places = batch["image_input_idx"][row]
        assert sorted(places[places >= 0].tolist()) == np.flatnonzero(one.input_ids == 514).tolist()
    alone = bench.reference.reference_training_batch(some[:1], 514, most_crops=most, length=size.limit)
    assert "images" not in alone


def test_the_full_size_is_what_it_is_said_to_be(bench):
    size = bench.train_gpu_data.FULL
    config = size.config()
    text = config.text_config
    assert (text.hidden_size, text.num_hidden_layers, text.intermediate_size) == (1536, 28, 8960)
    assert (text.num_attention_heads, text.num_key_value_heads, text.vocab_size) == (12, 2, 151_936)
    assert config.resolved_feature_layers == [21, 14] and config.residual_dropout == 0
    assert size.crop.max_crops == 12 and size.row_length == 8192
