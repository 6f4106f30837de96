"""Which high-resolution crops of a picture are kept beside its global crop, under a budget of crops.

A policy is a function from a :class:`View` to the crops that it keeps. One of your own is one such function and one
registration, by :data:`CROP_POLICIES` or as an entry point of the group ``openmolmo.crop_policies``::

    def centre(view):
        rows, cols = view.grid
        away = [abs(2 * row - rows + 1) + abs(2 * col - cols + 1) for row in range(rows) for col in range(cols)]
        return np.argsort(away, kind="stable")[: view.keep]

    CROP_POLICIES.register("centre", centre)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from openmolmo.core.errors import ConfigError
from openmolmo.core.registry import Registry

__all__ = [
    "CROP_POLICIES",
    "ChoosingModel",
    "CropPolicy",
    "View",
    "best_crops",
    "learned_crops",
    "random_crops",
    "uniform_crops",
]


class ChoosingModel(Protocol):
    """What a policy may ask of the model whose crops it chooses. P patches of a crop, W their width, D of words."""

    def features(self, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The encoder's (P, W) features of one crop (3, S, S)."""

    def words(self, text: str) -> npt.NDArray[np.float32]:
        """(D,) mean of the embeddings of a text's tokens; zeros for none."""

    def scores(
        self, pixels: npt.NDArray[np.float32], regions: npt.NDArray[np.bool_], question: str
    ) -> npt.NDArray[np.float32]:
        """The saved policy's score of each crop; raises CheckpointError where none is saved, or of another model."""


@dataclass(frozen=True, eq=False, kw_only=True)
class View:
    """What a policy sees of a picture whose crops it chooses.

    ``grid``: (rows, columns) of high-resolution crops, numbered row by row from 0. ``keep``: how many to keep, fewer
    than there are. ``pixels`` (3, S, S): the global crop, normalised. ``regions`` (crops, P): which of the global
    crop's patches show what a crop shows. ``question``: what is asked, "" where several things are or nothing yet.
    ``rng``: draws of this picture; in training new ones each time, else the same ones always. ``model``: None where
    crops are chosen without a model, as in training.
    """

    grid: tuple[int, int]
    keep: int
    pixels: npt.NDArray[np.float32]
    regions: npt.NDArray[np.bool_]
    question: str
    rng: np.random.Generator
    model: ChoosingModel | None = None

    @property
    def n_crops(self) -> int:
        """How many there are to choose from."""
        return self.grid[0] * self.grid[1]


CropPolicy = Callable[[View], Sequence[int] | npt.NDArray[np.integer]]

CROP_POLICIES: Registry[CropPolicy] = Registry("crop_policy")
"""Policies by name; entry points of the group ``openmolmo.crop_policies``. ``all``, which keeps every crop, is none."""


def best_crops(scores: npt.NDArray[np.floating], keep: int) -> npt.NDArray[np.int64]:
    """The ``keep`` crops of the highest scores, in order of the grid; of equals the first."""
    return np.sort(np.argsort(-scores, kind="stable")[:keep])


def random_crops(view: View) -> npt.NDArray[np.int64]:
    """Any crops, all as likely."""
    return np.sort(view.rng.permutation(view.n_crops)[: view.keep])


def uniform_crops(view: View) -> npt.NDArray[np.int64]:
    """Crops spread evenly: each next one lies farthest from those before, the first nearest to the middle."""
    rows, cols = view.grid
    places = np.array([(row, col) for row in range(rows) for col in range(cols)], np.float64)
    middle = (np.array(view.grid) - 1) / 2
    chosen = [int(np.abs(places - middle).sum(axis=1).argmin())] if view.keep else []
    while len(chosen) < view.keep:
        away = np.abs(places[:, None] - places[chosen][None]).sum(axis=2).min(axis=1)
        chosen.append(int(away.argmax()))
    return np.sort(np.array(chosen, np.int64))


def learned_crops(view: View) -> npt.NDArray[np.int64]:
    """The crops that the policy saved beside the model expects the most of, from the global crop and the question.

    Raises ConfigError without a model, CheckpointError where it has no such policy.
    """
    if view.model is None:
        raise ConfigError(
            "the crop policy 'learned' looks at pictures through a trained model, and here is none",
            fix="train with crop.policy=random, then teach the policy (recipe micro_crop_policy), and answer with it",
        )
    return best_crops(view.model.scores(view.pixels, view.regions, view.question), view.keep)
