"""A run that teaches a crop policy: what each crop is worth, from the global crop and the question.

The model itself says what a crop is worth: one reply is read with each high-resolution crop alone beside the global
one, and the likelier it is, the more that crop tells. Where several crops are kept, this takes each for what it tells
alone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from openmolmo.core.config import to_dict
from openmolmo.core.errors import ConfigError, DataError, ImageError, PromptError, RunError
from openmolmo.core.files import write_json
from openmolmo.core.rng import derive, derive_seed
from openmolmo.core.runlog import RunLog
from openmolmo.data.collate import collate
from openmolmo.data.mixture import Mixture
from openmolmo.imaging import CropConfig, View
from openmolmo.inference.choosing import Looking
from openmolmo.model.crop_scorer import CropScorer, SavedCropPolicy, model_mark
from openmolmo.model.molmo import Molmo
from openmolmo.prompting.processor import Processor
from openmolmo.prompting.sequence import Tokens
from openmolmo.training import checkpoint
from openmolmo.training.build import build_model, build_processor, pick_device
from openmolmo.training.card import facts_of
from openmolmo.training.config import CropPolicyRunConfig
from openmolmo.training.metrics import Bar
from openmolmo.training.resume import open_out

__all__ = ["CropPolicyTrainer", "run_crop_policy", "worth_of_crops"]

_SKIPPED = 200  # examples in a row that cannot be used


@dataclass
class _Asked:
    """What a policy learns from: one question about one picture, and what each of its crops is worth (N,)."""

    patches: Tensor
    words: Tensor
    regions: Tensor
    worth: Tensor


@dataclass
class _Alone:
    """A processor that keeps the crop that it is told to, and remembers what a policy would have seen."""

    processor: Processor
    view: View | None = None
    kept: int = 0

    def tokens(self, example: Any, seed: int, kept: int) -> Tokens:
        self.kept, self.view = kept, None
        self.processor.choose = self._choose
        return self.processor.train(example, derive(seed, "format", example.id))

    def _choose(self, view: View) -> list[int]:
        self.view = view
        return [self.kept]


def run_crop_policy(config: CropPolicyRunConfig, out: Path, resume: bool = False, finish: bool = False) -> Path:
    """Teach the policy; returns ``out/final``, the model with the policy beside it. Minutes at most, so that a run
    that was stopped begins anew. Raises ConfigError where the model cuts no crops to choose from."""
    if finish:
        raise RunError("a crop policy has no checkpoints to finish from", fix="start it again without --finish")
    open_out(out, resume)
    if config.threads:
        torch.set_num_threads(config.threads)
    trainer = CropPolicyTrainer.start(config, out, None)
    (out / "metrics.jsonl").unlink(missing_ok=True)
    with RunLog(out / "metrics.jsonl") as log, Bar(config.name, config.steps, 0) as bar:
        while trainer.step < config.steps:
            row = trainer.take_step()
            log.write(**row)
            bar.update(trainer.step, row)
    return trainer.finish()


@dataclass
class CropPolicyTrainer:
    """A run in progress: ``step`` steps are done."""

    config: CropPolicyRunConfig
    out: Path
    model: Molmo
    processor: Processor
    alone: _Alone
    looking: Looking
    mixture: Mixture
    scorer: CropScorer
    optimizer: torch.optim.Optimizer
    asked: list[_Asked] = field(default_factory=list)
    place: int = 0
    step: int = 0

    @classmethod
    def start(cls, config: CropPolicyRunConfig, out: Path, folder: Path | None) -> CropPolicyTrainer:
        """Build a run; there are no checkpoints to go on from, ``folder`` is None."""
        assert folder is None
        processor = build_processor(config)
        crop = processor.crop
        if crop.mode == "single" or crop.max_crops < 2:
            raise ConfigError(
                f"the model of {config.init_from} has crop.mode={crop.mode} and max_crops={crop.max_crops}: there is "
                "nothing to choose from",
                fix="train it with crop.mode=no_overlap or overlap, max_crops of 2 or more, crop.policy=random",
            )
        _learned(crop, config)  # more crops to keep than there are is said before anything is computed
        one = Processor(
            processor.tokenizer,
            crop.replace(keep=1, policy="uniform", keep_from=None),
            processor.format,
            resize_mode=processor.resize_mode,
        )
        model = build_model(config, processor).to(pick_device(config)).eval()
        looking = Looking(model, processor.tokenizer)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(config.seed, "crop policy") % 2**63)
            scorer = CropScorer(model.encoder.width, model.embedding.weight.shape[1], config.hidden)
        optimizer = torch.optim.AdamW(scorer.parameters(), lr=config.lr, weight_decay=0.01)
        mixture = Mixture(config.mixture, config.seed)
        write_json(out / "config.json", to_dict(config))
        return cls(config, out, model, processor, _Alone(one), looking, mixture, scorer, optimizer)

    def take_step(self) -> dict[str, Any]:
        """Ask about some pictures, and learn from all that was asked; returns what the log says about it."""
        began = time.perf_counter()
        self.asked += [self._ask() for _ in range(self.config.batch)]
        self.step += 1
        rng = derive(self.config.seed, "drawn", self.step)
        losses = [self._update(rng) for _ in range(self.config.updates)]
        newest = self.asked[-self.config.batch :]
        spread = float(np.mean([float(one.worth.max() - one.worth.mean()) for one in newest]))
        seconds = time.perf_counter() - began
        return {
            "step": self.step,
            "loss": round(float(np.mean(losses)), 5),
            "best_crop_gains": round(spread, 4),
            "examples": len(self.asked),
            "examples_per_s": round(self.config.batch / seconds, 2),
            "seconds": round(seconds, 4),
        }

    def finish(self) -> Path:
        """Write the model with its policy; returns its folder."""
        mark = model_mark(self.model.encoder, self.model.embedding)
        self.model.crop_policy = SavedCropPolicy(self.scorer, mark)
        self.processor.crop = _learned(self.processor.crop, self.config)
        facts = facts_of(self.config, self.step, self.mixture.fingerprints, None)
        return checkpoint.save_final(self.out, self.model, self.processor, facts)

    def close(self) -> None:
        """Nothing is left open."""

    def _ask(self) -> _Asked:
        """The next example that has crops to choose from, one annotation of it."""
        for _ in range(_SKIPPED):
            place = self.mixture.place(self.place)
            self.place += 1
            try:
                example, rng = self.mixture.example(place)
                chosen = example.annotations[int(rng.integers(len(example.annotations)))]
                first = self.alone.tokens(example.replace(annotations=(chosen,)), self.config.seed, 0)
            except (DataError, ImageError, PromptError, OSError):
                continue
            view = self.alone.view
            if view is None:  # the picture has one crop, or none
                continue
            others = [
                self.alone.tokens(example.replace(annotations=(chosen,)), self.config.seed, kept)
                for kept in range(1, view.n_crops)
            ]
            question = "" if rng.random() < self.config.unasked else view.question
            return _Asked(
                torch.from_numpy(self.looking.features(view.pixels)),
                torch.from_numpy(self.looking.words(question)),
                torch.from_numpy(view.regions),
                worth_of_crops(self.model, [first, *others]),
            )
        raise DataError(
            f"none of {_SKIPPED} examples has crops to choose from, or can be read",
            fix="give pictures larger than one crop (openmolmo data check looks at them)",
        )

    def _update(self, rng: np.random.Generator) -> float:
        """One optimiser step on some of what was asked; pictures with other grids take part one by one."""
        drawn = [self.asked[int(i)] for i in rng.integers(len(self.asked), size=32)]
        losses = []
        for count in sorted({len(one.worth) for one in drawn}):
            alike = [one for one in drawn if len(one.worth) == count]
            patches, words, regions, worth = (
                torch.stack([getattr(one, name) for one in alike]) for name in ("patches", "words", "regions", "worth")
            )
            target = (worth / self.config.temperature).softmax(dim=-1)
            scores = self.scorer(patches, words, regions).log_softmax(dim=-1)
            losses.append(F.kl_div(scores, target, reduction="none").sum())
        loss = torch.stack(losses).sum() / len(drawn)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.optimizer.step()
        return float(loss.detach())


@torch.inference_mode()
def worth_of_crops(model: Molmo, readings: Sequence[Tokens]) -> Tensor:
    """(N,) the log likelihood of the same reply by each of N readings of its picture, nats."""
    batch = {key: value.to(model.device) for key, value in collate([[one] for one in readings]).items()}
    logits = model(**batch, return_logits=True).logits
    supervised = batch["loss_weights"] > 0
    found = -F.cross_entropy(logits.float(), batch["labels"][supervised], reduction="none")
    rows = supervised.nonzero()[:, 0]
    return found.new_zeros(len(readings)).index_add(0, rows, found).cpu().clone()


def _learned(crop: CropConfig, config: CropPolicyRunConfig) -> CropConfig:
    return crop.replace(policy="learned", keep=config.keep_crops, keep_from=None)
