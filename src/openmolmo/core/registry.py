"""Plug-ins: one file and one registration adds a generator, data set, task, preset or recipe.

Built-in plug-ins use the same way in as anybody's: an entry point in the group
``openmolmo.<kind>s`` (of a policy ``policies``) of an installed package (see ``pyproject.toml``). Nothing is imported
before it is asked for by name.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar, cast

from openmolmo.core.errors import NotRegisteredError

T = TypeVar("T")

__all__ = ["Registry"]


class Registry(Generic[T]):
    """Names of one kind of plug-in, e.g. ``Registry[Generator]("generator")``."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.group = f"openmolmo.{kind.removesuffix('y')}ies" if kind.endswith("y") else f"openmolmo.{kind}s"
        self._local: dict[str, T] = {}

    @cached_property
    def _entry_points(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group)}

    def register(self, name: str, value: T) -> T:
        """Add a plug-in of this process (tests, notebooks, a user's own file); the newest wins."""
        self._local[name] = value
        return value

    def names(self) -> list[str]:
        """Every known name, sorted."""
        return sorted({*self._local, *self._entry_points})

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self._local or name in self._entry_points

    def get(self, name: str) -> T:
        """The plug-in called ``name``; an unknown name raises with the nearest known ones."""
        if name in self._local:
            return self._local[name]
        if name in self._entry_points:
            loaded: Any = self._entry_points[name].load()
            return cast(T, loaded)
        near = difflib.get_close_matches(name, self.names(), n=3, cutoff=0.4)
        known = ", ".join(self.names()) or "none"
        hint = f"did you mean {' or '.join(near)}? known: {known}" if near else f"known: {known}"
        raise NotRegisteredError(f"there is no {self.kind} called {name!r}", fix=hint)
