"""A run that teaches an encoder alone, from its configuration to its final checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from openmolmo.model.molmo import Molmo
from openmolmo.training.build import build_model
from openmolmo.training.config import PatchRunConfig
from openmolmo.training.optim import Optimizer, matrices_of, undecayed_of
from openmolmo.training.parallel.config import ParallelConfig
from openmolmo.training.parallel.world import open_world
from openmolmo.training.patch_labels.head import PatchReader, distance, make_reader, patch_loss, trained_in
from openmolmo.training.patch_labels.windows import WindowTrainer
from openmolmo.training.steps import run_training

__all__ = ["PatchTrainer", "run_patches"]


def run_patches(config: PatchRunConfig, out: Path, resume: bool = False, finish: bool = False) -> Path:
    """Teach the seeing side; :func:`~openmolmo.training.steps.run_training` says the rest. A whole model comes back."""
    with open_world(ParallelConfig(), cuda=False):  # for one process only
        return run_training(config, out, resume, PatchTrainer.start, finish=finish)


@dataclass
class PatchTrainer(WindowTrainer[PatchRunConfig]):
    """A run in progress: the labels of each token (or patch) are read off it."""

    before: PatchReader | None = None
    """The seeing side of ``init_from``, where an anchor holds to it."""

    @classmethod
    def start(cls, config: PatchRunConfig, out: Path, folder: Path | None) -> Self:
        """Build a run; go on from checkpoint ``folder`` where given."""
        run = super().start(config, out, folder)
        if config.anchor:
            first = config.replace(tokenizer=None)  # of its text nothing is read
            before = make_reader(first, build_model(first, run.processor)).to(run.device)
            run.before = before.eval().requires_grad_(False)
        return run

    @classmethod
    def prepare(cls, config: PatchRunConfig, model: Molmo, reader: PatchReader) -> Optimizer:
        """All that the reader holds learns."""
        parts = trained_in(reader)
        return Optimizer(parts, config.optimizer, config.steps, matrices_of(reader), undecayed=undecayed_of(reader))

    def measure(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """The loss of one batch, and its parts."""
        with self.autocast():
            seen = self.reader.see(batch["pixels"])
            logits, found = self.reader.read(seen)
            away = self._away(batch, seen)
        loss, parts = patch_loss(logits, found, batch["facts"], batch["offsets"])
        if away is not None:
            loss = loss + self.config.anchor * away
            parts["away"] = float(away.detach())
        return loss, parts

    def held(self) -> dict[str, Any]:
        """The layer that reads."""
        return {"head": self.reader.head.state_dict()}

    def load(self, tensors: dict[str, Any]) -> None:
        """Take over what a checkpoint holds."""
        self.reader.head.load_state_dict(tensors["head"])
        super().load(tensors)

    def _away(self, batch: dict[str, Tensor], seen: Tensor) -> Tensor | None:
        """How far the tokens of scenes and clocks are from those of ``init_from``, where the run holds to them."""
        if self.before is None or not batch["earlier"].any():
            return None
        with torch.no_grad():
            before = self.before.see(batch["pixels"][batch["earlier"]])
        return distance(seen[batch["earlier"]], before)
