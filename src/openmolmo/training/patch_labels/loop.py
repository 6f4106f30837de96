"""A run that teaches an encoder alone, from its configuration to its final checkpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from openmolmo.core.config import to_dict
from openmolmo.core.files import write_json
from openmolmo.model.molmo import Molmo
from openmolmo.prompting.processor import Processor
from openmolmo.training import checkpoint
from openmolmo.training.build import build_model, build_processor, find_source, pick_device, pick_precision
from openmolmo.training.card import facts_of
from openmolmo.training.config import PatchRunConfig
from openmolmo.training.metrics import cut_log
from openmolmo.training.optim import Optimizer, matrices_of, undecayed_of
from openmolmo.training.parallel.config import ParallelConfig
from openmolmo.training.parallel.world import open_world
from openmolmo.training.patch_labels.batches import make_loader
from openmolmo.training.patch_labels.head import (
    PatchReader,
    distance,
    make_reader,
    patch_loss,
    trained_in,
)
from openmolmo.training.resume import check_same_run
from openmolmo.training.steps import learn, run_training

__all__ = ["PatchTrainer", "run_patches"]


def run_patches(config: PatchRunConfig, out: Path, resume: bool = False, finish: bool = False) -> Path:
    """Teach the seeing side; :func:`~openmolmo.training.steps.run_training` says the rest. A whole model comes back."""
    with open_world(ParallelConfig(), cuda=False):  # for one process only
        return run_training(config, out, resume, PatchTrainer.start, finish=finish)


@dataclass
class PatchTrainer:
    """A run in progress: ``step`` steps are done."""

    config: PatchRunConfig
    out: Path
    processor: Processor
    model: Molmo
    reader: PatchReader
    optimizer: Optimizer
    device: torch.device
    precision: torch.dtype
    batches: Iterator[dict[str, Tensor]]
    before: PatchReader | None = None
    """The seeing side of ``init_from``, where an anchor holds to it."""
    step: int = 0

    @classmethod
    def start(cls, config: PatchRunConfig, out: Path, folder: Path | None) -> PatchTrainer:
        """Build a run; go on from checkpoint ``folder`` where given."""
        state: dict[str, Any] | None = None
        if folder is not None:
            state, tensors = checkpoint.load_state(folder)
            check_same_run(state, config, {})
        find_source(config)  # where there is none, no worker is started in vain
        step = 0 if state is None else int(state["step"])
        batches = iter(make_loader(config, step + 1))  # its workers start here, before a model is built
        device = pick_device(config)
        processor = build_processor(config)
        model = build_model(config, processor, folder).to(device)
        reader = make_reader(config, model).to(device)
        write_json(out / "config.json", to_dict(config))
        optimizer = Optimizer(
            trained_in(reader), config.optimizer, config.steps, matrices_of(reader), undecayed=undecayed_of(reader)
        )
        if state is not None:
            reader.head.load_state_dict(tensors["head"])
            optimizer.load_state_dict(tensors["optimizer"])
        cut_log(out / "metrics.jsonl", step)
        before = None
        if config.anchor:
            first = config.replace(tokenizer=None)  # of its text nothing is read
            before = make_reader(first, build_model(first, processor)).to(device).eval().requires_grad_(False)
        precision = pick_precision(config, device)
        return cls(config, out, processor, model, reader, optimizer, device, precision, batches, before, step)

    def take_step(self) -> dict[str, Any]:
        """One optimiser step; returns what the log says about it."""
        began = time.perf_counter()
        batch = {key: value.to(self.device) for key, value in next(self.batches).items()}
        waited = time.perf_counter() - began
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == torch.bfloat16):
            seen = self.reader.see(batch["pixels"])
            logits, found = self.reader.read(seen)
            away = self._away(batch, seen)
        loss, parts = patch_loss(logits, found, batch["facts"], batch["offsets"])
        if away is not None:
            loss = loss + self.config.anchor * away
            parts["away"] = float(away.detach())
        value, norms, rates = learn(loss, self.optimizer, self.step + 1, self.out)
        self.step += 1
        seconds = time.perf_counter() - began
        return {
            "step": self.step,
            "loss": value,
            **{name: round(value, 5) for name, value in sorted(parts.items())},
            "lr": rates,
            "norm": norms,
            "examples": self.step * self.config.batch,
            "examples_per_s": round(self.config.batch / seconds, 2),
            "seconds": round(seconds, 4),
            "wait": round(waited, 4),
        }

    def _away(self, batch: dict[str, Tensor], seen: Tensor) -> Tensor | None:
        """How far the tokens of scenes and clocks are from those of ``init_from``, where the run holds to them."""
        if self.before is None or not batch["earlier"].any():
            return None
        with torch.no_grad():
            before = self.before.see(batch["pixels"][batch["earlier"]])
        return distance(seen[batch["earlier"]], before)

    def save(self, *, wait: bool = False) -> None:
        """Write a checkpoint of this moment and delete old ones."""
        state = {"config": to_dict(self.config), "fingerprints": {}}
        head = {"head": self.reader.head.state_dict()}
        checkpoint.save_step(self.out, self.step, self.model, self.processor, self.optimizer, state, head)
        checkpoint.prune(self.out, self.config.keep)

    def finish(self) -> Path:
        """Write the final model; returns its folder."""
        facts = facts_of(self.config, self.step, {}, None)
        return checkpoint.save_final(self.out, self.model, self.processor, facts)

    def close(self) -> None:
        """End the processes that draw scenes."""
        self.batches = iter(())
