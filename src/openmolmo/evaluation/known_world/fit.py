"""From the encoder's statistics of known and of strange pictures to a :class:`KnownWorld`."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch

from openmolmo.core.errors import DataError
from openmolmo.inference.predictor import Predictor
from openmolmo.model.known_world import LEVELS, KnownWorld, encoder_mark, statistics

__all__ = ["fit", "statistics_of"]

Rows = npt.NDArray[np.float32]

_DECAY = 0.01
_FAR = 30.0  # standard deviations beyond which a strange picture teaches nothing more


@torch.inference_mode()
def statistics_of(predictor: Predictor, pictures: Iterable[np.ndarray]) -> Rows:
    """(N, 2W) of the whole pictures, as answering sees them."""
    rows = []
    home = next(predictor.model.encoder.parameters())
    for picture in pictures:
        crops = predictor.processor.pictures([picture])[0].crops
        patches = predictor.model.encoder(torch.from_numpy(crops.pixels[:1]).to(home))[0]
        found = statistics(patches, torch.from_numpy(crops.patch_mask[0]).to(home.device))
        if found is not None:
            rows.append(found)
    if len(rows) < 10:
        raise DataError(f"{len(rows)} pictures are too few to tell what a model knows", fix="give at least 10")
    return np.stack(rows)


def fit(known: Rows, held_back: Rows, strange: Rows, encoder: torch.nn.Module) -> KnownWorld:
    """A line between known and strange pictures, by logistic regression; where ``held_back`` known ones lie on it."""
    mean, scale = known.mean(0, dtype=np.float64), known.std(0, dtype=np.float64) + 1e-6
    rows = np.concatenate([known, strange]).astype(np.float64)
    given = torch.from_numpy(((rows - mean) / scale).clip(-_FAR, _FAR))
    truth = torch.from_numpy(np.repeat([0.0, 1.0], [len(known), len(strange)]))
    counts = torch.where(truth > 0, len(known) / len(strange), 1.0)
    line = torch.zeros(given.shape[1] + 1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([line], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        told = given @ line[:-1] + line[-1]
        value = torch.nn.functional.binary_cross_entropy_with_logits(told, truth, weight=counts)
        value = value + _DECAY * (line[:-1] ** 2).sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    found = line.detach().numpy()
    weight = (found[:-1] / scale).astype(np.float32)
    bias = float(found[-1] - mean @ weight)
    reached = np.quantile(held_back.astype(np.float64) @ weight + bias, [1 - level for level in LEVELS])
    return KnownWorld(weight, bias, tuple(round(float(one), 5) for one in reached), encoder_mark(encoder))
