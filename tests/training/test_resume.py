"""A run that was stopped, in whatever way, goes on as if it had not been."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from openmolmo.core.config import override
from openmolmo.core.errors import ConfigError, DataError, RunError
from openmolmo.core.runlog import read_jsonl
from openmolmo.data import SOURCES, Source
from openmolmo.training import checkpoint, loop
from openmolmo.training.config import RunConfig
from openmolmo.training.loop import run

RECIPE = Path(__file__).with_name("tiny.py")
SAME = ("step", "loss", "ce", "z", "lr", "norm", "examples", "utilisation")


def trace(out: Path) -> list[dict[str, Any]]:
    return [{key: row[key] for key in SAME} for row in read_jsonl(out / "metrics.jsonl")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tokenizer: Path) -> Path:
    """A run without interruption."""
    import tiny

    out = tmp_path_factory.mktemp("whole") / "run"
    run(tiny.tiny().replace(tokenizer=str(tokenizer)), out)
    return out


def stop_after(monkeypatch: pytest.MonkeyPatch, step: int, action: Any) -> None:
    take = loop.Trainer.take_step

    def take_and_act(trainer: loop.Trainer) -> dict[str, Any]:
        metrics = take(trainer)
        if trainer.step == step:
            action()
        return metrics

    monkeypatch.setattr(loop.Trainer, "take_step", take_and_act)


def test_kill_9_and_resume_gives_the_trace_of_an_uninterrupted_run(
    whole: Path, config: RunConfig, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    settings = [f"tokenizer={config.tokenizer}", "loader.workers=1", "--out", str(out)]
    program = [sys.executable, "-c", "from openmolmo.cli import main; main()"]
    command = [*program, "train", f"{RECIPE}:tiny", *settings]
    reads = trace(whole)[16]["examples"]  # it cannot come to its end before it is killed
    environment = {**os.environ, "OPENMOLMO_TEST_READS": str(reads)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    log, deadline = out / "metrics.jsonl", time.monotonic() + 220
    while (len(read_jsonl(log)) if log.exists() else 0) < 9:
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert not (out / "final").exists()
    killed = trace(out)
    assert 9 <= len(killed) < 20
    run(config, out, resume=True)
    assert trace(out) == trace(whole)
    assert trace(out)[: len(killed)] == killed
    assert (out / "final/model.safetensors").read_bytes() == (whole / "final/model.safetensors").read_bytes()


def test_resume_works_from_any_saved_moment(
    whole: Path, config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill() -> None:
        raise Killed

    for step in (1, 6, 13):  # before the first checkpoint, at one, between two
        out = tmp_path / str(step)
        with monkeypatch.context() as patch, pytest.raises(Killed):
            stop_after(patch, step, kill)
            run(config, out)
        run(config, out, resume=True)
        assert trace(out) == trace(whole)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_leaves(
    whole: Path, config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    with monkeypatch.context() as patch, pytest.raises(RunError, match="after step 8 of 20; it is saved"):
        stop_after(patch, 8, lambda: os.kill(os.getpid(), number))
        run(config, tmp_path / "run")
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    newest = checkpoint.latest(tmp_path / "run")
    assert newest is not None and newest.name == "step-8"
    run(config, tmp_path / "run", resume=True)
    assert trace(tmp_path / "run") == trace(whole)


def test_a_signal_to_every_process_of_a_run_saves_and_leaves(
    whole: Path, config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Slurm stops a job: the loader's processes get the signal too."""

    def stop_all() -> None:
        for process in multiprocessing.active_children():
            assert process.pid is not None
            os.kill(process.pid, signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)

    config = config.replace(loader=config.loader.replace(workers=1))
    with monkeypatch.context() as patch, pytest.raises(RunError, match="after step 8 of 20; it is saved"):
        stop_after(patch, 8, stop_all)
        run(config, tmp_path / "run")
    run(config, tmp_path / "run", resume=True)
    assert trace(tmp_path / "run") == trace(whole)


def test_a_damaged_checkpoint_is_passed_over(whole: Path, config: RunConfig, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(whole, out)
    assert [path.name for path in checkpoint.checkpoints(out)] == ["step-18", "step-20"]
    with (out / "step-20/model.safetensors").open("r+b") as stream:
        stream.truncate(100)
    assert [path.name for path in checkpoint.checkpoints(out)] == ["step-18"]
    shutil.rmtree(out / "final")
    run(config, out, resume=True)
    assert trace(out) == trace(whole)
    assert (out / "final/model.safetensors").read_bytes() == (whole / "final/model.safetensors").read_bytes()


def test_workers_and_threads_may_change_on_resume_but_nothing_else(
    whole: Path, config: RunConfig, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    shutil.copytree(whole, out)
    run(override(config, ["loader.workers=2", "keep=5"]), out, resume=True)
    with pytest.raises(ConfigError, match=r"optimizer.llm.lr: 0.003 before, 0.1 now"):
        run(override(config, ["optimizer.llm.lr=0.1"]), out, resume=True)
    with pytest.raises(ConfigError, match=r"options.count: 50 before, 60 now"):
        run(override(config, ["mixture.groups.0.sources.0.options.count=60"]), out, resume=True)


def test_changed_data_are_noticed(
    whole: Path, config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    shutil.copytree(whole, out)
    opened = SOURCES.get("squares")

    def changed(**options: Any) -> Source:
        source = opened(**options)
        source.fingerprint = "other"  # type: ignore[misc]
        return source

    # By its registered name: the recipe file may have been read once more by another test.
    monkeypatch.setitem(SOURCES._local, "squares", changed)
    with pytest.raises(DataError, match="'squares' has changed since the checkpoint: fingerprint squares-50 then"):
        run(config, out, resume=True)


def test_a_folder_in_use_is_left_alone(config: RunConfig, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="is not empty"):
        run(config, tmp_path)
    with pytest.raises(RunError, match="is a file"):
        run(config, tmp_path / "notes.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
