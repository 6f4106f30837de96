"""A detector finds things in pixels; it is no vision-language model, and writes no text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from openmolmo.core.errors import ConfigError
from openmolmo.core.registry import Registry

__all__ = ["DETECTORS", "Box", "Detector", "build_detector"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Something found: what it is (singular), how sure (0-1), and its sides in pixels from the upper left."""

    label: str
    score: float
    left: float
    top: float
    right: float
    bottom: float


class Detector(Protocol):
    """What a driver offers, as a frozen dataclass of its options: boxes are kept under its ``repr``."""

    @property
    def labels(self) -> Sequence[str]:
        """Everything that it can find, singular."""
        ...

    def detect(self, pixels: npt.NDArray[np.uint8]) -> Sequence[Box]:
        """Boxes in (height, width, 3) RGB, the doubtful ones included."""
        ...


DETECTORS: Registry[Callable[..., Detector]] = Registry("detector")
"""Classes (or functions) that take a driver's options and give the detector."""


def build_detector(name: str, options: Mapping[str, str]) -> Detector:
    """The detector called ``name``; an option that it does not have raises :class:`ConfigError`."""
    make = DETECTORS.get(name)
    try:
        return make(**options)
    except TypeError as error:
        raise ConfigError(f"the detector {name!r} cannot be made: {error}", fix="check its options") from error
