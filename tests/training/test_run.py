"""What a run leaves behind, and what stops it."""

from __future__ import annotations

import errno
import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from openmolmo.core.config import override
from openmolmo.core.errors import CheckpointError, ConfigError, DataError, DiskFullError, RunError
from openmolmo.core.runlog import read_jsonl
from openmolmo.model import load_model
from openmolmo.prompting.processor import Processor
from openmolmo.training import checkpoint, loop
from openmolmo.training.config import RunConfig
from openmolmo.training.loop import run


@pytest.mark.usefixtures("with_curves")
def test_a_run_learns_and_leaves_a_loadable_model(config: RunConfig, tmp_path: Path) -> None:
    final = run(config.replace(steps=60), tmp_path / "run")
    rows = read_jsonl(tmp_path / "run/metrics.jsonl")
    assert [row["step"] for row in rows] == list(range(1, 61))
    assert rows[-1]["ce"] < 0.6 * rows[0]["ce"]
    assert all(0 < row["utilisation"] <= 1 and row["examples_per_s"] > 0 and row["wait"] >= 0 for row in rows)
    assert rows[-1]["examples"] > 60 * 4
    assert rows[3]["lr"].keys() == rows[3]["norm"].keys() == {"encoder", "connector", "llm"}
    assert (tmp_path / "run/curves.png").read_bytes().startswith(b"\x89PNG")
    assert not any(path.name == "run" for path in final.iterdir())
    trained, processor = load_model(final), Processor.from_pretrained(final)
    assert processor.crop == config.crop
    newest = checkpoint.latest(tmp_path / "run")
    assert newest is not None
    for name, parameter in load_model(newest).named_parameters():
        assert torch.equal(parameter, trained.get_parameter(name))


def test_checkpoints_are_pruned_and_tell_where_they_come_from(config: RunConfig, tmp_path: Path) -> None:
    run(config, tmp_path / "run")
    assert [path.name for path in checkpoint.checkpoints(tmp_path / "run")] == ["step-18", "step-20"]
    state, tensors = checkpoint.load_state(tmp_path / "run/step-20")
    assert state["fingerprints"] == {"squares": "squares-50"}
    assert state["config"]["loader"]["row_length"] == 128
    assert {"openmolmo", "commit", "torch", "transformers", "python", "numpy"} == state["code"].keys()
    assert tensors.keys() == {"optimizer", "torch_rng"}
    assert json.loads((tmp_path / "run/config.json").read_text()) == state["config"]


def test_the_seed_decides(config: RunConfig, tmp_path: Path) -> None:
    losses = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run(config.replace(steps=3, seed=seed), tmp_path / name)
        losses.append([row["loss"] for row in read_jsonl(tmp_path / name / "metrics.jsonl")])
    assert losses[0] == losses[1] != losses[2]


def test_the_second_stage_starts_from_the_first(config: RunConfig, tmp_path: Path) -> None:
    first = run(config.replace(steps=60), tmp_path / "first")
    second = config.replace(name="second", init_from=str(first), tokenizer=None, steps=2)
    run(second, tmp_path / "second")
    before = read_jsonl(tmp_path / "first/metrics.jsonl")
    after = read_jsonl(tmp_path / "second/metrics.jsonl")
    assert after[0]["ce"] < 0.6 * before[0]["ce"]
    with pytest.raises(CheckpointError, match="no checkpoint folder"):
        run(second.replace(init_from=str(tmp_path / "nowhere")), tmp_path / "third")
    with pytest.raises(CheckpointError, match=r"no config.json"):
        run(second.replace(init_from=str(tmp_path)), tmp_path / "fourth")


def test_a_loss_that_is_not_a_number_stops_the_run(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poisoned(output: Any, weight: float, z_loss: float) -> torch.Tensor:
        calls.append(weight)
        if len(calls) == 9:
            output.ce_sum = output.ce_sum * float("nan")
        return (output.ce_sum + z_loss * output.z_sum) / weight

    calls: list[float] = []
    monkeypatch.setattr(loop, "micro_loss", poisoned)
    with pytest.raises(RunError, match=r"the loss is nan at step 9 .*the last good checkpoint is .*step-6"):
        run(config, tmp_path / "run")
    newest = checkpoint.latest(tmp_path / "run")
    assert newest is not None and newest.name == "step-6"
    assert all(bool(p.isfinite().all()) for p in load_model(newest).parameters())


def test_a_full_disk_keeps_the_last_checkpoint_and_nothing_half_written(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = torch.save

    def fill(tensors: Any, stream: Any) -> None:
        saves.append(1)
        if len(saves) < 2:
            save(tensors, stream)
        else:
            with Path("/dev/full").open("wb") as full:
                save(tensors, full)

    saves: list[int] = []
    monkeypatch.setattr(torch, "save", fill)
    with pytest.raises(DiskFullError, match=r"no space left while writing .*step-12"):
        run(config, tmp_path / "run")
    kept = {path.name for path in (tmp_path / "run").iterdir()}
    assert kept == {"config.json", "metrics.jsonl", "step-6"}
    monkeypatch.undo()
    run(config, tmp_path / "run", resume=True)


def test_a_disk_that_fills_up_inside_the_optimisers_states_is_full_too(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = torch.save

    class Small(io.BytesIO):
        def write(self, data: Any) -> int:
            if self.tell() + len(data) > 50_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    monkeypatch.setattr(torch, "save", lambda tensors, _: save(tensors, Small()))
    with pytest.raises(DiskFullError, match=r"no space left while writing .*step-6"):
        run(config, tmp_path / "run")


def test_skipped_examples_are_written_down(
    config: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = override(config, ["mixture.groups.0.sources.0.options.broken=[3,4]"])
    run(broken, tmp_path / "run")
    rows = read_jsonl(tmp_path / "run/skipped.jsonl")
    assert {row["index"] for row in rows} == {3, 4}
    assert all(row["source"] == "squares" and "a broken square" in row["error"] for row in rows)
    told = capsys.readouterr().err
    assert told.count("an example of squares could not be used") == 1
    assert f"examples that could not be used: 2, met {len(rows)} times" in told
    with pytest.raises(DataError, match="more than max_skipped=0"):
        run(override(broken, ["loader.max_skipped=0"]), tmp_path / "strict")
    assert read_jsonl(tmp_path / "strict/skipped.jsonl")  # what stopped it is listed too


def test_wrong_partners_are_refused(config: RunConfig, tmp_path: Path) -> None:
    first = run(config.replace(steps=1), tmp_path / "first")
    with pytest.raises(ConfigError, match="<im_patch> is token 302 for the model"):
        run(config.replace(init_from=str(first), tokenizer=None).replace(tokenizer=_other(tmp_path)), tmp_path / "x")
    with pytest.raises(CheckpointError, match=r"no tokenizer.json"):
        run(config.replace(tokenizer=str(tmp_path)), tmp_path / "y")


def _other(folder: Path) -> str:
    from openmolmo.prompting.tokenizer import train_bpe

    train_bpe(["some words"] * 5, 310).save_pretrained(folder / "other")
    return str(folder / "other")


def test_impossible_runs_are_refused(config: RunConfig) -> None:
    for field in ("steps", "accumulate", "checkpoint_every", "keep"):
        with pytest.raises(ConfigError, match=f"{field}=0 must be at least 1"):
            config.replace(**{field: 0})
