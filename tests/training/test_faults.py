"""What may happen to a run, and must not cost it anything: kills, damaged files, full disks, bad numbers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from test_resume import stop_after, trace

from openmolmo.core.errors import DiskFullError, RunError, StoppedError
from openmolmo.core.files import disk_full_as_error
from openmolmo.core.runlog import RunLog, read_jsonl
from openmolmo.model.loss import OutputHead
from openmolmo.training import checkpoint, loop
from openmolmo.training.config import RunConfig
from openmolmo.training.loop import run

HERE = Path(__file__).parent


def kill_rounds(folder: Path, config: RunConfig, rounds: int) -> None:
    """Raises unless every round had at least its first attempt killed, and ended as if nothing had happened."""
    command = [sys.executable, str(HERE / "kill_rounds.py"), str(folder), str(config.tokenizer), str(rounds), "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3000, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    said = re.fullmatch(rf"(\d+) kills in {rounds} rounds, at random among (\d+) points\n", done.stdout)
    assert said is not None, done.stdout
    # A second kill may fall behind the end of what is left of the run; the first one cannot.
    assert rounds <= int(said[1]) <= 2 * rounds and int(said[2]) > 50, done.stdout


@pytest.mark.slow  # by default, test_resume.py kills a run once
def test_kill_9_at_random_points_costs_nothing(config: RunConfig, tmp_path: Path) -> None:
    rounds = int(os.environ.get("OPENMOLMO_TEST_ROUNDS", "1"))
    kill_rounds(tmp_path, config, rounds)


@pytest.mark.slow
def test_kill_9_in_fifty_rounds(config: RunConfig, tmp_path: Path) -> None:
    kill_rounds(tmp_path, config, 50)


def truncate(folder: Path) -> None:
    with (folder / "run/optimizer.pt").open("r+b") as stream:
        stream.truncate(1000)


def flip_a_byte(folder: Path) -> None:
    with (folder / "model.safetensors").open("r+b") as stream:
        stream.seek(-5, os.SEEK_END)
        byte = stream.read(1)
        stream.seek(-1, os.SEEK_CUR)
        stream.write(bytes([byte[0] ^ 0x10]))


def lose_the_list(folder: Path) -> None:
    (folder / "files.json").unlink()


def spoil_the_list(folder: Path) -> None:
    (folder / "files.json").write_text('{"config.json": ')


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (truncate, "run/optimizer.pt has 1,000 bytes of"),
        (flip_a_byte, "the content of model.safetensors is not what was written"),
        (lose_the_list, "it has no files.json, so it was not written to its end"),
        (spoil_the_list, "files.json cannot be read"),
    ],
)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    damage: Callable[[Path], None],
    words: str,
    config: RunConfig,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, config = tmp_path / "run", config.replace(steps=6, checkpoint_every=2)
    run(config, out)
    expected = trace(out)
    damage(out / "step-6")
    capsys.readouterr()
    run(config, out, resume=True)
    said = " ".join(capsys.readouterr().err.split())
    assert f"step-6 is damaged: {words}" in said and "going on from step-4" in said
    assert trace(out) == expected
    assert checkpoint.newest_whole(out) == (out / "step-6", {})
    assert (out / "step-6.damaged").is_dir()


def test_with_all_checkpoints_damaged_nothing_is_thrown_away(config: RunConfig, tmp_path: Path) -> None:
    out, config = tmp_path / "run", config.replace(steps=2, checkpoint_every=2)
    run(config, out)
    truncate(out / "step-2")
    before = (out / "metrics.jsonl").read_bytes()
    with pytest.raises(RunError, match=r"no checkpoint in .* is whole \(step-2\)"):
        run(config, out, resume=True)
    assert (out / "metrics.jsonl").read_bytes() == before and (out / "step-2").is_dir()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_run_ends_with_the_code_of_its_signal(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    from openmolmo import cli

    stop_after(monkeypatch, 1, lambda: os.kill(os.getpid(), number))
    words = ["train", f"{HERE / 'tiny.py'}:tiny", f"tokenizer={config.tokenizer}", "--out", str(tmp_path / "run")]
    monkeypatch.setattr(sys, "argv", ["openmolmo", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == code
    assert checkpoint.latest(tmp_path / "run") == tmp_path / "run/step-1"


def spoil_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    forward = OutputHead.forward

    def spoiled(head: OutputHead, *arguments: Any) -> Any:
        sums = forward(head, *arguments)
        return sums._replace(ce=sums.ce * torch.nan)

    monkeypatch.setattr(OutputHead, "forward", spoiled)


def spoil_the_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is backpropagated is no number, what is logged is."""
    monkeypatch.setattr(loop, "micro_loss", lambda output, *_: output.ce_sum * torch.nan)


@pytest.mark.parametrize(
    ("spoil", "what"),
    [(spoil_the_loss, "loss is nan"), (spoil_the_gradients, "gradient norm of the encoder is nan")],
)
def test_a_loss_or_gradient_that_is_no_number_leaves_the_names_of_its_examples(
    spoil: Callable[[pytest.MonkeyPatch], None],
    what: str,
    config: RunConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spoil(monkeypatch)
    with pytest.raises(RunError, match=rf"the {what} at step 1 .*nan_step-1.json"):
        run(config, tmp_path / "run")
    report = json.loads((tmp_path / "run/nan_step-1.json").read_text())
    (rows,) = report["batches"]
    examples = [example for row in rows for example in row]
    assert report["step"] == 1 and report["what"] == what
    assert all(example["source"] == "squares" and 0 <= example["index"] < 50 for example in examples)
    assert len({example["position"] for example in examples}) == len(examples) >= 4


def test_a_full_disk_is_told_by_the_log_too(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "log.jsonl")
    log.write(step=1)
    log._stream.close()
    log._stream = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115
    with pytest.raises(DiskFullError, match="no space left while writing"), log:
        log.write(step=2)
    with pytest.raises(DiskFullError), disk_full_as_error(tmp_path):
        raise OSError(28, "No space left on device")
    assert [row["step"] for row in read_jsonl(tmp_path / "log.jsonl")] == [1]


def test_the_error_of_a_stop_crosses_processes_whole() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(StoppedError("stopped", signal=15, fix="go on")))
    assert (str(error), error.exit_code) == ("stopped\n  -> go on", 143)
