"""What pictures look like to the vision encoder of a model: for choosing those that differ most.

``openmolmo studio import --order diverse --descriptor encoder:runs/mine`` comes here by the entry point group
``openmolmo.studio_descriptors``; the studio itself knows no torch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from openmolmo.imaging import cut_crops, make_plan
from openmolmo.inference.load import load
from openmolmo.pictures import open_image

__all__ = ["encoder"]

_BATCH = 8


def encoder(model: str) -> Callable[[Sequence[bytes]], npt.NDArray[np.float32]]:
    """(pictures) -> (N, W): the mean of the patches' features of the whole picture, each row of length 1.

    ``model`` is what every command takes as one: a bundled name, a folder, OWNER/NAME; empty is nano.
    """
    predictor = load(model or "nano")
    config = dataclasses.replace(predictor.processor.crop, mode="single")
    vision = predictor.model.encoder
    home = next(vision.parameters())

    def crops(pictures: Sequence[bytes]) -> Iterator[npt.NDArray[np.float32]]:
        for data in pictures:
            image = open_image(data)
            plan = make_plan(image.shape[1], image.shape[0], config)
            yield cut_crops(image, plan, config, mode="fast").pixels[:1]

    @torch.inference_mode()
    def describe(pictures: Sequence[bytes]) -> npt.NDArray[np.float32]:
        parts = []
        for start in range(0, len(pictures), _BATCH):
            pixels = torch.from_numpy(np.concatenate(list(crops(pictures[start : start + _BATCH]))))
            mean = vision(pixels.to(home)).float().mean(dim=1)
            parts.append(torch.nn.functional.normalize(mean, dim=-1).cpu().numpy())
        return np.concatenate(parts) if parts else np.zeros((0, vision.width), np.float32)

    return describe
