"""Two processes are one: the same losses and weights, from each other's checkpoints too."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from safetensors.torch import load_file
from torch.distributed.checkpoint.api import CheckpointException

from openmolmo.core.config import override
from openmolmo.core.errors import ConfigError, DiskFullError
from openmolmo.core.runlog import read_jsonl
from openmolmo.data.loader import Loader
from openmolmo.model import load_model
from openmolmo.training import checkpoint
from openmolmo.training.build import build_model, build_processor, seed_step
from openmolmo.training.config import RunConfig
from openmolmo.training.loop import run
from openmolmo.training.parallel import shards
from openmolmo.training.parallel.config import ParallelConfig
from openmolmo.training.parallel.layers import prepare_layers
from openmolmo.training.parallel.world import ALONE

pytestmark = pytest.mark.timeout(600)  # one launch of several processes does most of it
HERE = Path(__file__).parent
BASE = ["accumulate=2", "loader.rows=2", "checkpoint_every=6", "steps=12"]
BLIND = [*BASE, "loader.rows=1", "loader.packing=false", "steps=8"]
BLIND += ["mixture.groups.0.sources.0.options.blind=" + json.dumps([i for i in range(50) if i % 3])]


LONG = [*BASE, "accumulate=4", "steps=6"]  # two batches of a step for each of two processes
FROM = [*BASE, "name=other", "steps=3"]
fsdp, ddp, groups = "parallel.mode=fsdp", "parallel.mode=ddp", ["parallel.mode=hsdp", "parallel.replicate=2"]


def settings_of(tokenizer: Path, settings: Sequence[str]) -> list[str]:
    # What a mixture's options may be called is known by their data set: they must be there to be overridden.
    return [f"tokenizer={tokenizer}", *settings]


def alone(tokenizer: Path, settings: Sequence[str], out: Path, *, resume: bool = False) -> Path:
    run(override(tiny.tiny(), settings_of(tokenizer, settings)), out, resume)
    return out


def together(folder: Path, tokenizer: Path, plan: list[dict[str, Any]], *, processes: int = 2) -> None:
    """Do the runs of ``plan`` by several processes."""
    for part in plan:
        part["settings"] = settings_of(tokenizer, part["settings"])
        part |= {key: str(folder / part[key]) for key in ("out", "begin") if key in part}
    path = folder / "plan.json"
    path.write_text(json.dumps(plan))
    path.with_suffix(".meeting").unlink(missing_ok=True)  # of an earlier plan: nobody would come there again
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(HERE / "world_job.py"), str(path), str(processes)],
        capture_output=True,
        text=True,
        timeout=600,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-6000:]


def before_its_end(whole: Path, out: Path) -> Path:
    """A copy of a run as it was after its first checkpoint."""
    shutil.copytree(whole, out)
    for name in ("step-12", "final"):
        shutil.rmtree(out / name)
    return out


def assert_same(out: Path, expected: Path, tolerance: float = 1e-5) -> None:
    rows, wanted = read_jsonl(out / "metrics.jsonl"), read_jsonl(expected / "metrics.jsonl")
    assert [row["step"] for row in rows] == [row["step"] for row in wanted]
    for row, want in zip(rows, wanted, strict=True):
        for key in ("loss", "ce", "z", "norm", "lr", "examples", "utilisation"):
            assert row[key] == pytest.approx(want[key], rel=tolerance, abs=tolerance), (out.name, row["step"], key)
    weights, wanted_weights = (load_file(path / "final/model.safetensors") for path in (out, expected))
    assert weights.keys() == wanted_weights.keys()
    for name, tensor in weights.items():
        torch.testing.assert_close(tensor, wanted_weights[name], rtol=10 * tolerance, atol=10 * tolerance, msg=name)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, tokenizer: Path) -> Path:
    """The same run in many ways: by one process, by two, begun by one and ended by two ..."""
    folder = tmp_path_factory.mktemp("runs")
    whole = alone(tokenizer, BASE, folder / "one")
    before_its_end(whole, folder / "one-then-fsdp")
    tied = alone(tokenizer, [*BASE, "steps=1", "model=tiny_tied"], folder / "tied")
    alone(tokenizer, [*FROM, f"init_from={tied / 'final'}"], folder / "one-from-tied")
    broken = f"mixture.groups.0.sources.0.options.broken={json.dumps(list(range(3, 50)))}"
    plan: list[dict[str, Any]] = [
        {"out": "fsdp", "settings": [*BASE, fsdp]},
        {"out": "ddp", "settings": [*BASE, ddp]},
        {"out": "one-then-fsdp", "settings": [*BASE, fsdp], "resume": True},
        {"out": "fsdp-then-ddp", "settings": [*BASE, ddp], "begin": "fsdp", "resume": True},
        {"out": "from-tied", "settings": [*FROM, fsdp, f"init_from={tied / 'final'}"]},
        {"out": "broken", "settings": [*BASE, fsdp, broken, "loader.max_skipped=2"]},
        {"out": "stopped", "settings": [*BASE, fsdp], "stop": 4},
        {"out": "none", "settings": BASE},
        {"out": "odd", "settings": [*BASE, fsdp, "accumulate=3"]},
        {"out": "groups", "settings": [*BASE, "parallel.mode=hsdp", "parallel.replicate=3"]},
    ]
    together(folder, tokenizer, plan)
    return folder


@pytest.fixture(scope="module")
def more_runs(runs: Path, tokenizer: Path) -> Path:
    """The ways that differ from those of ``runs`` in one thing more: for the tests that may take minutes."""
    whole = runs / "one"
    before_its_end(whole, runs / "one-then-ddp")
    alone(tokenizer, [*FROM, f"init_from={whole / 'final'}"], runs / "one-from-model")
    alone(tokenizer, BLIND, runs / "one-blind")
    alone(tokenizer, LONG, runs / "one-long")
    plan: list[dict[str, Any]] = [
        {"out": "hsdp", "settings": [*BASE, *groups]},
        {"out": "long-ddp", "settings": [*LONG, ddp]},
        {"out": "blind-fsdp", "settings": [*BLIND, fsdp]},
        {"out": "full", "settings": [*BASE, fsdp, "parallel.checkpointing=full", "parallel.async_save=true"]},
        {"out": "selective", "settings": [*BASE, ddp, "parallel.checkpointing=selective", "parallel.async_save=true"]},
        {"out": "one-then-ddp", "settings": [*BASE, ddp], "resume": True},
        {"out": "fsdp-then-fsdp", "settings": [*BASE, fsdp], "begin": "fsdp", "resume": True},
        {"out": "from-model", "settings": [*FROM, fsdp, f"init_from={whole / 'final'}"]},
        {"out": "long-groups", "settings": [*LONG, *groups, "parallel.reduce=batch"]},
        {"out": "blind-ddp", "settings": [*BLIND, ddp]},
        {"out": "long-fsdp", "settings": [*LONG, fsdp]},
        {"out": "long-each", "settings": [*LONG, fsdp, "parallel.reduce=batch"]},
    ]
    together(runs, tokenizer, plan)
    return runs


@pytest.mark.slow
def test_more_ways_of_two_processes_are_one(more_runs: Path) -> None:
    for name in ("long-ddp", "long-fsdp", "long-each", "long-groups"):
        assert_same(more_runs / name, more_runs / "one-long")
    for name in ("hsdp", "full", "selective", "one-then-ddp", "fsdp-then-fsdp"):
        assert_same(more_runs / name, more_runs / "one")
    assert_same(more_runs / "from-model", more_runs / "one-from-model")
    assert_same(more_runs / "blind-ddp", more_runs / "one-blind")
    assert not load_model(more_runs / "from-model/final").config.text_config.tie_word_embeddings


@pytest.mark.parametrize("name", ["fsdp", "ddp"])
def test_two_processes_are_one(runs: Path, name: str) -> None:
    assert_same(runs / name, runs / "one")
    weights = [row["ce"] for row in read_jsonl(runs / "one/metrics.jsonl")]
    assert weights[-1] < 0.95 * weights[0]
    assert load_model(runs / name / "final").decoder is not None
    left = {path.name for path in (runs / name).iterdir()}
    assert left == {"config.json", "metrics.jsonl", "final", "step-6", "step-12"}


@pytest.mark.parametrize("name", ["one-then-fsdp", "fsdp-then-ddp"])
def test_two_processes_end_what_one_or_two_began(runs: Path, name: str) -> None:
    assert_same(runs / name, runs / "one")


def test_two_processes_start_from_a_model_as_one_does(runs: Path) -> None:
    assert_same(runs / "from-tied", runs / "one-from-tied")
    assert load_model(runs / "from-tied/final").config.text_config.tie_word_embeddings


def test_what_one_process_cannot_read_ends_all(runs: Path) -> None:
    told = [(runs / f"broken.{rank}.txt").read_text() for rank in range(2)]
    assert all(words.startswith("1 ") for words in told)
    assert any("more than max_skipped=2" in words and " False " in words for words in told)


@pytest.mark.parametrize("name", ["fsdp", "ddp"])
def test_one_process_ends_what_two_began(runs: Path, tokenizer: Path, name: str) -> None:
    out = before_its_end(runs / name, runs / f"{name}-then-one")
    assert checkpoint.is_sharded(out / "step-6") == (name != "ddp")
    alone(tokenizer, [*BASE, "parallel.mode=none"], out, resume=True)
    assert_same(out, runs / "one")


@pytest.mark.slow
def test_one_process_ends_what_groups_of_two_began(more_runs: Path, tokenizer: Path) -> None:
    test_one_process_ends_what_two_began(more_runs, tokenizer, "hsdp")


@pytest.mark.slow
def test_a_process_without_pictures_keeps_up(more_runs: Path) -> None:
    assert_same(more_runs / "blind-fsdp", more_runs / "one-blind")
    norms = [row["norm"]["encoder"] for row in read_jsonl(more_runs / "blind-fsdp/metrics.jsonl")]
    assert min(norms) == 0 < max(norms)  # there were steps with no picture at all


def test_one_process_asked_to_stop_stops_all_and_nothing_is_lost(runs: Path, tokenizer: Path) -> None:
    told = [(runs / f"stopped.{rank}.txt").read_text() for rank in range(2)]
    assert told[0].startswith("143 False stopped by SIGTERM after step 4 of 12; it is saved")
    assert told[1].startswith("143 True")
    assert checkpoint.newest_whole(runs / "stopped")[0] == runs / "stopped/step-4"
    alone(tokenizer, [*BASE, "parallel.mode=none"], runs / "stopped", resume=True)
    assert_same(runs / "stopped", runs / "one")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none", "2 processes were started, and parallel.mode=none is for one"),
        ("odd", "accumulate=3 batches a step cannot be dealt out to 2 processes"),
        ("groups", "parallel.replicate=3 groups cannot be made of 2 processes"),
    ],
)
def test_impossible_worlds_are_refused(runs: Path, name: str, words: str) -> None:
    told = [(runs / f"{name}.{rank}.txt").read_text() for rank in range(2)]
    assert words in told[0] and told[0].startswith("1 False") and told[1].startswith("1 True")  # printed once
    assert not (runs / name).exists()


@pytest.mark.slow  # the same as above by the real launcher and command
def test_sigterm_to_the_launcher_saves(tokenizer: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "openmolmo"]
    settings = settings_of(tokenizer, [*BASE, "steps=5000", "checkpoint_every=5000", "parallel.mode=fsdp"])
    command += ["train", f"{HERE / 'tiny.py'}:tiny", *settings, "--out", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    log, deadline = out / "metrics.jsonl", time.monotonic() + 200
    while (len(read_jsonl(log)) if log.exists() else 0) < 3:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()[1]
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    said, errors = process.communicate(timeout=100)
    newest, damaged = checkpoint.newest_whole(out)
    assert newest is not None and not damaged and checkpoint.is_sharded(newest)
    step = int(newest.name.removeprefix("step-"))
    assert errors.count(f"stopped by SIGTERM after step {step} of 5000; it is saved") == 1  # by one process only
    assert [row["step"] for row in read_jsonl(log)] == list(range(1, step + 1))
    assert process.returncode != 0 and said == ""


@pytest.mark.parametrize("mode", ["full", "selective"])
def test_layers_that_are_computed_anew_give_the_same_gradients(config: RunConfig, mode: str) -> None:
    batch = next_batch(config)
    gradients = []
    for checkpointing in ("none", mode):
        model = build_model(config, build_processor(config))
        prepare_layers(model, ParallelConfig(checkpointing=checkpointing))
        seed_step(0, 1)
        model(**batch).loss.backward()  # with dropout
        gradients.append({name: p.grad for name, p in model.named_parameters()})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=0, atol=0, msg=name)


@pytest.mark.slow
def test_compiled_layers_give_the_same_loss(config: RunConfig) -> None:
    batch = next_batch(config)
    config = override(config, ["dropout.residual=0"])
    losses = []
    for compiled in (False, True):
        model = build_model(config, build_processor(config))
        prepare_layers(model, ParallelConfig(compile=compiled, checkpointing="full" if compiled else "none"))
        losses.append(model(**batch).loss)
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-5, atol=1e-5)


def next_batch(config: RunConfig) -> dict[str, torch.Tensor]:
    with Loader(config.mixture, build_processor(config), config.loader, seed=0) as loader:
        return loader.next().tensors


def test_a_full_disk_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*_: Any, **__: Any) -> None:
        raise CheckpointException("write", {1: (OSError(28, "No space left on device"), None)})

    monkeypatch.setattr(shards, "save", fill)
    with pytest.raises(DiskFullError, match="no space left while writing"):
        shards.write_shards({}, tmp_path / "shards", ALONE)


def test_sharded_matrices_and_muon_exclude_each_other(config: RunConfig) -> None:
    with pytest.raises(ConfigError, match=r"optimizer.matrices=muon .* parallel.mode=fsdp"):
        override(config, ["optimizer.matrices=muon", "parallel.mode=fsdp"])
    with pytest.raises(ConfigError, match=r"parallel.replicate=2 means nothing with parallel.mode=none"):
        override(config, ["parallel.replicate=2"])
