"""What the runs have in common that learn from labelled windows of drawn pictures: all but what they learn by."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import torch
from torch import Tensor

from openmolmo.core.config import to_dict
from openmolmo.core.files import write_json
from openmolmo.model.molmo import Molmo
from openmolmo.prompting.processor import Processor
from openmolmo.training import checkpoint
from openmolmo.training.build import build_model, build_processor, find_source, pick_device, pick_precision
from openmolmo.training.card import facts_of
from openmolmo.training.config import NameRunConfig, PatchRunConfig
from openmolmo.training.metrics import cut_log
from openmolmo.training.optim import Optimizer
from openmolmo.training.patch_labels.batches import make_loader
from openmolmo.training.patch_labels.head import PatchReader, make_reader
from openmolmo.training.resume import check_same_run
from openmolmo.training.steps import learn

__all__ = ["WindowTrainer"]

_Config = TypeVar("_Config", PatchRunConfig, NameRunConfig)


@dataclass
class WindowTrainer(ABC, Generic[_Config]):
    """A run in progress: ``step`` steps are done. ``reader`` is the seeing side, and what reads labels off it."""

    config: _Config
    out: Path
    processor: Processor
    model: Molmo
    reader: PatchReader
    optimizer: Optimizer
    device: torch.device
    precision: torch.dtype
    batches: Iterator[dict[str, Tensor]]
    step: int = 0

    @classmethod
    def start(cls, config: _Config, out: Path, folder: Path | None) -> Self:
        """Build a run; go on from checkpoint ``folder`` where given."""
        state: dict[str, Any] | None = None
        if folder is not None:
            state, tensors = checkpoint.load_state(folder)
            check_same_run(state, config, {})
        find_source(config)  # where there is none, no worker is started in vain
        step = 0 if state is None else int(state["step"])
        drawn = config.drawn()
        batches = iter(make_loader(drawn, step + 1))  # its workers start here, before a model is built
        device = pick_device(config)
        processor = build_processor(config)
        model = build_model(config, processor, folder).to(device)
        reader = make_reader(drawn, model).to(device)
        optimizer = cls.prepare(config, model, reader)
        write_json(out / "config.json", to_dict(config))
        precision = pick_precision(config, device)
        run = cls(config, out, processor, model, reader, optimizer, device, precision, batches, step)
        if state is not None:
            run.load(tensors)
        cut_log(out / "metrics.jsonl", step)
        return run

    @classmethod
    @abstractmethod
    def prepare(cls, config: _Config, model: Molmo, reader: PatchReader) -> Optimizer:
        """Choose what learns, and the optimiser of it. Raises ConfigError where the model does not have it."""

    @abstractmethod
    def measure(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """The loss of one batch, and what the log says of it."""

    def held(self) -> dict[str, Any]:
        """What a checkpoint holds beside the model and the optimiser's state."""
        return {}

    def load(self, tensors: dict[str, Any]) -> None:
        """Take over what a checkpoint holds (:meth:`held`)."""
        self.optimizer.load_state_dict(tensors["optimizer"])

    def autocast(self) -> torch.autocast:
        """Matrix products in the run's precision."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == torch.bfloat16)

    def take_step(self) -> dict[str, Any]:
        """One optimiser step; returns what the log says about it."""
        began = time.perf_counter()
        batch = {key: value.to(self.device) for key, value in next(self.batches).items()}
        waited = time.perf_counter() - began
        loss, figures = self.measure(batch)
        value, norms, rates = learn(loss, self.optimizer, self.step + 1, self.out)
        self.step += 1
        seconds = time.perf_counter() - began
        windows = len(batch["pixels"])
        return {
            "step": self.step,
            "loss": value,
            **{name: round(figure, 5) for name, figure in sorted(figures.items())},
            "lr": rates,
            "norm": norms,
            "examples": self.step * windows,
            "examples_per_s": round(windows / seconds, 2),
            "seconds": round(seconds, 4),
            "wait": round(waited, 4),
        }

    def save(self, *, wait: bool = False) -> None:
        """Write a checkpoint of this moment and delete old ones."""
        state = {"config": to_dict(self.config), "fingerprints": {}}
        checkpoint.save_step(self.out, self.step, self.model, self.processor, self.optimizer, state, self.held())
        checkpoint.prune(self.out, self.config.keep)

    def finish(self) -> Path:
        """Write the final model; returns its folder."""
        return checkpoint.save_final(self.out, self.model, self.processor, facts_of(self.config, self.step, {}, None))

    def close(self) -> None:
        """End the processes that draw."""
        self.batches = iter(())
