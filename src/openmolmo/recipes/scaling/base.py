"""What a grid of runs is: an ablation whose arms are points of a power law.

Its runs are made by the harness of ablations, so they share data and stages, resume, and may be worked at by many
processes and machines. A new grid is one value and one registration in ``GRIDS`` (an entry point of the group
``openmolmo.scaling_grids``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from openmolmo.core.errors import ConfigError
from openmolmo.core.registry import Registry
from openmolmo.recipes.ablate.base import Ablation

__all__ = ["FACTORS", "GRIDS", "METRIC", "Grid", "Target"]

FACTORS: Mapping[str, str] = {
    "parameters": "parameters of the language model's layers",
    "pictures": "pictures seen, each once",
    "crops": "crops looked at of a picture",
}
"""What a run measures of itself beside its loss."""

METRIC = "captions.nats"
"""Cross-entropy of held-out captions, in nats a token."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where the law is asked for a prediction: a value for each factor; one that is left out is the largest run's."""

    name: str
    values: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Runs over one or more ``factors`` (of :data:`FACTORS`), and ``targets`` beyond them.

    ``limits``: what cannot carry over from this grid to models of another kind.
    """

    ablation: Ablation
    factors: tuple[str, ...]
    targets: tuple[Target, ...] = ()
    limits: str = ""

    def __post_init__(self) -> None:
        known = ", ".join(FACTORS)
        if not self.factors or (unknown := [name for name in self.factors if name not in FACTORS]):
            said = f"names the factor {unknown[0]!r}" if self.factors else "has no factor"
            raise ConfigError(f"grid {self.name} {said}", fix=f"factors are {known}")
        if not self.ablation.every_run or self.ablation.contrasts:
            raise ConfigError(
                f"grid {self.name}: its runs are points of a curve", fix="set every_run, and no contrasts"
            )
        if self.ablation.metric != METRIC:
            raise ConfigError(f"grid {self.name}: the metric {self.ablation.metric!r} is not {METRIC!r}")
        for target in self.targets:
            if strange := [name for name in target.values if name not in self.factors]:
                raise ConfigError(
                    f"grid {self.name}: the target {target.name!r} has {strange[0]!r}, which is no factor of the grid"
                )

    @property
    def name(self) -> str:
        """Its name, that of its runs too."""
        return self.ablation.name

    @property
    def arms(self) -> list[str]:
        """The names of its settings."""
        return [arm.name for arm in self.ablation.arms]


GRIDS: Registry[Grid] = Registry("scaling_grid")
"""Grids by name; entry points of the group ``openmolmo.scaling_grids``."""
