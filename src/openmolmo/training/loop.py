"""A run from its configuration to its final checkpoint."""

from __future__ import annotations

import contextlib
import math
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from openmolmo.core.config import to_dict
from openmolmo.core.errors import ConfigError, DivergedError, OpenMolmoError, RunError
from openmolmo.core.files import write_json
from openmolmo.core.progress import say
from openmolmo.data.loader import Batch, Loader, TooManySkippedError, merge_states
from openmolmo.data.streams import Skipped
from openmolmo.model.molmo import Molmo
from openmolmo.prompting.processor import Processor
from openmolmo.training import checkpoint
from openmolmo.training.audit import DataAudit, audit_mixture
from openmolmo.training.build import (
    build_model,
    build_processor,
    find_source,
    pick_attention,
    pick_device,
    pick_precision,
    seed_step,
)
from openmolmo.training.card import facts_of
from openmolmo.training.config import RunConfig
from openmolmo.training.grounding.teacher import Grounding
from openmolmo.training.incidents import examples_of, tell_skipped, too_many_skipped, write_nan_report, write_skipped
from openmolmo.training.loss import StepLoss, batch_weight, micro_loss, own_weight, require_weight
from openmolmo.training.metrics import cut_log
from openmolmo.training.optim import Optimizer, matrices_of, trained_parameters, undecayed_of
from openmolmo.training.parallel.parallelize import Parallelized, parallelize
from openmolmo.training.parallel.pictures import has_pictures
from openmolmo.training.parallel.saving import Saver, fill, load_run
from openmolmo.training.parallel.world import ALONE, World, open_world
from openmolmo.training.resume import check_same_run
from openmolmo.training.steps import run_training
from openmolmo.training.watch.callbacks import EvaluationCallbacks
from openmolmo.training.watch.meter import Meter

__all__ = ["Trainer", "run"]


def run(config: RunConfig, out: Path, resume: bool = False, finish: bool = False) -> Path:
    """Train a whole model; :func:`~openmolmo.training.steps.run_training` says what comes back and may go wrong."""
    with open_world(config.parallel, cuda=pick_device(config).type == "cuda") as world:
        return run_training(config, out, resume, partial(Trainer.start, world=world), world, finish=finish)


@dataclass
class Trainer:
    """A run in progress: ``step`` steps are done. Each of its processes has one."""

    config: RunConfig
    out: Path
    processor: Processor
    loader: Loader
    parallelized: Parallelized
    optimizer: Optimizer
    device: torch.device
    precision: torch.dtype
    saver: Saver
    meter: Meter
    callbacks: EvaluationCallbacks
    audit: DataAudit
    world: World = ALONE
    grounding: Grounding | None = None
    step: int = 0
    examples: int = 0

    @classmethod
    def start(cls, config: RunConfig, out: Path, folder: Path | None, world: World = ALONE) -> Trainer:
        """Build a run; go on from checkpoint ``folder`` where given."""
        world.batches_of(config.accumulate)
        if config.grounding is not None and world.size > 1:
            raise ConfigError(
                f"grounding teaches in one process, and there are {world.size}",
                fix="set grounding=none, or take fewer loader.rows a batch and more accumulate in one process",
            )
        device = pick_device(config)
        processor = build_processor(config)
        callbacks = EvaluationCallbacks(config, processor)
        loader = Loader(
            config.mixture, processor, config.loader, seed=config.seed, rank=world.rank, world_size=world.size
        )
        audit = world.by_first(lambda: _audited(config, loader))
        state = None if folder is None else checkpoint.read_state(folder)
        if state is not None:
            check_same_run(state, config, loader.mixture.fingerprints)
            loader.load_state(state["loader"])
        with contextlib.ExitStack() as on_error:
            on_error.callback(loader.close)
            loader.start()
            sharded = world.size > 1 and config.parallel.sharded
            model = build_model(config, processor, folder, empty=sharded)
            model.decoder.set_attn_implementation(pick_attention(config, device))  # the encoder has no mask
            trained_parameters(model, config.optimizer)  # freezes what is not trained
            # The first thing written: what is wrong with the settings is known by now, and left no folder behind.
            world.by_first(lambda: write_json(out / "config.json", to_dict(config)))
            on_error.pop_all()
        meter = Meter(model, device)
        precision = pick_precision(config, device)
        placed = parallelize(model, config.parallel, world, device, precision)
        grounding = None
        if config.grounding is not None:
            grounding = Grounding(model, config.grounding, processor.crop, processor.tokenizer, config.seed)
        if sharded:
            fill(model, folder or find_source(config))
        trained = trained_parameters(model, config.optimizer)
        optimizer = Optimizer(
            trained, config.optimizer, config.steps, matrices_of(model), placed.shards, undecayed=undecayed_of(model)
        )
        saver = Saver(out, config, world, sharded=sharded)
        parts = (processor, loader, placed, optimizer, device, precision, saver, meter, callbacks, audit, world)
        trainer = cls(config, out, *parts, grounding)
        if folder is not None and state is not None:
            load_run(folder, model, optimizer, world)
            if grounding is not None:
                grounding.load_state_dict(checkpoint.load_state(folder)[1]["grounding"])
            trainer.step, trainer.examples = int(state["step"]), int(state["examples"])
        if world.first:
            cut_log(out / "metrics.jsonl", trainer.step)
            cut_log(out / "skipped.jsonl", trainer.step)
        return trainer

    @property
    def model(self) -> Molmo:
        """The model in training."""
        return self.parallelized.model

    def take_step(self) -> dict[str, Any]:
        """One optimiser step over ``accumulate`` batches of all processes; returns what the log says about it."""
        began, step = time.perf_counter(), self.step + 1
        batches, weight = self._next_batches()
        loss, grounded = self._gradients(batches, weight)
        self._require_finite(loss.total, "loss", batches)
        norms = self.optimizer.clip()
        for part, norm in norms.items():
            self._require_finite(norm, f"gradient norm of the {part}", batches)
        rates = self.optimizer.update(step)
        if self.grounding is not None:
            self.grounding.update()
        self.step = step
        examples, tokens, slots, wait, *counts = self.world.sum(
            [
                sum(b.examples for b in batches),
                sum(b.tokens for b in batches),
                sum(b.tensors["input_ids"].numel() for b in batches),
                sum(b.wait for b in batches),
                *self.meter.count(batches),
            ]
        )
        self.examples += int(examples)
        seconds = time.perf_counter() - began
        figures = {
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
            "wait": round(wait / self.world.size, 4),
            "utilisation": round(tokens / slots, 4),
            **self.meter.figures(counts, seconds, self.world.size),
            **({"grounding": grounded} if self.grounding is not None else {}),
        }
        if self.audit.line is not None and step == min(self.config.log_every, self.config.steps):  # the first line
            figures["audit"] = self.audit.line
        if self.callbacks.due(step):
            figures["evaluation"] = self.callbacks.judge(self.model, self.device, self.precision)
        return figures

    def save(self, *, wait: bool = False) -> None:
        """Write a checkpoint of this moment and delete old ones; ``wait`` for it even where that is not needed."""
        state = {
            "examples": self.examples,
            "loader": merge_states(self.world.gather(self.loader.state())),
            "config": to_dict(self.config),
            "fingerprints": self.loader.mixture.fingerprints,
        }
        readers = {} if self.grounding is None else {"grounding": self.grounding.state_dict()}
        self.saver.save(self.step, self.model, self.processor, self.optimizer, state, readers)
        if wait:
            self.saver.wait()

    def finish(self) -> Path:
        """Write the final model; returns its folder."""
        if self.world.first:
            tell_skipped(self.out)
        facts = facts_of(self.config, self.step, self.loader.mixture.fingerprints, self.audit)
        return self.saver.finish(self.model, self.processor, facts)

    def close(self) -> None:
        """End the processes that make batches."""
        self.loader.close()

    def _next_batches(self) -> tuple[list[Batch], float]:
        """This process's share of the next batches, and the weight of all of them.

        Raises in every process when the loader of one does, or when all have skipped too much together.
        """
        batches: list[Batch] = []
        error: OpenMolmoError | None = None
        try:
            batches += [self.loader.next() for _ in range(self.world.batches_of(self.config.accumulate))]
        except OpenMolmoError as raised:
            error = raised
        just = [skip for batch in batches for skip in batch.skipped]
        if isinstance(error, TooManySkippedError):
            just += error.skipped
        weight, new, failed = self.world.sum([batch_weight(batches), len(just), error is not None])
        if failed and error is None:
            error = RunError(f"another process could not make its batches of step {self.step + 1}")
            error.quiet = True
        if new:
            self._note_skipped(just)
        if error is None and new:
            known: frozenset[Any] = frozenset().union(*self.world.gather(self.loader.skipped))
            error = too_many_skipped(len(known), self.config.loader.max_skipped, self.world.first)
        if error is not None:
            raise error
        return batches, require_weight(weight)

    def _gradients(self, batches: list[Batch], weight: float) -> tuple[StepLoss, dict[str, float]]:
        """Forward and backward over this process's batches; the loss is that of all processes.

        Also what the log says of grounding, whose losses are none of the step's.
        """
        loss = StepLoss(z_weight=self.config.z_loss)
        figures: list[dict[str, float]] = []
        seen = False
        for number, batch in enumerate(batches):
            seed_step(self.config.seed, self.step + 1, number * self.world.size + self.world.rank)
            seen = seen or has_pictures(batch.tensors)
            tensors = {key: _sent(tensor, self.device) for key, tensor in batch.tensors.items()}
            with self.parallelized.backward_of(last=number == len(batches) - 1):
                with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == torch.bfloat16):
                    output = self.parallelized.forward(**tensors)
                    grounding = None if self.grounding is None else self.grounding.loss(batch.tensors)
                # Gradients are averaged over the processes, and the step's is their sum.
                whole = own_weight(batch, self.config.accumulate) if self.config.normalise == "batch" else weight
                shares = [micro_loss(output, whole / self.world.size, self.config.z_loss)]
                if grounding is not None:
                    shares.append(grounding[0] / len(batches))
                    figures.append(grounding[1])
                torch.autograd.backward(shares[0] if len(shares) == 1 else shares[0] + shares[1])
            loss.add(output)
        loss.read(weight)
        loss.ce, loss.z, seeing = self.world.sum([loss.ce, loss.z, seen])
        if not seeing:
            self.parallelized.forget_pictures()
        names = sorted({name for found in figures for name in found})
        return loss, {name: _mean([found[name] for found in figures if name in found]) for name in names}

    def _note_skipped(self, skipped: list[Skipped]) -> None:
        parts = self.world.gather(skipped)
        if self.world.first:
            write_skipped(self.out, self.step + 1, [skip for part in parts for skip in part])

    def _require_finite(self, value: float, what: str, batches: list[Batch]) -> None:
        if math.isfinite(value):
            return
        step = self.step + 1
        parts = self.world.gather([examples_of(batch, self.loader.mixture) for batch in batches])
        rows = [batch for part in parts for batch in part]
        listed = self.world.by_first(lambda: write_nan_report(self.out, step, f"{what} is {value}", rows))
        error = DivergedError(
            f"the {what} is {value} at step {step} (its examples are listed in {listed}); "
            f"the last good checkpoint is {checkpoint.latest(self.out) or 'none'}",
            fix="look at those examples, lower the learning rates or lengthen the warm-up, and start again from a good "
            "checkpoint",
        )
        error.quiet = not self.world.first
        raise error


def _audited(config: RunConfig, loader: Loader) -> DataAudit:
    """What the audit says of the data, which is told. Raises DataError where it refuses some and that is asked for."""
    audit = audit_mixture(config.mixture, loader.mixture)
    if config.require_audit:
        audit.require()
    if audit.line is not None:
        say(f"note: {audit.line}; openmolmo data audit PATH lists them, --require-audit refuses such data")
    return audit


def _mean(values: list[float]) -> float:
    return round(sum(values) / len(values), 4)


def _sent(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of a batch on the device; an accelerator fetches it while it still computes on the batch before."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
