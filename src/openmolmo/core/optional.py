"""Optional dependencies: imported when needed, with the pip line when they are missing."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from openmolmo.core.errors import MissingDependencyError

__all__ = ["require", "torch_as_extra"]

_OF_TORCH = frozenset({"safetensors", "tokenizers", "torch", "transformers"})
"""What the extra ``torch`` brings. They are imported plainly, where models are: no other place can do without."""


def require(module: str, *, extra: str) -> ModuleType:
    """Import ``module`` or raise :class:`MissingDependencyError` naming the extra that brings it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"this needs the package {module.partition('.')[0]!r}, which is not installed",
            fix=f'pip install "openmolmo[{extra}]"',
        ) from error


@contextmanager
def torch_as_extra() -> Iterator[None]:
    """What needs torch, where torch is not installed, raises :class:`MissingDependencyError` with the pip line.

    A part that a *broken* installation lacks, such as ``torch._C``, stays the error that it is.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in _OF_TORCH:
            raise
        raise MissingDependencyError(
            f"this needs torch and transformers, and the package {error.name!r} is not installed",
            fix='pip install "openmolmo[torch]"',
        ) from error
