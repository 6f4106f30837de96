"""What is seen of a run: its figures, the writers they go to, and judging on the way, which changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tiny
import torch

from openmolmo.core.config import override
from openmolmo.core.errors import ConfigError, DataError, MissingDependencyError, NotRegisteredError
from openmolmo.core.runlog import read_jsonl
from openmolmo.data import Loader, SourceConfig
from openmolmo.model.molmo import Molmo
from openmolmo.records import write_dataset
from openmolmo.training.build import build_model, build_processor
from openmolmo.training.config import RunConfig
from openmolmo.training.loop import run
from openmolmo.training.watch.callbacks import CALLBACKS
from openmolmo.training.watch.config import WatchConfig
from openmolmo.training.watch.meter import Meter, load_of, pictures_in
from openmolmo.training.watch.writers import WRITERS, flatten


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    """Held-out pictures on disk."""
    write_dataset(tmp_path / "held", [tiny.squares(name="held")[i] for i in range(6)])
    return tmp_path / "held"


def losses(out: Path) -> list[float]:
    return [row["ce"] for row in read_jsonl(out / "metrics.jsonl")]


# ------------------------------------------------------------------------------------------ figures


def test_every_step_says_how_fast_and_how_large(config: RunConfig, tmp_path: Path) -> None:
    run(config.replace(steps=2), tmp_path / "run")
    for row in read_jsonl(tmp_path / "run/metrics.jsonl"):
        assert row["images_per_s"] > 0 and row["tflops"] > 0 and row["memory_mb"] > 10
        assert row["images_per_s"] == pytest.approx(row["examples_per_s"], abs=0.02)  # each has a picture
        assert {"lr", "norm", "tokens_per_s", "wait", "utilisation"} <= row.keys()
        assert "flops_utilisation" not in row  # nobody knows the peak of this processor


def test_what_a_batch_asks(config: RunConfig) -> None:
    processor = build_processor(config)
    with Loader(config.mixture, processor, config.loader, seed=0) as loader:
        batch = loader.next()
    load = load_of(batch.tensors)
    assert load.tokens == batch.tokens
    assert pictures_in(batch.tensors, processor.tokenizer.special.im_patch) == batch.examples
    assert load.pairs <= load.tokens * config.loader.row_length / 2
    model = build_model(config, processor)
    frozen = build_model(config.replace(freeze=("llm",)), processor)
    counts = [Meter(m, torch.device("cpu")).count([batch])[1] for m in (model, frozen)]
    assert 0 < counts[1] < counts[0]


# ------------------------------------------------------------------------------------------ writers


class Listed:
    package = "json"

    def __init__(self, **how: Any) -> None:
        self.how, self.rows, self.closed = how, [], False
        MADE.append(self)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        self.rows.append((step, dict(values)))

    def close(self) -> None:
        self.closed = True


MADE: list[Listed] = []


def test_a_sink_of_ones_own(config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WRITERS._local, "listed", Listed)
    MADE.clear()
    run(override(config, ["steps=3", "watch.writers=listed", "watch.project=mine"]), tmp_path / "run")
    (writer,) = MADE
    assert writer.closed and [step for step, _ in writer.rows] == [1, 2, 3]
    assert writer.how["project"] == "mine" and writer.how["settings"]["steps"] == 3 and writer.how["step"] == 0
    assert {"loss", "lr/llm", "norm/encoder", "images_per_s"} <= writer.rows[0][1].keys()


def test_figures_become_flat() -> None:
    assert flatten({"a": 1, "b": {"c": {"d": 2.5}}, "e": "text", "f": True}) == {"a": 1.0, "b/c/d": 2.5}


def test_tensorboard(config: RunConfig, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run(override(config, ["steps=2", "watch.writers=tensorboard"]), tmp_path / "run")
    events = EventAccumulator(str(tmp_path / "run/tensorboard")).Reload()
    curve = [event.value for event in events.Scalars("ce")]
    assert curve == pytest.approx(losses(tmp_path / "run"))


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_hosted_sinks(name: str, config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, Any]] = []
    fake = SimpleNamespace(
        init=lambda **how: calls.append(("init", how)) or fake,
        log=lambda values, step: calls.append(("log", step)),
        finish=lambda: calls.append(("finish", None)),
    )
    monkeypatch.setitem(sys.modules, name, fake)
    run(override(config, ["steps=2", f"watch.writers={name}"]), tmp_path / "run")
    assert [kind for kind, _ in calls] == ["init", "log", "log", "finish"]
    assert calls[0][1]["config"]["steps"] == 2 and calls[0][1]["resume"] == "allow"


def test_missing_and_unknown_sinks_are_named_before_anything_is_written(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingDependencyError, match=r"openmolmo\[wandb\]"):
        run(override(config, ["watch.writers=wandb"]), tmp_path / "run")
    with pytest.raises(NotRegisteredError, match="tensorboard"):
        run(override(config, ["watch.writers=tensorbord"]), tmp_path / "run")
    assert not (tmp_path / "run").exists()


# ------------------------------------------------------------------------------------------ judging


def judging(config: RunConfig, data: Path, **changes: Any) -> RunConfig:
    watch = WatchConfig(evaluate_every=2, data=str(data), callbacks=("losses", "generation"), examples=3, radius=10.0)
    return config.replace(steps=5, watch=watch.replace(**changes))


def test_judging_changes_nothing(config: RunConfig, squares: Path, tmp_path: Path) -> None:
    run(config.replace(steps=5), tmp_path / "plain")
    run(judging(config, squares, tasks=("pointing",)), tmp_path / "judged")
    assert losses(tmp_path / "judged") == losses(tmp_path / "plain")
    found = {row["step"]: row.get("evaluation") for row in read_jsonl(tmp_path / "judged/metrics.jsonl")}
    assert [step for step, value in found.items() if value] == [2, 4, 5]
    assert found[2]["losses"].keys() == {"held"} and 0 <= found[5]["generation"]["pointing"] <= 1
    assert found[5]["losses"]["held"] < found[2]["losses"]["held"]


def test_a_callback_of_ones_own_may_disturb_nothing(
    config: RunConfig, squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rough(**_: Any) -> Any:
        def judge(model: Molmo) -> dict[str, float]:
            torch.rand(7)
            model.eval()
            assert not torch.is_grad_enabled()
            return {"drawn": float(torch.rand(()))}

        return judge

    monkeypatch.setitem(CALLBACKS._local, "rough", rough)
    run(config.replace(steps=4), tmp_path / "plain")
    run(judging(config, squares, callbacks=("rough",)).replace(steps=4), tmp_path / "judged")
    assert losses(tmp_path / "judged") == losses(tmp_path / "plain")


def test_validation_parts_of_what_is_trained_on(config: RunConfig, tmp_path: Path) -> None:
    scenes = SourceConfig(source="synth", options={"generator": "clocks", "size": 64, "count": 8})
    (group,) = config.mixture.groups
    mixture = config.mixture.replace(groups=(group.replace(sources=(*group.sources, scenes)),))
    settings = config.replace(mixture=mixture, steps=1, watch=WatchConfig(evaluate_every=1, examples=2))
    run(settings, tmp_path / "run")
    (row,) = read_jsonl(tmp_path / "run/metrics.jsonl")
    assert row["evaluation"]["losses"].keys() == {"clocks-validation"}


def test_what_cannot_be_judged_is_said_before_the_run(config: RunConfig, squares: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"watch\.data"):
        run(config.replace(watch=WatchConfig(evaluate_every=1)), tmp_path / "run")
    with pytest.raises(DataError, match=r"watch\.radius"):
        run(judging(config, squares, radius=None), tmp_path / "run")
    with pytest.raises(DataError, match=r"watch\.tasks"):
        run(judging(config, squares, tasks=("clocks",)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_watching_may_change_when_a_run_goes_on(config: RunConfig, squares: Path, tmp_path: Path) -> None:
    run(config.replace(steps=5), tmp_path / "run")
    run(judging(config, squares), tmp_path / "run", resume=True)
