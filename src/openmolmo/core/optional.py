"""Optional dependencies: imported when needed, with the pip line when they are missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from openmolmo.core.errors import MissingDependencyError

__all__ = ["require"]


def require(module: str, *, extra: str) -> ModuleType:
    """Import ``module`` or raise :class:`MissingDependencyError` naming the extra that brings it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"this needs the package {module.partition('.')[0]!r}, which is not installed",
            fix=f'pip install "openmolmo[{extra}]"',
        ) from error
