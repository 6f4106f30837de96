"""What a run writes beside its weights: checksums, incidents, curves, cards; and which parts it leaves alone."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from openmolmo.core.errors import ConfigError, DataError, MissingDependencyError
from openmolmo.core.runlog import read_jsonl
from openmolmo.data.streams import Skipped
from openmolmo.training import plot
from openmolmo.training.card import write_card
from openmolmo.training.checksums import SEAL, fault_of, has_all_sizes, hash_files, write_checksums
from openmolmo.training.freeze import FROZEN_PARTS, freeze, frozen_names
from openmolmo.training.incidents import tell_skipped, too_many_skipped, write_nan_report, write_skipped
from openmolmo.training.metrics import Bar, cut_log
from openmolmo.training.pacing import Pacing
from openmolmo.training.schedule import rate_factor

# --------------------------------------------------------------------------------------- checksums


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint"
    (folder / "optimiser").mkdir(parents=True)
    (folder / "weights.bin").write_bytes(bytes(range(256)) * 4)
    (folder / "optimiser" / "state.bin").write_bytes(b"state")
    (folder / "empty").write_bytes(b"")
    write_checksums(folder)
    return folder


def test_what_was_written_is_whole(saved: Path) -> None:
    assert fault_of(saved) is None and has_all_sizes(saved)
    listed = json.loads((saved / SEAL).read_text())
    assert sorted(listed) == ["empty", "optimiser/state.bin", "weights.bin"]
    assert listed["weights.bin"]["bytes"] == 1024 and len(listed["empty"]["sha256"]) == 64


@given(st.integers(0, 8 * 1024 - 1))
@settings(max_examples=25, deadline=None)
def test_any_flipped_bit_is_found(bit: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "weights.bin"
        path.write_bytes(bytes(1024))
        write_checksums(Path(name))
        content = bytearray(1024)
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        assert has_all_sizes(Path(name))  # the quick look reads nothing
        assert fault_of(Path(name)) == "the content of weights.bin is not what was written"


def test_a_missing_or_cut_file_is_named_before_any_is_hashed(saved: Path) -> None:
    def never(folder: Path, names: list[str]) -> dict[str, str]:
        raise AssertionError("nothing is to be read")

    (saved / "optimiser" / "state.bin").write_bytes(b"sta")
    assert fault_of(saved, never) == "optimiser/state.bin has 3 bytes of 5" and not has_all_sizes(saved)
    (saved / "optimiser" / "state.bin").unlink()
    assert fault_of(saved, never) == "optimiser/state.bin is missing"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "it has no files.json, so it was not written to its end"),
        ("{", "files.json cannot be read"),
        ("[1]", "files.json does not list files"),
        ('{"a": "b"}', "files.json does not list files"),
        ('{"a": {"bytes": 1}}', "files.json does not list files"),
    ],
)
def test_a_damaged_list_is_a_damaged_checkpoint(saved: Path, text: str | None, said: str) -> None:
    (saved / SEAL).unlink()
    if text is not None:
        (saved / SEAL).write_text(text)
    assert said in (fault_of(saved) or "") and not has_all_sizes(saved)


def test_lists_of_sizes_alone_are_of_older_checkpoints(saved: Path) -> None:
    (saved / SEAL).write_text(json.dumps({"weights.bin": 1024}))
    assert fault_of(saved) is None and has_all_sizes(saved)
    (saved / SEAL).write_text(json.dumps({"weights.bin": 1025}))
    assert fault_of(saved) == "weights.bin has 1,024 bytes of 1,025"


def test_hashes_may_come_from_others(saved: Path) -> None:
    shared: list[str] = []

    def elsewhere(folder: Path, names: list[str]) -> dict[str, str]:
        shared.extend(names)
        return hash_files(folder, names)

    assert fault_of(saved, elsewhere) is None
    assert sorted(shared) == ["empty", "optimiser/state.bin", "weights.bin"]


# ------------------------------------------------------------------------------------------ freeze


class Toy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.encoder2, self.connector = (nn.Linear(2, 2) for _ in range(3))
        self.decoder = nn.ModuleDict({"layers": nn.ModuleList(nn.Linear(2, 2) for _ in range(12))})


def left(model: nn.Module) -> set[str]:
    return {name for name, parameter in model.named_parameters() if not parameter.requires_grad}


def test_a_part_is_frozen_and_no_other_that_begins_like_it() -> None:
    model = Toy()
    freeze(model, ["encoder", "decoder.layers.1"])
    assert left(model) == {f"{part}.{name}" for part in ("encoder", "decoder.layers.1") for name in ("weight", "bias")}
    model.connector(torch.ones(1, 2)).sum().backward()
    assert model.connector.weight.grad is not None


def test_one_parameter_can_be_named_whole() -> None:
    model = Toy()
    freeze(model, ["connector.bias"])
    assert left(model) == {"connector.bias"}
    freeze(model, [])
    assert left(model) == {"connector.bias"}


def test_what_names_nothing_is_refused_before_anything_is_frozen() -> None:
    model = Toy()
    with pytest.raises(ConfigError, match=r"freeze='deco' is no part of the model\n.*encoder, connector, llm"):
        freeze(model, ["encoder", "deco"])
    assert left(model) == set()
    with pytest.raises(ConfigError, match="'head'"):
        frozen_names(["encoder.weight"], ["head"])


def test_parts_hold_what_they_say() -> None:
    names = ["encoder.x", "connector.y", "embedding.extra", "embedding.base.weight", "decoder.z", "lm_head.weight"]
    assert frozen_names(names, ["llm"]) == {"embedding.base.weight", "decoder.z", "lm_head.weight"}
    assert frozen_names(names, ["connector"]) == {"connector.y", "embedding.extra"}
    assert frozen_names(names, ["encoder", "connector", "llm"]) == set(names)
    assert set(FROZEN_PARTS) == {"encoder", "connector", "llm", "embedding", "head"}


# --------------------------------------------------------------------------------------- incidents


def skips(*places: int) -> list[Skipped]:
    return [Skipped(position=i, source="set", index=place, error=f"broken {place}") for i, place in enumerate(places)]


def test_skipped_examples_are_listed_and_the_first_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_skipped(tmp_path, 3, skips(7, 9))
    assert "an example of set could not be used: broken 7" in capsys.readouterr().err.replace("\n", " ")
    write_skipped(tmp_path, 4, skips(7))
    assert capsys.readouterr().err == ""
    rows = read_jsonl(tmp_path / "skipped.jsonl")
    assert [(row["step"], row["index"], row["error"]) for row in rows] == [
        (3, 7, "broken 7"),
        (3, 9, "broken 9"),
        (4, 7, "broken 7"),
    ]
    tell_skipped(tmp_path)
    assert "could not be used: 2, met 3 times" in capsys.readouterr().err.replace("\n", " ")


def test_a_run_without_faults_says_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tell_skipped(tmp_path)
    assert capsys.readouterr().err == ""


def test_too_many_is_more_than_allowed() -> None:
    assert too_many_skipped(5, 5, True) is None
    error = too_many_skipped(6, 5, False)
    assert error is not None and error.quiet and "6 examples could not be used, more than max_skipped=5" in str(error)
    shown = too_many_skipped(1, 0, True)
    assert shown is not None and not shown.quiet


def test_a_report_on_a_loss_that_is_no_number(tmp_path: Path) -> None:
    path = write_nan_report(tmp_path, 12, "the loss is nan", [[[{"source": "é", "index": 3}]]])
    assert path.name == "nan_step-12.json"
    assert json.loads(path.read_text(encoding="utf-8"))["batches"] == [[[{"source": "é", "index": 3}]]]


# ------------------------------------------------------------------------------------ log and curves


def log_of(path: Path, steps: int, **more: object) -> Path:
    rows = [{"step": i, "loss": 1 / i, "lr": {"llm": 0.1}, "norm": {"llm": 1.0}, **more} for i in range(1, steps + 1)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_curves_are_a_picture(tmp_path: Path) -> None:
    for steps in (1, 2, 120):
        picture = plot.plot_metrics(log_of(tmp_path / "m.jsonl", steps), tmp_path / f"{steps}.png")
        with Image.open(picture) as opened:
            assert opened.format == "PNG" and opened.width > 2 * opened.height
    assert not list(tmp_path.glob(".*"))


def test_a_run_ends_well_without_curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    (tmp_path / "m.jsonl").write_text("")
    with pytest.raises(DataError, match="the run log is empty"):
        plot.plot_metrics(tmp_path / "m.jsonl", tmp_path / "m.png")

    def missing(module: str, *, extra: str) -> None:
        raise MissingDependencyError(f"needs {module}", fix="pip install it")

    monkeypatch.setattr(plot, "require", missing)
    plot.try_plot(log_of(tmp_path / "m.jsonl", 3), tmp_path / "m.png")
    assert "no curves drawn: needs matplotlib" in capsys.readouterr().err
    assert not (tmp_path / "m.png").exists()


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=300))
def test_a_smoothed_curve_has_a_value_a_step_within_the_range(values: list[float]) -> None:
    smooth = plot._smooth(np.array(values))
    assert len(smooth) == len(values)
    assert min(values) - 1e-6 <= smooth.min() and smooth.max() <= max(values) + 1e-6


def test_lines_after_the_checkpoint_are_dropped(tmp_path: Path) -> None:
    path = log_of(tmp_path / "m.jsonl", 9)
    cut_log(path, 6)
    assert [row["step"] for row in read_jsonl(path)] == [1, 2, 3, 4, 5, 6]
    cut_log(tmp_path / "none.jsonl", 6)
    assert not (tmp_path / "none.jsonl").exists()


def test_progress_in_a_file_is_a_line_that_says_what_is_smoothed(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar("tiny", 4, 2) as bar:
        for step, loss in ((3, 1.0), (4, 3.0)):
            bar.update(step, {"loss": loss, "examples_per_s": 12.34})
    lines = capsys.readouterr().err.splitlines()
    assert "tiny: step 4/4, loss 1.100 (smoothed), 12.3 examples/s, 0:00 left" in lines
    with Bar("quiet", 4, 0, shown=False) as bar:
        bar.update(4, {"loss": 1.0, "examples_per_s": 1.0})
    assert capsys.readouterr().err == ""


def test_a_card_says_when_a_run_ended_early(tmp_path: Path) -> None:
    facts = {"name": "x", "step": 3, "steps": 9, "started_from": "fresh weights of tiny", "data": {}, "audit": None}
    write_card(tmp_path, facts)
    assert "3 of 9 steps (ended early), from fresh weights" in (tmp_path / "README.md").read_text()
    write_card(tmp_path, {**facts, "step": 9})
    assert "ended early" not in (tmp_path / "README.md").read_text()


# ---------------------------------------------------------------------------------------- schedules


@given(st.integers(1, 400), st.integers(0, 100), st.integers(0, 100), st.floats(0, 1))
def test_rates_stay_between_nothing_and_the_peak(steps: int, warmup: int, delay: int, final: float) -> None:
    rates = [
        rate_factor(step, steps=steps, warmup=warmup, final_fraction=final, delay=delay) for step in range(1, steps + 1)
    ]
    assert all(0.0 <= rate <= 1.0 + 1e-12 and math.isfinite(rate) for rate in rates)
    assert all(rate == 0.0 for rate in rates[:delay])
    falling = rates[delay + warmup :]
    assert falling == sorted(falling, reverse=True)


class Clock:
    """A clock that goes on only when told."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize("done", [0, 40])
def test_a_steady_run_fills_its_time_wherever_it_goes_on(monkeypatch: pytest.MonkeyPatch, done: int) -> None:
    clock = Clock()
    monkeypatch.setattr("openmolmo.training.pacing.time", clock)
    pacing = Pacing(100.0, 10_000, done)
    step, planned = done, 10_000
    while step < planned:
        clock.now += 2.0
        step += 1
        planned = pacing.steps(step)
        if 3 <= step - done < 48:
            assert planned == pytest.approx(done + 49, abs=1)  # 98 % of the time, at two seconds a step
    assert 96 <= clock.now - 100 <= 98 and step - done in (48, 49)


def test_a_run_without_time_ends_after_the_step_in_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("openmolmo.training.pacing.time", clock)
    pacing = Pacing(1.0, 50)
    clock.now += 5.0
    assert pacing.steps(1) == 1
