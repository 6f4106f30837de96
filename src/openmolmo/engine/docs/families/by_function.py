"""A family whose program one function writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from openmolmo.engine.docs.base import Kind, Program, Spec

__all__ = ["FunctionFamily"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionFamily:
    """``writer(rng, spec)`` draws content and look, and gives the program."""

    name: str
    tool: str
    kind: Kind
    writer: Callable[[np.random.Generator, Spec], Program]

    def write(self, rng: np.random.Generator, spec: Spec) -> Program:
        """Content of a plausible world, and the source that draws it."""
        return self.writer(rng, spec)
