"""Which code a result was made by: results of another are never mixed in."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from pathlib import Path
from typing import Any

import openmolmo
from openmolmo.core.commit import code_commit

__all__ = ["code_version", "machine"]

_MAKES_RESULTS = (
    "core/config.py",
    "core/rng.py",
    "data",
    "engine/synth",
    "evaluation/metrics",
    "evaluation/runner.py",
    "evaluation/tasks",
    "imaging",
    "inference",
    "model",
    "pictures",
    "prompting",
    "records",
    "training",
    "words",
    "recipes/micro.py",
)
"""What a score depends on. The harness is not among it, nor are pages and reports."""


@cache
def code_version() -> str:
    """Twelve digits of a hash of the source files that make results."""
    root = Path(openmolmo.__file__).parent
    files = [path for name in _MAKES_RESULTS for path in _files(root / name)]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [*path.rglob("*.py")]


def machine() -> dict[str, Any]:
    """Where and by what a result was made, for its record."""
    return {
        "host": platform.node(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "openmolmo": openmolmo.__version__,
        "commit": code_commit(),
        "code": code_version(),
    }
