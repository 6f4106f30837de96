"""Where the figures of a run go beside its own log: nowhere, or to any of the registered writers.

A writer is a class with the name of the ``package`` it needs (also the extra that brings it), made with the run's
folder, name, project, settings and the step it goes on from; it is registered by an entry point of the group
``openmolmo.writers``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from openmolmo.core.config import to_dict
from openmolmo.core.optional import require
from openmolmo.core.registry import Registry
from openmolmo.core.runlog import RunLog
from openmolmo.training.config import BaseRunConfig

__all__ = ["WRITERS", "Writer", "WatchedLog", "flatten", "require_writers"]


class Writer(Protocol):
    """Takes numbers by name at each logged step."""

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Figures of one step, such as ``lr/llm``."""

    def close(self) -> None:
        """Write out what is still held."""


WRITERS: Registry[Any] = Registry("writer")
"""Writers by name; entry points of the group ``openmolmo.writers``."""


def require_writers(names: Sequence[str], *, here: bool = True) -> None:
    """Raise NotRegisteredError for an unknown writer and, if it is to be used ``here``, MissingDependencyError for one
    whose package is missing."""
    for name in names:
        package = WRITERS.get(name).package
        if here:
            require(package, extra=package)


def flatten(fields: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Nested figures as ``outer/inner``; what is no number is left out."""
    flat: dict[str, float] = {}
    for key, value in fields.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}/")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            flat[f"{prefix}{key}"] = float(value)
    return flat


class WatchedLog:
    """A run's log that sends each line to writers too."""

    def __init__(self, log: RunLog, config: BaseRunConfig, out: Path, step: int, *, shown: bool = True) -> None:
        self._log = log
        names = config.watch.writers if shown else ()
        self._writers: list[Writer] = [
            WRITERS.get(name)(
                out=out, name=config.name, project=config.watch.project, settings=to_dict(config), step=step
            )
            for name in names
        ]

    def write(self, **fields: Any) -> None:
        """One line of the log; ``step`` must be among the fields."""
        self._log.write(**fields)
        if self._writers:
            values = {name: value for name, value in flatten(fields).items() if name != "step"}
            for writer in self._writers:
                writer.write(int(fields["step"]), values)

    def __enter__(self) -> WatchedLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._log.close()
        for writer in self._writers:
            writer.close()
