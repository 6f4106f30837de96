"""Batches of labelled crops: batch ``step`` depends on (seed, step) and nothing else."""

from __future__ import annotations

import signal
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from openmolmo.core.rng import derive
from openmolmo.engine.synth.cards.patch_labels import make_card_windows
from openmolmo.engine.synth.clocks.patch_labels import make_clock_window
from openmolmo.engine.synth.icons.patch_labels import make_icon_windows
from openmolmo.engine.synth.patch_labels import Window
from openmolmo.engine.synth.scenes.patch_labels import make_windows
from openmolmo.engine.synth.scenes.world import WORLDS
from openmolmo.training.config import PatchRunConfig

__all__ = ["PatchBatches", "make_loader"]


_SIZES = ((112, 1), (168, 2), (224, 3))
"""Pixels of icons and cards, and how many crops are cut from one: as the global view shows them, to as the crops do."""


class PatchBatches(Dataset[dict[str, Tensor]]):
    """Item i is the batch of step ``first + i``: ``pixels`` (B, 3, S, S) uint8, ``facts`` (B, P, F) int64 and
    ``offsets`` (B, P, 2) float32, as :class:`~openmolmo.engine.synth.patch_labels.Window` has them, and ``earlier``
    (B,) bool: of a scene or a clock, which the stages before had."""

    def __init__(self, config: PatchRunConfig, first: int = 1) -> None:
        self._config, self._first = config, first

    def __len__(self) -> int:
        return self._config.steps - self._first + 1

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        windows, earlier = self._windows(self._first + index)
        pixels = np.stack([window.pixels for window in windows]).transpose(0, 3, 1, 2)
        return {
            "pixels": torch.from_numpy(np.ascontiguousarray(pixels)),
            "facts": torch.from_numpy(np.stack([window.facts for window in windows])),
            "offsets": torch.from_numpy(np.stack([window.offsets for window in windows])),
            "earlier": torch.tensor(earlier),
        }

    def _windows(self, step: int) -> tuple[list[Window], list[bool]]:
        config, crop = self._config, self._config.crop
        patch = crop.patch_size * (crop.pool if config.tokens else 1)
        made: list[Window] = []
        new: set[int] = set()
        while len(made) < config.batch:
            rng = derive(config.seed, "patches", step, len(made))
            drawn = rng.random() if config.clocks or config.icons or config.cards else 1.0
            if drawn < config.clocks:
                size = config.clock_sizes[int(rng.integers(len(config.clock_sizes)))]
                made.append(make_clock_window(rng, size=size, side=crop.crop_size, patch=patch))
                continue
            if (drawn := drawn - config.clocks) < config.icons + config.cards:
                size, count = _SIZES[int(rng.integers(len(_SIZES)))]
                make = make_icon_windows if drawn < config.icons else make_card_windows
                count = min(count, config.batch - len(made))
                new.update(range(len(made), len(made) + count))
                made += make(rng, count, size=size, side=crop.crop_size, patch=patch)
                continue
            kind = config.scenes[int(rng.integers(len(config.scenes)))]
            count = min(kind.windows, config.batch - len(made))
            world = WORLDS[kind.world]
            made += make_windows(
                rng, count, size=kind.size, most=kind.most, world=world, side=crop.crop_size, patch=patch
            )
        return made, [index not in new for index in range(len(made))]


def make_loader(config: PatchRunConfig, first: int) -> DataLoader[Any]:
    """Batches from step ``first`` to the last, in order, whatever the number of workers."""
    return DataLoader(
        PatchBatches(config, first),
        batch_size=None,
        num_workers=config.workers,
        prefetch_factor=4 if config.workers else None,
        worker_init_fn=_one_thread,
        multiprocessing_context="spawn" if config.workers else None,  # a fork would inherit torch's locked threads
    )


def _one_thread(_: int) -> None:
    import cv2

    for number in (signal.SIGINT, signal.SIGTERM):  # they reach all processes of a job; the parent decides
        signal.signal(number, signal.SIG_IGN)

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
