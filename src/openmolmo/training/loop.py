"""A run from its configuration to its final checkpoint."""

from __future__ import annotations

import contextlib
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from openmolmo.core.config import to_dict
from openmolmo.core.errors import RunError
from openmolmo.core.files import write_json
from openmolmo.core.runlog import RunLog
from openmolmo.data.loader import Batch, Loader
from openmolmo.model.molmo import Molmo
from openmolmo.prompting.processor import Processor
from openmolmo.training import checkpoint
from openmolmo.training.build import (
    build_model,
    build_processor,
    pick_attention,
    pick_device,
    pick_precision,
    seed_step,
)
from openmolmo.training.config import RunConfig
from openmolmo.training.loss import StepLoss, micro_loss, step_weight
from openmolmo.training.metrics import cut_log
from openmolmo.training.nan import write_nan_report
from openmolmo.training.optim import Optimizer, matrices_of, trained_parameters, undecayed_of
from openmolmo.training.resume import check_same_run
from openmolmo.training.steps import carry_out

__all__ = ["Trainer", "run"]


def run(config: RunConfig, out: Path, resume: bool = False) -> Path:
    """Train a whole model; :func:`~openmolmo.training.steps.carry_out` says what comes back and what may go wrong."""
    return carry_out(config, out, resume, Trainer.start)


@dataclass
class Trainer:
    """A run in progress: ``step`` steps are done."""

    config: RunConfig
    out: Path
    processor: Processor
    loader: Loader
    model: Molmo
    optimizer: Optimizer
    device: torch.device
    precision: torch.dtype
    step: int = 0
    examples: int = 0

    @classmethod
    def start(cls, config: RunConfig, out: Path, folder: Path | None) -> Trainer:
        """Build a run; go on from checkpoint ``folder`` where given."""
        device = pick_device(config)
        processor = build_processor(config)
        loader = Loader(config.mixture, processor, config.loader, seed=config.seed)
        state: dict[str, Any] | None = None
        if folder is not None:
            state, tensors = checkpoint.load_state(folder)
            check_same_run(state, config, loader.mixture.fingerprints)
            loader.load_state(state["loader"])
        with contextlib.ExitStack() as on_error:
            on_error.callback(loader.close)
            loader.start()
            model = build_model(config, processor, folder).to(device)
            model.decoder.set_attn_implementation(pick_attention(config, device))  # the encoder has no mask
            # The first thing written: what is wrong with the settings is known by now, and left no folder behind.
            write_json(out / "config.json", to_dict(config))
            on_error.pop_all()
        trained = trained_parameters(model, config.optimizer)
        optimizer = Optimizer(
            trained, config.optimizer, config.steps, matrices_of(model), undecayed=undecayed_of(model)
        )
        trainer = cls(config, out, processor, loader, model, optimizer, device, pick_precision(config, device))
        if state is not None:
            optimizer.load_state_dict(tensors["optimizer"])
            trainer.step, trainer.examples = int(state["step"]), int(state["examples"])
        cut_log(out / "metrics.jsonl", trainer.step)
        cut_log(out / "skipped.jsonl", trainer.step)
        return trainer

    def take_step(self) -> dict[str, Any]:
        """One optimiser step over ``accumulate`` batches; returns what the log says about it."""
        began = time.perf_counter()
        batches = [self.loader.next() for _ in range(self.config.accumulate)]
        self._note_skipped(batches)
        step, weight = self.step + 1, step_weight(batches)
        seed_step(self.config.seed, step)
        loss = StepLoss(z_weight=self.config.z_loss)
        for batch in batches:
            tensors = {key: tensor.to(self.device, non_blocking=True) for key, tensor in batch.tensors.items()}
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == torch.bfloat16):
                output = self.model(**tensors)
            torch.autograd.backward(micro_loss(output, weight, self.config.z_loss))
            loss.add(output, weight)
        self._require_finite(loss.total, "loss", step, batches)
        norms = self.optimizer.clip()
        for part, norm in norms.items():
            self._require_finite(norm, f"gradient norm of the {part}", step, batches)
        rates = self.optimizer.update(step)
        self.step = step
        examples, tokens = sum(b.examples for b in batches), sum(b.tokens for b in batches)
        self.examples += examples
        seconds = time.perf_counter() - began
        return {
            "step": step,
            "loss": loss.total,
            "ce": loss.ce,
            "z": loss.z,
            "lr": rates,
            "norm": norms,
            "examples": self.examples,
            "examples_per_s": round(examples / seconds, 2),
            "tokens_per_s": round(tokens / seconds, 1),
            "seconds": round(seconds, 4),
            "wait": round(sum(b.wait for b in batches), 4),
            "utilisation": round(tokens / sum(b.tensors["input_ids"].numel() for b in batches), 4),
        }

    def save(self) -> Path:
        """Write a checkpoint of this moment and delete old ones."""
        state = {
            "examples": self.examples,
            "loader": self.loader.state(),
            "config": to_dict(self.config),
            "fingerprints": self.loader.mixture.fingerprints,
        }
        folder = checkpoint.save_step(self.out, self.step, self.model, self.processor, self.optimizer, state)
        checkpoint.prune(self.out, self.config.keep)
        return folder

    def close(self) -> None:
        """End the processes that make batches."""
        self.loader.close()

    def _note_skipped(self, batches: list[Batch]) -> None:
        skipped = [skip for batch in batches for skip in batch.skipped]
        if skipped:
            with RunLog(self.out / "skipped.jsonl") as log:
                for skip in skipped:
                    log.write(
                        step=self.step + 1,
                        position=skip.position,
                        source=skip.source,
                        index=skip.index,
                        error=skip.error,
                    )

    def _require_finite(self, value: float, what: str, step: int, batches: list[Batch]) -> None:
        if math.isfinite(value):
            return
        listed = write_nan_report(self.out, step, f"{what} is {value}", batches, self.loader.mixture)
        raise RunError(
            f"the {what} is {value} at step {step} (its examples are listed in {listed}); "
            f"the last good checkpoint is {checkpoint.latest(self.out) or 'none'}",
            fix="look at those examples, lower the learning rates or lengthen the warm-up, and start again from a good "
            "checkpoint",
        )
