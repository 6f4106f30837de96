"""Figures of a step that take counting: pictures, useful work and its share of the device's peak, memory."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from openmolmo.data.loader import Batch
from openmolmo.model.molmo import Molmo
from openmolmo.training.estimate.gpus import Gpu, gpu_called
from openmolmo.training.estimate.work import Load, Work

__all__ = ["Meter", "load_of", "pictures_in"]


class Meter:
    """Counts the batches of one process; built while the model's parameters are whole."""

    def __init__(self, model: Molmo, device: torch.device) -> None:
        self._work, self._patch, self._device = Work(model), model.config.image_patch_id, device
        self._gpu: Gpu | None = gpu_called(torch.cuda.get_device_name(device)) if device.type == "cuda" else None

    def count(self, batches: Iterable[Batch]) -> list[float]:
        """Pictures, and operations that the step needs."""
        pictures, work = 0, 0.0
        for batch in batches:
            pictures += pictures_in(batch.tensors, self._patch)
            work += self._work.total(load_of(batch.tensors))
        return [pictures, work]

    def figures(self, counts: Sequence[float], seconds: float, processes: int) -> dict[str, Any]:
        """What the log says of the ``counts`` of all processes: ``memory_mb`` is this one's peak so far."""
        pictures, work = counts
        figures: dict[str, Any] = {
            "images_per_s": round(pictures / seconds, 2),
            "tflops": round(work / seconds / 1e12, 5),
            "memory_mb": round(self._memory() / 1e6),
        }
        if self._gpu is not None:
            figures["flops_utilisation"] = round(work / seconds / (self._gpu.peak * processes), 4)
        return figures

    def _memory(self) -> float:
        if self._device.type == "cuda":
            return float(torch.cuda.max_memory_allocated(self._device))
        unit = 1 if sys.platform == "darwin" else 1024
        return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def load_of(tensors: dict[str, Tensor]) -> Load:
    """What a batch asks of the model; padding and pairs of tokens of different examples are not asked."""
    examples = tensors["example_ids"]
    rows = torch.arange(len(examples)).unsqueeze(1)
    of = rows * (int(examples.max()) + 1) + examples
    lengths = torch.unique(of[examples >= 0], return_counts=True)[1].double()
    return Load(
        tokens=float(lengths.sum()),
        pairs=float((lengths * lengths).sum() / 2),
        crops=len(tensors["crops"]) if "crops" in tensors else 0,
        image_tokens=len(tensors["pooled_patches"]) if "pooled_patches" in tensors else 0,
        learnt=float((tensors["loss_weights"] > 0).sum()),
    )


def pictures_in(tensors: dict[str, Tensor], image_patch_id: int) -> int:
    """Examples of a batch that have a picture."""
    at = (tensors["input_ids"] == image_patch_id).nonzero()
    if not len(at):
        return 0
    examples = tensors["example_ids"][at[:, 0], at[:, 1]]
    return len(torch.unique(torch.stack((at[:, 0], examples)), dim=1).T)
