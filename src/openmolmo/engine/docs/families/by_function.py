"""A family whose program one function writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from openmolmo.engine.docs.base import Kind, Program, Spec

__all__ = ["Families", "FunctionFamily"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionFamily:
    """``writer(rng, spec)`` draws content and look, and gives the program."""

    name: str
    tool: str
    kind: Kind
    writer: Callable[[np.random.Generator, Spec], Program]
    version: str = "2"
    """Part of the address of programs: raise it when the same seed would be written otherwise."""

    def write(self, rng: np.random.Generator, spec: Spec) -> Program:
        """Content of a plausible world, and the source that draws it."""
        return self.writer(rng, spec)


class Families(dict[str, FunctionFamily]):
    """By name. They are attributes too, without the tool's name before: so an entry point reaches each."""

    def __init__(self, families: Iterable[FunctionFamily]) -> None:
        super().__init__((family.name, family) for family in families)

    def __getattr__(self, name: str) -> FunctionFamily:
        found = [family for family in self.values() if family.name == f"{family.tool}_{name}"]
        if not found:
            raise AttributeError(f"there is no family {name!r}")
        return found[0]
